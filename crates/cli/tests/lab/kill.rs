//! `kill -9` of the lab process, at every moment of its life.

use std::fs;

use crate::home::{Home, text, until};

const LAB: &str = r#"
name = "killed"
[node.h1]
[node.h2]
[node.s1]
kind = "switch"
[node.box]
kind = "nf"
run = "exec sleep 1000"
[[link]]
ends = ["h1", "s1"]
[[link]]
ends = ["h2", "s1"]
[[link]]
ends = ["h2", "box"]
delay = "1 ms"
"#;

/// More steps than a lab of four nodes takes; the test fails if it gets there.
const STEPS_MAX: u32 = 1000;

/// What a lab goes through on its way down; says whether it lived until it was removed.
type Life<'a> = &'a dyn Fn() -> bool;

/// Kills the lab after each of its steps in turn, until one run has fewer steps, and looks for what is left.
///
/// The lab's file is what it is before the first `life`.
pub(crate) fn at_every_step(home: &Home, lab: &str, life: Life<'_>, look: impl Fn(&str)) {
    at_every(1, home, lab, life, look);
}

/// Does the same after every `stride`-th step.
fn at_every(stride: usize, home: &Home, lab: &str, life: Life<'_>, look: impl Fn(&str)) {
    let content = fs::read(lab).expect("the lab's file");
    let interfaces = fs::read_to_string("/proc/net/dev").expect("our own interfaces").lines().count();
    let (mut died_coming_up, mut died_going_down) = (0, 0);
    for step in (1..STEPS_MAX).step_by(stride) {
        fs::write(lab, &content).expect("the lab's file");
        let mut up = home.command(&["up", "-d", lab]);
        let up = up.env("RACKLESS_TEST_KILL_AT", step.to_string()).output().expect("up runs");
        let namespaces = home.namespaces();
        let when = format!("after a kill at step {step}");
        if !up.status.success() {
            assert!(text(&up.stderr).contains("was killed"), "{when}: {}", text(&up.stderr));
            died_coming_up += 1;
        } else if life() {
            home.assert_nothing_left(&namespaces, "after down");
            look("after down");
            assert!(
                died_coming_up > 20 / stride && died_going_down > 0,
                "{died_coming_up}, {died_going_down}"
            );
            return;
        } else {
            died_going_down += 1;
        }
        home.assert_nothing_left(&namespaces, &when);
        look(&when);
        let now = fs::read_to_string("/proc/net/dev").expect("our own interfaces").lines().count();
        assert_eq!(now, interfaces, "an interface is left {when}");
    }
    panic!("the lab took more than {STEPS_MAX} steps");
}

/// Gives two links conditions and takes them back, then removes the lab, at every step.
fn kill_at_every_step(home: &Home) {
    let calls: [&[&str]; 4] = [
        &["link", "set", "h1:eth0", "--delay", "1 ms"],
        &["link", "set", "h1:eth0", "--clear"],
        &["link", "set", "h2:eth1", "--clear"],
        &["down"],
    ];
    let life = || calls.iter().all(|call| home.run(call).status.success());
    at_every_step(home, &home.lab("killed.toml", LAB), &life, |_when| {});
}

/// A lab that has grown, shrunk and changed, with all that a step can make.
fn changed() -> String {
    let new = "[node.h3]\nsysctl = { 'net.ipv4.ip_default_ttl' = '7' }\nfiles.\"/etc/x\" = \"y\"\n\
               run = \"exec sleep 1001\"\n[node.s2]\nkind = \"switch\"\n";
    let links = "[[link]]\nends = [\"h3\", \"s2\"]\n[[link]]\nends = [\"s2\", \"s1\"]\ndelay = \"1 ms\"\n\
                 [[link]]\nends = [\"h3\", \"h1\"]\nloss = \"1 %\"\nwire = \"user\"\n";
    let box_ = LAB.find("[node.box]").expect("a node");
    let kept = LAB[..box_].replace("[node.h2]", "[node.h2]\naddresses = [\"10.9.0.1/24\"]");
    let of_kept = "[[link]]\nends = [\"h1\", \"s1\"]\n[[link]]\nends = [\"h2\", \"s1\"]\n";
    format!("{kept}{new}{of_kept}{links}")
}

/// Changes a lab by all verbs that do, every `stride`-th time to its end.
fn kill_at_every_step_of_changes(home: &Home, stride: usize) {
    let lab = home.lab("killed.toml", LAB);
    let (before, after) = (LAB.to_owned(), changed());
    let done = |call: &[&str]| home.run(call).status.success();
    let becomes = |content: &str| {
        fs::write(&lab, content).expect("the lab's file");
        done(&["up", "-d", &lab])
    };
    let life = || {
        done(&["link", "flap", "h1:eth0", "--every", "20 ms", "--down-for", "5 ms", "--count", "2"])
            && done(&["partition", "h1 | s1"])
            && done(&["partition", "--heal"])
            && becomes(&after)
            && becomes(&before)
            && done(&["down"])
    };
    at_every(stride, home, &lab, &life, |_when| {});
}

#[test]
fn a_kill_at_any_step_of_a_change_leaves_nothing() {
    kill_at_every_step_of_changes(&Home::new(), 2);
}

#[test]
fn a_kill_at_any_step_of_a_change_leaves_nothing_of_an_ordinary_users_lab() {
    kill_at_every_step_of_changes(&Home::ordinary_user(), 5);
}

#[test]
fn a_kill_at_any_step_leaves_nothing() {
    kill_at_every_step(&Home::new());
}

#[test]
fn a_kill_at_any_step_leaves_nothing_of_an_ordinary_users_lab() {
    kill_at_every_step(&Home::ordinary_user());
}

#[test]
fn a_kill_takes_programs_along_that_ignore_every_signal() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "single,2"]);
    let stubborn = "trap '' INT TERM HUP; echo $$; setsid sleep 1000 & sleep 1000";
    let mut exec = home.command(&["exec", "h1", "--", "sh", "-c", stubborn]);
    let mut exec = exec.stdout(std::process::Stdio::piped()).spawn().expect("exec runs");
    std::io::Read::read_exact(&mut exec.stdout.take().expect("its output"), &mut [0]).expect("it runs");
    let status: serde_json::Value = serde_json::from_str(&home.ok(&["ps", "--json"])).expect("JSON");
    let namespaces = home.namespaces();
    let pid = status[0]["pid"].to_string();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().expect("kill").success());
    exec.wait().expect("exec ends with the lab");
    home.assert_nothing_left(&namespaces, "after kill -9");
}

#[test]
fn what_a_lab_and_its_reaper_left_is_removed_by_the_next_command() {
    let home = Home::new();
    let stale = home.path().join("rackless/stale");
    fs::create_dir_all(stale.join("logs")).expect("a folder");
    fs::write(stale.join("pid"), "1").expect("a file");
    assert_eq!(home.ok(&["ps"]), "");
    until("the folder is gone", || if stale.exists() { Err("it is there".to_owned()) } else { Ok(()) });
}
