//! Changes at the same time as all else that happens in a lab.

use std::process::{Child, Stdio};

use super::{D, LAB, Lab, assert_all_answered, pid, pings};
use crate::home::{Home, text};

/// Calls the program in a shell's loop until its standard input is closed; each call may fail, but only as told.
fn storm(home: &Home, script: &str) -> Child {
    let script = format!("while read -t 0.01 x; [ $? -gt 128 ]; do {script}; done");
    let program = home.command(&[""]).get_program().to_owned();
    let mut storm = home.command(&[""]);
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", &script]).current_dir(home.path()).env("RACKLESS", program);
    shell.envs(storm.get_envs().filter_map(|(name, value)| Some((name, value?))));
    storm.stdin(Stdio::null());
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("bash")
}

/// Ends a storm, whose calls must have told of no error but these.
fn end(mut storm: Child, allowed: &[&str]) {
    drop(storm.stdin.take());
    let told = text(&storm.wait_with_output().expect("its end").stderr);
    let wrong = told
        .lines()
        .filter(|line| line.starts_with("error") && !allowed.iter().any(|part| line.contains(part)));
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
    assert!(!told.contains("panicked"), "{told}");
}

#[test]
fn two_changes_at_once_come_one_after_the_other() {
    let home = Home::new();
    let lab = Lab::up(&home, LAB);
    let ping = pings(&home, "a", "10.0.0.2");
    for round in 0..5 {
        // Both read the same file: one finds nothing to do.
        lab.write(&if round % 2 == 0 { format!("{LAB}{D}") } else { LAB.to_owned() });
        let both = [(); 2]
            .map(|()| home.command(&["up", "-d", &lab.file]).stdout(Stdio::piped()).spawn().expect("up"));
        let both = both.map(|up| up.wait_with_output().expect("its end"));
        assert!(both.iter().all(|up| up.status.success()), "{both:?}");
        let mut lines = both.map(|up| text(&up.stdout).lines().count());
        lines.sort_unstable();
        assert_eq!(lines, [0, 2]);
    }
    assert_all_answered(ping);
    lab.down();
}

#[test]
fn a_lab_changes_under_storms_of_all_other_verbs() {
    let home = Home::new();
    let lab = Lab::up(&home, LAB);
    let ping = pings(&home, "a", "10.0.0.254");
    let kept = pid(&home, "a");
    let gone =
        ["there is no node d", "d has no interface", "no link", "interfaces of d", "d runs no program"];
    let storms = [
        "$RACKLESS link set c:eth0 --delay '2 ms'; $RACKLESS link set d:eth0 --loss '1 %'; $RACKLESS link show",
        "$RACKLESS restart b; $RACKLESS exec d -- true; $RACKLESS exec c -- true",
        "$RACKLESS ps --json; $RACKLESS inspect --json; $RACKLESS drops",
        "$RACKLESS link down b:eth0; $RACKLESS partition c; $RACKLESS partition --heal; $RACKLESS link up b:eth0",
    ];
    let storms = storms.map(|script| storm(&home, script));
    // Places of nodes and links move, as those that come are the first of the file; the switch's other ports keep theirs.
    let first = D.replace("\"s1\"", "\"s1:far\"");
    for round in 0..20 {
        let changes = lab.becomes(&if round % 2 == 0 { format!("{first}{LAB}") } else { LAB.to_owned() });
        assert!(!changes.iter().any(|change| change.contains("link a:eth0")), "{changes:?}");
    }
    for storm in storms {
        end(storm, &gone);
    }
    assert_all_answered(ping);
    lab.becomes(LAB);
    assert_eq!(pid(&home, "a"), kept);
    home.reaches("b", "10.0.0.1");
    home.reaches("c", "10.0.1.254");
    lab.down();
}
