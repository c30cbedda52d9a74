//! The probes of checks: each holds where it should, and says what it found where it does not.

use serde_json::Value;

use crate::home::{Home, text};

/// Two hosts; the second answers over TCP, UDP and HTTP.
const SERVED: &str = r#"
[node.h1]
[node.h2]
run = """
rackless serve udp --port 53 --say pong &
rackless serve http --port 80 --say '<p>hello</p>' &
exec rackless serve tcp --port 7 --say hello
"""
ready = { command = "rackless serve --help" }
[[link]]
ends = ["h1", "h2"]
"#;

const HOLDS: &str = r#"
[[check]]
name = "all meet"
on = "all"
ping = "all"
[[check]]
name = "a datagram is answered"
on = "h1"
udp = "[fd00::2]:53"
send = "ping"
expect = "pong"
[[check]]
name = "a page is there"
on = "h1"
http = "http://10.0.0.2/"
expect = "hello"
[[check]]
name = "there is only one page"
on = "h1"
http = "http://[fd00::2]:80/other"
status = 404
[[check]]
name = "no other address"
on = "h1"
ping = ["10.0.0.77", "fd00::77"]
fails = true
[[check]]
name = "no other port"
on = "h1"
udp = "10.0.0.2:54"
fails = true
within = "500 ms"
[[check]]
name = "round trips are short and none is lost"
on = "h1"
ping = "h2"
count = 30
rtt = { at_most = "50 ms" }
loss = { at_most = "0 %" }
[[check]]
name = "much passes"
on = "h1"
throughput = { to = "h2", at_least = "50 Mbit/s", time = "200 ms" }
[[check]]
name = "datagrams pass at their rate"
on = "h1"
throughput = { to = "h2", udp = "10 Mbit/s", at_least = "7 Mbit/s", at_most = "13 Mbit/s", time = "300 ms" }
family = 4
[[check]]
name = "the question is seen"
seen = "h2:eth0"
filter = "udp dst port 53 and ip6 host fd00::1"
[[check]]
name = "nothing else is seen"
seen = "h1:eth0"
filter = "tcp port 22 or host 10.9.9.9"
fails = true
"#;

const DOES_NOT_HOLD: &str = r#"
[[check]]
name = "another word"
on = "h1"
udp = "10.0.0.2:53"
expect = "pang"
within = "300 ms"
[[check]]
name = "another page"
on = "h1"
http = "http://10.0.0.2/other"
within = "300 ms"
[[check]]
name = "as far as the moon"
on = "h1"
ping = "h2"
family = 4
count = 2
rtt = { at_least = "2 s" }
within = "300 ms"
[[check]]
name = "all lost"
on = "h1"
ping = "10.0.0.77"
count = 2
loss = { at_most = "50 %" }
within = "300 ms"
[[check]]
name = "too little"
on = "h1"
throughput = { to = "h2", udp = "1 Mbit/s", at_least = "50 Mbit/s", time = "100 ms" }
within = "100 ms"
[[check]]
name = "unseen"
seen = "h2:eth0"
filter = "tcp port 4711"
within = "300 ms"
[[check]]
name = "seen"
seen = "h2:eth0"
filter = "udp port 53"
fails = true
within = "300 ms"
"#;

#[test]
fn every_probe_holds_where_it_should() {
    for home in [Home::new(), Home::ordinary_user()] {
        let lab = home.lab("holds.toml", &format!("{SERVED}{HOLDS}"));
        let output = home.run(&["test", &lab]);
        let shown = text(&output.stdout);
        assert!(
            output.status.success() && shown.contains("11 checks, 11 ok"),
            "{shown}{}",
            text(&output.stderr)
        );
        home.assert_nothing_left(&[], "after the test");
    }
}

#[test]
fn every_probe_says_what_it_found() {
    let home = Home::new();
    let lab = home.lab("fails.toml", &format!("{SERVED}{DOES_NOT_HOLD}"));
    let output = home.run(&["test", &lab]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let output = text(&output.stdout);
    for expected in [
        r"found: the answer 'pong\n'",
        "expected: an answer of 10.0.0.2:53 that contains 'pang'",
        "found: status 404 and 'not found'",
        "expected: status 200 of http://10.0.0.2:80/other",
        "found: h2 (10.0.0.2): 0 of 2 lost, median round trip ",
        "expected: a median round trip of at least 2 s",
        "found: 10.0.0.77: 2 of 2 lost",
        "expected: a loss of at most 50 %",
        " Mbit/s\n        expected: a throughput to h2 of at least 50 Mbit/s",
        "found: 0 such packets among ",
        "expected: a packet (tcp port 4711) at h2:eth0",
        "expected: not a packet (udp port 53) at h2:eth0",
        "7 checks, 0 ok, 7 failed",
    ] {
        assert!(output.contains(expected), "{expected} is not in {output}");
    }
}

#[test]
fn what_shall_fail_must_keep_failing() {
    let home = Home::new();
    // The server comes up while the check still runs: at first nothing answers.
    let late = "[node.h1]\n[node.h2]\nrun = \"sleep 0.7; exec rackless serve tcp --port 7 --say late\"\n\
                [[link]]\nends = [\"h1\", \"h2\"]\n\
                [[check]]\nname = \"nobody answers\"\non = \"h1\"\ntcp = \"10.0.0.2:7\"\nfails = true\nwithin = \"4 s\"\n";
    let lab = home.lab("late.toml", late);
    let output = home.run(&["test", &lab, "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found = found["checks"][0]["nodes"][0]["found"].as_str().expect("a text");
    assert!(
        found.starts_with("the connection opened, ") && found.ends_with("after it had failed"),
        "{found}"
    );
}

#[test]
fn delay_loss_and_rate_of_a_link_are_measured() {
    let home = Home::new();
    let lab = home.lab(
        "slow.toml",
        "[node.h1]\n[node.h2]\n[[link]]\nends = [\"h1\", \"h2\"]\ndelay = \"20 ms\"\nrate = \"10 Mbit/s\"\n\
         [[check]]\nname = \"the delay, twice\"\non = \"h1\"\nping = \"h2\"\nrtt = { at_least = \"39 ms\", at_most = \"200 ms\" }\n\
         loss = { at_most = \"0 %\" }\n\
         [[check]]\nname = \"not more than the rate\"\non = \"h1\"\n\
         throughput = { to = \"h2\", at_least = \"1 Mbit/s\", at_most = \"10 Mbit/s\", time = \"1 s\" }\n",
    );
    let output = home.run(&["test", &lab]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
