//! Groups of nodes that are parted, and meet again.

use serde_json::Value;

use crate::home::{Home, until};

/// Two switches with two hosts each.
const LAB: &str = r#"
name = "parted"
[node.a]
addresses = ["10.0.0.1/24"]
[node.b]
addresses = ["10.0.0.2/24"]
[node.c]
addresses = ["10.0.0.3/24"]
[node.d]
addresses = ["10.0.0.4/24"]
[node.s1]
kind = "switch"
[node.s2]
kind = "switch"
[[link]]
ends = ["a", "s1"]
[[link]]
ends = ["b", "s1"]
[[link]]
ends = ["c", "s2"]
[[link]]
ends = ["d", "s2"]
delay = "1 ms"
[[link]]
ends = ["s1", "s2"]
"#;

fn silent(home: &Home) -> Vec<String> {
    let links: Vec<Value> = serde_json::from_str(&home.ok(&["link", "show", "--json"])).expect("JSON");
    let silent = links.iter().filter(|link| link["state"] == "silent");
    silent.map(|link| link["ends"][0].as_str().expect("an end").to_owned()).collect()
}

#[test]
fn groups_are_parted_and_joined_again() {
    for home in [Home::new(), Home::ordinary_user()] {
        home.ok(&["up", "-d", &home.lab("parted.toml", LAB)]);
        home.reaches("a", "10.0.0.3");
        assert_eq!(home.ok(&["partition", "a,s1 | s2"]), "link s1:eth2 - s2:eth2 is silent\n");
        assert!(home.pings("a", "10.0.0.2") && home.pings("c", "10.0.0.4"), "a group stays whole");
        assert!(home.is_silent("a", "10.0.0.3") && home.is_silent("d", "10.0.0.2"));
        let carrier = home.ok(&["exec", "a", "--", "cat", "/sys/class/net/eth0/carrier"]);
        assert_eq!(carrier, "1\n", "nobody is told");
        // One group more, from all others, on top of what is parted already; over a link with a wire.
        let found = home.ok(&["partition", "d", "--json"]);
        assert_eq!(
            serde_json::from_str::<Value>(&found).expect("JSON"),
            serde_json::json!([["d:eth0", "s2:eth1"]])
        );
        assert!(home.is_silent("c", "10.0.0.4"));
        assert_eq!(silent(&home), ["d:eth0", "s1:eth2"]);
        assert_eq!(home.ok(&["partition", "--heal"]).lines().count(), 2);
        home.reaches("a", "10.0.0.3");
        home.reaches("d", "10.0.0.2");
        assert_eq!(home.ok(&["partition", "--heal"]), "");
        home.ok(&["down"]);
        home.assert_nothing_left(&[], "after down");
    }
}

#[test]
fn groups_that_cannot_be_parted_change_nothing() {
    let home = Home::new();
    home.ok(&["up", "-d", &home.lab("parted.toml", LAB)]);
    for (groups, expected) in [
        (&["a | nobody"][..], "nobody"),
        (&["a,b | b"], "node 'b' is in two groups"),
        (&["a | b"], "a and b meet at s1, which is in no group"),
        (&["a,c | s1,s2"], "a and c are in one group"),
        (&["a,b,c,d,s1,s2"], "nothing is parted"),
        (&["a,", " "], "nothing is parted"),
    ] {
        let message = home.fails(2, &[&["partition"], groups].concat());
        assert!(message.contains(expected), "{groups:?}: {message}");
        assert_eq!(silent(&home), [""; 0], "{groups:?}");
    }
    assert!(home.fails(2, &["partition"]).contains("NODES"));
    home.fails(2, &["partition", "a", "--heal"]);
    home.ok(&["down"]);
}

#[test]
fn a_planned_partition_comes_and_heals() {
    let home = Home::ordinary_user();
    let event = "[[event]]\nat = \"100 ms\"\nfor = \"2 s\"\npartition = \"a,s1 | s2\"\n";
    home.ok(&["up", "-d", &home.lab("parted.toml", &format!("{LAB}{event}"))]);
    until("the groups are parted", || match silent(&home) {
        links if links == ["s1:eth2"] => Ok(()),
        links => Err(format!("{links:?}")),
    });
    home.reaches("a", "10.0.0.3");
    assert_eq!(silent(&home), [""; 0]);
    let states = |events: &str| events.matches("link s1:eth2 - s2:eth2 is ").count();
    assert_eq!(states(&home.ok(&["events"])), 2);
    home.ok(&["down"]);
    let wrong = home.lab("wrong.toml", &format!("{LAB}{event}").replace("a,s1 | s2", "a | b"));
    let message = home.fails(2, &["up", "-d", &wrong]);
    assert!(message.contains("wrong.toml:") && message.contains("meet at s1"), "{message}");
}
