//! Captures at the cable's side of an interface.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use rackless_packet::capture::{Direction, Reader, Record};
use rackless_packet::checksum::{self, Verdict};
use rackless_packet::{L4Kind, Layout};

use crate::home::{Home, text};

/// Starts a capture, and comes back when it sees frames.
fn start(home: &Home, args: &[&str]) -> (Child, BufReader<std::process::ChildStderr>) {
    let args = [&["capture"], args].concat();
    let mut capture =
        home.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut messages = BufReader::new(capture.stderr.take().expect("its messages"));
    let mut first = String::new();
    messages.read_line(&mut first).expect("a message");
    assert!(first.starts_with("capturing at "), "{first}");
    (capture, messages)
}

/// Sends a signal to a capture; gives its last message.
fn end(mut capture: Child, mut messages: impl Read, signal: Option<&str>) -> String {
    if let Some(signal) = signal {
        let pid = capture.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().expect("kill").success());
    }
    let mut rest = String::new();
    messages.read_to_string(&mut rest).expect("messages");
    assert!(capture.wait().expect("its end").success(), "{rest}");
    rest
}

fn is_echo(record: &&Record) -> bool {
    let l4 = Layout::scan(&record.data).l4;
    let echo = |at: usize| matches!(record.data[at], 0 | 8 | 128 | 129);
    l4.is_some_and(|l4| matches!(l4.kind, L4Kind::Icmpv4 | L4Kind::Icmpv6) && echo(usize::from(l4.offset)))
}

#[test]
fn a_captured_ping_reads_back_with_its_checksums_and_directions() {
    let home = Home::ordinary_user();
    home.ok(&["up", "-d", "--shape", "single,2"]);
    let (capture, messages) = start(&home, &["h1:eth0", "-w", "ping.pcapng"]);
    assert!(home.pings("h1", "10.0.0.2") && home.pings("h1", "fd00::2"));
    let last = end(capture, messages, Some("-INT"));
    assert!(last.contains(" frames captured, 0 missed"), "{last}");
    let file = BufReader::new(File::open(home.path().join("ping.pcapng")).expect("the capture"));
    let mut reader = Reader::new(file).expect("a capture");
    let records: Vec<Record> = reader.by_ref().collect::<Result<_, _>>().expect("whole records");
    let Reader::Pcapng(reader) = reader else { panic!("not pcapng") };
    assert_eq!(reader.interfaces()[0].name.as_deref(), Some("h1:eth0"));
    for record in &records {
        assert_eq!(checksum::verify(&record.data), Verdict::Correct, "{record:?}");
    }
    let echoes: Vec<&Record> = records.iter().filter(is_echo).collect();
    let directions: Vec<_> = echoes.iter().map(|record| record.direction).collect();
    let (from, to) = (Some(Direction::Inbound), Some(Direction::Outbound));
    assert_eq!(directions, [from, to, from, to]);
    assert!(echoes.is_sorted_by_key(|record| record.time_ns));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let age = now.as_nanos() - u128::from(echoes[0].time_ns);
    assert!(age < 60_000_000_000, "the time is the kernel's: {age} ns ago");
    home.ok(&["down"]);
}

#[test]
fn frames_are_shown_until_there_are_enough() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "single,2"]);
    // Only ARP: nodes also report, each at a time of its own, the IPv6 groups that they join.
    let (mut capture, messages) =
        start(&home, &["h2:eth0", "--lab", "single-2", "-f", "arp", "-c", "2", "-v"]);
    let mut output = capture.stdout.take().expect("its output");
    assert!(home.pings("h1", "10.0.0.2"));
    let last = end(capture, messages, None);
    assert_eq!(last, "2 frames captured, 0 missed\n");
    let mut shown = Vec::new();
    output.read_to_end(&mut shown).expect("its output");
    let shown = text(&shown);
    assert_eq!(shown.matches("Ethernet at 0").count(), 2, "{shown}");
    assert!(
        shown.contains(" ← ") && shown.contains(" → ") && shown.contains("ARP request who-has"),
        "{shown}"
    );
    home.ok(&["down"]);
}

#[test]
fn a_capture_ends_by_its_time_and_with_its_lab() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "single,1"]);
    let (capture, messages) = start(&home, &["h1:eth0", "--for", "50 ms", "-w", "-"]);
    assert!(end(capture, messages, None).ends_with("frames captured, 0 missed\n"));
    let (capture, messages) = start(&home, &["h1:eth0"]);
    home.ok(&["down"]);
    assert!(end(capture, messages, None).starts_with("lab single-1 has ended\n"));
    home.assert_nothing_left(&[], "after down");
}

#[test]
fn frames_of_several_interfaces_are_filtered_and_merged_in_order() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "linear,2"]);
    let (capture, messages) = start(
        &home,
        &["h1", "s1", "h2:eth0", "h1:eth0", "-w", "all.pcapng", "--filter", "icmp and host 10.0.0.2"],
    );
    assert!(home.pings("h1", "fd00::2") && home.pings("h1", "10.0.0.2") && home.pings("h2", "10.0.0.1"));
    let last = end(capture, messages, Some("-INT"));
    assert!(
        last.starts_with("live in Wireshark: tail -f -c +1 'all.pcapng' | wireshark -k -i -\n"),
        "{last}"
    );
    assert!(last.contains("16 frames captured, 0 missed"), "{last}");
    let file = BufReader::new(File::open(home.path().join("all.pcapng")).expect("the capture"));
    let Reader::Pcapng(mut reader) = Reader::new(file).expect("a capture") else { panic!("not pcapng") };
    let records: Vec<Record> = reader.by_ref().collect::<Result<_, _>>().expect("whole records");
    let names: Vec<_> = reader.interfaces().iter().map(|interface| interface.name.as_deref()).collect();
    assert_eq!(names, [Some("h1:eth0"), Some("s1:eth0"), Some("s1:eth1"), Some("h2:eth0")]);
    assert!(records.is_sorted_by_key(|record| record.time_ns), "{records:?}");
    for interface in 0..4 {
        let at = records.iter().filter(|record| record.interface == interface);
        assert_eq!(
            at.filter(is_echo).count(),
            4,
            "two pings and their answers at {:?}",
            names[interface as usize]
        );
    }
    home.ok(&["down"]);
}

#[test]
fn lines_of_several_interfaces_name_them() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "single,2"]);
    let (mut capture, messages) = start(&home, &["h1", "h2", "-f", "icmp", "-c", "4"]);
    let mut output = capture.stdout.take().expect("its output");
    assert!(home.pings("h1", "10.0.0.2"));
    end(capture, messages, None);
    let mut shown = String::new();
    output.read_to_string(&mut shown).expect("its output");
    assert!(shown.starts_with("h1:eth0 ") && shown.contains("\nh2:eth0 "), "{shown}");
    home.ok(&["down"]);
}

#[test]
fn an_interface_that_is_not_there_is_told_with_those_that_are() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "single,1"]);
    assert!(home.fails(2, &["capture", "h7"]).contains("hint: there are: s1, h1"));
    let wrong = home.fails(2, &["capture", "h1", "--filter", "tcp prot 80"]);
    assert!(wrong.contains("unexpected 'prot' at column 5 of the filter"), "{wrong}");
    assert!(home.fails(2, &["capture", "h1:eth7"]).contains("h1 has no interface eth7; it has eth0"));
    home.ok(&["down"]);
}
