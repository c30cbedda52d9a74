//! Labs that programs hold by the library; `examples/library.rs` shows them in use.

use std::io::Read as _;
use std::process::{Command, Stdio};

use rackless_net::Lab;

use crate::home::{Home, text, until};

/// Tells a copy of this program to hold a lab.
const HOLDER: &str = "RACKLESS_TEST_HOLDER";

/// Runs one test of this program in a place of its own.
fn holder(home: &Home, test: &str, what: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args([test, "--exact", "--nocapture"]).env(HOLDER, what).env("XDG_RUNTIME_DIR", home.path());
    command
}

#[test]
fn labs_of_one_program_stand_side_by_side_and_go_when_they_are_dropped() {
    const TEST: &str = "library::labs_of_one_program_stand_side_by_side_and_go_when_they_are_dropped";
    if std::env::var_os(HOLDER).is_some() {
        let labs = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| Lab::shape("single,2").expect("a lab")));
            threads.map(|thread| thread.join().expect("it does not panic"))
        });
        for lab in &labs {
            let ping = lab.run("h1", ["ping", "-n", "-c1", "10.0.0.2"]).expect("it runs");
            assert!(ping.status.success(), "{}", text(&ping.stderr));
        }
        let found = rackless_net::labs().expect("a list");
        let mut names: Vec<&str> = labs.iter().map(Lab::name).collect();
        names.sort_unstable();
        assert_eq!(found, names);
        drop(labs);
        assert_eq!(rackless_net::labs().expect("a list"), [""; 0]);
        return;
    }
    let home = Home::new();
    let output = holder(&home, TEST, "four").output().expect("it runs");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    home.assert_nothing_left(&[], "after the program");
}

#[test]
fn a_lab_goes_when_the_program_that_holds_it_is_killed() {
    const TEST: &str = "library::a_lab_goes_when_the_program_that_holds_it_is_killed";
    if std::env::var_os(HOLDER).is_some() {
        let _lab = Lab::text("[node.a]\nrun = \"exec sleep 1000\"\n").expect("a lab");
        let _ = std::io::stdin().read_to_end(&mut Vec::new()); // ends if the test does
        return;
    }
    let home = Home::new();
    let mut program = holder(&home, TEST, "one");
    program.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut program = program.spawn().expect("it starts");
    until("the lab is up", || match home.ok(&["ps", "--json"]) {
        labs if labs.contains("\"up\": true") || labs.contains("\"up\":true") => Ok(()),
        labs => Err(labs),
    });
    let namespaces = home.namespaces();
    program.kill().expect("it runs");
    program.wait().expect("its end");
    home.assert_nothing_left(&namespaces, "after a kill of the holder");
}

#[test]
fn a_program_is_told_what_is_wrong_with_its_lab() {
    let error = Lab::text("[node.a]\nadresses = []\n").expect_err("a mistake").to_string();
    assert!(error.contains("lab:2:1") && error.contains("did you mean 'addresses'?"), "{error}");
    let error = Lab::text("[node.a]\nrun = \"echo no; exit 3\"\nready = { log = \"yes\" }\n");
    let error = error.expect_err("it does not come up").to_string();
    assert!(error.contains("ended with exit status 3") && error.contains("| no"), "{error}");
    let error = Lab::file("/nowhere/lab.toml").expect_err("no file");
    assert_eq!(error.chain(), "cannot read /nowhere/lab.toml: No such file or directory (os error 2)");
    let lab = Lab::shape("single,2").expect("a lab");
    let error = lab.set_conditions("h1", "eth0", [("delay", "soon")]).expect_err("no time").to_string();
    assert!(error.contains("'soon'"), "{error}");
    let error = lab.run("h9", ["true"]).expect_err("no node").to_string();
    assert!(error.contains("there is no node h9; the lab has s1, h1, h2"), "{error}");
}

#[test]
fn a_program_without_rackless_is_told_where_it_was_searched_and_what_to_do() {
    const TEST: &str = "library::a_program_without_rackless_is_told_where_it_was_searched_and_what_to_do";
    if let Some(what) = std::env::var_os(HOLDER) {
        let error = Lab::shape("single,2").expect_err("no rackless");
        println!("{what:?}: {}; {}", error.chain(), error.hint().expect("a hint"));
        return;
    }
    let home = Home::new();
    let shown = |program: &str| {
        let output = holder(&home, TEST, program).env("RACKLESS_PROGRAM", program).output().expect("it runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let found = shown("/nowhere/rackless");
    assert!(found.contains("searched: /nowhere/rackless; build it ("), "{found}");
    let found = shown("/bin/false");
    assert!(found.contains("/bin/false does not make labs for this program, without a word; "), "{found}");
}
