//! Bursts of frames that a wire sends to a port itself, past the TAP that leads there.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::home::{Home, until};

/// Each opportunity of the trace delivers 1,500 bytes at once: 25 of the frames.
const LAB: &str = r#"
[node.a]
kind = "nf"
[node.b]
kind = "nf"
[[link]]
ends = ["a", "b"]
tx = { trace = [0, 5], limit = "1000 frames" }
wire = "user"
"#;
const FRAMES: u64 = 400;
const SEND: &str = r#"
local mg, memory, device = require "moongen", require "memory", require "device"
function master()
	local dev = device.config{port = 0}
	local pool = memory.createMemPool(function(buf) buf:getUdpPacket():fill{pktLength = 60} end)
	local bufs = pool:bufArray(40)
	for _ = 1, 10 do bufs:alloc(60); dev:getTxQueue(0):send(bufs) end
end
"#;

/// Frames that the interfaces of this name or prefix in the fabric got (`rx`) or sent, by the wire process, which lives
/// there.
fn frames(home: &Home, name: &str, rx: bool) -> u64 {
    let stat = home.processes().into_iter().find(|stat| stat.contains("(rackless-wire)")).expect("a wire");
    let pid = stat.split(' ').next().expect("a number");
    let table = fs::read_to_string(format!("/proc/{pid}/net/dev")).expect("the fabric's interfaces");
    let lines = table.lines().map(str::trim_start).filter(|line| line.starts_with(name));
    let counters = lines.filter_map(|line| line.split_once(':')).map(|(_, counters)| counters);
    let number =
        |counters: &str| counters.split_whitespace().nth(if rx { 0 } else { 8 } + 1)?.parse::<u64>().ok();
    counters.map(|counters| number(counters).expect("a number")).sum()
}

#[test]
fn bursts_go_past_the_tap_until_somebody_looks_at_the_port() {
    let home = Home::ordinary_user();
    fs::write(home.path().join("send.lua"), SEND).expect("a script");
    home.ok(&["up", "-d", &home.lab("lab.toml", LAB)]);
    let send = |delivered: u64| {
        home.ok(&["exec", "a", "--", "rackless", "gen", "send.lua"]);
        until("all frames have passed", || match frames(&home, "b.eth0", false) {
            sent if sent == delivered => Ok(()),
            sent => Err(format!("{sent} of {delivered}")),
        });
    };
    let through_taps = || frames(&home, "wire~", true);
    send(FRAMES);
    let through_tap = through_taps();
    assert!((1..FRAMES / 2).contains(&through_tap), "{through_tap} of {FRAMES} through the TAP");

    let count = FRAMES.to_string();
    let args = ["capture", "b:eth0", "--filter", "udp", "-c", &count];
    let mut capture =
        home.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut messages = BufReader::new(capture.stderr.take().expect("its messages"));
    let mut message = String::new();
    messages.read_line(&mut message).expect("a message");
    assert!(message.starts_with("capturing at "), "{message}");
    send(2 * FRAMES);
    assert_eq!(through_taps(), through_tap + FRAMES);
    let mut shown = String::new();
    capture.stdout.take().expect("its output").read_to_string(&mut shown).expect("its output");
    assert_eq!(shown.lines().count() as u64, FRAMES);
    assert!(capture.wait().expect("its end").success());
    home.ok(&["down"]);
}
