//! Files that only a node's programs see.

use std::fs;
use std::path::Path;

use crate::home::Home;

const LAB: &str = r#"
[node.a]
files."/etc/hostname" = "instead of the machine's\n"
files."/etc/rackless-test.d/new.conf" = { from = "local.conf" }
files."/run/app/app.conf" = "in run\n"
run = "cat /etc/rackless-test.d/new.conf; exec sleep 1000"
ready = { log = "from a file" }
[node.b]
[[link]]
ends = ["a", "b"]
"#;

fn a_node_sees_its_files(home: &Home) {
    fs::write(home.path().join("local.conf"), "from a file\n").expect("a file");
    let machine = fs::read_to_string("/etc/hostname").expect("the machine's file");
    home.ok(&["up", "-d", &home.lab("files.toml", LAB)]);
    let cat = |node: &str, path: &str| home.ok(&["exec", node, "--", "cat", path]);
    assert_eq!(cat("a", "/etc/hostname"), "instead of the machine's\n");
    assert_eq!(cat("a", "/etc/rackless-test.d/new.conf"), "from a file\n");
    assert_eq!(cat("a", "/run/app/app.conf"), "in run\n");
    assert_eq!(cat("a", "/etc/passwd"), fs::read_to_string("/etc/passwd").expect("the machine's file"));
    assert_eq!(cat("b", "/etc/hostname"), machine);
    assert!(
        home.fails(1, &["exec", "b", "--", "cat", "/etc/rackless-test.d/new.conf"]).contains("No such file")
    );
    home.ok(&[
        "exec",
        "a",
        "--",
        "sh",
        "-c",
        "echo mine > /etc/hostname; echo x > /etc/rackless-test.d/more",
    ]);
    assert_eq!(fs::read_to_string("/etc/hostname").expect("the machine's file"), machine);
    assert!(!Path::new("/etc/rackless-test.d").exists() && !Path::new("/run/app").exists());
    assert_eq!(fs::read_to_string(home.path().join("local.conf")).expect("the user's file"), "from a file\n");
    home.ok(&["down"]);
    home.assert_nothing_left(&[], "after down");
}

#[test]
fn privileged_a_node_sees_its_files_and_nobody_else_does() {
    a_node_sees_its_files(&Home::new());
}

#[test]
fn a_node_of_an_ordinary_users_lab_sees_its_files() {
    a_node_sees_its_files(&Home::ordinary_user());
}

#[test]
fn nodes_know_each_other_by_name() {
    const TWO: &str = "[node.a]\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\n";
    const THIRD: &str = "[node.c]\nfiles.\"/etc/hosts\" = \"10.0.0.1 first\\n\"\n";
    let home = Home::new();
    home.ok(&["up", "-d", &home.lab("names.toml", TWO)]);
    assert!(home.pings("a", "b") && home.pings("b", "a"));
    let of_a = home.ok(&["exec", "a", "--", "getent", "ahosts", "b"]);
    let addresses = home.ok(&["exec", "b", "--", "ip", "-brief", "address", "show", "eth0"]);
    for address in of_a.lines().filter_map(|line| line.split(' ').next()) {
        assert!(addresses.contains(address), "{of_a}, {addresses}");
    }
    let machine = fs::read_to_string("/etc/hosts").expect("the machine's names");
    assert!(home.ok(&["exec", "a", "--", "cat", "/etc/hosts"]).starts_with(&machine));
    // A node that comes later is known to those that were there; one with names of its own keeps them.
    home.lab("names.toml", &format!("{TWO}{THIRD}[[link]]\nends = [\"a\", \"c\"]\n"));
    home.ok(&["up", "-d", "names.toml"]);
    assert!(home.pings("a", "c"));
    assert_eq!(home.ok(&["exec", "c", "--", "cat", "/etc/hosts"]), "10.0.0.1 first\n");
    home.ok(&["down"]);
    assert_eq!(fs::read_to_string("/etc/hosts").expect("the machine's names"), machine);
}

#[test]
fn a_file_that_cannot_be_is_named() {
    let home = Home::new();
    let lab = home.lab("missing.toml", "[node.a]\nfiles.\"/etc/motd\" = { from = \"no-such.conf\" }\n");
    let message = home.fails(2, &["up", "-d", &lab]);
    assert!(message.contains("no-such.conf: No such file or directory"), "{message}");
    home.assert_nothing_left(&[], "after a refusal");
    for (path, why) in [("/usr", "a folder is there"), ("/no-such/x", "there is no /no-such")] {
        let lab = format!("[node.a]\nfiles.\"{path}\" = \"\"\nrun = \"sleep 1000\"\n");
        let message = home.fails(2, &["up", "-d", &home.lab("refused.toml", &lab)]);
        assert!(message.contains(&format!("show the node's file {path}: {why}")), "{message}");
        home.assert_nothing_left(&[], "after a refusal");
    }
}
