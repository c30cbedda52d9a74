//! ARP and neighbour discovery, both ways; frames to others.

use rackless_nf::{Harness, time};
use rackless_packet::MacAddr;
use rackless_packet::build::{Build, SOLICITED_OVERRIDE};
use rackless_packet::icmpv6::ndp::NeighbourAdvertisement;

use crate::lab::{Lab, host_mac, question, udp};

const V6: (&str, &str) = ("fd00:a::1", "fd00:b::1");
const V4: (&str, &str) = ("10.0.1.1", "10.0.2.1");

#[test]
fn a_packet_waits_for_the_answer_and_goes_on_with_one_hop_less() {
    for (src, dst) in [V6, V4] {
        let mut lab = Lab::new("");
        lab.host("b", 2, &[dst]);
        let sent = udp(1, 0, src, dst);
        let out = lab.send("a", &sent);
        assert_eq!(out.len(), 1, "{src}");
        let (port, frame) = &out[0];
        assert_eq!((*port, &frame[..6], &frame[6..12]), ("b", &host_mac(2).0[..], &Harness::mac(1).0[..]));
        let hops = if src == V6.0 { 21 } else { 22 };
        assert_eq!(frame[hops], 63);
        assert_eq!(frame[34 + 8..], sent[34 + 8..], "behind the IPv4 header nothing changes");
        assert_eq!(lab.send("a", &sent).len(), 1, "the second packet finds the neighbour");
        assert_eq!(lab.harness.nodes()[0].held, 0);
    }
}

#[test]
fn three_questions_a_second_apart_and_then_the_sender_is_told() {
    for (src, dst) in [V6, V4] {
        let mut lab = Lab::new("");
        lab.host("a", 1, &[src]);
        lab.harness.send("a", &udp(1, 0, src, dst));
        assert_eq!(lab.harness.received("b").iter().filter_map(|frame| question(frame)).count(), 1);
        lab.harness.advance(2900 * time::MILLISECOND);
        assert_eq!(lab.harness.received("b").iter().filter_map(|frame| question(frame)).count(), 2);
        assert_eq!(lab.harness.nodes()[0].held, 1);
        let out = lab.run(200 * time::MILLISECOND);
        assert_eq!(lab.drops("neighbour unreachable"), 1);
        assert_eq!(out.len(), 1);
        let (port, frame) = &out[0];
        let icmp = if src == V6.0 { &frame[54..56] } else { &frame[34..36] };
        let address_unreachable = if src == V6.0 { [1, 3] } else { [3, 1] };
        assert_eq!((*port, icmp), ("a", &address_unreachable[..]));
    }
}

#[test]
fn the_oldest_packet_leaves_a_full_queue() {
    let mut lab = Lab::new("[neighbours]\nqueue = 2");
    for _ in 0..5 {
        lab.send("a", &udp(1, 0, V6.0, V6.1));
    }
    assert_eq!(lab.drops("neighbour queue full"), 3);
    assert_eq!(lab.harness.nodes()[0].held, 2);
}

#[test]
fn a_full_table_drops_by_name() {
    let mut lab = Lab::new("[neighbours]\ncount = 2");
    for host in 1..=3 {
        lab.send("a", &udp(1, 0, V4.0, &format!("10.0.2.{host}")));
    }
    assert_eq!(lab.drops("neighbour table full"), 2, "the packet, and the error to its sender");
}

#[test]
fn requests_for_own_addresses_are_answered_and_others_are_not() {
    let mut lab = Lab::new("");
    let ask = |target: [u8; 4]| {
        Build::arp_request(host_mac(1), [10, 0, 1, 1].into(), target.into()).to_vec().unwrap()
    };
    let out = lab.send("a", &ask([10, 0, 1, 254]));
    let expected =
        Build::arp_reply(Harness::mac(0), [10, 0, 1, 254].into(), host_mac(1), [10, 0, 1, 1].into());
    assert_eq!(out, [("a", expected.to_vec().unwrap())]);
    assert!(lab.send("a", &ask([10, 0, 1, 7])).is_empty());
    assert!(lab.send("a", &ask([10, 0, 2, 254])).is_empty(), "that address is on the other link");
    assert_eq!(lab.drops("consumed: ARP of others"), 2);
}

#[test]
fn who_asked_needs_not_be_asked_for_but_is_asked_at_its_first_use() {
    let mut lab = Lab::new("");
    let ask = Build::arp_request(host_mac(2), [10, 0, 2, 1].into(), [10, 0, 2, 254].into());
    lab.harness.send("b", &ask.to_vec().unwrap());
    lab.harness.received("b");
    lab.harness.send("a", &udp(1, 0, V4.0, V4.1));
    let out = lab.harness.received("b");
    assert_eq!(out.len(), 2);
    assert_eq!(question(&out[0]).or(question(&out[1])).map(|asked| asked.dst), Some(host_mac(2)));
}

#[test]
fn solicitations_are_answered_to_the_asker_or_to_all_when_it_has_no_address() {
    let mut lab = Lab::new("");
    let target = "fd00:a::fe".parse().unwrap();
    for target in [target, Harness::mac(0).link_local()] {
        let ask = Build::neighbour_solicitation(host_mac(1), "fd00:a::1".parse().unwrap(), target);
        let out = lab.send("a", &ask.to_vec().unwrap());
        let flags = SOLICITED_OVERRIDE | NeighbourAdvertisement::ROUTER;
        let (mac, to) = (Harness::mac(0), "fd00:a::1".parse().unwrap());
        let expected = Build::neighbour_advertisement(mac, target, host_mac(1), to, flags);
        assert_eq!(out, [("a", expected.to_vec().unwrap())]);
    }
    let detect = Build::neighbour_solicitation(host_mac(1), "::".parse().unwrap(), target);
    let out = lab.send("a", &detect.to_vec().unwrap());
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].1[..6], [0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(out[0].1[58] & 0xe0, 0xa0, "router and override, not solicited");
    let other = Build::neighbour_solicitation(
        host_mac(1),
        "fd00:a::1".parse().unwrap(),
        "fd00:a::fd".parse().unwrap(),
    );
    assert!(lab.send("a", &other.to_vec().unwrap()).is_empty());
    assert_eq!(lab.drops("consumed: neighbour discovery of others"), 1);
}

#[test]
fn discovery_that_passed_a_router_is_ignored() {
    let mut lab = Lab::new("");
    let stage = Build::ethernet(host_mac(1), Harness::mac(0));
    let stage = stage.ipv6("fd00:a::1".parse().unwrap(), "fd00:a::fe".parse().unwrap()).hop_limit(254);
    let mut message = [0; 16];
    message.copy_from_slice(&"fd00:a::fe".parse::<std::net::Ipv6Addr>().unwrap().octets());
    let solicitation = rackless_packet::icmpv6::Icmpv6Type::NEIGHBOUR_SOLICITATION;
    let frame = stage.icmp(solicitation, 0, [0; 4], &message).to_vec().unwrap();
    assert!(lab.send("a", &frame).is_empty());
    assert_eq!(lab.drops("invalid neighbour discovery"), 1);
    let unsolicited = |flags| {
        let target = "fd00:b::1".parse().unwrap();
        Build::neighbour_advertisement(host_mac(9), target, Harness::mac(1), V6.1.parse().unwrap(), flags)
            .to_vec()
            .unwrap()
    };
    lab.send("b", &unsolicited(SOLICITED_OVERRIDE));
    assert!(lab.send("a", &udp(1, 0, V6.0, V6.1)).is_empty(), "an advertisement adds nobody");
}

#[test]
fn an_override_replaces_the_address_and_nothing_else_does() {
    let mut lab = Lab::new("");
    lab.host("b", 2, &[V6.1]);
    lab.send("a", &udp(1, 0, V6.0, V6.1));
    let tell = |flags| {
        let (target, all) = (V6.1.parse().unwrap(), "ff02::1".parse().unwrap());
        Build::neighbour_advertisement(host_mac(7), target, MacAddr::from_multicast_v6(all), all, flags)
            .to_vec()
            .unwrap()
    };
    lab.send("b", &tell(0));
    lab.harness.send("a", &udp(1, 0, V6.0, V6.1));
    let out = lab.harness.received("b");
    assert!(out.iter().all(|frame| frame[..6] == host_mac(2).0), "without override the old address stays");
    lab.send("b", &tell(NeighbourAdvertisement::OVERRIDE));
    lab.harness.send("a", &udp(1, 0, V6.0, V6.1));
    assert!(
        lab.harness
            .received("b")
            .iter()
            .any(|frame| frame[..6] == host_mac(7).0 && question(frame).is_none())
    );
}

#[test]
fn after_half_a_minute_the_next_use_asks_while_packets_go_on() {
    let mut lab = Lab::new("");
    let host = lab.host("b", 2, &[V4.1]);
    lab.send("a", &udp(1, 0, V4.0, V4.1));
    lab.run(31 * time::SECOND);
    lab.hosts[host].up = false;
    lab.harness.send("a", &udp(1, 0, V4.0, V4.1));
    assert_eq!(lab.harness.received("b").len(), 2, "the packet and a question");
    lab.run(4 * time::SECOND);
    assert!(lab.send("a", &udp(1, 0, V4.0, V4.1)).is_empty());
    assert_eq!(lab.harness.nodes()[0].held, 1, "three questions without answer: it is asked for anew");
}

#[test]
fn frames_for_others_are_dropped_by_name() {
    let mut lab = Lab::new("");
    lab.host("b", 2, &[V6.1, V4.1]);
    let stage = |dst| Build::ethernet(host_mac(1), dst);
    let (src, dst) = (V4.0.parse().unwrap(), V4.1.parse().unwrap());
    let (src6, dst6): (std::net::Ipv6Addr, std::net::Ipv6Addr) =
        (V6.0.parse().unwrap(), V6.1.parse().unwrap());
    let all = MacAddr::from_multicast_v6("ff02::fb".parse().unwrap());
    let router = Harness::mac(0);
    let cases = [
        (stage(host_mac(5)).ipv4(src, dst).udp(1, 2).to_vec(), "frame for another station"),
        (stage(MacAddr::BROADCAST).ipv4(src, dst).udp(1, 2).to_vec(), "broadcast not forwarded"),
        (stage(router).ipv4(src, [10, 0, 2, 255].into()).udp(1, 2).to_vec(), "broadcast not forwarded"),
        (stage(router).ipv4(src, [224, 0, 0, 5].into()).udp(1, 2).to_vec(), "multicast not forwarded"),
        (stage(all).ipv6(src6, "ff02::fb".parse().unwrap()).udp(1, 2).to_vec(), "multicast not forwarded"),
        (stage(router).ipv6(src6, "fe80::1".parse().unwrap()).udp(1, 2).to_vec(), "link-local not forwarded"),
        (stage(router).ipv6("fe80::1".parse().unwrap(), dst6).udp(1, 2).to_vec(), "link-local not forwarded"),
        (stage(router).ipv4([10, 0, 1, 254].into(), dst).udp(1, 2).to_vec(), "martian source"),
        (stage(router).ipv4([127, 0, 0, 1].into(), dst).udp(1, 2).to_vec(), "martian source"),
        (stage(router).ipv6("::1".parse().unwrap(), dst6).udp(1, 2).to_vec(), "martian source"),
        (stage(router).ipv6("fd00:b::fe".parse().unwrap(), dst6).udp(1, 2).to_vec(), "martian source"),
        (stage(router).ipv4(src, [127, 0, 0, 1].into()).udp(1, 2).to_vec(), "martian destination"),
        (stage(router).vlan(7).ipv4(src, dst).udp(1, 2).to_vec(), "VLAN tag"),
        (
            stage(router).payload(rackless_packet::ethernet::EtherType::LLDP, b"x").to_vec(),
            "neither IP nor ARP",
        ),
    ];
    for (frame, reason) in cases {
        let before = lab.drops(reason);
        assert!(lab.send("a", &frame.unwrap()).is_empty(), "{reason}");
        assert_eq!(lab.drops(reason), before + 1, "{reason}");
    }
    let mut broken = udp(1, 0, V4.0, V4.1);
    broken[24] ^= 1;
    assert!(lab.send("a", &broken).is_empty());
    assert_eq!(lab.drops("bad IPv4 header checksum"), 1);
}

#[test]
fn padding_stays_behind() {
    let mut lab = Lab::new("");
    lab.host("b", 2, &[V4.1]);
    let mut frame = udp(1, 0, V4.0, V4.1);
    let len = frame.len();
    frame.extend([0xee; 9]);
    assert_eq!(lab.send("a", &frame)[0].1.len(), len);
}
