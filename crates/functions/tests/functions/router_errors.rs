//! ICMP errors, echo, and packets to the router itself.

use rackless_nf::{Harness, time};
use rackless_packet::build::Build;
use rackless_packet::checksum::{Verdict, verify};
use rackless_packet::icmpv4::Icmpv4Type;
use rackless_packet::icmpv6::Icmpv6Type;
use rackless_packet::ipv4::IpProtocol;
use rackless_packet::tcp::TcpFlags;

use crate::lab::{Lab, host_mac, udp, udp_with};

/// A lab with the sender of all packets, known to the router.
fn lab() -> Lab {
    let mut lab = Lab::new("");
    lab.host("a", 1, &["fd00:a::1", "10.0.1.1"]);
    lab.host("b", 2, &["fd00:b::1", "10.0.2.1"]);
    lab
}

/// What an error says: type, code, the four bytes behind the checksum, and the quoted packet.
fn error(frame: &[u8]) -> (u8, u8, [u8; 4], &[u8]) {
    assert_eq!(verify(frame), Verdict::Correct);
    let at = if frame[12] == 8 { 34 } else { 54 };
    (frame[at], frame[at + 1], frame[at + 4..at + 8].try_into().unwrap(), &frame[at + 8..])
}

#[test]
fn a_packet_without_a_hop_left_is_quoted_to_its_sender_as_it_came() {
    for (src, dst, from, kind) in [
        ("fd00:a::1", "fd00:b::1", &"fd00:a::fe".parse::<std::net::Ipv6Addr>().unwrap().octets()[..], 3),
        ("10.0.1.1", "10.0.2.1", &[10, 0, 1, 254], 11),
    ] {
        let mut lab = lab();
        let sent = udp_with(1, 0, src, dst, 1, b"quote me");
        let out = lab.send("a", &sent);
        assert_eq!(out.len(), 1);
        let (port, frame) = &out[0];
        assert_eq!((*port, &frame[..6]), ("a", &host_mac(1).0[..]));
        let address = if kind == 3 { &frame[22..38] } else { &frame[26..30] };
        assert_eq!(address, from);
        assert_eq!(error(frame), (kind, 0, [0; 4], &sent[14..]));
        assert_eq!(lab.drops("ttl exceeded"), 1);
    }
}

#[test]
fn a_destination_without_a_route_is_unreachable() {
    let mut lab = lab();
    let sent = udp(1, 0, "fd00:a::1", "2001:db8::1");
    assert_eq!(error(&lab.send("a", &sent)[0].1), (1, 0, [0; 4], &sent[14..]));
    let sent = udp(1, 0, "10.0.1.1", "8.8.8.8");
    assert_eq!(error(&lab.send("a", &sent)[0].1), (3, 0, [0; 4], &sent[14..]));
    assert_eq!(lab.drops("no route"), 2);
}

#[test]
fn a_packet_longer_than_the_next_link_takes_is_refused_with_the_mtu() {
    let mut lab = lab();
    let long = vec![7; 1600];
    let sent = udp_with(1, 0, "fd00:a::1", "fd00:b::1", 64, &long);
    lab.send("a", &udp(1, 0, "fd00:a::1", "fd00:b::1"));
    let out = lab.send("a", &sent);
    let (kind, code, mtu, quoted) = error(&out[0].1);
    assert_eq!((kind, code, u32::from_be_bytes(mtu)), (2, 0, 1500));
    assert_eq!((out[0].1.len(), quoted), (14 + 1280, &sent[14..14 + 1280 - 48]));

    let sent = udp_with(1, 0, "10.0.1.1", "10.0.2.1", 64, &long);
    let out = lab.send("a", &sent);
    assert_eq!((error(&out[0].1).0, error(&out[0].1).1, error(&out[0].1).2), (3, 4, [0, 0, 5, 0xdc]));
    assert_eq!(out[0].1.len(), 14 + 576);
    assert_eq!(lab.drops("longer than the next link's MTU"), 2);

    let stage =
        Build::ethernet(host_mac(1), Harness::mac(0)).ipv4([10, 0, 1, 1].into(), [10, 0, 2, 1].into());
    assert!(lab.send("a", &stage.udp(1, 2).payload(&long).to_vec().unwrap()).is_empty());
    assert_eq!(lab.drops("needs fragmentation, which is not done"), 1);
}

#[test]
fn a_packet_of_exactly_the_mtu_goes_through() {
    let mut lab = lab();
    let sent = udp_with(1, 0, "fd00:a::1", "fd00:b::1", 64, &[7; 1500 - 48]);
    assert_eq!(lab.send("a", &sent).len(), 1);
}

#[test]
fn echo_is_answered_by_every_address_also_link_local_and_from_afar() {
    let mut lab = lab();
    for (address, port) in
        [("fd00:a::fe", 0), ("fd00:b::fe", 0), (&Harness::mac(0).link_local().to_string(), 0)]
    {
        let stage = Build::ethernet(host_mac(1), Harness::mac(port));
        let (src, dst) = ("fd00:a::1".parse().unwrap(), address.parse().unwrap());
        let request = stage.ipv6(src, dst).hop_limit(7).echo_request(3, 4, b"ping").to_vec().unwrap();
        let reply = Build::ethernet(Harness::mac(0), host_mac(1)).ipv6(dst, src).echo_reply(3, 4, b"ping");
        assert_eq!(lab.send("a", &request), [("a", reply.to_vec().unwrap())]);
    }
    for address in [[10, 0, 1, 254], [10, 0, 2, 254]] {
        let stage = Build::ethernet(host_mac(1), Harness::mac(0));
        let request = stage.ipv4([10, 0, 1, 1].into(), address.into()).ttl(1).echo_request(3, 4, b"ping");
        let reply = Build::ethernet(Harness::mac(0), host_mac(1)).ipv4(address.into(), [10, 0, 1, 1].into());
        let reply = reply.echo_reply(3, 4, b"ping").to_vec().unwrap();
        assert_eq!(lab.send("a", &request.to_vec().unwrap()), [("a", reply)]);
    }
    assert_eq!(
        lab.harness.nodes()[0].drops.iter().filter(|drop| !drop.reason.starts_with("consumed")).count(),
        0
    );
}

#[test]
fn an_echo_with_a_wrong_checksum_is_not_answered() {
    let mut lab = lab();
    let stage = Build::ethernet(host_mac(1), Harness::mac(0));
    let stage = stage.ipv6("fd00:a::1".parse().unwrap(), "fd00:a::fe".parse().unwrap());
    let mut request = stage.echo_request(3, 4, b"ping").to_vec().unwrap();
    *request.last_mut().unwrap() ^= 1;
    assert!(lab.send("a", &request).is_empty());
    assert_eq!(lab.drops("bad ICMP checksum"), 1);
}

#[test]
fn the_router_has_no_services_and_says_so() {
    let mut lab = lab();
    let to_v6 = Build::ethernet(host_mac(1), Harness::mac(0))
        .ipv6("fd00:a::1".parse().unwrap(), "fd00:b::fe".parse().unwrap());
    let to_v4 =
        Build::ethernet(host_mac(1), Harness::mac(0)).ipv4([10, 0, 1, 1].into(), [10, 0, 2, 254].into());
    let mut send = |frame: Vec<u8>| lab.send("a", &frame).pop().map(|(_, frame)| frame);

    let reply = send(to_v6.udp(1, 2).to_vec().unwrap()).unwrap();
    assert_eq!((error(&reply).0, error(&reply).1), (1, 4));
    assert_eq!(reply[22..38], "fd00:b::fe".parse::<std::net::Ipv6Addr>().unwrap().octets());
    let reply = send(to_v4.udp(1, 2).to_vec().unwrap()).unwrap();
    assert_eq!((error(&reply).0, error(&reply).1, &reply[26..30]), (3, 3, &[10, 0, 2, 254][..]));

    let reply = send(to_v6.sctp(1, 2, 3, b"").to_vec().unwrap()).unwrap();
    assert_eq!((error(&reply).0, error(&reply).1, error(&reply).2), (4, 1, [0, 0, 0, 6]));
    let options = to_v6.extensions(IpProtocol::DESTINATION_OPTIONS, &[0, 0, 1, 4, 0, 0, 0, 0]);
    let reply = send(options.sctp(1, 2, 3, b"").to_vec().unwrap()).unwrap();
    assert_eq!(error(&reply).2, [0, 0, 0, 40]);
    let reply = send(to_v4.sctp(1, 2, 3, b"").to_vec().unwrap()).unwrap();
    assert_eq!((error(&reply).0, error(&reply).1), (3, 2));

    assert!(send(to_v6.tcp(1, 2).flags(TcpFlags::SYN).to_vec().unwrap()).is_none());
    assert!(send(to_v4.echo_reply(1, 2, b"").to_vec().unwrap()).is_none());
    assert_eq!((lab.drops("no TCP service here"), lab.drops("consumed: ICMP")), (1, 1));
}

#[test]
fn nobody_is_told_about_errors_fragments_and_groups() {
    let mut lab = lab();
    let v6 = Build::ethernet(host_mac(1), Harness::mac(0))
        .ipv6("fd00:a::1".parse().unwrap(), "2001:db8::1".parse().unwrap());
    let v4 = Build::ethernet(host_mac(1), Harness::mac(0)).ipv4([10, 0, 1, 1].into(), [8, 8, 8, 8].into());
    for frame in [
        v6.icmp(Icmpv6Type::TIME_EXCEEDED, 0, [0; 4], b"x").to_vec(),
        v6.icmp(Icmpv6Type::REDIRECT, 0, [0; 4], b"x").to_vec(),
        v6.extensions(IpProtocol::FRAGMENT, &[17, 0, 0, 8, 0, 0, 0, 1])
            .payload(IpProtocol::UDP, b"x")
            .to_vec(),
        v4.icmp(Icmpv4Type::UNREACHABLE, 1, [0; 4], b"x").to_vec(),
        v4.flags_fragment(185).payload(IpProtocol::UDP, b"x").to_vec(),
    ] {
        assert!(lab.send("a", &frame.unwrap()).is_empty());
    }
    assert_eq!(lab.drops("no route"), 5);
    assert_eq!(
        lab.send("a", &v4.echo_request(1, 1, b"").to_vec().unwrap()).len(),
        1,
        "a question is not an error"
    );
}

#[test]
fn errors_are_limited_and_those_not_sent_are_counted() {
    let mut lab = lab();
    lab.send("a", &udp(1, 0, "fd00:a::1", "2001:db8::1"));
    lab.run(time::SECOND);
    let mut told = 0;
    for _ in 0..80 {
        told += lab.send("a", &udp(1, 0, "fd00:a::1", "2001:db8::1")).len();
    }
    assert_eq!((told, lab.drops("icmp rate limited"), lab.drops("no route")), (50, 30, 81));
    lab.run(100 * time::MILLISECOND);
    told = (0..80).map(|_| lab.send("a", &udp(1, 0, "fd00:a::1", "2001:db8::1")).len()).sum();
    assert_eq!(told, 10);
}

#[test]
fn an_error_waits_for_its_receiver_like_any_packet() {
    let mut lab = Lab::new("");
    let sent = udp(1, 0, "fd00:a::1", "2001:db8::1");
    lab.harness.send("a", &sent);
    assert_eq!(lab.harness.nodes()[0].held, 1);
    lab.host("a", 1, &["fd00:a::1"]);
    assert_eq!(error(&lab.run(2 * time::SECOND)[0].1).3, &sent[14..]);
}

#[test]
fn options_are_forwarded_as_they_are() {
    let mut lab = lab();
    let stage =
        Build::ethernet(host_mac(1), Harness::mac(0)).ipv4([10, 0, 1, 1].into(), [10, 0, 2, 1].into());
    let sent = stage.options(&[148, 4, 0, 0]).udp(1, 2).to_vec().unwrap();
    let out = lab.send("a", &sent);
    assert_eq!(out[0].1[34..], sent[34..]);
}
