//! What has to change to make one lab of another.

use std::collections::BTreeSet;

use rackless_topology::model::LinkState;
use rackless_topology::{Diff, Topology};

const LAB: &str = "
[node.a]
run = 'sleep 1'
[node.b]
kind = 'router'
addresses = ['10.0.0.2/24']
[node.c]
sysctl = { 'net.ipv4.ip_forward' = '1' }
[[link]]
ends = ['a', 'b']
delay = '10 ms'
[[link]]
ends = ['b', 'c']
[[check]]
name = 'near'
on = 'a'
ping = 'b'
";

fn parse(text: &str) -> Topology {
    Topology::parse("lab.toml", text).expect("a lab")
}

/// Gives the changes from the lab above, with all links up, to the same with some words replaced.
fn changes(replaced: &[(&str, &str)]) -> Vec<String> {
    let mut text = LAB.to_owned();
    for (from, to) in replaced {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    changes_to(&text, &[LinkState::Up; 2])
}

fn changes_to(text: &str, states: &[LinkState]) -> Vec<String> {
    let (live, wanted) = (parse(LAB), parse(text));
    let diff = Diff::between(&live, states, &wanted);
    let changes = diff.changes(&live, &wanted);
    assert_eq!(changes.is_empty(), diff.is_empty());
    changes.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_changes_between_a_lab_and_itself() {
    assert_eq!(changes(&[]), [""; 0]);
    // Comments and the order of tables say nothing.
    assert_eq!(changes(&[("[node.a]", "# the first\n[node.a]")]), [""; 0]);
}

#[test]
fn a_broken_link_that_stays_is_made_again() {
    let live = parse(LAB);
    for (text, expected) in [
        (LAB.to_owned(), vec!["~ link a:eth0 - b:eth0: an interface of it was removed in its node"]),
        (
            LAB.replace("10 ms", "20 ms"),
            vec!["~ link a:eth0 - b:eth0: delay 10 ms → 20 ms; an interface of it was removed in its node"],
        ),
        (
            LAB.replace("delay = '10 ms'", "mtu = 9000"),
            vec!["- link a:eth0 - b:eth0", "+ link a:eth0 - b:eth0"],
        ),
    ] {
        let wanted = parse(&text);
        let mut diff = Diff::between(&live, &[LinkState::Up; 2], &wanted);
        diff.mend(&BTreeSet::from([0]));
        let changes = diff.changes(&live, &wanted);
        assert!(!diff.is_empty());
        assert_eq!(changes.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        assert!(diff.links.kept.iter().all(|(old, ..)| *old != 0), "it is made anew");
    }
}

#[test]
fn what_a_link_does_changes_in_its_place() {
    assert_eq!(changes(&[("10 ms", "20 ms")]), ["~ link a:eth0 - b:eth0: delay 10 ms → 20 ms"]);
    assert_eq!(
        changes(&[("delay = '10 ms'", "tx.delay = '10 ms'\nrx.loss = '1 %'\nwire = 'user'")]),
        ["~ link a:eth0 - b:eth0: rx no delay; rx loss 1 %; wire user"]
    );
}

#[test]
fn a_link_that_was_taken_down_comes_up() {
    assert_eq!(changes_to(LAB, &[LinkState::Up, LinkState::Down]), ["~ link b:eth1 - c:eth0: up"]);
}

#[test]
fn addresses_programs_and_checks_change_in_their_place() {
    assert_eq!(
        changes(&[
            ("'10.0.0.2/24'", "'10.0.0.2/24', 'fd00::2/64'"),
            ("sleep 1", "sleep 2"),
            ("near", "next")
        ]),
        [
            "~ node a: run sleep 1 → sleep 2",
            "~ node b: eth0 addresses 10.0.0.2/24 → 10.0.0.2/24 fd00::2/64",
            "~ checks"
        ]
    );
}

#[test]
fn a_node_of_another_kind_is_made_anew_with_its_links() {
    let anew = [
        "- link a:eth0 - b:eth0",
        "- link b:eth1 - c:eth0",
        "- node b",
        "+ node b: router",
        "+ link a:eth0 - b:eth0: delay 10 ms",
        "+ link b:eth1 - c:eth0",
    ];
    let other = anew.map(|line| line.replace("router", "host"));
    assert_eq!(changes(&[("kind = 'router'", "kind = 'host'")]), other);
}

#[test]
fn a_sysctl_that_is_given_no_more_needs_a_new_node() {
    let found = changes(&[("sysctl = { 'net.ipv4.ip_forward' = '1' }", "")]);
    let expected = ["- link b:eth1 - c:eth0", "- node c", "+ node c: host", "+ link b:eth1 - c:eth0"];
    assert_eq!(found, expected);
}

#[test]
fn a_link_of_another_mtu_is_a_new_link() {
    let found = changes(&[("delay = '10 ms'", "mtu = 9000")]);
    assert_eq!(found, ["- link a:eth0 - b:eth0", "+ link a:eth0 - b:eth0"]);
}

#[test]
fn only_a_program_that_runs_otherwise_is_ended() {
    let live = parse(LAB);
    for (run, ended) in [("'sleep 3'", true), ("'sleep 1'\nrestart = 'always'", false)] {
        let diff = Diff::between(&live, &[LinkState::Up; 2], &parse(&LAB.replace("'sleep 1'", run)));
        assert_eq!(!diff.programs.gone.is_empty(), ended, "{run}");
        assert!(!diff.is_empty(), "{run}");
    }
}

#[test]
fn a_cable_that_becomes_shared_memory_is_made_anew() {
    let [cable, memory] = ["veth", "memif"].map(|medium| {
        parse(&format!(
            "[node.a]\nkind = 'nf'\n[node.b]\nkind = 'nf'\n[[link]]\nends = ['a', 'b']\nmedium = '{medium}'\n"
        ))
    });
    let diff = Diff::between(&cable, &[LinkState::Up], &memory);
    let changes: Vec<String> = diff.changes(&cable, &memory).iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["- link a:eth0 - b:eth0", "+ link a:eth0 - b:eth0: medium memif"]);
}
