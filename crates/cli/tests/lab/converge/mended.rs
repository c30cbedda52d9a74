//! Links of which a node has removed an interface.

use serde_json::Value;

use super::{D, LAB, Lab, assert_all_answered, pid, pings, status};
use crate::home::Home;

/// What is told of a link that is made again.
const REMOVED: &str = "an interface of it was removed in its node";

/// Removes an interface in its node.
fn remove(home: &Home, node: &str, interface: &str) {
    home.ok(&["exec", node, "--", "ip", "link", "delete", interface]);
}

/// Gives what the links do to frames, and their states.
fn links(home: &Home) -> Vec<Value> {
    status(home)["links"].as_array().expect("links").clone()
}

#[test]
fn a_link_comes_back_with_all_that_it_had() {
    for home in [Home::new(), Home::ordinary_user()] {
        let shaped = LAB.replace("\"b\", \"s1\"]", "\"b\", \"s1\"]\ndelay = \"2 ms\"\nwire = \"user\"");
        let shaped = shaped.replace("[\"10.0.0.1/24\"]", "[\"10.0.0.1/24\", \"fd00::1/64\"]");
        let lab = Lab::up(&home, &shaped);
        let (before, program) = (links(&home), pid(&home, "a"));
        for (node, interface, link) in [
            ("a", "eth0", "a:eth0 - s1:eth0"),
            ("b", "eth0", "b:eth0 - s1:eth1"),
            ("c", "eth0", "r:eth1 - c:eth0"),
            ("r", "eth1", "r:eth1 - c:eth0"),
        ] {
            let addresses = || {
                let shown = home.ok(&["exec", node, "--", "ip", "-br", "address", "show", "dev", interface]);
                shown.split_whitespace().skip(2).map(str::to_owned).collect::<Vec<_>>()
            };
            let routes = || home.ok(&["exec", node, "--", "ip", "route"]);
            let had = (addresses(), routes());
            remove(&home, node, interface);
            let expected = format!("~ link {link}: {REMOVED}");
            assert_eq!(home.ok(&["up", "--dry-run", &lab.file]).trim(), expected);
            assert!(!home.ok(&["exec", node, "--", "ls", "/sys/class/net"]).contains(interface));
            assert_eq!(lab.becomes(&shaped), [expected]);
            assert_eq!(lab.becomes(&shaped), [""; 0]);
            assert_eq!((addresses(), routes()), had);
            assert_eq!(links(&home), before);
            home.reaches("a", "10.0.0.2");
            home.reaches("r", "10.0.1.1");
        }
        assert_eq!(pid(&home, "a"), program);
        lab.down();
    }
}

#[test]
fn a_link_by_a_bridge_comes_back() {
    let home = Home::ordinary_user();
    let plain = LAB.replace("delay = \"1 ms\"\n", "");
    let file = home.lab("lab.toml", &plain);
    let up = home.command(&["up", "-d", &file]).env("RACKLESS_JOIN", "bridge").output().expect("up");
    assert!(up.status.success(), "{up:?}");
    let lab = Lab { home: &home, file };
    for (node, interface) in [("a", "eth0"), ("c", "eth0"), ("r", "eth0")] {
        remove(&home, node, interface);
        assert_eq!(lab.becomes(&plain).len(), 1);
        home.reaches("a", "10.0.0.2");
        home.reaches("c", "10.0.1.254");
        home.reaches("r", "10.0.0.1");
    }
    lab.down();
}

#[test]
fn a_change_mends_what_is_broken_in_the_same_go() {
    let home = Home::ordinary_user();
    let lab = Lab::up(&home, LAB);
    home.reaches("a", "10.0.0.2");
    let ping = pings(&home, "a", "10.0.0.2");
    home.ok(&["link", "set", "c:eth0", "--loss", "100 %"]);
    home.ok(&["link", "down", "c:eth0"]);
    remove(&home, "c", "eth0");
    remove(&home, "r", "eth0");
    let changed = format!("{LAB}{D}").replace("1 ms", "2 ms");
    let expected = [
        "+ node d: host",
        "+ link d:eth0 - s1:eth3",
        &format!("~ link r:eth0 - s1:eth2: {REMOVED}"),
        &format!("~ link r:eth1 - c:eth0: delay 1 ms → 2 ms; no loss; {REMOVED}"),
    ];
    assert_eq!(lab.becomes(&changed), expected);
    home.reaches("c", "10.0.1.254");
    home.reaches("r", "10.0.0.4");
    assert_all_answered(ping);
    // One that goes needs no mending.
    remove(&home, "d", "eth0");
    assert_eq!(lab.becomes(LAB)[..2], ["- link d:eth0 - s1:eth3", "- node d"]);
    lab.down();
}

#[test]
fn a_change_that_fails_leaves_no_link_broken() {
    let home = Home::ordinary_user();
    let lab = Lab::up(&home, LAB);
    home.ok(&["link", "set", "a:eth0", "--delay", "3 ms"]);
    remove(&home, "a", "eth0");
    let message = lab.refuses(2, &LAB.replace("[node.b]", "[node.b]\nsysctl = { 'net.no.such' = '1' }"));
    assert!(message.contains("net.no.such"), "{message}");
    assert_eq!(links(&home)[0]["tx"]["delay"], "3 ms");
    home.reaches("a", "10.0.0.2");
    assert_eq!(lab.becomes(LAB), ["~ link a:eth0 - s1:eth0: no delay"]);
    lab.down();
}

#[test]
fn what_a_node_has_made_itself_is_not_in_the_way() {
    let home = Home::ordinary_user();
    let lab = Lab::up(&home, LAB);
    let script = "for i in 1 2 3 4; do ip link add own$i type veth peer name other$i || exit 1; done";
    home.ok(&["exec", "a", "--", "sh", "-c", script]);
    remove(&home, "a", "eth0");
    lab.becomes(LAB);
    home.reaches("a", "10.0.0.2");
    // Nor where the lab gives a node one interface more.
    lab.becomes(&format!("{LAB}[[link]]\nends = [\"a\", \"c\"]\n"));
    assert!(home.ok(&["exec", "a", "--", "ip", "link", "show"]).contains("own4"));
    lab.becomes(LAB);
    // But what has the name of the lost interface is not taken away.
    remove(&home, "a", "eth0");
    home.ok(&["exec", "a", "--", "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far"]);
    let before = status(&home);
    for args in [&["up", "-d", &lab.file][..], &["up", "--dry-run", &lab.file]] {
        let message = home.fails(2, args);
        assert!(message.contains("cannot make a:eth0 again: a has another interface"), "{message}");
        assert!(message.contains("hint: 'rackless exec a -- ip link delete eth0'"), "{message}");
    }
    assert_eq!(status(&home), before);
    remove(&home, "a", "eth0");
    lab.becomes(LAB);
    home.reaches("a", "10.0.0.2");
    lab.down();
}
