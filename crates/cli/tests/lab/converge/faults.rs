//! Changes that are refused, and changes that fail half-way.

use super::{D, LAB, Lab, assert_all_answered, pid, pings, status};
use crate::home::Home;

#[test]
fn a_wrong_file_changes_nothing() {
    let home = Home::ordinary_user();
    let lab = Lab::up(&home, LAB);
    let before = status(&home);
    let message = lab.refuses(2, &LAB.replace("1 ms", "1 parsec"));
    assert!(message.contains("lab.toml:25:9\n"), "{message}");
    let message = lab.refuses(2, &format!("{LAB}{D}[node.x]\nfiles.\"/x\" = {{ from = \"no-such\" }}\n"));
    assert!(message.contains("no-such: No such file"), "{message}");
    assert!(home.fails(2, &["up", "--dry-run", &lab.file]).contains("no-such: No such file"));
    let message =
        lab.refuses(2, &LAB.replace("[node.c]", "[node.c]\nsysctl = { 'kernel.domainname' = 'x' }"));
    assert!(message.contains("kernel.domainname"), "{message}");
    // An ordinary user may not limit, unless a group was given to him.
    let message = lab.refuses(2, &LAB.replace("[node.c]", "[node.c]\nmemory = \"100 MiB\""));
    assert!(message.contains("cannot limit memory of c") && message.contains("hint: "), "{message}");
    assert_eq!(status(&home), before);
    lab.down();
}

#[test]
fn an_interface_that_its_node_has_removed_is_no_obstacle() {
    let home = Home::ordinary_user();
    let [before, after] = ["h1 s1 h2 s1 h3 s1", "h2 s1 h3 s1"].map(|ends| {
        let ends: Vec<&str> = ends.split(' ').collect();
        let nodes = ends.chunks(2).map(|pair| format!("[node.{}]\n", pair[0])).collect::<String>();
        let links = ends.chunks(2).map(|pair| format!("[[link]]\nends = {pair:?}\nloss = \"1 %\"\n"));
        format!("{nodes}[node.s1]\nkind = \"switch\"\n{}", links.collect::<String>())
    });
    let lab = Lab::up(&home, &before);
    home.ok(&["exec", "h1", "--", "ip", "link", "delete", "eth0"]);
    home.lab("lab.toml", &after);
    home.ok(&["up", "-d", &lab.file]);
    home.reaches("h2", "10.0.0.2");
    home.lab("lab.toml", &before);
    home.ok(&["up", "-d", &lab.file]);
    home.reaches("h1", "10.0.0.3");
    lab.down();
}

#[test]
fn a_lab_is_changed_by_its_own_file_alone() {
    let home = Home::new();
    let lab = Lab::up(&home, LAB);
    let before = status(&home);
    let other = home.lab("other.toml", &format!("name = \"lab\"\n{LAB}{D}"));
    for args in [&["up", "-d", &other][..], &["up", "-d", "--shape", "single,2", "--name", "lab"]] {
        let message = home.fails(2, args);
        assert!(message.contains("lab.toml") && message.contains("hint: "), "{message}");
    }
    // In the foreground it would have to be another lab of the same name.
    let message = home.fails(2, &["up", &lab.file]);
    assert!(message.contains("hint: ") && message.contains("up -d"), "{message}");
    assert_eq!(status(&home), before);
    lab.down();
}

/// Lets a change fail that the kernel refuses, and sees to it that the lab is what it was.
fn fails_and_undoes(home: &Home, wrong: &str, expected: &str) {
    let lab = Lab::up(home, LAB);
    home.ok(&["link", "set", "b:eth0", "--delay", "3 ms"]);
    home.ok(&["link", "down", "c:eth0"]);
    let links = || {
        let show = home.ok(&["link", "show", "--json"]);
        let links: Vec<serde_json::Value> = serde_json::from_str(&show).expect("JSON");
        let states = links.iter().map(|link| format!("{} {} {}", link["state"], link["tx"], link["rx"]));
        states.collect::<Vec<_>>()
    };
    let before = (pid(home, "a"), pid(home, "b"), links());
    let namespaces = |node: &str| home.ok(&["exec", node, "--", "readlink", "/proc/self/ns/net"]);
    let spaces = ["a", "b", "r"].map(namespaces);
    let ping = pings(home, "a", "10.0.0.2");
    for _ in 0..2 {
        let message = lab.refuses(2, wrong);
        assert!(message.contains(expected), "{message}");
        assert_eq!((pid(home, "a"), pid(home, "b"), links()), before);
        assert_eq!(["a", "b", "r"].map(namespaces), spaces);
        home.fails(2, &["exec", "d", "--", "true"]);
    }
    assert_all_answered(ping);
    home.ok(&["link", "up", "c:eth0"]);
    home.reaches("c", "10.0.1.254");
    // What was wrong is not in the way of what is right.
    lab.becomes(&format!("{LAB}{D}"));
    home.reaches("d", "10.0.0.1");
    lab.down();
}

#[test]
fn a_new_node_that_the_kernel_refuses_leaves_the_lab_as_it_was() {
    for home in [Home::new(), Home::ordinary_user()] {
        let wrong = format!("{LAB}{D}")
            .replace("[node.d]", "[node.d]\nsysctl = { 'net.ipv4.ip_default_ttl' = '999' }");
        fails_and_undoes(&home, &wrong, "net.ipv4.ip_default_ttl");
    }
}

#[test]
fn a_kept_node_that_the_kernel_refuses_leaves_the_lab_as_it_was() {
    for home in [Home::new(), Home::ordinary_user()] {
        let wrong = format!("{LAB}{D}").replace("[node.c]\naddresses = [\"10.0.1.1/24\"]\n", "").replace(
            "routes = [\"0.0.0.0/0 via 10.0.1.254\"]",
            "[node.c]\naddresses = [\"10.0.1.3/24\"]\nsysctl = { 'net.no.such' = '1' }",
        );
        fails_and_undoes(&home, &wrong, "net.no.such");
    }
}

#[test]
fn removed_nodes_come_back_when_the_change_fails() {
    let home = Home::ordinary_user();
    let with_d = format!("{LAB}{D}delay = \"2 ms\"\nwire = \"user\"\n");
    let lab = Lab::up(&home, &with_d);
    home.ok(&["link", "set", "d:eth0", "--loss", "1 %"]);
    let message = lab.refuses(2, &LAB.replace("[node.b]", "[node.b]\nsysctl = { 'net.no.such' = '1' }"));
    assert!(message.contains("net.no.such"), "{message}");
    home.reaches("d", "10.0.0.1");
    assert!(pid(&home, "d").is_some());
    assert!(home.ok(&["link", "show"]).contains("1 %"));
    lab.down();
}
