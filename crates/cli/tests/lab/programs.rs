//! Nodes with several programs.

use std::fs;

use serde_json::Value;

use crate::home::{Home, until};

/// A proxy that waits for the server beside it, and a client that waits for both.
const LAB: &str = r#"
[node.web]
addresses = ["10.0.0.1/24"]
[[node.web.run]]
name = "proxy"
command = "echo proxy finds $(cat < /dev/tcp/127.0.0.1/80); exec sleep 1000"
ready = { log = "proxy finds" }
after = "server"
restart = "on-failure"
[[node.web.run]]
name = "server"
command = ["rackless", "serve", "tcp", "--port", "80", "--say", "hello"]
ready = { tcp = "[::]:80" }
[node.client]
addresses = ["10.0.0.2/24"]
run = "echo after both"
after = "web"
[[link]]
ends = ["web", "client"]
"#;

fn lab() -> String {
    LAB.replace("\"echo proxy", "[\"bash\", \"-c\", \"echo proxy").replace("sleep 1000\"", "sleep 1000\"]")
}

fn pids(home: &Home) -> [i64; 2] {
    let status: Value = serde_json::from_str(&home.ok(&["ps", "--json"])).expect("JSON");
    [0, 1].map(|place| status[0]["nodes"][0]["programs"][place]["pid"].as_i64().unwrap_or_default())
}

#[test]
fn the_programs_of_a_node_start_in_their_order_and_are_told_apart() {
    let home = Home::ordinary_user();
    home.ok(&["up", "-d", &home.lab("several.toml", &lab())]);
    let ready: Vec<String> = home
        .ok(&["events", "--json"])
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|event| event["event"] == "ready")
        .map(|event| format!("{} {}", event["node"], event["program"]))
        .collect();
    assert_eq!(ready, [r#""web" "server""#, r#""web" "proxy""#, r#""client" null"#]);
    assert!(home.ok(&["events"]).contains("web:proxy is ready"));
    let logs = home.ok(&["logs", "web"]);
    assert!(
        logs.contains("proxy | proxy finds hello\n") && logs.contains("server | listening on "),
        "{logs}"
    );
    assert_eq!(home.ok(&["logs", "web:proxy"]), "proxy finds hello\n", "one alone as it is");
    assert_eq!(home.ok(&["logs", "client"]), "after both\n");
    let ps = home.ok(&["ps"]);
    assert!(ps.contains("proxy runs, server runs"), "{ps}");
    assert!(home.ok(&["inspect"]).contains("server runs 'rackless serve tcp --port 80 --say hello' (ready)"));
    home.ok(&["down"]);
    home.assert_nothing_left(&[], "after down");
}

#[test]
fn one_program_of_a_node_or_all_are_started_again() {
    let home = Home::new();
    home.ok(&["up", "-d", &home.lab("again2.toml", &lab())]);
    let [proxy, server] = pids(&home);
    home.ok(&["restart", "web:proxy"]);
    let [proxy_now, server_now] = pids(&home);
    assert!(proxy_now != proxy && server_now == server, "the proxy alone");
    home.ok(&["restart", "web"]);
    let now = pids(&home);
    assert!(now[0] != proxy_now && now[1] != server_now && !now.contains(&0), "both");
    assert_eq!(
        home.ok(&["logs", "web:proxy"]),
        "proxy finds hello\n".repeat(3),
        "it found the server each time"
    );
    let message = home.fails(2, &["restart", "web:db"]);
    assert!(message.contains("web has no program db; it has proxy, server"), "{message}");
    assert!(
        home.fails(2, &["logs", "client:x"]).contains("client has no program x; it has one, without a name")
    );
    home.ok(&["down"]);
}

#[test]
fn each_program_has_a_restart_of_its_own() {
    let home = Home::new();
    home.ok(&["up", "-d", &home.lab("policies.toml", &lab())]);
    let [proxy, server] = pids(&home);
    home.ok(&["exec", "web", "--", "pkill", "-KILL", "-x", "rackless|sleep"]);
    until("the proxy is started again, without its server", || {
        let events = home.ok(&["events"]);
        match events.contains("web:proxy starts again")
            && events.contains("web:server ended: killed by SIGKILL")
        {
            true => Ok(()),
            false => Err(events),
        }
    });
    until("the server stays ended", || match pids(&home) {
        [now, 0] if now != proxy && server != 0 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    home.ok(&["down"]);
}

#[test]
fn the_logs_of_several_programs_are_followed_together() {
    let home = Home::new();
    let program = |name: &str| {
        format!("[[node.a.run]]\nname = \"{name}\"\ncommand = \"read x < {name}; echo $x; printf no-end\"\n")
    };
    for name in ["one", "two"] {
        let pipe = home.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    }
    home.ok(&[
        "up",
        "-d",
        &home.lab("followed.toml", &format!("[node.a]\n{}{}", program("one"), program("two"))),
    ]);
    let logs = home.path().join("logs");
    let mut follow = home.command(&["logs", "-f", "a"]);
    let mut follow = follow.stdout(fs::File::create(&logs).expect("a file")).spawn().expect("logs runs");
    fs::write(home.path().join("two"), "second\n").expect("it reads");
    until("the second is shown", || match fs::read_to_string(&logs).unwrap_or_default() {
        text if text == "two | second\ntwo | no-end\n" => Ok(()),
        text => Err(text),
    });
    fs::write(home.path().join("one"), "first\n").expect("it reads");
    assert!(follow.wait().expect("it ends with the programs").success());
    let text = fs::read_to_string(&logs).expect("the logs");
    assert_eq!(text, "two | second\ntwo | no-end\none | first\none | no-end\n");
    home.ok(&["down"]);
}

#[test]
fn a_program_that_fails_while_the_lab_comes_up_is_named_with_its_node() {
    let home = Home::new();
    let lab = lab().replace("\"serve\"", "\"no-such-verb\"");
    let message = home.fails(1, &["up", "-d", &home.lab("fails.toml", &lab)]);
    assert!(message.contains("the program of web:server ended with exit status 2"), "{message}");
    home.assert_nothing_left(&[], "after a failed up");
}
