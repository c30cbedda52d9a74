//! Labs that are large, or too large for the machine.

use std::process::Command;

use crate::home::{Home, text};

#[test]
fn a_lab_that_needs_more_descriptors_than_there_are_is_refused_before_it_is_made() {
    let home = Home::new();
    let lab = home.command(&["up", "-d", "--shape", "single,200"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 300; exec \"$0\" \"$@\""]).arg(lab.get_program()).args(lab.get_args());
    limited.env("XDG_RUNTIME_DIR", home.path());
    let output = limited.output().expect("the program runs");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let message = text(&output.stderr);
    let expected = "a lab of 201 nodes needs 442 file descriptors, and this process may have 300";
    assert!(message.contains(expected), "{message}");
    assert!(message.contains("hint: as root, 'ulimit -n 442'"), "{message}");
    home.assert_nothing_left(&[], "after a refusal");
}

#[test]
fn a_lab_that_may_overfill_the_neighbour_table_is_warned_of() {
    let home = Home::new();
    let limit = std::fs::read_to_string("/proc/sys/net/ipv4/neigh/default/gc_thresh3");
    let limit: u32 = limit.map_or(1024, |text| text.trim().parse().expect("a number"));
    let hosts = limit.isqrt() + 2;
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
