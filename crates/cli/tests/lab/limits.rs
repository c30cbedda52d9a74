//! Labs that are large, or too large for the machine.

use std::process::{Command, Output};

use crate::home::{Home, text};

/// Runs the program, which may have this many descriptors.
fn limited(home: &Home, descriptors: u32, args: &[&str]) -> Output {
    let command = home.command(args);
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")]);
    limited.arg(command.get_program()).args(command.get_args()).env("XDG_RUNTIME_DIR", home.path());
    limited.output().expect("the program runs")
}

#[test]
fn a_lab_that_needs_more_descriptors_than_there_are_is_refused_before_it_is_made() {
    let home = Home::new();
    let output = limited(&home, 300, &["up", "-d", "--shape", "single,200"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let message = text(&output.stderr);
    let expected = "a lab of 201 nodes needs 442 file descriptors, and this process may have 300";
    assert!(message.contains(expected), "{message}");
    assert!(message.contains("hint: as root, 'ulimit -n 442'"), "{message}");
    home.assert_nothing_left(&[], "after a refusal");
}

#[test]
fn the_wires_of_a_change_count_among_its_descriptors() {
    let home = Home::new();
    let shaped = |hosts: usize| {
        let host = |at: usize| {
            format!("[node.h{at}]\n[[link]]\nends = [\"h{at}\", \"s\"]\ndelay = \"1 ms\"\nwire = \"user\"\n")
        };
        home.lab(
            "lab.toml",
            &format!("[node.s]\nkind = \"switch\"\n{}", (0..hosts).map(host).collect::<String>()),
        )
    };
    let output = limited(&home, 135, &["up", "-d", &shaped(30)]);
    assert!(output.status.success(), "{output:?}");
    let message = home.fails(2, &["up", "-d", &shaped(45)]);
    assert!(message.contains("a lab of 46 nodes needs 1"), "{message}");
    assert!(message.contains("file descriptors, and this process may have 135"), "{message}");
    home.ok(&["down"]);
}

#[test]
fn a_change_that_needs_more_descriptors_than_there_are_is_refused_before_anything_changes() {
    let home = Home::new();
    let output = limited(&home, 300, &["up", "-d", "--shape", "single,100", "--name", "lab"]);
    assert!(output.status.success(), "{output:?}");
    for how in ["-d", "--dry-run"] {
        let message = home.fails(2, &["up", how, "--shape", "single,200", "--name", "lab"]);
        assert!(message.contains("a lab of 201 nodes needs 3"), "{message}");
        assert!(message.contains("file descriptors, and this process may have 300"), "{message}");
        assert!(message.contains("hint: as root, 'prlimit --pid "), "{message}");
    }
    assert!(home.fails(2, &["exec", "h101", "--", "true"]).contains("there is no node h101"));
    // What is open counts, not what a lab of that size would need from nothing.
    home.ok(&["up", "-d", "--shape", "single,150", "--name", "lab"]);
    assert!(home.pings("h1", "10.0.0.150"));
    home.ok(&["down"]);
}

/// The most entries of a table of neighbours.
fn neighbours() -> u32 {
    let limit = std::fs::read_to_string("/proc/sys/net/ipv4/neigh/default/gc_thresh3");
    limit.map_or(1024, |text| text.trim().parse().expect("a number"))
}

#[test]
fn a_lab_that_may_overfill_the_neighbour_table_is_warned_of() {
    let home = Home::new();
    let hosts = neighbours().isqrt() + 2;
    let output = home.run(&["up", "-d", "--shape", &format!("single,{hosts}")]);
    assert!(output.status.success(), "{output:?}");
    let message = text(&output.stderr);
    let wanted = hosts * (hosts - 1);
    assert!(
        message.contains(&format!("warning: if all nodes talk with each other, they need {wanted} entries"))
    );
    assert!(message.contains("hint: 'sudo sysctl net.ipv4.neigh.default.gc_thresh3="), "{message}");
    home.ok(&["down"]);
    let output = home.run(&["up", "-d", "--shape", "single,2"]);
    assert!(!text(&output.stderr).contains("warning"), "{output:?}");
    home.ok(&["down"]);
}

#[test]
fn a_running_lab_that_grows_over_the_neighbour_table_is_warned_of() {
    for home in [Home::new(), Home::ordinary_user()] {
        let hosts = neighbours().isqrt() + 2;
        let become_of = |hosts: u32| {
            let output = home.run(&["up", "-d", "--shape", &format!("single,{hosts}"), "--name", "lab"]);
            assert!(output.status.success(), "{output:?}");
            text(&output.stderr)
        };
        assert!(!become_of(2).contains("warning"));
        let message = become_of(hosts);
        let wanted = hosts * (hosts - 1);
        let expected = format!("warning: if all nodes talk with each other, they need {wanted} entries");
        assert!(message.contains(&expected), "{message}");
        assert!(message.contains("hint: 'sudo sysctl net.ipv4.neigh.default.gc_thresh3="), "{message}");
        // It is told once, and not of a lab that shrinks.
        for hosts in [hosts, hosts - 1] {
            let message = become_of(hosts);
            assert!(!message.contains("warning"), "{message}");
        }
        home.ok(&["down"]);
    }
}

#[test]
fn names_of_any_length_and_sort_make_a_lab() {
    let home = Home::new();
    let long = "a-node_with-the-longest-name_that-a-lab-file-takes-63-bytes-2345";
    let long = &long[..63];
    // Each of these looks like a name that the fabric could give by itself.
    let lab = home.lab(
        "names.toml",
        &format!(
            "[node.{long}]\n[node.port2]\nkind = \"switch\"\n[node.join2]\nkind = \"switch\"\n[node.port6]\n\
             kind = \"switch\"\n[node.1]\n[node.x]\n[[link]]\nends = [\"{long}:fifteen-bytes-x\", \"port2\"]\n\
             [[link]]\nends = [\"port2\", \"join2\"]\n[[link]]\nends = [\"join2:all.1\", \"port6\"]\n[[link]]\n\
             ends = [\"1\", \"port6\"]\n[[link]]\nends = [\"1:fifteen-bytes-x\", \"x:fifteen-bytes-x\"]\n"
        ),
    );
    home.ok(&["up", "-d", &lab]);
    let names = home.ok(&["exec", long, "--", "ls", "/sys/class/net"]);
    assert!(names.contains("fifteen-bytes-x"), "{names}");
    let status: serde_json::Value = serde_json::from_str(&home.ok(&["ps", "--json"])).expect("JSON");
    let address = |node: usize, interface: usize| {
        let address = &status[0]["nodes"][node]["interfaces"][interface]["addresses"][0];
        address.as_str().and_then(|text| text.split('/').next()).expect("an address").to_owned()
    };
    assert!(home.pings("1", &address(0, 0)), "through three switches");
    assert!(home.pings("1", &address(5, 0)), "over a cable");
    home.ok(&["down"]);
}
