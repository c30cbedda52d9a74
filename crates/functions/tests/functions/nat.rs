//! The NAT: there and back, errors, expiry.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use rackless_functions::{Nat, NatConfig};
use rackless_nf::{GraphBuilder, Harness, time};
use rackless_packet::build::Build;
use rackless_packet::checksum::{Verdict, verify};
use rackless_packet::icmpv4::UnreachableCode;
use rackless_packet::ipv4::IpProtocol;
use rackless_packet::strategy::any_frame;
use rackless_packet::{Layout, MacAddr};

const PORTS: [&str; 2] = ["lan", "wan"];
const PUBLIC: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const REMOTE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const HOST: MacAddr = MacAddr([2, 0, 0, 0, 7, 7]);
const GATEWAY: MacAddr = MacAddr([2, 0, 0, 0, 8, 8]);

fn lab() -> Harness {
    lab_with(NatConfig::new(PUBLIC))
}

fn lab_with(config: NatConfig) -> Harness {
    Harness::new(GraphBuilder::new().node("nat", Nat::new(config)), &PORTS).unwrap()
}

fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Tcp,
    Udp,
    Echo,
}

fn outgoing(kind: Kind, src: Ipv4Addr, port: u16, payload: &[u8]) -> Vec<u8> {
    let stage = Build::ethernet(HOST, GATEWAY).ipv4(src, REMOTE);
    match kind {
        Kind::Tcp => stage.tcp(port, 80).payload(payload).to_vec(),
        Kind::Udp => stage.udp(port, 80).payload(payload).to_vec(),
        Kind::Echo => stage.echo_request(port, 1, payload).to_vec(),
    }
    .unwrap()
}

fn answer(kind: Kind, to: Ipv4Addr, port: u16, payload: &[u8], mac: MacAddr) -> Vec<u8> {
    let stage = Build::ethernet(GATEWAY, mac).ipv4(REMOTE, to);
    match kind {
        Kind::Tcp => stage.tcp(80, port).payload(payload).to_vec(),
        Kind::Udp => stage.udp(80, port).payload(payload).to_vec(),
        Kind::Echo => stage.echo_reply(port, 1, payload).to_vec(),
    }
    .unwrap()
}

/// The source of a translated packet: address and port or identifier.
fn source(frame: &[u8], kind: Kind) -> (Ipv4Addr, u16) {
    assert_eq!(verify(frame), Verdict::Correct);
    let at = if matches!(kind, Kind::Echo) { 38 } else { 34 };
    let address: [u8; 4] = frame[26..30].try_into().unwrap();
    (address.into(), u16::from_be_bytes([frame[at], frame[at + 1]]))
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Tcp), Just(Kind::Udp), Just(Kind::Echo)]
}

proptest! {
    #[test]
    fn what_goes_out_comes_back_to_its_host_with_correct_checksums(
        flows in prop::collection::vec((kind(), 2..6_u8, any::<u16>(), prop::collection::vec(any::<u8>(), 0..40)), 1..20),
    ) {
        let mut lab = lab();
        for (kind, last, port, payload) in flows {
            lab.send("lan", &outgoing(kind, host(last), port, &payload));
            let sent = lab.received("wan").pop().unwrap();
            let (address, public) = source(&sent, kind);
            prop_assert_eq!(address, PUBLIC);
            prop_assert_eq!(&sent[6..12], &Harness::mac(1).0);
            lab.send("wan", &answer(kind, PUBLIC, public, &payload, Harness::mac(1)));
            let back = lab.received("lan").pop().unwrap();
            // As if there were no NAT, but for the MAC address that it came from.
            let mut expected = answer(kind, host(last), port, &payload, HOST);
            expected[6..12].copy_from_slice(&Harness::mac(0).0);
            prop_assert_eq!(back, expected);
        }
    }

    #[test]
    fn frames_of_any_bytes_are_accounted_for(frames in prop::collection::vec((any_frame(), 0..2_usize), 0..20)) {
        let mut lab = lab();
        for (frame, port) in frames {
            lab.send(PORTS[port], &frame);
        }
    }
}

#[test]
fn a_port_keeps_its_number_where_it_can_and_two_hosts_never_share_one() {
    let mut lab = lab();
    let mut public = |last| {
        lab.send("lan", &outgoing(Kind::Udp, host(last), 5000, b""));
        source(&lab.received("wan")[0], Kind::Udp).1
    };
    assert_eq!((public(2), public(2)), (5000, 5000));
    assert_ne!(public(3), 5000);
}

#[test]
fn when_all_ports_are_bound_the_next_host_waits_for_one_to_expire() {
    let config = NatConfig { first_port: 2000, last_port: 2001, ..NatConfig::new(PUBLIC) };
    let mut lab = lab_with(config);
    for last in 2..5 {
        lab.send("lan", &outgoing(Kind::Udp, host(last), 5000, b""));
    }
    assert_eq!((lab.received("wan").len(), lab.drops("nat", "no free port")), (2, 1));
    lab.advance(301 * time::SECOND);
    lab.send("lan", &outgoing(Kind::Udp, host(4), 5000, b""));
    assert_eq!(lab.received("wan").len(), 1);
}

#[test]
fn a_binding_lives_while_it_is_used_and_ends_after_its_time() {
    let mut lab = lab();
    lab.send("lan", &outgoing(Kind::Udp, host(2), 5000, b""));
    for _ in 0..4 {
        lab.advance(200 * time::SECOND);
        lab.send("wan", &answer(Kind::Udp, PUBLIC, 5000, b"", Harness::mac(1)));
        assert_eq!(lab.received("lan").len(), 1, "an answer keeps it alive");
    }
    lab.advance(300 * time::SECOND);
    lab.send("wan", &answer(Kind::Udp, PUBLIC, 5000, b"", Harness::mac(1)));
    assert_eq!((lab.received("lan").len(), lab.drops("nat", "no binding")), (0, 1));
}

#[test]
fn errors_about_translated_packets_find_their_sender() {
    for kind in [Kind::Tcp, Kind::Udp, Kind::Echo] {
        let mut lab = lab();
        let original = outgoing(kind, host(2), 500, b"data");
        lab.send("lan", &original);
        let sent = lab.received("wan").pop().unwrap();
        assert_ne!(source(&sent, kind).1, 500, "that port is not given out");
        let router = Ipv4Addr::new(203, 0, 113, 9);
        let error = Build::ethernet(GATEWAY, Harness::mac(1)).ipv4(router, PUBLIC);
        let error = error.unreachable(UnreachableCode::HOST, &sent[14..]).to_vec().unwrap();
        lab.send("wan", &error);
        let back = lab.received("lan").pop().unwrap();
        assert_eq!(verify(&back), Verdict::Correct);
        assert_eq!((&back[..6], &back[30..34]), (&HOST.0[..], &host(2).octets()[..]));
        assert_eq!(back[42..], original[14..], "the quote is the packet as its sender knows it");
    }
}

#[test]
fn errors_from_inside_speak_of_the_public_address() {
    let mut lab = lab();
    lab.send("lan", &outgoing(Kind::Udp, host(2), 500, b""));
    let public = source(&lab.received("wan")[0], Kind::Udp).1;
    let arrived = answer(Kind::Udp, PUBLIC, public, b"late", Harness::mac(1));
    lab.send("wan", &arrived);
    let inside = lab.received("lan").pop().unwrap();
    let error = Build::ethernet(HOST, GATEWAY).ipv4(host(2), REMOTE);
    lab.send("lan", &error.unreachable(UnreachableCode::PORT, &inside[14..]).to_vec().unwrap());
    let out = lab.received("wan").pop().unwrap();
    assert_eq!((verify(&out), &out[26..30]), (Verdict::Correct, &PUBLIC.octets()[..]));
    assert_eq!(out[42..], arrived[14..]);
}

#[test]
fn what_is_not_translated_is_dropped_by_name() {
    let mut lab = lab();
    let inside = Build::ethernet(HOST, GATEWAY);
    let outside = Build::ethernet(GATEWAY, Harness::mac(1));
    let cases = [
        ("lan", inside.ipv4(host(2), PUBLIC).udp(1, 2).to_vec(), "inside to the public address"),
        ("lan", inside.ipv4(host(2), REMOTE).sctp(1, 2, 3, b"").to_vec(), "protocol not translated"),
        (
            "lan",
            inside.ipv4(host(2), REMOTE).flags_fragment(0x2000).payload(IpProtocol::UDP, &[0; 16]).to_vec(),
            "fragment not translated",
        ),
        ("wan", outside.ipv4(REMOTE, host(2)).udp(1, 2).to_vec(), "not to the public address"),
        ("wan", outside.ipv4(REMOTE, PUBLIC).udp(1, 2).to_vec(), "no binding"),
        ("wan", outside.ipv4(REMOTE, PUBLIC).echo_request(1, 2, b"").to_vec(), "protocol not translated"),
        ("wan", outside.ipv6("::1".parse().unwrap(), "::2".parse().unwrap()).udp(1, 2).to_vec(), "not IPv4"),
    ];
    for (port, frame, reason) in cases {
        let before = lab.drops("nat", reason);
        lab.send(port, &frame.unwrap());
        assert_eq!(lab.drops("nat", reason), before + 1, "{reason}");
    }
    assert!(lab.received("lan").is_empty() && lab.received("wan").is_empty());
}

#[test]
fn the_public_address_is_answered_for_outside_and_other_arp_passes() {
    let mut lab = lab();
    let ask = |target| Build::arp_request(GATEWAY, REMOTE, target).to_vec().unwrap();
    lab.send("wan", &ask(PUBLIC));
    assert_eq!(
        lab.received("wan"),
        [Build::arp_reply(Harness::mac(1), PUBLIC, GATEWAY, REMOTE).to_vec().unwrap()]
    );
    lab.send("wan", &ask(host(2)));
    lab.send("lan", &ask(REMOTE));
    assert_eq!((lab.received("lan").len(), lab.received("wan").len()), (1, 1));
    assert!(Layout::scan(&ask(PUBLIC)).l3.is_some());
}

#[test]
fn in_a_graph_the_order_of_the_ports_does_not_matter() {
    let wires = "rx:lan -> nat[1] -> tx:wan; rx:wan -> [1]nat -> tx:lan";
    let graph = GraphBuilder::new().node("nat", Nat::new(NatConfig::new(PUBLIC))).wire(wires).unwrap();
    let mut lab = Harness::new(graph, &["wan", "lan"]).unwrap();
    let question = Build::arp_request(GATEWAY, REMOTE, PUBLIC).to_vec().unwrap();
    lab.send("wan", &question);
    let answer = &lab.received("wan")[0];
    assert_eq!(answer[6..12], Harness::mac(0).0, "the address of the port that it came by");
}
