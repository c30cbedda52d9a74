//! What a node's own kernel has dropped, by the kernel's names for the reasons.

use std::collections::BTreeMap;
use std::fs;

/// The counters of `/proc/net/snmp`, `snmp6` and `netstat` that count packets which were given up.
const DROPS: [&str; 34] = [
    "IpInHdrErrors",
    "IpInAddrErrors",
    "IpInUnknownProtos",
    "IpInDiscards",
    "IpOutDiscards",
    "IpOutNoRoutes",
    "IpReasmFails",
    "IpFragFails",
    "Ip6InHdrErrors",
    "Ip6InTooBigErrors",
    "Ip6InNoRoutes",
    "Ip6InAddrErrors",
    "Ip6InUnknownProtos",
    "Ip6InTruncatedPkts",
    "Ip6InDiscards",
    "Ip6OutDiscards",
    "Ip6OutNoRoutes",
    "Ip6ReasmFails",
    "Ip6FragFails",
    "IcmpInErrors",
    "IcmpInCsumErrors",
    "Icmp6InErrors",
    "Icmp6InCsumErrors",
    "TcpInErrs",
    "TcpInCsumErrors",
    "UdpNoPorts",
    "UdpRcvbufErrors",
    "UdpInCsumErrors",
    "Udp6NoPorts",
    "Udp6RcvbufErrors",
    "Udp6InCsumErrors",
    "TcpExtListenDrops",
    "TcpExtTCPBacklogDrop",
    "TcpExtTCPRcvQDrop",
];

/// Counters that count also what a second one, which is more exact, has counted.
const INCLUDED: [(&str, &str); 4] = [
    ("IcmpInErrors", "IcmpInCsumErrors"),
    ("Icmp6InErrors", "Icmp6InCsumErrors"),
    ("TcpInErrs", "TcpInCsumErrors"),
    ("Ip6FragFails", "Ip6InTooBigErrors"),
];

/// What a kernel counts that is muted, since its interfaces belong to a program: its own copy of each IPv6 packet that
/// the program got, whatever that did with it.
const COPIES: &str = "Ip6InDiscards";

/// Reads the counters in the calling thread's namespace: each packet once, and only what is not zero.
pub(super) fn drops(muted: bool) -> BTreeMap<String, u64> {
    let read = |name: &str| fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default();
    let all = pairs(&read("snmp")).into_iter().chain(pairs(&read("netstat"))).chain(lines(&read("snmp6")));
    let counts = |name: &str| DROPS.contains(&name) && !(muted && name == COPIES);
    once(all.filter(|(name, _)| counts(name)).collect())
}

/// Takes out of the counters what others have counted, too.
fn once(mut all: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    for (name, exact) in INCLUDED {
        let included = all.get(exact).copied().unwrap_or_default();
        if let Some(count) = all.get_mut(name) {
            *count = count.saturating_sub(included);
        }
    }
    all.retain(|_, count| *count > 0);
    all
}

/// Reads a table of lines in pairs: `Ip: A B` and `Ip: 1 2`.
fn pairs(table: &str) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut all = table.lines();
    while let (Some(names), Some(values)) = (all.next(), all.next()) {
        let Some((prefix, names)) = names.split_once(": ") else { continue };
        let values = values.split_ascii_whitespace().skip(1);
        let each = names.split_ascii_whitespace().zip(values);
        found.extend(each.filter_map(|(name, value)| Some((format!("{prefix}{name}"), value.parse().ok()?))));
    }
    found
}

/// Reads a table of lines `Ip6InDiscards 3`.
fn lines(table: &str) -> Vec<(String, u64)> {
    let line = |line: &str| {
        let (name, value) = line.split_once(char::is_whitespace)?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    };
    table.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_with_a_wrong_checksum_is_no_second_error() {
        let count = |name: &str, count: u64| (name.to_owned(), count);
        let told =
            BTreeMap::from([count("TcpInErrs", 5), count("TcpInCsumErrors", 5), count("IpInDiscards", 0)]);
        assert_eq!(once(told), BTreeMap::from([count("TcpInCsumErrors", 5)]));
        let told = BTreeMap::from([count("IcmpInErrors", 7), count("IcmpInCsumErrors", 5)]);
        let expected = BTreeMap::from([count("IcmpInErrors", 2), count("IcmpInCsumErrors", 5)]);
        assert_eq!(once(told), expected);
    }

    #[test]
    fn both_forms_of_tables_are_read() {
        let found = pairs("Ip: Forwarding InDiscards\nIp: 1 3\nUdp: NoPorts\nUdp: 7\ntorn");
        assert_eq!(found[1], ("IpInDiscards".to_owned(), 3));
        assert_eq!(found[2], ("UdpNoPorts".to_owned(), 7));
        assert_eq!(lines("Ip6InDiscards     \t3\ntorn\n"), [("Ip6InDiscards".to_owned(), 3)]);
    }
}
