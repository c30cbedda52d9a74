//! A running function that reads its configuration again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::home::{Home, text, until};

const LAB: &str = r#"
[node.h1]
addresses = ["10.0.0.1/24"]
routes = ["0.0.0.0/0 via 10.0.0.254"]
[node.h2]
addresses = ["10.0.1.2/24", "10.0.9.9/32"]
routes = ["0.0.0.0/0 via 10.0.1.254"]
[node.r]
kind = "nf"
run = "rackless nf run r.toml"
ready = { file = "/run/rackless-nf.sock" }
interface.lan.addresses = ["10.0.0.254/24"]
interface.wan.addresses = ["10.0.1.254/24"]
[[link]]
ends = ["h1", "r:lan"]
[[link]]
ends = ["r:wan", "h2"]
"#;

const ROUTE: &str = "nf = \"router\"\n[[route]]\nprefix = \"10.0.9.9/32\"\nvia = [\"10.0.1.2\"]\n";

#[test]
fn a_router_reads_its_routes_again_and_loses_no_packet() {
    let home = Home::ordinary_user();
    home.lab("r.toml", "nf = \"router\"\n");
    let lab = home.lab("lab.toml", LAB);
    home.ok(&["up", "-d", &lab]);
    assert!(home.pings("h1", "10.0.1.2"));
    assert!(home.is_silent("h1", "10.0.9.9"));

    let flood = ["exec", "h1", "--", "ping", "-n", "-q", "-c", "300", "-i", "0.01", "-W", "30", "10.0.1.2"];
    let flood = home.command(&flood).stdout(Stdio::piped()).spawn().expect("ping (Debian: iputils-ping)");
    for (config, answered) in [(ROUTE, true), ("nf = \"router\"\n", false), (ROUTE, true)] {
        home.lab("r.toml", config);
        assert_eq!(home.ok(&["nf", "reload", "r"]), "router goes on with what it knew\n");
        match answered {
            true => home.reaches("h1", "10.0.9.9"),
            false => assert!(home.is_silent("h1", "10.0.9.9")),
        }
    }
    let flood = text(&flood.wait_with_output().expect("its end").stdout);
    assert!(flood.contains("300 packets transmitted, 300 received"), "{flood}");

    // What is wrong changes nothing.
    for (config, says) in [
        ("nf = \"ruter\"\n", "no network function 'ruter'"),
        ("nf = \"router\"\n[[route]]\nprefix = \"10.0.9.9/33\"\nvia = []\n", "10.0.9.9/33"),
        ("nf = \"router\"\nidle = \"spin\"\n", "r.toml:2: 'idle' cannot change while the function runs"),
        ("nf = \"router", "r.toml: TOML parse error at line 1"),
        (
            "graph = \"rx:lan -> x -> tx:vpn\"\n[node.x]\nnf = \"counter\"\n",
            "no port 'vpn'; there are: lan, wan",
        ),
    ] {
        home.lab("r.toml", config);
        let message = home.fails(2, &["nf", "reload", "r"]);
        assert!(message.contains(says) && message.contains("nothing has changed"), "{message}");
    }
    assert!(home.pings("h1", "10.0.9.9"));

    // Another graph, whose nodes are other ones.
    home.lab("r.toml", "graph = \"rx:lan -> there -> tx:wan\"\n[node.there]\nnf = \"counter\"\n");
    let answer: Value = serde_json::from_str(&home.ok(&["nf", "reload", "r", "--json"])).expect("JSON");
    let fates: Vec<_> = answer["nodes"].as_array().expect("nodes").iter().map(|node| &node["fate"]).collect();
    assert_eq!(fates, ["anew", "gone"], "{answer}");
    assert!(home.ok(&["nf", "show", "graph", "r"]).contains("└─ there  "));
    home.ok(&["down"]);
}

#[test]
fn a_hangup_reads_the_configuration_again() {
    let home = Home::new();
    let config = home.lab("nf.toml", "nf = \"sink\"\nreason = \"one\"\n");
    let mut command: Command = home.command(&["nf", "run", &config, "--port", "a=null:count=1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    let mut messages = BufReader::new(child.stderr.take().expect("its messages"));
    let mut wait_for = |words: &str| {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(messages.read_line(&mut line).expect("a message") > 0, "it ends without '{words}'");
        }
        line
    };
    wait_for(": running on ");
    for (text, says) in [
        ("nf = \"sink\"\nreason = 1\n", "the configuration stays as it was: "),
        ("nf = \"sink\"\nreason = \"two\"\n", "the configuration was read again"),
    ] {
        fs::write(&config, text).expect("the configuration");
        kill(pid, Signal::SIGHUP).expect("a signal");
        wait_for(says);
    }
    kill(pid, Signal::SIGTERM).expect("a signal");
    until("it ends", || match child.try_wait().expect("its state") {
        Some(status) if status.success() => Ok(()),
        status => Err(format!("{status:?}")),
    });
}

#[test]
fn a_function_that_was_started_by_hand_ends_with_its_client() {
    let home = Home::ordinary_user();
    home.lab("sink.toml", "nf = \"sink\"\n");
    home.ok(&["up", "-d", &home.lab("lab.toml", "[node.f]\nkind = \"nf\"\n")]);
    let args = ["exec", "f", "--", "rackless", "nf", "run", "sink.toml", "--port", "a=null:count=1"];
    let mut client = home.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("exec");
    let mut first = String::new();
    let mut messages = BufReader::new(client.stderr.take().expect("its messages"));
    messages.read_line(&mut first).expect("a message");
    assert!(first.contains(": running on "), "{first}");
    client.kill().expect("a signal");
    client.wait().expect("its end");
    until("the function has ended", || match home.run(&["nf", "show", "f"]) {
        output if output.status.success() => Err("it answers".to_owned()),
        _ => Ok(()),
    });
    home.ok(&["down"]);
}
