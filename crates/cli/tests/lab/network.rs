//! What packets do in a lab.

use std::io::Read;

use crate::home::{Home, until};

const ROUTED: &str = r#"
[node.a]
addresses = ["10.0.1.1/24", "fd00:1::1/64"]
routes = ["0.0.0.0/0 via 10.0.1.254", "::/0 via fd00:1::fe"]
[node.r]
kind = "router"
interface.eth0.addresses = ["10.0.1.254/24", "fd00:1::fe/64"]
interface.eth1.addresses = ["10.0.2.254/24", "fd00:2::fe/64"]
[node.b]
addresses = ["10.0.2.1/24", "fd00:2::1/64"]
routes = ["0.0.0.0/0 via 10.0.2.254", "::/0 via fd00:2::fe"]
[[link]]
ends = ["a", "r"]
[[link]]
ends = ["r", "b"]
"#;

const WITH_NF: &str = r#"
[node.host]
addresses = ["10.0.0.1/24", "fd00::1/64"]
[node.box]
kind = "nf"
interface.lan.addresses = ["10.0.0.2/24", "fd00::2/64"]
[[link]]
ends = ["host", "box:lan"]
"#;

#[test]
fn hosts_behind_a_switch_reach_each_other_over_both_families() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "single,3"]);
    assert!(home.pings("h1", "10.0.0.3"));
    assert!(home.pings("h3", "fd00::1"));
    assert!(home.pings("h2", "ff02::1%eth0"), "link-local addresses answer too");
    home.ok(&["down"]);
    home.assert_nothing_left(&[], "after down");
}

#[test]
fn switches_in_a_row_pass_frames_on() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "linear,3"]);
    assert!(home.pings("h1", "10.0.0.3"));
    home.ok(&["down"]);
}

#[test]
fn switches_in_loops_carry_frames_once_the_spanning_tree_stands_and_mend_it() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "torus,3,3"]);
    home.reaches("h1x1", "10.0.0.9");
    home.reaches("h3x1", "fd00::6");
    home.ok(&["down"]);
    home.ok(&["up", "-d", "--shape", "ring,4"]);
    home.reaches("h1", "10.0.0.2");
    home.ok(&["link", "down", "s1:eth1"]);
    home.reaches("h1", "10.0.0.2");
    home.ok(&["down"]);
    home.assert_nothing_left(&[], "after down");
}

#[test]
fn a_router_forwards_both_families_whatever_joins_its_links() {
    for join in ["redirect", "bridge"] {
        let home = Home::new();
        let lab = home.lab("routed.toml", ROUTED);
        let up = home.command(&["up", "-d", &lab]).env("RACKLESS_JOIN", join).output().expect("up");
        assert!(up.status.success(), "{join}: {up:?}");
        assert!(home.pings("a", "10.0.2.1"), "{join}");
        assert!(home.pings("a", "fd00:2::1"), "{join}");
        home.ok(&["down"]);
    }
}

#[test]
fn a_link_that_goes_down_takes_the_carrier_of_both_ends_and_gives_it_back() {
    let home = Home::new();
    let lab = home.lab("routed.toml", ROUTED);
    home.ok(&["up", "-d", &lab]);
    let carrier = |node: &str, interface: &str, wanted: &str| {
        until("the carrier changes", || {
            let path = format!("/sys/class/net/{interface}/carrier");
            let found = home.ok(&["exec", node, "--", "cat", &path]);
            if found.trim() == wanted { Ok(()) } else { Err(format!("{node}:{interface} is {found}")) }
        });
    };
    home.ok(&["link", "down", "b:eth0"]);
    carrier("b", "eth0", "0");
    carrier("r", "eth1", "0");
    assert!(home.is_silent("a", "10.0.2.1"));
    assert!(home.ok(&["ps"]).contains("eth0 (down)"));
    home.ok(&["link", "up", "r:eth1"]);
    carrier("b", "eth0", "1");
    home.reaches("a", "10.0.2.1");
    home.reaches("a", "fd00:2::1");
    home.ok(&["down"]);
}

#[test]
fn a_silent_link_keeps_its_carrier_and_drops_every_frame() {
    for join in ["redirect", "bridge"] {
        let home = Home::new();
        let lab = home.lab("routed.toml", ROUTED);
        let up = home.command(&["up", "-d", &lab]).env("RACKLESS_JOIN", join).output().expect("up");
        assert!(up.status.success(), "{join}: {up:?}");
        home.ok(&["link", "down", "--silent", "b:eth0"]);
        assert_eq!(home.ok(&["exec", "b", "--", "cat", "/sys/class/net/eth0/carrier"]), "1\n");
        assert!(home.is_silent("a", "10.0.2.1"), "{join}");
        home.ok(&["link", "up", "b:eth0"]);
        home.reaches("a", "10.0.2.1");
        home.ok(&["down"]);
    }
}

#[test]
fn a_silent_port_of_a_switch_stays_silent_when_the_host_takes_its_end_down_and_up() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "single,2"]);
    home.ok(&["link", "down", "--silent", "h1:eth0"]);
    home.ok(&["exec", "h1", "--", "ip", "link", "set", "dev", "eth0", "down"]);
    home.ok(&["exec", "h1", "--", "ip", "link", "set", "dev", "eth0", "up"]);
    assert!(home.is_silent("h1", "10.0.0.2"));
    home.ok(&["link", "up", "h1:eth0"]);
    home.reaches("h1", "10.0.0.2");
    home.ok(&["down"]);
}

#[test]
fn the_kernel_behind_a_network_function_answers_nothing() {
    let home = Home::new();
    let lab = home.lab("nf.toml", WITH_NF);
    home.ok(&["up", "-d", &lab]);
    assert!(home.is_silent("host", "10.0.0.2"));
    assert!(home.is_silent("host", "fd00::2"));
    let neighbours = home.ok(&["exec", "host", "--", "ip", "neigh"]);
    assert!(!neighbours.contains("lladdr"), "somebody answered: {neighbours}");
    let own = home.ok(&["exec", "box", "--", "ip", "addr", "show", "dev", "lan"]);
    assert!(!own.contains("inet"), "{own}");
    home.ok(&["down"]);
}

#[test]
fn a_node_finds_its_interfaces_in_its_file() {
    let home = Home::new();
    let lab = home.lab("nf.toml", WITH_NF);
    home.ok(&["up", "-d", &lab]);
    let file = home.ok(&["exec", "box", "--", "sh", "-c", "cat $RACKLESS_NODE_FILE"]);
    let file: serde_json::Value = serde_json::from_str(&file).expect("JSON");
    assert_eq!(file["node"], "box");
    assert_eq!(file["lab"], "nf");
    assert_eq!(file["interfaces"][0]["name"], "lan");
    assert_eq!(file["interfaces"][0]["addresses"][1], "fd00::2/64");
    let mac = home.ok(&["exec", "box", "--", "cat", "/sys/class/net/lan/address"]);
    assert_eq!(file["interfaces"][0]["mac"], mac.trim());
    home.ok(&["down"]);
}

#[test]
fn two_labs_with_the_same_addresses_do_not_meet() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "single,2", "--name", "one"]);
    home.ok(&["up", "-d", "--shape", "single,2", "--name", "two"]);
    let message = home.fails(2, &["exec", "h1", "--", "true"]);
    assert!(message.contains("several labs are up: one, two"), "{message}");
    home.ok(&["exec", "h1", "-l", "one", "--", "ip", "link", "set", "dev", "eth0", "down"]);
    home.ok(&["exec", "h1", "-l", "two", "--", "ping", "-c", "1", "-W", "10", "10.0.0.2"]);
    home.ok(&["down", "one"]);
    home.ok(&["down", "two"]);
    home.assert_nothing_left(&[], "after both are down");
}

#[test]
fn a_network_function_sees_whole_frames_with_correct_checksums() {
    let home = Home::new();
    let lab = home.lab("nf.toml", WITH_NF);
    home.ok(&["up", "-d", &lab]);
    let mut client = rackless_net::Client::at(&home.path().join("rackless/nf")).expect("the lab");
    let mut tap = std::fs::File::from(client.open_tap("box", "lan").expect("a tap"));
    home.ok(&[
        "exec",
        "host",
        "--",
        "ip",
        "neigh",
        "add",
        "10.0.0.2",
        "lladdr",
        "02:00:00:00:00:02",
        "dev",
        "eth0",
    ]);
    home.ok(&["exec", "host", "--", "bash", "-c", "echo hello > /dev/udp/10.0.0.2/9"]);
    let mut buffer = [0; 65536];
    let datagram = loop {
        let length = tap.read(&mut buffer).expect("a frame");
        if buffer[..length].ends_with(b"hello\n") {
            break &buffer[..length];
        }
    };
    assert_eq!(rackless_packet::checksum::verify(datagram), rackless_packet::checksum::Verdict::Correct);
    home.ok(&["exec", "host", "--", "bash", "-c", "head -c 4000 /dev/zero > /dev/udp/10.0.0.2/9"]);
    let mtu_frame = 14 + 1500;
    for _ in 0..3 {
        assert!(tap.read(&mut buffer).expect("a frame") <= mtu_frame);
    }
    home.ok(&["down"]);
}

#[test]
fn an_interface_has_the_mac_and_the_mtu_that_its_node_gives_it() {
    let home = Home::new();
    let lab = home.lab(
        "interface.toml",
        "[node.a]\ninterface.eth0 = { mac = \"02:00:00:00:00:07\", mtu = 1400 }\n[node.b]\n\
         [[link]]\nends = [\"a\", \"b\"]\n",
    );
    home.ok(&["up", "-d", &lab]);
    let link = home.ok(&["exec", "a", "--", "ip", "-o", "-d", "link", "show", "eth0"]);
    assert!(link.contains("02:00:00:00:00:07") && link.contains("mtu 1400"), "{link}");
    home.ok(&["down"]);
}
