//! A running lab that is changed to what its file says now.

mod faults;
mod mended;
mod network;
mod programs;
mod storms;

use std::fs;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::home::{Home, text, until};

/// Two hosts with programs at a switch, and a router that leads on to a third host.
const LAB: &str = r#"
[node.a]
addresses = ["10.0.0.1/24"]
run = "exec sleep 1001"
[node.b]
addresses = ["10.0.0.2/24"]
run = "exec sleep 1002"
[node.s1]
kind = "switch"
[node.r]
kind = "router"
interface.eth0.addresses = ["10.0.0.254/24"]
interface.eth1.addresses = ["10.0.1.254/24"]
[node.c]
addresses = ["10.0.1.1/24"]
routes = ["0.0.0.0/0 via 10.0.1.254"]
[[link]]
ends = ["a", "s1"]
[[link]]
ends = ["b", "s1"]
[[link]]
ends = ["r", "s1"]
[[link]]
ends = ["r", "c"]
delay = "1 ms"
"#;

/// One host more, at the switch.
const D: &str =
    "[node.d]\naddresses = [\"10.0.0.4/24\"]\nrun = \"exec sleep 1004\"\n[[link]]\nends = [\"d\", \"s1\"]\n";

/// A lab whose file is written anew.
struct Lab<'a> {
    home: &'a Home,
    file: String,
}

impl<'a> Lab<'a> {
    /// Brings a lab up.
    fn up(home: &'a Home, content: &str) -> Self {
        let file = home.lab("lab.toml", content);
        home.ok(&["up", "-d", &file]);
        Self { home, file }
    }

    /// Writes the file of the lab.
    fn write(&self, content: &str) {
        self.home.lab("lab.toml", content);
    }

    /// Changes the lab; gives the changes.
    fn becomes(&self, content: &str) -> Vec<String> {
        self.write(content);
        self.home.ok(&["up", "-d", &self.file]).lines().map(str::to_owned).collect()
    }

    /// Tries to change the lab, which fails with this status; gives the messages.
    fn refuses(&self, code: i32, content: &str) -> String {
        self.write(content);
        self.home.fails(code, &["up", "-d", &self.file])
    }

    fn down(self) {
        self.home.ok(&["down"]);
        self.home.assert_nothing_left(&[], "after down");
    }
}

/// Gives what a lab is, but not what its links have counted.
fn status(home: &Home) -> Value {
    let mut status = serde_json::from_str::<Value>(&home.ok(&["ps", "--json"])).expect("JSON")[0].take();
    for link in status["links"].as_array_mut().expect("links") {
        link["counters"].take();
    }
    status
}

/// Gives the process of a node's only program.
fn pid(home: &Home, node: &str) -> Option<i64> {
    let status = status(home);
    let nodes = status["nodes"].as_array().expect("nodes");
    nodes.iter().find(|at| at["name"] == node)?["programs"][0]["pid"].as_i64()
}

/// Starts many pings that must all be answered.
fn pings(home: &Home, node: &str, target: &str) -> Child {
    let args = ["exec", node, "--", "ping", "-n", "-q", "-c", "500", "-i", "0.002", target];
    home.command(&args).stdout(Stdio::piped()).spawn().expect("a ping")
}

fn assert_all_answered(ping: Child) {
    let found = text(&ping.wait_with_output().expect("its end").stdout);
    assert!(found.contains("500 packets transmitted, 500 received"), "{found}");
}

#[test]
fn a_dry_run_tells_the_plan_and_changes_nothing() {
    let home = Home::ordinary_user();
    let lab = Lab::up(&home, LAB);
    let before = status(&home);
    lab.write(&format!("{LAB}{D}").replace("1 ms", "2 ms").replace("sleep 1001", "sleep 1003"));
    let expected = [
        "+ node d: host",
        "+ link d:eth0 - s1:eth3",
        "~ node a: run exec sleep 1001 → exec sleep 1003",
        "~ link r:eth1 - c:eth0: delay 1 ms → 2 ms",
    ];
    let found = home.ok(&["up", "--dry-run", &lab.file]);
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
    let found = home.ok(&["up", "-d", "--dry-run", "--json", &lab.file]);
    let found: Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!(found[1], serde_json::json!({"action": "add", "what": "link d:eth0 - s1:eth3"}));
    assert_eq!(found[3]["details"], serde_json::json!(["delay 1 ms → 2 ms"]));
    assert_eq!(status(&home), before);
    assert_eq!(home.ok(&["up", "-d", &lab.file]).lines().collect::<Vec<_>>(), expected);
    assert!(home.pings("d", "10.0.0.1"));
    lab.down();
}

#[test]
fn a_dry_run_of_a_lab_that_is_not_up_tells_all_of_it() {
    let home = Home::new();
    let found = home.ok(&["up", "--dry-run", "--shape", "single,1"]);
    assert_eq!(
        found.lines().collect::<Vec<_>>(),
        ["+ node s1: switch", "+ node h1: host", "+ link h1:eth0 - s1:eth0"]
    );
    assert_eq!(home.ok(&["ps"]), "");
}

#[test]
fn the_same_file_changes_nothing() {
    let home = Home::ordinary_user();
    let lab = Lab::up(&home, LAB);
    let before = status(&home);
    let again = home.run(&["up", "-d", &lab.file]);
    assert_eq!(
        (text(&again.stdout).as_str(), text(&again.stderr).as_str()),
        ("", "lab lab is up, and what it shall be\n")
    );
    assert_eq!(home.ok(&["up", "-d", "--json", &lab.file]).trim(), "[]");
    assert_eq!(status(&home), before);
    lab.down();
}

#[test]
fn a_shape_grows_and_shrinks_under_a_name_of_its_own() {
    let home = Home::ordinary_user();
    for (hosts, changes) in [(2, 0), (5, 6), (5, 0), (3, 4)] {
        let shape = format!("single,{hosts}");
        let found = home.ok(&["up", "-d", "--shape", &shape, "--name", "grown"]);
        assert_eq!(found.lines().count(), changes, "{found}");
        assert!(home.pings("h1", &format!("10.0.0.{hosts}")), "{hosts}");
    }
    assert_eq!(status(&home)["lab"], "grown");
    home.ok(&["down", "grown"]);
    home.assert_nothing_left(&[], "after down");
}

#[test]
fn the_file_of_a_node_tells_of_its_new_interfaces() {
    let home = Home::new();
    let lab = Lab::up(&home, LAB);
    let file = |node: &str| {
        let file = home.ok(&["exec", node, "--", "sh", "-c", "cat $RACKLESS_NODE_FILE"]);
        serde_json::from_str::<Value>(&file).expect("JSON")
    };
    assert_eq!(file("c")["interfaces"].as_array().map(Vec::len), Some(1));
    let more = "[[link]]\nends = [\"c\", \"a\"]\n";
    lab.becomes(&format!("{LAB}{more}").replace("10.0.1.1/24", "10.0.1.7/24"));
    let after = file("c");
    assert_eq!(after["interfaces"][0]["addresses"][0], "10.0.1.7/24");
    assert_eq!(after["interfaces"][1]["name"], "eth1");
    let mac = home.ok(&["exec", "c", "--", "cat", "/sys/class/net/eth1/address"]);
    assert_eq!(after["interfaces"][1]["mac"], mac.trim());
    let left = fs::read_dir(home.path().join("rackless/lab/nodes")).expect("the files").flatten();
    assert!(left.map(|entry| entry.path()).all(|path| path.extension().is_some_and(|end| end == "json")));
    lab.down();
}

#[test]
fn what_changes_is_told_to_followers() {
    let home = Home::new();
    let lab = Lab::up(&home, LAB);
    lab.becomes(&format!("{LAB}{D}"));
    until("the change is told", || match home.ok(&["events", "--json"]) {
        told if told.contains(r#""changes":["+ node d: host","+ link d:eth0 - s1:eth3"]"#) => Ok(()),
        told => Err(told),
    });
    lab.down();
}
