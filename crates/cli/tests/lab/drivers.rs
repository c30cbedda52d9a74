//! The same network functions over each kind of port.

use std::path::PathBuf;
use std::process::Output;

use rackless_packet::capture::{LinkType, Record};
use rackless_packet::pcap::{Reader, Writer};
use serde_json::Value;

use crate::home::{Home, text, until};

/// The anycast lab of the examples, in a folder of its own.
fn anycast(home: &Home) -> String {
    let examples = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"));
    let read = |name: &str| std::fs::read_to_string(examples.join(name)).expect("an example");
    for name in ["og_west.toml", "og_east.toml"] {
        home.lab(name, &read(name));
    }
    home.lab("anycast.toml", &read("anycast.toml"))
}

fn with_driver(home: &Home, driver: &str, args: &[&str]) -> Output {
    home.command(args).env("RACKLESS_DRIVER", driver).output().expect("the program runs")
}

#[test]
fn privileged_the_anycast_lab_passes_its_checks_on_af_xdp() {
    let home = Home::new();
    let lab = anycast(&home);
    let up = with_driver(&home, "af_xdp", &["up", "-d", &lab]);
    assert!(up.status.success(), "{}", text(&up.stderr));
    home.ok(&["check"]);
    let report: Value = serde_json::from_str(&home.ok(&["nf", "show", "og_west", "--json"])).expect("JSON");
    for (port, name) in ["cli", "srv", "core"].into_iter().enumerate() {
        let port = &report["ports"][port];
        assert_eq!(port["device"], format!("af_xdp:{name},mode=native,zero_copy=no"), "{report}");
        assert!(port["received"].as_u64() > Some(0) && port["sent"].as_u64() > Some(0), "{report}");
        assert_eq!((&port["rx_missed"], &port["tx_errors"]), (&Value::from(0), &Value::from(0)), "{report}");
    }
    home.ok(&["down"]);
}

#[test]
fn an_ordinary_users_lab_on_af_xdp_says_what_works_instead() {
    let home = Home::ordinary_user();
    let lab = anycast(&home);
    let up = with_driver(&home, "af_xdp", &["up", "-d", &lab]);
    let said = text(&up.stderr);
    until("the function says why it cannot run", || {
        // The lab may be up before the function has failed.
        let logs = text(&home.run(&["logs", "og_west"]).stdout);
        match format!("{said}{logs}") {
            told if told.contains("af_packet:cli works without") => Ok(()),
            told => Err(told),
        }
    });
    home.run(&["down"]);
}

/// Two functions between two hosts, joined by memory that they share.
const MEMORY: &str = r#"
[node.h1]
addresses = ["10.0.0.1/24", "fd00::1/64"]
[node.h2]
addresses = ["10.0.0.2/24", "fd00::2/64"]
[node.one]
kind = "nf"
run = "rackless nf run forward.toml"
ready = { file = "/run/rackless-nf.sock" }
[node.two]
kind = "nf"
run = "rackless nf run forward.toml"
ready = { file = "/run/rackless-nf.sock" }
[[link]]
ends = ["h1", "one:host"]
[[link]]
ends = ["one:memory", "two:memory"]
medium = "memif"
[[link]]
ends = ["two:host", "h2"]
[[check]]
name = "the hosts reach each other"
on = "h1"
ping = "h2"
within = "10 s"
"#;

#[test]
fn two_functions_share_memory() {
    let home = Home::ordinary_user();
    home.lab("forward.toml", "nf = \"forward\"\n");
    let lab = home.lab("lab.toml", MEMORY);
    home.ok(&["up", "-d", &lab]);
    home.ok(&["check"]);
    let report: Value = serde_json::from_str(&home.ok(&["nf", "show", "one", "--json"])).expect("JSON");
    let port = &report["ports"][1];
    let device = port["device"].as_str().expect("a device");
    assert!(device.starts_with("memif:") && device.contains("role=server"), "{report}");
    assert_eq!(port["link_up"], true, "{report}");
    assert!(port["received"].as_u64() > Some(0) && port["sent"].as_u64() > Some(0), "{report}");
    assert!(home.ok(&["nf", "show", "two"]).contains("memif"), "the other end");
    // No kernel has an interface of it.
    assert!(!home.ok(&["exec", "one", "--", "ls", "/sys/class/net"]).contains("memory"));

    home.ok(&["restart", "two"]);
    home.ok(&["check"]);
    home.ok(&["down"]);
}

#[test]
fn what_only_a_cable_can_do_is_refused_of_shared_memory() {
    let home = Home::ordinary_user();
    home.lab("forward.toml", "nf = \"forward\"\n");
    let lab = home.lab("lab.toml", MEMORY);
    home.ok(&["up", "-d", &lab]);
    assert!(home.ok(&["link", "show", "one:memory"]).contains("memif"));
    assert!(home.ok(&["inspect"]).contains("in memory"));
    let top = home.ok(&["top", "--once"]);
    let line = top.lines().find(|line| line.starts_with("one:memory")).expect("the link");
    assert!(line.contains("memory  ") && !line.contains("bit/s"), "{top}");
    assert!(home.ok(&["graph", &lab, "--format", "dot"]).contains("memif"));
    let shared = "is memory that two programs share";
    for args in [
        &["link", "down", "one:memory"][..],
        &["link", "set", "two:memory", "--loss", "1%"],
        &["capture", "one:memory", "--count", "1"],
    ] {
        let said = home.fails(2, args);
        assert!(said.contains(shared) && said.contains("rackless nf show"), "{args:?}: {said}");
    }
    assert!(home.fails(2, &["partition", "one | two"]).contains("cannot be cut"));
    // The lab changes to a cable and back while it runs.
    let cable = home.lab("lab.toml", &MEMORY.replace("medium = \"memif\"\n", ""));
    home.ok(&["up", "-d", &cable]);
    for node in ["one", "two"] {
        home.ok(&["restart", node]);
    }
    home.ok(&["check"]);
    assert!(home.ok(&["nf", "show", "one", "--json"]).contains("af_packet:memory"));
    home.ok(&["down"]);
}

/// A function that sends the frames of a file and saves what comes back, and one that sends back what it gets.
const ECHO: &str = r#"
[node.source]
kind = "nf"
run = "rackless nf run --port file=pcap:in.pcap,out.pcap --port wire=af_packet:eth0 source.click"
ready = { file = "/run/rackless-nf.sock" }
after = ["mirror"]
[node.mirror]
kind = "nf"
run = "rackless nf run mirror.toml"
ready = { file = "/run/rackless-nf.sock" }
[[link]]
ends = ["source", "mirror"]
"#;

#[test]
fn privileged_vlan_tags_reach_a_function_on_af_xdp() {
    let home = Home::new();
    let tagged = [[2; 6], [4; 6]].concat().into_iter().chain([0x81, 0, 0x60, 5, 8, 6]).chain([7; 60]);
    let tagged: Vec<u8> = tagged.collect();
    let file = std::fs::File::create(home.path().join("in.pcap")).expect("a file");
    let mut writer = Writer::new(file, LinkType::ETHERNET).expect("a capture");
    writer.write(&Record::new(0, tagged.clone())).expect("a record");
    drop(writer);
    home.lab("source.click", "rx:file -> tx:wire; rx:wire -> tx:file;");
    home.lab("mirror.toml", "nf = \"macswap\"\n");
    let lab = home.lab("lab.toml", ECHO);
    let up = with_driver(&home, "af_xdp", &["up", "-d", &lab]);
    assert!(up.status.success(), "{}", text(&up.stderr));
    until("the frame comes back", || {
        let shown = home.ok(&["nf", "show", "source", "--json"]);
        let report: Value = serde_json::from_str(&shown).expect("JSON");
        if report["ports"][1]["received"].as_u64() > Some(0) { Ok(()) } else { Err(shown) }
    });
    home.ok(&["down"]);
    let file = std::fs::File::open(home.path().join("out.pcap")).expect("what came back");
    let frames: Vec<Vec<u8>> =
        Reader::new(file).expect("a capture").map(|record| record.expect("a whole record").data).collect();
    let swapped = [&tagged[6..12], &tagged[..6], &tagged[12..]].concat();
    assert!(frames.contains(&swapped), "{frames:02x?}");
}
