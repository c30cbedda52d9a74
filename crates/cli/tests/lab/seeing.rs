//! What a user sees of a running lab.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use serde_json::Value;

use crate::home::{Home, text, until};

const LAB: &str = r#"
[node.h1]
addresses = ["10.0.0.1/24"]
[node.h2]
addresses = ["10.0.0.2/24"]
run = "exec sleep 1000"
[node.middle]
kind = "nf"
run = "rackless nf run middle.toml"
ready = { file = "/run/rackless-nf.sock" }
[[link]]
ends = ["h1", "middle:a"]
[[link]]
ends = ["middle:b", "h2"]
"#;

/// A function that forwards nothing: what it does not know it drops.
const ROUTER: &str = "nf = \"router\"\n";

fn json(home: &Home, args: &[&str]) -> Value {
    let output = home.ok(args);
    serde_json::from_str(&output).unwrap_or_else(|error| panic!("{args:?}: {error}: {output}"))
}

fn up(home: &Home) {
    home.lab("middle.toml", ROUTER);
    let lab = home.lab("seen.toml", LAB);
    home.ok(&["up", "-d", &lab]);
}

#[test]
fn inspect_shows_what_the_lab_and_its_kernel_know() {
    for home in [Home::new(), Home::ordinary_user()] {
        up(&home);
        let lab = json(&home, &["inspect", "--json"]);
        assert_eq!((&lab["lab"], &lab["up"]), (&"seen".into(), &true.into()));
        let node = |name: &str| {
            let mut nodes = lab["nodes"].as_array().expect("a list").iter();
            nodes.find(|node| node["name"] == name).expect("the node").clone()
        };
        let h2 = node("h2");
        assert_eq!(h2["processes"][0]["name"], "sleep", "{h2}");
        assert_eq!(h2["processes"][0]["pid"], h2["programs"][0]["pid"], "{h2}");
        let interface = &h2["interfaces"][0];
        assert_eq!((&interface["up"], &interface["carrier"]), (&true.into(), &true.into()), "{interface}");
        assert!(interface["counters"]["tx_packets"].is_u64() && interface["mac"].is_string(), "{interface}");
        assert_eq!(node("h1")["processes"], serde_json::json!([]), "the lab's own process is no node's");
        let link = &lab["links"][0];
        assert_eq!(
            (&link["ends"][0], &link["state"], &link["mtu"]),
            (&"h1:eth0".into(), &"up".into(), &1500.into())
        );
        let shown = home.ok(&["inspect", "seen"]);
        assert!(shown.contains("runs 'exec sleep 1000' (ready)") && shown.contains("10.0.0.2/24"), "{shown}");
        home.ok(&["link", "down", "h1:eth0"]);
        assert!(home.ok(&["inspect"]).contains("no carrier"));
        home.ok(&["down"]);
    }
}

#[test]
fn events_are_kept_and_followed_to_the_end() {
    let home = Home::new();
    up(&home);
    home.ok(&["link", "down", "h1:eth0"]);
    let shown = home.ok(&["events"]);
    let expected = [
        "h2 started (pid ",
        "middle is ready",
        "lab seen is up: 3 nodes, 2 links",
        "link h1:eth0 - middle:a is down",
    ];
    for event in expected {
        assert!(shown.contains(event), "{event} is not in {shown}");
    }
    let mut follow =
        home.command(&["events", "-f", "--json"]).stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(follow.stdout.take().expect("its output")).lines();
    let first: Value = serde_json::from_str(&lines.next().expect("a line").expect("a line")).expect("JSON");
    assert_eq!(first["event"], "started");
    assert!(
        first["unix_ms"].as_u64() > Some(1_700_000_000_000) && first["since_start_ms"].is_u64(),
        "{first}"
    );
    home.ok(&["down"]);
    let last = lines.map(|line| line.expect("a line")).last().expect("a line");
    assert!(last.contains("stopping"), "{last}");
    assert!(follow.wait().expect("its end").success());
}

#[test]
fn what_a_function_forwards_is_no_drop_of_its_kernel() {
    let home = Home::ordinary_user();
    home.lab("middle.toml", "nf = \"forward\"\n");
    let lab = LAB.replace("/24\"]", "/24\", \"fd00::X/64\"]");
    let lab = lab.replacen('X', "1", 1).replacen('X', "2", 1);
    home.ok(&["up", "-d", &home.lab("seen.toml", &lab)]);
    assert!(home.pings("h1", "fd00::2") && home.pings("h1", "10.0.0.2"));
    let drops = json(&home, &["drops", "--json"]);
    let drops: Vec<_> =
        drops.as_array().expect("a list").iter().filter(|drop| drop["kind"] == "kernel").collect();
    assert!(drops.is_empty(), "{drops:?}");
    home.ok(&["down"]);
}

#[test]
fn a_function_that_is_killed_by_its_number_starts_again() {
    let home = Home::ordinary_user();
    up(&home);
    let pid = || json(&home, &["inspect", "--json"])["nodes"][2]["programs"][0]["pid"].as_u64();
    let first = pid().expect("it runs");
    let comm = std::fs::read_to_string(format!("/proc/{first}/comm")).expect("its name");
    assert_eq!(comm, "rackless\n", "the number is the function's and not a shell's");
    assert!(
        std::process::Command::new("kill")
            .args(["-KILL", &first.to_string()])
            .status()
            .expect("kill")
            .success()
    );
    home.ok(&["restart", "middle"]);
    assert!(pid().is_some_and(|second| second != first));
    // The socket that the first one left is there at once.
    until("the second one answers", || match home.run(&["nf", "show", "middle"]) {
        output if output.status.success() => Ok(()),
        output => Err(text(&output.stderr)),
    });
    home.ok(&["down"]);
}

#[test]
fn drops_are_told_with_place_and_reason() {
    let home = Home::new();
    up(&home);
    let asked = home.run(&["exec", "h1", "--", "ping", "-c", "1", "-W", "1", "10.9.9.9"]);
    assert_ne!(asked.status.code(), Some(0));
    // The router has no such station: h1's frames for it go to a function that drops them by name.
    let neighbour =
        ["exec", "h1", "--", "ip", "neigh", "add", "10.0.0.9", "lladdr", "02:00:00:00:00:09", "dev", "eth0"];
    home.ok(&neighbour);
    home.run(&["exec", "h1", "--", "ping", "-c", "2", "-i", "0.2", "-W", "1", "10.0.0.9"]);
    until("the drops are told", || {
        let drops = json(&home, &["drops", "--json"]);
        let all = drops.as_array().expect("a list");
        let has = |place: &str, kind: &str, reason: &str| {
            let is = |drop: &&Value| {
                let text = |key: &str| drop[key].as_str().unwrap_or_default().to_owned();
                text("place").starts_with(place) && text("kind") == kind && text("reason").contains(reason)
            };
            all.iter().find(is).is_some_and(|drop| drop["count"].as_u64() > Some(0))
        };
        let both = has("h1", "kernel", "IpOutNoRoutes") && has("middle ", "function", "");
        if both { Ok(()) } else { Err(drops.to_string()) }
    });
    let shown = home.ok(&["drops"]);
    assert!(shown.starts_with("PLACE") && shown.contains("IpOutNoRoutes"), "{shown}");
    home.ok(&["down"]);
}

#[test]
fn a_lab_that_comes_up_has_lost_nothing() {
    let home = Home::ordinary_user();
    // What the kernel does in its own time may come in any order: more than one round shows more than one.
    for shape in ["single,8", "tree,2,2", "linear,3"].repeat(4) {
        home.ok(&["up", "-d", "--shape", shape]);
        assert_eq!(json(&home, &["drops", "--json"]), serde_json::json!([]), "{shape}");
        home.ok(&["down"]);
    }
}

#[test]
fn what_a_link_loses_is_told_by_its_reason() {
    let home = Home::new();
    let lab =
        home.lab("lossy.toml", "[node.h1]\n[node.h2]\n[[link]]\nends = [\"h1\", \"h2\"]\nloss = \"100 %\"\n");
    home.ok(&["up", "-d", &lab]);
    assert!(home.is_silent("h1", "10.0.0.2"));
    let drops = json(&home, &["drops", "--json"]);
    let is_loss = |drop: &Value| {
        drop["place"] == "h1:eth0 → h2:eth0"
            && drop["kind"] == "link"
            && (drop["reason"] == "loss" || drop["reason"] == "netem")
    };
    assert!(drops.as_array().expect("a list").iter().any(is_loss), "{drops}");
    home.ok(&["down"]);
}

#[test]
fn a_frame_that_a_link_loses_is_listed_once() {
    let home = Home::new();
    let lab = "[node.h1]\naddresses = [\"10.0.0.1/24\"]\n[node.h2]\naddresses = [\"10.0.0.2/24\"]\n\
               [node.h3]\naddresses = [\"10.1.0.3/24\"]\n[node.h4]\naddresses = [\"10.1.0.4/24\"]\n[node.s1]\nkind = \"switch\"\n[node.s2]\nkind = \"switch\"\n\
               [[link]]\nends = [\"h1\", \"h2\"]\ntx = { loss = \"100 %\" }\n\
               [[link]]\nends = [\"h3\", \"s1\"]\ntx = { loss = \"100 %\", delay = \"1 ms\" }\n\
               [[link]]\nends = [\"s1\", \"s2\"]\n[[link]]\nends = [\"h4\", \"s2\"]\n";
    home.ok(&["up", "-d", &home.lab("lossy.toml", lab)]);
    assert!(home.is_silent("h1", "10.0.0.2") && home.is_silent("h3", "10.1.0.4"));
    let listed = |place: &str| -> Vec<Value> {
        let all = json(&home, &["drops", "--json"]);
        let all = all.as_array().expect("a list").iter().filter(|drop| drop["kind"] != "kernel");
        all.filter(|drop| drop["place"].as_str().is_some_and(|at| at.contains(place))).cloned().collect()
    };
    let lost = |link: usize| -> u64 {
        let links = json(&home, &["link", "show", "--json"]);
        let reasons = links[link]["counters"][0]["dropped"].as_object().expect("reasons").clone();
        reasons.values().filter_map(|count| count["frames"].as_u64()).sum()
    };
    for (link, end, place) in [(0, "h1:", "h1:eth0 → h2:eth0"), (1, "h3:", "h3:eth0 → s1:eth0")] {
        until("the loss is listed once", || {
            let (lost, found) = (lost(link), listed(end));
            let is_all = found.len() == 1 && found[0]["place"] == place && found[0]["count"] == lost;
            if is_all && lost > 0 { Ok(()) } else { Err(format!("{lost}: {found:?}")) }
        });
    }
    assert_eq!(listed("s2"), [] as [Value; 0]);
    // The third link is between switches, where it gets a wire.
    home.ok(&["link", "set", "s1:eth1", "--tx", "--loss", "100 %"]);
    assert!(home.is_silent("h4", "10.1.0.3"));
    let seen = home.ok(&["drops"]);
    assert!(!seen.contains("s2:eth0 → s1:eth1"), "{seen}");
    home.ok(&["down"]);
}

#[test]
fn a_packet_that_a_port_refuses_is_listed_once() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "single,2"]);
    // Longer than what the port at the other end takes.
    home.ok(&["exec", "h1", "--", "ip", "link", "set", "eth0", "mtu", "3000"]);
    home.reaches("h1", "10.0.0.2");
    home.run(&["exec", "h1", "--", "ping", "-c", "3", "-i", "0.2", "-W", "1", "-s", "2000", "10.0.0.2"]);
    let drops = json(&home, &["drops", "--json"]);
    let [drop] = &drops.as_array().expect("a list")[..] else { panic!("{drops}") };
    assert_eq!((&drop["place"], &drop["reason"]), (&"h1:eth0".into(), &"tx_dropped".into()), "{drops}");
    home.ok(&["down"]);
}

#[test]
fn frames_that_a_wire_does_not_take_are_listed() {
    let home = Home::new();
    let lab = "[node.a]\naddresses = [\"10.0.0.1/24\"]\n[node.b]\naddresses = [\"10.0.0.2/24\"]\n\
               [[link]]\nends = [\"a\", \"b\"]\nwire = \"user\"\ndelay = \"1 ms\"\n";
    home.ok(&["up", "-d", &home.lab("busy.toml", lab)]);
    home.reaches("a", "10.0.0.2");
    let stat = home.processes().into_iter().find(|stat| stat.contains("(rackless-wire)")).expect("a wire");
    let pid = stat.split(' ').next().expect("a number");
    let stopped = std::process::Command::new("kill").args(["-STOP", pid]).status().expect("kill");
    assert!(stopped.success());
    // More than wait before a wire. The lab starts another in the place of the one that does not answer.
    let args = ["exec", "a", "--", "ping", "-n", "-q", "-l", "20000", "-c", "20000", "-W", "1", "10.0.0.2"];
    home.run(&args);
    let drops = json(&home, &["drops", "--json"]);
    let found = drops.as_array().expect("a list").iter().find(|drop| drop["reason"] == "wire_full");
    let found = found.unwrap_or_else(|| panic!("{drops}"));
    assert!(found["place"] == "a:eth0 → b:eth0" && found["count"].as_u64() > Some(1000), "{drops}");
    home.ok(&["down"]);
}

#[test]
fn top_shows_rates_of_links_and_the_cost_of_nodes() {
    let home = Home::ordinary_user();
    home.ok(&["up", "-d", "--shape", "single,2"]);
    let flood = "nice -n 19 sh -c 'while :; do :; done' & exec ping -n -i 0.01 10.0.0.2"; // nice to other tests
    let mut traffic = home
        .command(&["exec", "h1", "--", "sh", "-c", flood])
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs");
    until("traffic and its cost are seen", || {
        let top = json(&home, &["top", "--once", "--json", "--every", "200 ms"]);
        let there = &top["links"][0]["directions"][0];
        let node =
            top["nodes"].as_array().expect("a list").iter().find(|node| node["name"] == "h1").expect("h1");
        let seen = there["packets_per_s"].as_f64() > Some(10.0)
            && there["bits_per_s"].as_f64() > Some(5000.0)
            && node["cpu_percent"].as_f64() > Some(0.0);
        if seen { Ok(()) } else { Err(top.to_string()) }
    });
    let shown = home.ok(&["top", "--once", "--every", "100 ms"]);
    assert!(shown.starts_with("LINK") && shown.contains("→ s1:") && shown.contains("\nh1 "), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown}");
    let mut live = home
        .command(&["top", "--json", "--every", "20 ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(live.stdout.take().expect("its output")).lines();
    for _ in 0..3 {
        assert!(lines.next().expect("a line").expect("a line").starts_with("{\"time_s\":0.0"));
    }
    home.ok(&["down"]);
    let output = std::thread::spawn(move || lines.count());
    let ended = live.wait_with_output().expect("its end");
    assert!(ended.status.success() && text(&ended.stderr).contains("lab single-2 has ended"), "{ended:?}");
    output.join().expect("the rest");
    let _ = traffic.wait();
}

/// Reads from a terminal until it has shown a text; gives all that it showed.
fn read_until(terminal: &mut File, shown: &mut String, text: &str) {
    let mut buffer = [0; 4096];
    while !shown.contains(text) {
        match terminal.read(&mut buffer) {
            Ok(length @ 1..) => shown.push_str(&String::from_utf8_lossy(&buffer[..length])),
            _ => panic!("the terminal has not shown '{text}' but: {shown}"),
        }
    }
}

#[test]
fn a_lab_on_a_terminal_is_shown_live_and_leaves_the_terminal_as_it_was() {
    let home = Home::ordinary_user();
    home.lab("middle.toml", ROUTER);
    let lab = home.lab("seen.toml", LAB);
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).expect("a terminal");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal");
    let slave = ioctl_tiocgptpeer(&master, flags).expect("its other side");
    let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&slave, size).expect("its size");
    let before = tcgetattr(&slave).expect("its modes");
    let stream = || Stdio::from(slave.try_clone().expect("a stream"));
    let mut up = home.command(&["up", &lab]);
    let mut up = up.stdin(stream()).stdout(stream()).stderr(stream()).spawn().expect("up runs");
    let mut terminal = File::from(master);
    let mut shown = String::new();
    read_until(&mut terminal, &mut shown, "of 2 programs are ready");
    read_until(&mut terminal, &mut shown, "\u{1b}[?1049h");
    read_until(&mut terminal, &mut shown, "→ middle:a");
    home.ok(&["link", "down", "h1:eth0"]);
    read_until(&mut terminal, &mut shown, "link h1:eth0 - middle:a is down");
    assert!(!shown.contains("\u{1b}[?1049l"), "{shown}");
    let mut shown = String::new();
    terminal.write_all(b"q").expect("a key");
    read_until(&mut terminal, &mut shown, "\u{1b}[?1049l");
    read_until(&mut terminal, &mut shown, "going down");
    let told = shown.split("\u{1b}[?1049l").nth(1).expect("what comes after the view");
    assert!(told.contains("link h1:eth0 - middle:a is down"), "{shown}");
    assert!(up.wait().expect("its end").success());
    let after = tcgetattr(&slave).expect("its modes");
    assert_eq!(format!("{after:?}"), format!("{before:?}"));
    home.assert_nothing_left(&[], "after q");
}
