//! tcpdump (Debian: tcpdump), which shares no code with us, lets the same frames pass.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rackless_packet::capture::{LinkType, Reader, Record};
use rackless_packet::filter::Filter;
use rackless_packet::pcap::Writer;
use rackless_packet::strategy;

/// How many frames each filter meets.
const FRAMES: usize = 3000;
/// How many filters are made up.
const FILTERS: usize = 300;

/// Filters as people write them, and what the grammar is known for.
const WRITTEN: &[&str] = &[
    "",
    "tcp port 80 or 443 and not host 10.0.0.1",
    "port (80 or 443)",
    "not port 80 and tcp",
    "src 10.0.1.1 or dst net 10.0.2.0/24",
    "src or dst port 53",
    "src and dst portrange 1000-40000",
    "portrange 1-2000 or 30000-40000",
    "net 10",
    "net 10.0.1",
    "net 10.0.0.0 mask 255.255.0.255",
    "host fd00::1 or fd00::2",
    "ip6 net fd00::/16 and not net fe80::/10",
    "net ::/0",
    "net 0.0.0.0/0",
    "arp host 10.0.0.1 or arp",
    "ether src host 02:00:00:00:00:01 or ether broadcast",
    "multicast or ip multicast or ip6 multicast",
    "vlan and ip",
    "vlan and vlan and tcp",
    "vlan 5 or tcp",
    "ip or vlan and ip6",
    "not vlan and host 10.0.0.1",
    "less 64 or greater 200",
    "len > 100 && len <= 200",
    "tcp[tcpflags] & tcp-syn != 0",
    "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
    "tcp[13] & 2 != 0 and not tcp[13] & 16 != 0",
    "(tcp[12] & 0xf0) >> 2 > 20",
    "icmp[icmptype] = icmp-echo or icmp6[icmp6type] = icmp6-echo",
    "icmp[icmptype] != icmp-unreach",
    "ip[2:2] - ((ip[0] & 0xf) << 2) > 40",
    "ip6[4:2] < 60",
    "ether[0] & 1 = 0 and ip[16] >= 10",
    "ether[12:2] = 0x86dd",
    "ip[ip[0] & 0xf] = 7",
    "udp[4:2] = 8 or udp[ip[0] & 3] > 0",
    "ip proto 17 or ip6 proto 58",
    r"ip proto \tcp or ip6 proto \udp",
    "proto 1 or proto 58",
    "ether proto 0x88cc or ether proto 0x86dd",
    r"ether proto \arp",
    "1 = 1 and 2 > 1",
    "len % 7 = 3",
    "len / 10 * 10 = len",
    // The other way round, tcpdump forgets to ask whether it is IPv4.
    "(ip[8] - 64) / 10 = 0",
    "1000 / (len - 60) = 1",
    "- 1 > 5",
    "len << 3 > 800 or len ^ 3 = 97",
    "not (tcp or udp) and not not ip",
    "! tcp && ! udp || arp",
    "tcp src port 1 or 2 or 3 and dst port 4",
    "host 10.0.0.1 and (port 53 or icmp)",
    "dst host 10.0.0.1 and not 10.0.0.2",
    "src (10.0.0.1 or 10.0.0.2)",
    "sctp or esp or ah or igmp or rarp",
    "ether[1000] = 1 or ip",
    "ip or ether[1000] = 1",
    "not ether[100] = 1",
];

fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), LinkType::ETHERNET).expect("a header");
    for (number, frame) in frames.iter().enumerate() {
        writer.write(&Record::new(number as u64 * 1000, frame.clone())).expect("a frame");
    }
    writer.into_inner()
}

/// Returns the numbers of the frames that tcpdump lets pass, or what it says of the filter.
fn passed_by_tcpdump(capture: &[u8], filter: &str) -> Result<BTreeSet<usize>, String> {
    // Without its optimizer, which leaves out fields that cannot matter: a frame that lacks them would pass.
    let mut tcpdump = Command::new("tcpdump")
        .args(["-O", "-r", "-", "-w", "-", "--", filter])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tcpdump (Debian: tcpdump) runs");
    let mut input = tcpdump.stdin.take().expect("its input");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(capture)); // tcpdump ends early if it dislikes the filter
        tcpdump.wait_with_output()
    });
    let output = output.expect("its output");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let records = Reader::new(&output.stdout[..]).expect("a capture");
    Ok(records.map(|record| (record.expect("a record").time_ns / 1000) as usize).collect())
}

fn compare(frames: &[Vec<u8>], capture: &[u8], filter: &str) {
    let theirs = passed_by_tcpdump(capture, filter).unwrap_or_else(|error| panic!("'{filter}': {error}"));
    let ours: Filter = filter.parse().unwrap_or_else(|error| panic!("'{filter}': {error}"));
    for (number, frame) in frames.iter().enumerate() {
        let (ours, theirs) = (ours.matches(frame), theirs.contains(&number));
        assert_eq!(ours, theirs, "'{filter}' on {frame:02x?}: ours, tcpdump's");
    }
}

fn frames(runner: &mut TestRunner) -> Vec<Vec<u8>> {
    vec(strategy::any_frame(), FRAMES).new_tree(runner).expect("frames").current()
}

/// Yields one condition of a filter.
fn primitive() -> impl Strategy<Value = String> {
    let side = || prop::sample::select(vec!["", "src ", "dst ", "src or dst ", "src and dst "]);
    let v4 = strategy::ipv4_addr();
    let net4 = (strategy::ipv4_addr(), 0_u32..=32).prop_map(|(ip, len)| {
        let mask = u32::MAX.checked_shl(32 - len).unwrap_or(0);
        format!("net {}/{len}", std::net::Ipv4Addr::from(u32::from(ip) & mask))
    });
    let net6 = (strategy::ipv6_addr(), 0_u32..=128).prop_map(|(ip, len)| {
        let mask = u128::MAX.checked_shl(128 - len).unwrap_or(0);
        format!("net {}/{len}", std::net::Ipv6Addr::from(u128::from(ip) & mask))
    });
    let address = prop_oneof![
        v4.prop_map(|ip| format!("host {ip}")),
        strategy::ipv6_addr().prop_map(|ip| format!("host {ip}")),
        net4,
        net6,
    ];
    let port = (
        prop::sample::select(vec!["", "tcp ", "udp ", "sctp "]),
        side(),
        any::<u16>(),
        any::<u16>(),
        any::<bool>(),
    )
        .prop_map(|(protocol, side, a, b, range)| match range {
            true => format!("{protocol}{side}portrange {a}-{b}"),
            false => format!("{protocol}{side}port {a}"),
        });
    let bytes = prop::sample::select(vec!["ether", "ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6"]);
    let size = prop::sample::select(vec!["", ":1", ":2", ":4"]);
    let relation = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let compared = (bytes, 0_u32..60, size, any::<u8>(), relation, any::<u8>()).prop_map(
        |(bytes, at, size, mask, relation, value)| format!("{bytes}[{at}{size}] & {mask} {relation} {value}"),
    );
    let word = prop::sample::select(vec![
        "ip",
        "ip6",
        "arp",
        "tcp",
        "udp",
        "icmp",
        "icmp6",
        "vlan",
        "multicast",
        "ip multicast",
        "len > 90",
    ]);
    prop_oneof![
        word.prop_map(str::to_owned),
        (side(), address).prop_map(|(side, address)| format!("{side}{address}")),
        port,
        compared,
        (0_u8..=255).prop_map(|number| format!("ip proto {number}")),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    primitive().prop_recursive(4, 12, 2, |inner| {
        let join = prop::sample::select(vec!["and", "or", "&&", "||"]);
        prop_oneof![
            (inner.clone(), join, inner.clone()).prop_map(|(a, join, b)| format!("{a} {join} {b}")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.prop_map(|inner| format!("not {inner}")),
        ]
    })
}

#[test]
fn filters_as_people_write_them_pass_what_tcpdump_passes() {
    let frames = frames(&mut TestRunner::default());
    let capture = pcap(&frames);
    for filter in WRITTEN {
        compare(&frames, &capture, filter);
    }
}

#[test]
fn any_filter_passes_what_tcpdump_passes() {
    let mut runner = TestRunner::default();
    let frames = frames(&mut runner);
    let capture = pcap(&frames);
    for _ in 0..FILTERS {
        compare(&frames, &capture, &filter().new_tree(&mut runner).expect("a filter").current());
    }
}

/// Words of the language, in any order.
fn words() -> impl Strategy<Value = String> {
    let words = vec![
        "tcp",
        "udp",
        "ip",
        "ip6",
        "ether",
        "port",
        "portrange",
        "net",
        "host",
        "src",
        "dst",
        "and",
        "or",
        "not",
        "(",
        ")",
        "[",
        "]",
        "=",
        ">",
        "&",
        "-",
        "/",
        ":",
        "80",
        "10.0.0.1",
        "fd00::1",
        "10",
        "len",
        "vlan",
        "less",
        "greater",
        "mask",
        "proto",
        "\\tcp",
        "tcpflags",
        "multicast",
        "0x",
        "4294967296",
        "é",
    ];
    vec(prop::sample::select(words), 0..12).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn any_text_is_a_filter_or_an_error(text in prop_oneof![any::<String>(), words()], frame in strategy::any_frame()) {
        match text.parse::<Filter>() {
            Ok(filter) => drop(filter.matches(&frame)),
            Err(error) => prop_assert!(error.span().end <= text.len() && !error.to_string().is_empty()),
        }
    }
}
