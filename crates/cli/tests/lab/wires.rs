//! What links do to frames.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::home::{Home, text, until};

/// A cable, a switch with a host on each side, and two switches in a row.
const LAB: &str = r#"
name = "wires"
[node.a]
addresses = ["10.0.0.1/24"]
[node.b]
addresses = ["10.0.0.2/24"]
[node.c]
addresses = ["10.1.0.1/24"]
[node.d]
addresses = ["10.1.0.2/24"]
[node.s1]
kind = "switch"
[node.s2]
kind = "switch"
[[link]]
ends = ["a", "b"]
delay = "10 ms"
[[link]]
ends = ["s1", "c"]
tx = { delay = "20 ms" }
[[link]]
ends = ["s1", "s2"]
[[link]]
ends = ["d", "s2"]
"#;

/// A wire takes off what it usually wakes too late, and so may deliver a frame too early: in milliseconds, more than that
/// can be on the way there and back.
const EARLY: f64 = 0.5;

/// Pings a few times over links that lose nothing; gives the shortest round trip in milliseconds.
fn round_trip(home: &Home, node: &str, target: &str) -> f64 {
    // With a deadline it goes on until five answers have come, and one more may have been on its way; without one it gives
    // up on the last after two round trips.
    let found = home.ok(&["exec", node, "--", "ping", "-n", "-c", "5", "-i", "0.01", "-w", "30", target]);
    assert!(found.matches(" bytes from ").count() >= 5, "{found}");
    let times = found.lines().find_map(|line| line.strip_prefix("rtt min/avg/max/mdev = ")).expect("times");
    times.split('/').next().and_then(|least| least.parse().ok()).expect("a time")
}

fn links(home: &Home) -> Vec<Value> {
    serde_json::from_str(&home.ok(&["link", "show", "--json"])).expect("JSON")
}

#[test]
fn links_delay_frames_wherever_they_lie() {
    for home in [Home::new(), Home::ordinary_user()] {
        let lab = home.lab("lab.toml", LAB);
        home.ok(&["up", "-d", &lab]);
        assert!(round_trip(&home, "a", "10.0.0.2") >= 20.0 - EARLY);
        assert!(round_trip(&home, "c", "10.1.0.2") >= 20.0 - EARLY);
        // Between two switches, and at the second end of a link.
        home.ok(&["link", "set", "s2:eth0", "--delay", "5 ms"]);
        home.ok(&["link", "set", "c:eth0", "--delay", "7 ms", "--tx"]);
        assert!(round_trip(&home, "c", "10.1.0.2") >= 37.0 - EARLY);
        let all = links(&home);
        assert_eq!((&all[1]["tx"]["delay"], &all[1]["rx"]["delay"]), (&"20 ms".into(), &"7 ms".into()));
        if std::env::var_os(crate::stock::VARIABLE).is_some() {
            assert!(all[..3].iter().all(|link| link["carrier"] == "kernel"), "{all:?}");
        }
        if all[1]["carrier"] == "user" {
            assert!(all[1]["counters"][1]["delivered"]["frames"].as_u64() > Some(0), "{}", all[1]);
        }
        for end in ["a:eth0", "s2:eth0", "c:eth0"] {
            home.ok(&["link", "set", end, "--clear"]);
        }
        for (node, target) in [("a", "10.0.0.2"), ("c", "10.1.0.2"), ("d", "10.1.0.1")] {
            home.reaches(node, target);
        }
        assert!(links(&home).iter().all(|link| link["carrier"] == "redirect" || link["carrier"] == "bridge"));
        home.ok(&["down"]);
        home.assert_nothing_left(&[], "after down");
    }
}

#[test]
fn a_link_loses_what_it_is_told_to_and_can_be_cut_with_a_wire_in_it() {
    let home = Home::ordinary_user();
    let lab = home.lab("lab.toml", LAB);
    home.ok(&["up", "-d", &lab]);
    home.ok(&["link", "set", "b:eth0", "--rx", "--loss", "100%"]);
    assert!(home.is_silent("a", "10.0.0.2"));
    let link = &links(&home)[0];
    if link["carrier"] == "user" {
        assert!(link["counters"][0]["dropped"]["loss"]["frames"].as_u64() > Some(0), "{link}");
    }
    home.ok(&["link", "set", "b:eth0", "--loss", "none"]);
    home.reaches("a", "10.0.0.2");
    for (end, node, target) in [("a:eth0", "a", "10.0.0.2"), ("c:eth0", "c", "10.1.0.2")] {
        for silent in [&["link", "down", end][..], &["link", "down", end, "--silent"]] {
            home.ok(silent);
            assert!(home.is_silent(node, target), "{silent:?}");
            home.ok(&["link", "up", end]);
            home.reaches(node, target);
        }
    }
    home.ok(&["down"]);
}

#[test]
fn a_wire_that_dies_is_started_again_and_the_lab_says_so() {
    let home = Home::new();
    let lab = home.lab("lab.toml", LAB);
    let mut up = home.command(&["up", "--json", &lab]);
    let mut up = up.env("RACKLESS_WIRE", "user").stdout(Stdio::piped()).spawn().expect("a lab");
    let mut events = BufReader::new(up.stdout.take().expect("its events")).lines().map_while(Result::ok);
    assert!(events.any(|event| event.contains("\"up\"")));
    home.reaches("a", "10.0.0.2");
    let wires = home.processes().into_iter().filter(|stat| stat.contains("(rackless-wire)"));
    for stat in wires {
        let pid = stat.split(' ').next().expect("a number");
        assert!(std::process::Command::new("kill").args(["-9", pid]).status().expect("kill").success());
    }
    assert!(events.any(|event| event.contains("wire_died") && event.contains("null")));
    home.reaches("a", "10.0.0.2");
    home.reaches("c", "10.1.0.2");
    assert!(round_trip(&home, "a", "10.0.0.2") >= 20.0 - EARLY);
    home.ok(&["down"]);
    assert!(up.wait().expect("its end").success());
    home.assert_nothing_left(&[], "after down");
}

#[test]
fn what_the_lab_file_plans_happens_and_is_undone() {
    let home = Home::ordinary_user();
    let events = r#"
[[event]]
at = "200 ms"
for = "300 ms"
link = "b"
down = true
[[event]]
at = "300 ms"
for = "300 ms"
link = "a:eth0"
loss = "50 %"
"#;
    let lab = home.lab("lab.toml", &format!("{LAB}{events}"));
    let mut up = home.command(&["up", "--json", &lab]).stdout(Stdio::piped()).spawn().expect("a lab");
    let events = BufReader::new(up.stdout.take().expect("its events")).lines().map_while(Result::ok);
    let events = events.map(|line| serde_json::from_str::<Value>(&line).expect("JSON"));
    let changes = events.filter(|event| event["event"] == "link").take(4);
    let changes: Vec<(String, Value)> =
        changes.map(|event| (event["state"].to_string(), event["tx"]["loss"].clone())).collect();
    let change = |state: &str, loss: Value| (format!("\"{state}\""), loss);
    assert_eq!(
        changes,
        [
            change("down", Value::Null),
            change("down", "50 %".into()),
            change("up", "50 %".into()),
            change("up", Value::Null)
        ]
    );
    // The reader of the events has gone, which is no reason for the lab to go.
    home.ok(&["link", "down", "a:eth0"]);
    home.ok(&["down"]);
    up.wait().expect("its end");
}

#[test]
fn wrong_conditions_change_nothing() {
    let home = Home::ordinary_user();
    let lab = home.lab("lab.toml", LAB);
    home.ok(&["up", "-d", &lab]);
    let before = links(&home)[0]["tx"].clone();
    let set = |args: &[&str]| home.run(&[&["link", "set", "a:eth0"], args].concat());
    for (args, expected) in [
        (&["--delay", "10"][..], "--delay: duration '10' has no unit"),
        (&["--queue", "fifo"], "the kinds are drop-tail, red, codel"),
        (&["--jitter", "{ spred = \"1 ms\" }"], "unknown field `spred`"),
        (&["--rate", "0 bit/s"], "the rate is 0 bit/s"),
        (&["--preset", "5g"], "there are: dial-up, edge, 3g"),
        (&["--trace", "/no/such"], "cannot read /no/such"),
        (&[], "nothing to set"),
    ] {
        let output = set(args);
        let message = text(&output.stderr);
        assert!(!output.status.success() && message.contains(expected), "{args:?}: {message}");
    }
    assert!(home.fails(2, &["link", "show", "a:eth7"]).contains("no link ends at a:eth7"));
    assert_eq!(links(&home)[0]["tx"], before);
    home.ok(&["down"]);
}

#[test]
fn a_rate_holds_for_frames_that_pass_no_kernel_of_the_node() {
    // The generator's socket bypasses the node's queueing; 100 frames of 1,000 bytes at 1 Mbit/s take 0.8 s.
    let home = Home::ordinary_user();
    let script = r#"
local mg, memory, device = require "moongen", require "memory", require "device"
function master()
	local dev = device.config{port = 0}
	local pool = memory.createMemPool(function(buf) buf:getUdpPacket():fill{pktLength = 1000} end)
	local bufs = pool:bufArray(20)
	for _ = 1, 5 do bufs:alloc(1000); dev:getTxQueue(0):send(bufs) end
end
"#;
    std::fs::write(home.path().join("send.lua"), script).expect("a script");
    let lab = "[node.a]\nkind = \"nf\"\n[node.b]\nkind = \"nf\"\n[[link]]\nends = [\"a\", \"b\"]\nrate = \"1 Mbit/s\"\n\
               limit = \"200 frames\"\nwire = \"user\"\n";
    home.ok(&["up", "-d", &home.lab("lab.toml", lab)]);
    let begin = std::time::Instant::now();
    home.ok(&["exec", "a", "--", "rackless", "gen", "send.lua"]);
    until("all frames have passed", || {
        let counters = links(&home)[0]["counters"][0].clone();
        if counters["delivered"]["frames"] == 100 { Ok(()) } else { Err(counters.to_string()) }
    });
    // A queue may be late and never early; the last frame has 99 before it.
    assert!(begin.elapsed().as_millis() >= 792, "{:?}", begin.elapsed());
    home.ok(&["down"]);
}

#[test]
fn a_wire_that_comes_and_goes_under_traffic_loses_no_frame() {
    let home = Home::ordinary_user();
    let lab = home.lab("lab.toml", LAB);
    let up = home.command(&["up", "-d", &lab]).env("RACKLESS_WIRE", "user").output().expect("up");
    assert!(up.status.success(), "{up:?}");
    home.reaches("a", "10.0.0.2");
    let args = ["exec", "a", "--", "ping", "-n", "-q", "-c", "500", "-i", "0.002", "10.0.0.2"];
    let ping = home.command(&args).stdout(Stdio::piped()).spawn().expect("a ping");
    for _ in 0..5 {
        home.ok(&["link", "set", "a:eth0", "--clear"]);
        home.ok(&["link", "set", "b:eth0", "--delay", "1 ms"]);
    }
    let found = text(&ping.wait_with_output().expect("its end").stdout);
    assert!(found.contains("500 packets transmitted, 500 received"), "{found}");
    home.ok(&["down"]);
}

#[test]
fn a_trace_is_read_from_a_file_beside_the_lab_file() {
    let home = Home::ordinary_user();
    let trace = |text: &str| std::fs::write(home.path().join("lte.trace"), text).expect("a trace");
    let lab = home.lab(
        "lab.toml",
        "[node.a]\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\nrx = { trace = \"lte.trace\" }\n",
    );
    trace("0\n10\n");
    home.ok(&["up", "-d", &lab]);
    assert_eq!(links(&home)[0]["rx"]["trace"], serde_json::json!([0, 10]));
    assert!(home.pings("a", "10.0.0.2"));
    trace("0\n20\n");
    assert!(home.ok(&["up", "-d", &lab]).starts_with("~ link a:eth0 - b:eth0: "));
    assert_eq!(links(&home)[0]["rx"]["trace"], serde_json::json!([0, 20]));
    trace("0\nx\n");
    for verb in [&["up", "-d", &lab][..], &["validate", &lab]] {
        let message = home.fails(2, verb);
        assert!(message.contains("lte.trace: line 2: 'x' is not a number of milliseconds"), "{message}");
        assert!(message.contains("lab.toml:5:16"), "{message}");
    }
    assert_eq!(links(&home)[0]["rx"]["trace"], serde_json::json!([0, 20]));
    home.ok(&["down"]);
}
