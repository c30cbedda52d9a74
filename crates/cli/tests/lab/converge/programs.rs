//! Programs, and the files that they see.

use std::process::Command;

use super::{LAB, Lab, pid, status};
use crate::home::{Home, until};

/// A host with two programs.
const TWO: &str = r#"
[node.a]
[[node.a.run]]
name = "one"
command = "exec sleep 1001"
[[node.a.run]]
name = "two"
command = "exec sleep 1002"
"#;

/// Gives the process of each program of the first node.
fn pids(home: &Home) -> Vec<Option<i64>> {
    let status = status(home);
    let programs = status["nodes"][0]["programs"].as_array().expect("programs").clone();
    programs.iter().map(|program| program["pid"].as_i64()).collect()
}

#[test]
fn a_program_goes_on_unless_its_command_changes() {
    for home in [Home::new(), Home::ordinary_user()] {
        let lab = Lab::up(&home, TWO);
        let before = pids(&home);
        lab.becomes(&TWO.replace("1002\"", "1003\""));
        let after = pids(&home);
        assert_eq!(after[0], before[0]);
        assert!(after[1].is_some() && after[1] != before[1]);
        // How it is awaited and watched is not what it is started with.
        let watched = TWO.replace("1001\"", "1001\"\nrestart = \"always\"\nready = { command = \"true\" }");
        lab.becomes(&watched.replace("1002\"", "1003\""));
        assert_eq!(pids(&home), after);
        // One goes, another comes: both beside the one that is kept.
        assert_eq!(lab.becomes(&TWO.replace("two", "three")).len(), 1);
        assert_eq!(pids(&home)[0], before[0]);
        assert!(home.fails(2, &["logs", "a:two"]).contains("three"));
        // The environment is another for all.
        lab.becomes(&TWO.replace("[node.a]", "[node.a]\nenv = { X = \"1\" }"));
        assert!(pids(&home).iter().zip(before).all(|(new, old)| new.is_some() && *new != old));
        lab.down();
    }
}

#[test]
fn new_programs_start_in_their_order() {
    let home = Home::ordinary_user();
    let lab = Lab::up(&home, LAB);
    let server = "[node.d]\naddresses = [\"10.0.0.4/24\"]\nrun = \"sleep 0.3; exec rackless serve tcp --port 80 --say x\"\n\
                  ready = { tcp = \"[::]:80\" }\n";
    let client = "[node.e]\naddresses = [\"10.0.0.5/24\"]\nafter = [\"d\", \"a\"]\n\
                  run = [\"bash\", \"-c\", \"exec 3<>/dev/tcp/10.0.0.4/80; echo got $(cat <&3)\"]\nready = { log = \"got x\" }\n";
    let links = "[[link]]\nends = [\"d\", \"s1\"]\n[[link]]\nends = [\"e\", \"s1\"]\n";
    lab.becomes(&format!("{client}{server}{LAB}{links}"));
    assert!(home.ok(&["logs", "e"]).contains("got x"));
    lab.down();
}

#[test]
fn a_program_that_failed_is_started_again() {
    let home = Home::ordinary_user();
    let lab = Lab::up(&home, LAB);
    let kept = pid(&home, "b");
    let number = pid(&home, "a").expect("it runs").to_string();
    assert!(Command::new("kill").args(["-9", &number]).status().expect("kill").success());
    until("it has ended", || pid(&home, "a").map_or(Ok(()), |pid| Err(pid.to_string())));
    assert_eq!(home.ok(&["up", "--dry-run", &lab.file]), "~ node a: run again\n");
    assert_eq!(pid(&home, "a"), None);
    assert_eq!(lab.becomes(LAB), ["~ node a: run again"]);
    assert!(pid(&home, "a").is_some());
    assert_eq!(pid(&home, "b"), kept);
    assert_eq!(lab.becomes(LAB), [""; 0]);
    lab.down();
}

#[test]
fn a_program_that_does_not_become_ready_is_tried_again_by_the_next_change() {
    let home = Home::ordinary_user();
    let lab = Lab::up(&home, LAB);
    let kept = pid(&home, "b");
    let waits = "exec sleep 1003\"\nready = { file = \"/run/there\", within = \"200 ms\" }";
    let event = "[[event]]\nat = \"0 s\"\nlink = \"c\"\nloss = \"5 %\"\n";
    let changed = format!("{LAB}{event}[node.z]\nafter = [\"a\"]\nrun = \"exec sleep 1006\"\n")
        .replace("exec sleep 1001\"", waits);
    let message = lab.refuses(1, &changed);
    assert!(message.contains("a is not ready"), "{message}");
    // All else is what the file says, and what waits for the program waits on.
    until("the event happens", || match home.ok(&["link", "show"]) {
        links if links.contains("5 %") => Ok(()),
        links => Err(links),
    });
    assert_eq!((pid(&home, "b"), pid(&home, "z")), (kept, None));
    let first = pid(&home, "a");
    assert!(first.is_some(), "it is left for its user to look at");
    let again = home.ok(&["up", "--dry-run", &lab.file]);
    assert!(again.contains("~ node a: run again\n") && again.contains("~ node z: run again\n"), "{again}");
    let found = lab.becomes(&changed.replace("/run/there", "/"));
    assert!(found.iter().any(|change| change.contains("node z: run again")), "{found:?}");
    assert!(pid(&home, "a").is_some() && pid(&home, "a") != first);
    assert!(pid(&home, "z").is_some());
    let sleeping = home.processes().iter().filter(|stat| stat.contains("(sleep)")).count();
    assert_eq!(sleeping, 3, "none is left of those before");
    lab.down();
}

#[test]
fn nodes_see_their_new_files() {
    for home in [Home::new(), Home::ordinary_user()] {
        let with = |a: &str, b: &str| {
            LAB.replace(
                "run = \"exec sleep 1001\"",
                &format!("run = \"exec sleep 1001\"\nfiles.\"/etc/x/y\" = \"{a}\""),
            )
            .replace("run = \"exec sleep 1002\"", &format!("files.\"/etc/x\" = \"{b}\""))
        };
        let lab = Lab::up(&home, &with("one", "two"));
        let read = |node: &str, path: &str| home.ok(&["exec", node, "--", "cat", path]);
        let first = pid(&home, "a");
        assert_eq!((read("a", "/etc/x/y"), read("b", "/etc/x")), ("one".into(), "two".into()));
        lab.becomes(&with("one", "three"));
        assert_eq!((read("a", "/etc/x/y"), read("b", "/etc/x")), ("one".into(), "three".into()));
        assert_eq!(pid(&home, "a"), first);
        lab.becomes(&with("four", "three").replace("files.\"/etc/x\" = \"three\"", ""));
        assert_eq!(read("a", "/etc/x/y"), "four");
        assert_ne!(pid(&home, "a"), first);
        home.fails(1, &["exec", "b", "--", "cat", "/etc/x"]);
        lab.down();
    }
}
