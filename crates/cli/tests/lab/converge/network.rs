//! Nodes, links and what they have.

use std::process::Stdio;

use serde_json::Value;

use super::{D, LAB, Lab, assert_all_answered, pid, pings};
use crate::home::{Home, text, until};

#[test]
fn nodes_and_links_come_and_go_while_all_else_goes_on() {
    for home in [Home::new(), Home::ordinary_user()] {
        let lab = Lab::up(&home, LAB);
        home.reaches("a", "10.0.0.2");
        let (ping, programs) = (pings(&home, "a", "10.0.0.2"), [pid(&home, "a"), pid(&home, "b")]);
        let mut stream =
            home.command(&["exec", "a", "--", "rackless", "serve", "tcp", "--port", "80", "--say", "x"]);
        let mut stream = stream.stdout(Stdio::null()).spawn().expect("a server");
        for _ in 0..3 {
            assert_eq!(lab.becomes(&format!("{LAB}{D}")).len(), 2);
            home.reaches("d", "10.0.0.1");
            assert_eq!(lab.becomes(LAB), ["- link d:eth0 - s1:eth3", "- node d"]);
            assert!(home.fails(2, &["exec", "d", "--", "true"]).contains("there is no node d"));
        }
        assert_all_answered(ping);
        assert!(stream.try_wait().expect("its state").is_none(), "it serves still");
        assert_eq!([pid(&home, "a"), pid(&home, "b")], programs);
        lab.down();
        stream.wait().expect("its end");
    }
}

#[test]
fn a_stream_between_kept_nodes_loses_nothing() {
    let home = Home::ordinary_user();
    let lab = Lab::up(&home, LAB);
    let mut listen =
        home.command(&["exec", "b", "--", "bash", "-c", "exec 3<>/dev/tcp/10.0.0.1/7; sha256sum <&3"]);
    // Each line takes its time, so that all changes fall into the stream.
    let script = "import socket,time,sys\nl=socket.create_server(('',7))\nprint('on',flush=True)\nc=l.accept()[0]\n\
                  for i in range(400):\n c.sendall(b'%09d\\n'%i*100)\n time.sleep(0.002)\n";
    std::fs::write(home.path().join("send.py"), script).expect("a script");
    let mut send = home
        .command(&["exec", "a", "--", "python3", "send.py"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    std::io::Read::read_exact(&mut send.stdout.take().expect("its output"), &mut [0; 3]).expect("it listens");
    let listen = listen.stdout(Stdio::piped()).spawn().expect("a reader");
    for _ in 0..4 {
        lab.becomes(&format!("{LAB}{D}"));
        lab.becomes(LAB);
    }
    let sent: Vec<u8> = (0..400).flat_map(|line| format!("{line:09}\n").repeat(100).into_bytes()).collect();
    std::fs::write(home.path().join("sent"), sent).expect("a file");
    let sum = home.ok(&["exec", "b", "--", "sh", "-c", "sha256sum < sent"]);
    assert_eq!(text(&listen.wait_with_output().expect("its end").stdout), sum);
    assert!(send.wait().expect("its end").success());
    lab.down();
}

#[test]
fn addresses_routes_and_sysctls_change_in_place() {
    for home in [Home::new(), Home::ordinary_user()] {
        let lab = Lab::up(&home, LAB);
        let namespace = || home.ok(&["exec", "c", "--", "readlink", "/proc/self/ns/net"]);
        let before = namespace();
        let changed = LAB
            .replace(
                "[\"10.0.1.1/24\"]",
                "[\"10.0.1.9/24\", \"fd00::9/64\"]\nsysctl = { 'net.ipv4.ip_default_ttl' = '7' }",
            )
            .replace("0.0.0.0/0 via", "10.0.0.0/16 via");
        let changes = lab.becomes(&changed);
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(namespace(), before);
        let addresses = home.ok(&["exec", "c", "--", "ip", "-o", "addr", "show", "dev", "eth0"]);
        assert!(addresses.contains("10.0.1.9/24") && addresses.contains("fd00::9/64"), "{addresses}");
        assert!(!addresses.contains("10.0.1.1/24"), "{addresses}");
        let routes = home.ok(&["exec", "c", "--", "ip", "route"]);
        assert!(routes.contains("10.0.0.0/16 via 10.0.1.254") && !routes.contains("default"), "{routes}");
        assert_eq!(home.ok(&["exec", "c", "--", "cat", "/proc/sys/net/ipv4/ip_default_ttl"]), "7\n");
        // What a sysctl was before is not known, so that c is made anew.
        lab.becomes(LAB);
        assert_ne!(namespace(), before);
        assert_eq!(home.ok(&["exec", "c", "--", "cat", "/proc/sys/net/ipv4/ip_default_ttl"]), "64\n");
        home.reaches("c", "10.0.1.254");
        lab.down();
    }
}

#[test]
fn what_is_of_another_nature_is_made_anew() {
    let home = Home::ordinary_user();
    let lab = Lab::up(&home, LAB);
    let routed = LAB.replace("kind = \"router\"", "kind = \"host\"");
    let changes = lab.becomes(&routed);
    assert_eq!(changes.iter().filter(|change| change.contains("node r")).count(), 2, "{changes:?}");
    assert_eq!(home.ok(&["exec", "r", "--", "cat", "/proc/sys/net/ipv4/ip_forward"]), "0\n");
    let changes = lab.becomes(&routed.replace("delay = \"1 ms\"", "mtu = 9000"));
    assert_eq!(changes, ["- link r:eth1 - c:eth0", "+ link r:eth1 - c:eth0"]);
    for node in ["r", "c"] {
        let interface = if node == "r" { "eth1" } else { "eth0" };
        let mtu = home.ok(&["exec", node, "--", "cat", &format!("/sys/class/net/{interface}/mtu")]);
        assert_eq!(mtu, "9000\n");
    }
    home.reaches("c", "10.0.1.254");
    let routes = home.ok(&["exec", "c", "--", "ip", "route"]);
    assert!(routes.contains("default via 10.0.1.254"), "the route over the new link: {routes}");
    lab.down();
}

#[test]
fn links_come_back_to_what_the_file_says() {
    for wire in ["user", ""] {
        let home = Home::ordinary_user();
        let file = home.lab("lab.toml", LAB);
        let up = home.command(&["up", "-d", &file]).env("RACKLESS_WIRE", wire).output().expect("up");
        assert!(up.status.success(), "{up:?}");
        let lab = Lab { home: &home, file };
        home.ok(&["link", "set", "a:eth0", "--loss", "100 %"]);
        home.ok(&["link", "set", "c:eth0", "--delay", "9 ms", "--tx"]);
        home.ok(&["link", "down", "b:eth0"]);
        let changes = lab.becomes(LAB);
        assert_eq!(changes.len(), 3, "{changes:?}");
        assert_eq!(changes[1], "~ link b:eth0 - s1:eth1: up");
        let links: Value = serde_json::from_str(&home.ok(&["link", "show", "--json"])).expect("JSON");
        assert_eq!((&links[3]["tx"]["delay"], &links[3]["rx"]["delay"]), (&"1 ms".into(), &"1 ms".into()));
        assert_eq!((&links[0]["tx"]["loss"], &links[1]["state"]), (&Value::Null, &"up".into()));
        home.reaches("a", "10.0.0.2");
        home.reaches("c", "10.0.1.254");
        lab.down();
    }
}

#[test]
fn wires_of_kept_new_and_removed_links_shape_frames() {
    for home in [Home::new(), Home::ordinary_user()] {
        let kept = LAB
            .replace("ends = [\"b\", \"s1\"]", "ends = [\"b\", \"s1\"]\ndelay = \"2 ms\"\nwire = \"user\"");
        let lab = Lab::up(&home, &kept);
        let ping = pings(&home, "a", "10.0.0.2");
        let wired = format!("{kept}{D}delay = \"20 ms\"\nwire = \"user\"\n");
        for _ in 0..3 {
            lab.becomes(&wired);
            let found = home.ok(&["exec", "d", "--", "ping", "-n", "-c", "1", "-W", "10", "10.0.0.1"]);
            let time =
                found.split("time=").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
            assert!(time.is_some_and(|time| time >= 39.0), "{found}");
            lab.becomes(&kept);
        }
        assert_all_answered(ping);
        lab.down();
    }
}

#[test]
fn events_are_replaced() {
    let home = Home::new();
    let event = |at: &str, key: &str| format!("{LAB}[[event]]\nat = \"{at}\"\nlink = \"c\"\n{key}\n");
    let lab = Lab::up(&home, &event("1 h", "loss = \"1 %\""));
    let link =
        || serde_json::from_str::<Value>(&home.ok(&["link", "show", "--json"])).expect("JSON")[3].take();
    assert_eq!(lab.becomes(&event("100 ms", "loss = \"5 %\"")), ["~ events"]);
    until("the new event happens", || match link() {
        link if link["tx"]["loss"] == "5 %" => Ok(()),
        link => Err(link.to_string()),
    });
    // Its effect goes with it.
    let changes = lab.becomes(LAB);
    assert!(changes.contains(&"~ link r:eth1 - c:eth0: no loss".to_owned()), "{changes:?}");
    lab.down();
}

#[test]
fn all_of_a_removed_node_is_gone() {
    for home in [Home::new(), Home::ordinary_user()] {
        let beside = "[node.p]\nkind = \"process\"\nrun = \"exec sleep 1005\"\n";
        let lab = Lab::up(&home, &format!("{LAB}{D}{beside}"));
        let stubborn = "trap '' INT TERM HUP; echo on;";
        let leaving = format!("{stubborn} setsid sleep 1111 & sleep 1111");
        let staying = format!("{stubborn} sleep 1111 & sleep 1111");
        let mut execs = [("d", leaving), ("p", staying)].map(|(node, script)| {
            let mut exec = home.command(&["exec", node, "--", "sh", "-c", &script]);
            let mut exec = exec.stdout(Stdio::piped()).spawn().expect("exec runs");
            std::io::Read::read_exact(&mut exec.stdout.take().expect("its output"), &mut [0; 3])
                .expect("it runs");
            exec
        });
        lab.becomes(LAB);
        for exec in &mut execs {
            exec.wait().expect("exec ends with its node");
        }
        until("all processes of the nodes are gone", || {
            let found = home.processes().iter().filter(|stat| stat.contains("(sleep)")).count();
            if found == 2 { Ok(()) } else { Err(format!("{found} sleep")) }
        });
        lab.down();
    }
}

#[test]
fn a_switch_outgrows_a_bridge_and_shrinks_again() {
    let home = Home::new();
    let becomes = |hosts: u32| home.ok(&["up", "-d", "--shape", &format!("single,{hosts}"), "--name", "lab"]);
    becomes(400);
    home.reaches("h1", "10.0.1.144");
    for _ in 0..2 {
        // A bridge has 500 ports, of which one is for the trunk to the next.
        assert_eq!(becomes(600).lines().count(), 2 * 200);
        for (host, target) in
            [("h1", "10.0.2.88"), ("h600", "10.0.1.144"), ("h499", "10.0.1.244"), ("h501", "10.0.2.88")]
        {
            home.reaches(host, target);
        }
        assert_eq!(becomes(400).lines().count(), 2 * 200);
        home.reaches("h400", "10.0.0.1");
    }
    home.ok(&["down"]);
    home.assert_nothing_left(&[], "after down");
}
