//! Programs that are started again.

use std::fs;

use crate::home::{Home, until};

/// A server that tells its number, beside a host that pings it.
fn server(restart: &str) -> String {
    format!(
        "[node.a]\naddresses = [\"10.0.0.1/24\"]\nrun = \"echo run $$; exec rackless serve tcp --port 80 --say x\"\n\
         ready = {{ tcp = \"[::]:80\" }}\nrestart = \"{restart}\"\n[node.b]\naddresses = [\"10.0.0.2/24\"]\n\
         [[link]]\nends = [\"a\", \"b\"]\n"
    )
}

fn pid(home: &Home) -> Option<i64> {
    let status: serde_json::Value = serde_json::from_str(&home.ok(&["ps", "--json"])).expect("JSON");
    status[0]["nodes"][0]["programs"][0]["pid"].as_i64()
}

#[test]
fn a_restart_changes_the_program_and_nothing_else() {
    let home = Home::ordinary_user();
    home.ok(&["up", "-d", &home.lab("again.toml", &server("never"))]);
    let first = pid(&home).expect("it runs");
    let interfaces = home.ok(&["exec", "b", "--", "ip", "-o", "link"]);
    home.ok(&["restart", "a"]);
    assert!(pid(&home).is_some_and(|second| second != first), "another process");
    assert!(home.ok(&["ps"]).contains("runs"), "it is ready");
    assert_eq!(home.ok(&["exec", "b", "--", "ip", "-o", "link"]), interfaces);
    assert!(home.pings("b", "10.0.0.1"));
    assert_eq!(home.ok(&["logs", "a"]).matches("run ").count(), 2, "its log goes on");
    assert!(home.fails(2, &["restart", "b"]).contains("b runs no program"));
    assert!(home.fails(2, &["restart", "x"]).contains("there is no node x"));
    home.ok(&["down"]);
    home.assert_nothing_left(&[], "after down");
}

#[test]
fn a_restart_leaves_no_process_of_the_old_program() {
    let home = Home::new();
    let lab = "[node.a]\nrun = \"sleep 1111 & echo here; wait\"\nready = { log = \"here\" }\n";
    home.ok(&["up", "-d", &home.lab("group.toml", lab)]);
    home.ok(&["restart", "a"]);
    let sleeping = || home.processes().iter().filter(|stat| stat.contains("(sleep)")).count();
    until("one is left", || match sleeping() {
        1 => Ok(()),
        count => Err(format!("{count} sleep")),
    });
    home.ok(&["down"]);
}

#[test]
fn a_program_that_fails_is_started_again_if_its_node_says_so() {
    let home = Home::new();
    home.ok(&["up", "-d", &home.lab("again.toml", &server("on-failure"))]);
    for runs in 2..4 {
        let old = pid(&home).expect("it runs");
        home.ok(&["exec", "a", "--", "pkill", "-KILL", "-x", "rackless"]);
        until("another runs", || match pid(&home) {
            Some(new) if new != old => Ok(()),
            other => Err(format!("{other:?}")),
        });
        until("it is ready", || match home.ok(&["ps"]) {
            ps if ps.contains("runs") => Ok(()),
            ps => Err(ps),
        });
        assert_eq!(home.ok(&["logs", "a"]).matches("run ").count(), runs);
    }
    let status: serde_json::Value = serde_json::from_str(&home.ok(&["ps", "--json"])).expect("JSON");
    assert_eq!(status[0]["nodes"][0]["programs"][0]["restarts"], 2);
    home.ok(&["down"]);
    home.assert_nothing_left(&[], "after down");
}

#[test]
fn a_death_is_told_with_the_last_output() {
    let home = Home::new();
    let lab = home.lab("dying.toml", "[node.a]\nrun = \"echo last words; sleep 1000; exit 3\"\n");
    let events = home.path().join("events");
    let mut up = home.command(&["up", "--json", &lab]);
    let mut up = up.stdout(fs::File::create(&events).expect("a file")).spawn().expect("up runs");
    let told = |what: &str| {
        until(what, || {
            let text = fs::read_to_string(&events).unwrap_or_default();
            if text.contains(what) { Ok(()) } else { Err(text) }
        });
    };
    told(r#""event":"up""#);
    home.ok(&["exec", "a", "--", "pkill", "-x", "sleep"]);
    told(r#"{"event":"ended","node":"a","ended":{"exit":3},"output":"last words\nTerminated"}"#);
    home.ok(&["down"]);
    assert!(up.wait().expect("its end").success());
}
