//! Headers pushed and popped, tunnels entered and left.

use proptest::prelude::*;
use rackless_nf::{Packet, Pool, Reason};
use rackless_packet::build::Build;
use rackless_packet::checksum::{Verdict, verify};
use rackless_packet::ethernet::{EtherType, Ethernet};
use rackless_packet::mpls::Mpls;
use rackless_packet::tunnel::{Inner, TunnelKind};
use rackless_packet::{L3Kind, MacAddr, strategy};

fn packet(bytes: &[u8]) -> Packet {
    Pool::new(1, Pool::ROOM).packet(bytes).expect("the pool is full and the frame short")
}

/// Where the last byte lies, which no push and no pop moves.
fn place(packet: &Packet) -> usize {
    packet.data().as_ptr_range().end as usize
}

/// The frame without padding.
fn without_padding(packet: &Packet) -> Vec<u8> {
    packet.data()[..packet.layout().end.into()].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_goes_into_a_tunnel_comes_out(frame in strategy::any_frame(), headers in strategy::tunnel_headers()) {
        let mut packet = packet(&frame);
        let layout = packet.layout();
        let expected = if headers.carries(Inner::Ethernet) { frame.clone() } else { without_padding(&packet) };
        let padding = frame.len() - expected.len();
        let end = place(&packet) - padding;
        if let Err(reason) = packet.encapsulate(&headers) {
            let is_ip = layout.l3.is_some_and(|l3| l3.kind != L3Kind::Arp);
            prop_assert!(reason == Reason::MALFORMED && frame.len() < 14 || reason == Reason::NOT_IP, "{:?}", reason);
            prop_assert!(!is_ip || headers.carries(Inner::Ipv4) != headers.carries(Inner::Ipv6));
            prop_assert_eq!(packet.data(), frame);
            return Ok(());
        }
        prop_assert_eq!((verify(packet.data()), place(&packet)), (Verdict::Correct, end));
        let outer = packet.data()[..packet.layout().l2_len.into()].to_vec();

        let tunnel = packet.decapsulate().expect("it was just encapsulated");
        prop_assert_eq!(place(&packet), end);
        if tunnel.carries == Inner::Ethernet {
            prop_assert_eq!(packet.data(), expected);
        } else {
            // The outer Ethernet header stays, and says what was carried.
            let l2 = packet.layout().l2_len.into();
            prop_assert_eq!(&packet.data()[..l2 - 2], &outer[..outer.len() - 2]);
            prop_assert_eq!(packet.layout().ether_type, tunnel.carries.ether_type());
            prop_assert_eq!(&packet.data()[l2..], &expected[layout.l2_len.into()..]);
        }
    }

    #[test]
    fn a_packet_in_no_tunnel_stays_as_it_was(frame in strategy::frame()) {
        let mut packet = packet(&frame);
        prop_assert_eq!(packet.decapsulate(), Err(Reason::NOT_TUNNELLED));
        prop_assert_eq!(packet.data(), frame);
    }

    #[test]
    fn any_frame_is_taken_out_of_its_tunnel_or_left(frame in strategy::any_frame()) {
        let mut packet = packet(&frame);
        match packet.decapsulate() {
            Ok(tunnel) if tunnel.carries == Inner::Ethernet => prop_assert_eq!(packet.data(), tunnel.bytes(&frame)),
            Ok(tunnel) => prop_assert!(packet.data().ends_with(tunnel.bytes(&frame))),
            Err(_) => prop_assert_eq!(packet.data(), frame),
        }
    }

    #[test]
    fn tags_and_labels_come_off_as_they_went_on(frame in strategy::any_frame(), tci: u16, label: u32, ttl: u8) {
        let mut packet = packet(&frame);
        let (end, tags) = (place(&packet), packet.layout().vlans);
        if packet.push_vlan(EtherType::VLAN, tci).is_ok() {
            prop_assert_eq!(packet.layout().vlans, (tags + 1).min(2));
            prop_assert_eq!(packet.pop_vlan().map(|tag| tag.tci.get()), Ok(tci));
        }
        prop_assert_eq!((packet.data(), place(&packet)), (&frame[..], end));
        let was_ip = packet.layout().l3.is_some_and(|l3| l3.kind != L3Kind::Arp);
        let (lower, upper) = (Mpls::new(label, ttl), Mpls::new(!label, !ttl));
        if was_ip && packet.push_mpls(lower).is_ok() {
            packet.push_mpls(upper).expect("there is headroom");
            let found = packet.layout().tunnel(packet.data()).map(|tunnel| tunnel.kind);
            prop_assert_eq!(found, Some(TunnelKind::Mpls { label: lower.label() }));
            prop_assert_eq!(packet.pop_mpls(), Ok(upper));
            prop_assert_eq!(packet.pop_mpls().map(|entry| (entry.label(), entry.is_bottom())), Ok((lower.label(), true)));
        }
        prop_assert_eq!((packet.data(), place(&packet)), (&frame[..], end));
    }

    #[test]
    fn bytes_inserted_are_removed_again(frame in strategy::any_frame(), at in 0_usize..300, n in 0_usize..300) {
        let mut packet = packet(&frame);
        let end = place(&packet);
        match packet.insert(at, n) {
            Ok(bytes) => {
                bytes.fill(0xee);
                let whole = [&frame[..at], &vec![0xee; n], &frame[at..]].concat();
                prop_assert_eq!(packet.data(), whole);
                prop_assert!(packet.remove(at, n).is_ok());
            }
            Err(Reason::NO_HEADROOM) => prop_assert!(n > Packet::HEADROOM),
            Err(_) => prop_assert!(at > frame.len() && packet.remove(at, n).is_err()),
        }
        prop_assert_eq!((packet.data(), place(&packet)), (&frame[..], end));
    }
}

#[test]
fn what_does_not_fit_leaves_the_packet_as_it_was() {
    let link = Build::ethernet(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
    let frame =
        link.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).udp(1, 2).to_vec().expect("it is short");
    let mut packet = packet(&frame);
    let room = packet.headroom();
    packet.push(room - 10).expect("there is headroom").fill(0);
    packet.pull(room - 10).expect("it was just pushed");
    let headers = link.ipv6([1; 16].into(), [2; 16].into()).vxlan(1, 2);
    packet.encapsulate(&headers).expect("there is headroom");
    let inside = packet.data().to_vec();
    assert_eq!(packet.encapsulate(&headers), Err(Reason::NO_HEADROOM));
    assert_eq!(packet.data(), inside);
    assert_eq!(packet.decapsulate().map(|tunnel| tunnel.kind), Ok(TunnelKind::Vxlan { vni: 2 }));
    // A tunnel for the other version, and one that is none.
    let gre = link.ipv4([1; 4].into(), [2; 4].into()).gre(EtherType::IPV6, None);
    assert_eq!(packet.encapsulate(&gre), Err(Reason::NOT_IP));
    let udp = link.ipv4([1; 4].into(), [2; 4].into()).udp(1, 2);
    assert_eq!(packet.encapsulate(&udp.headers()), Err(Reason::NOT_IP));
    assert_eq!(packet.data(), frame);
}

#[test]
fn under_the_last_label_must_be_an_ip_packet() {
    let link = Build::ethernet(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
    let frame = link.payload(EtherType::LLDP, b"neighbours").to_vec().expect("it is short");
    let mut packet = packet(&frame);
    packet.push_mpls(Mpls::new(16, 64)).expect("there is headroom");
    assert_eq!(packet.pop_mpls(), Err(Reason::NOT_IP));
    assert_eq!(packet.len(), frame.len() + Mpls::LEN);
    assert_eq!(packet.mpls().map(|entry| entry.label()), Ok(16));
    assert_eq!(packet.data()[Ethernet::LEN + Mpls::LEN..], frame[Ethernet::LEN..]);
}
