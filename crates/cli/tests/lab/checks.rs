//! Checks of labs: what holds, what does not, and how that is told.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::home::{Home, text, until};

const TWO: &str = r#"
[node.h1]
[node.h2]
run = "rackless serve tcp --port 80 --say hello"
ready = { tcp = "[::]:80" }
[[link]]
ends = ["h1", "h2"]
[[check]]
name = "they meet"
on = ["h1", "h2"]
ping = ["h1", "h2"]
[[check]]
name = "h2 says hello"
on = "h1"
tcp = "10.0.0.2:80"
expect = "hello"
[[check]]
name = "no other server"
on = "h1"
tcp = "[fd00::2]:22"
fails = true
[[check]]
name = "commands run in the lab's folder, on the node"
on = "h2"
run = "ls; hostname"
expect = "two.toml\nh2"
"#;

const FAILING: &str = r#"
[node.h1]
[node.h2]
run = "rackless serve tcp --port 80 --say '<hello> & bye'"
ready = { tcp = "[::]:80" }
[[link]]
ends = ["h1", "h2"]
[[check]]
name = "it holds"
on = "h1"
ping = "h2"
[[check]]
name = "another <text>"
on = "h1"
tcp = "10.0.0.2:80"
expect = "east"
within = "300 ms"
[[check]]
name = "a closed port"
on = "h1"
tcp = "10.0.0.2:22"
within = "300 ms"
[[check]]
name = "nobody there"
on = "h1"
ping = ["h2", "10.0.0.77"]
family = 4
within = "300 ms"
[[check]]
name = "h2 is there"
on = "h1"
ping = "h2"
fails = true
within = "300 ms"
[[check]]
name = "a command"
on = ["h1", "h2"]
run = "echo so; exit 3"
within = "300 ms"
[[check]]
name = "a slow command"
on = "h1"
run = "echo begun; exec sleep 1000"
within = "300 ms"
"#;

fn test_of_two_hosts(home: &Home) {
    let lab = home.lab("two.toml", TWO);
    let output = home.ok(&["test", &lab, "--junit", "out.xml"]);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 5, "{output}");
    assert!(lines[0].starts_with("ok      they meet  ("), "{output}");
    assert!(lines[4].contains(": 4 checks, 4 ok, 0 failed, "), "{output}");
    let junit = fs::read_to_string(home.path().join("out.xml")).expect("the results");
    assert!(junit.contains(r#"<testsuite name="two" tests="4" failures="0" errors="0""#), "{junit}");
    assert!(junit.contains(r#"<testcase name="h2 says hello" classname="two""#), "{junit}");
    home.assert_nothing_left(&[], "after the test");
}

#[test]
fn a_lab_is_tested_and_removed() {
    test_of_two_hosts(&Home::new());
}

#[test]
fn an_ordinary_user_tests_a_lab() {
    test_of_two_hosts(&Home::ordinary_user());
}

#[test]
fn a_check_that_fails_tells_what_was_found_and_expected() {
    let home = Home::new();
    let lab = home.lab("failing.toml", FAILING);
    let output = home.run(&["test", &lab, "--junit", "out.xml"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let output = text(&output.stdout);
    for expected in [
        "ok      it holds",
        "FAILED  another <text>",
        r"on h1, found: the answer '<hello> & bye\n'",
        "expected: an answer of 10.0.0.2:80 that contains 'east'",
        "on h1, found: connection refused",
        "on h1, found: 1 of 2: 10.0.0.77: no answer",
        "on h1, found: 2 of 2: h2 (fd00::2): an answer; h2 (10.0.0.2): an answer",
        "on h2, found: exit status 3, output 'so'",
        "on h1, found: still running after 0.3 s, output 'begun'",
        "7 checks, 1 ok, 6 failed",
    ] {
        assert!(output.contains(expected), "{expected} is not in {output}");
    }
    let junit = fs::read_to_string(home.path().join("out.xml")).expect("the results");
    assert!(junit.contains(r#"tests="7" failures="6" errors="0""#), "{junit}");
    assert!(junit.contains("the answer &apos;&lt;hello&gt; &amp; bye\\n&apos;"), "{junit}");
    home.assert_nothing_left(&[], "after the test");
}

#[test]
fn a_lab_that_does_not_come_up_is_an_error_in_the_results() {
    let home = Home::new();
    let lab = home.lab("failing.toml", "[node.h1]\nrun = \"echo no table; exit 4\"\n");
    let message = home.fails(1, &["test", &lab, "--junit", "out.xml"]);
    assert!(message.contains("the program of h1 ended with exit status 4"), "{message}");
    let junit = fs::read_to_string(home.path().join("out.xml")).expect("the results");
    assert!(junit.contains(r#"tests="1" failures="0" errors="1""#) && junit.contains("no table"), "{junit}");
    home.assert_nothing_left(&[], "after the test");
}

#[test]
fn results_are_written_as_json_and_junit_at_once() {
    let home = Home::new();
    let lab = home.lab("two.toml", TWO);
    let output = home.ok(&["test", &lab, "--json", "--junit", "out.xml"]);
    let found: Value = serde_json::from_str(&output).expect("JSON alone");
    assert_eq!((&found["lab"], &found["ok"], &found["passed"]), (&"two".into(), &true.into(), &4.into()));
    assert!(fs::read_to_string(home.path().join("out.xml")).expect("JUnit").contains("tests=\"4\""));
    let lab = home.lab("failing.toml", "[node.h1]\nrun = \"echo no table; exit 4\"\n");
    let output = home.run(&["test", &lab, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&found["lab"], &found["ok"]), (&"failing".into(), &false.into()));
    assert!(found["error"].as_str().is_some_and(|error| error.contains("exit status 4")), "{found}");
}

#[test]
fn many_pings_are_made_at_once() {
    let home = Home::new();
    let hosts = "[\"h1\", \"h2\", \"h3\", \"h4\", \"h5\", \"h6\"]";
    let check = format!("[[check]]\nname = \"all\"\non = {hosts}\nping = {hosts}\n");
    let lab = home.lab("many.toml", &format!("shape = \"single,6\"\n{check}"));
    let found: Value = serde_json::from_str(&home.ok(&["test", &lab, "--json"])).expect("JSON");
    assert_eq!((&found["ok"], &found["passed"]), (&true.into(), &1.into()));
    let nodes = found["checks"][0]["nodes"].as_array().expect("a list of nodes");
    assert_eq!(nodes.len(), 6);
    assert!(nodes.iter().all(|node| node["found"] == "an answer from 10 of 10"), "{found}");
}

#[test]
fn the_checks_of_a_running_lab_are_read_anew() {
    let home = Home::new();
    let lab = home.lab("two.toml", TWO);
    home.ok(&["up", "-d", &lab]);
    assert!(home.ok(&["check"]).contains("lab two: 4 checks, 4 ok, 0 failed"));
    home.lab("two.toml", &TWO.replace("expect = \"hello\"", "expect = \"bonjour\"\nwithin = \"300 ms\""));
    let output = home.run(&["check", "two", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&found["lab"], &found["ok"], &found["failed"]), (&"two".into(), &false.into(), &1.into()));
    assert_eq!(found["checks"][1]["nodes"][0]["found"], r"the answer 'hello\n'");
    home.ok(&["down"]);
    home.ok(&["up", "-d", "--shape", "single,2"]);
    assert!(home.fails(2, &["check"]).contains("made from a shape, which has no checks"));
    home.ok(&["down"]);
}

#[test]
fn a_test_that_is_killed_takes_its_lab_along() {
    for signal in ["-KILL", "-INT"] {
        let home = Home::new();
        let check = "[[check]]\nname = \"never\"\non = \"h1\"\nrun = \"false\"\nwithin = \"1 min\"\n";
        let lab = home.lab("long.toml", &format!("shape = \"single,2\"\n{check}"));
        let mut test = home.command(&["test", &lab]).stdout(Stdio::null()).spawn().expect("test runs");
        until("the lab is up", || {
            let labs: Value = serde_json::from_str(&home.ok(&["ps", "--json"])).expect("JSON");
            if labs[0]["up"] == true { Ok(()) } else { Err(labs.to_string()) }
        });
        let pid = test.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().expect("kill").success());
        // With 1 it would have ended by itself: the check had its minute.
        let code = test.wait().expect("its end").code();
        assert!(code.is_none_or(|code| code > 1), "{code:?}");
        home.assert_nothing_left(&[], signal);
    }
}
