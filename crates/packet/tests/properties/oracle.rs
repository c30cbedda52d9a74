//! `etherparse`, which shares no code with us, sees the same.

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice, VlanId};
use proptest::collection::vec;
use proptest::prelude::*;
use rackless_packet::build::Build;
use rackless_packet::checksum::{Verdict, verify};
use rackless_packet::ethernet::EtherType;
use rackless_packet::ipv4::IpProtocol;
use rackless_packet::tcp::TcpFlags;
use rackless_packet::{L3Kind, L4Kind, Layout, Malformed, strategy};

/// Where the transport layer lies, by the oracle, or `None` if it has none that we know.
fn transport_offset(frame: &[u8], packet: &SlicedPacket<'_>) -> Option<(L4Kind, usize)> {
    let (kind, slice) = match packet.transport.as_ref()? {
        TransportSlice::Tcp(tcp) => (L4Kind::Tcp, tcp.slice()),
        TransportSlice::Udp(udp) => (L4Kind::Udp, udp.slice()),
        TransportSlice::Icmpv4(icmp) => (L4Kind::Icmpv4, icmp.slice()),
        TransportSlice::Icmpv6(icmp) => (L4Kind::Icmpv6, icmp.slice()),
        TransportSlice::Igmp(igmp) => (L4Kind::Igmp, igmp.slice()),
    };
    Some((kind, slice.as_ptr() as usize - frame.as_ptr() as usize))
}

/// Where we see the transport layer, if it is one that the oracle knows, which does not know SCTP.
fn our_transport(layout: &Layout) -> Option<(L4Kind, usize)> {
    let l4 = layout.l4.filter(|l4| l4.kind != L4Kind::Sctp)?;
    Some((l4.kind, l4.offset.into()))
}

fn network_kind(packet: &SlicedPacket<'_>) -> Option<L3Kind> {
    Some(match packet.net.as_ref()? {
        NetSlice::Ipv4(_) => L3Kind::Ipv4,
        NetSlice::Ipv6(_) => L3Kind::Ipv6,
        NetSlice::Arp(_) => L3Kind::Arp,
    })
}

/// Whether all checksums are right, by the oracle.
fn checksums_are_right(packet: &SlicedPacket<'_>) -> bool {
    let Some(net) = &packet.net else { return true };
    if let NetSlice::Ipv4(ip) = net {
        let header = ip.header().to_header();
        if header.calc_header_checksum() != header.header_checksum {
            return false;
        }
    }
    let v4 = net.ipv4_ref().map(|ip| (ip.header().source(), ip.header().destination()));
    let v6 = net.ipv6_ref().map(|ip| (ip.header().source(), ip.header().destination()));
    let expected = match (&packet.transport, v4, v6) {
        (Some(TransportSlice::Tcp(tcp)), Some((src, dst)), _) => {
            (tcp.checksum(), tcp.calc_checksum_ipv4(src, dst).ok())
        }
        (Some(TransportSlice::Tcp(tcp)), _, Some((src, dst))) => {
            (tcp.checksum(), tcp.calc_checksum_ipv6(src, dst).ok())
        }
        (Some(TransportSlice::Udp(udp)), Some((src, dst)), _) => {
            (udp.checksum(), udp.to_header().calc_checksum_ipv4_raw(src, dst, udp.payload()).ok())
        }
        (Some(TransportSlice::Udp(udp)), _, Some((src, dst))) => {
            (udp.checksum(), udp.to_header().calc_checksum_ipv6_raw(src, dst, udp.payload()).ok())
        }
        (Some(TransportSlice::Icmpv4(icmp)), ..) => {
            (icmp.checksum(), Some(icmp.icmp_type().calc_checksum(icmp.payload())))
        }
        (Some(TransportSlice::Icmpv6(icmp)), _, Some((src, dst))) => {
            return icmp.is_checksum_valid(src, dst);
        }
        (Some(TransportSlice::Igmp(igmp)), ..) => return igmp.is_checksum_valid(),
        _ => return true,
    };
    Some(expected.0) == expected.1
}

/// Whether a frame is of a kind that the oracle and we treat differently on purpose: the oracle reads MACsec, a third
/// VLAN tag, the EtherType 0x9100, ARP for other networks, AH on IPv4, jumbograms, ICMP and IGMP on the other IP
/// version, and the UDP length; it does not read SCTP; it takes an EtherType for what it is not.
fn is_read_differently(frame: &[u8], layout: &Layout, packet: &SlicedPacket<'_>) -> bool {
    let ether_type = layout.ether_type.get();
    let no_payload = packet.net.as_ref().and_then(NetSlice::ipv6_ref).is_some_and(|ip| {
        let header = ip.header();
        header.payload_length() == 0 && layout.l2_len as usize + 40 != frame.len()
    });
    let kinds = (layout.l3.map(|l3| l3.kind), layout.protocol);
    let crossed = matches!(kinds, (Some(L3Kind::Ipv4), IpProtocol::ICMPV6 | IpProtocol::AH))
        || matches!(kinds, (Some(L3Kind::Ipv6), IpProtocol::ICMPV4 | IpProtocol::IGMP));
    matches!(ether_type, 0x9100 | 0x88e5 | 0x0806)
        || layout.malformed == Some(Malformed::TooManyVlanTags)
        || (layout.protocol == IpProtocol::SCTP && layout.malformed == Some(Malformed::L4))
        || no_payload
        || crossed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_well_formed_frame_has_the_layout_that_the_oracle_sees(frame in strategy::frame()) {
        let layout = Layout::scan(&frame);
        prop_assert_eq!(layout.malformed, None);
        let packet = SlicedPacket::from_ethernet(&frame).expect("the frame is well-formed");
        prop_assert_eq!(layout.l3.map(|l3| l3.kind), network_kind(&packet));
        prop_assert_eq!(usize::from(layout.vlans), packet.link_exts.len());
        prop_assert_eq!(layout.fragment, packet.is_ip_payload_fragmented());
        if !layout.fragment {
            prop_assert_eq!(our_transport(&layout), transport_offset(&frame, &packet));
        }
        prop_assert!(verify(&frame).is_ok() && checksums_are_right(&packet));
    }

    #[test]
    fn what_the_oracle_accepts_we_accept(frame in strategy::any_frame()) {
        let layout = Layout::scan(&frame);
        let Ok(packet) = SlicedPacket::from_ethernet(&frame) else { return Ok(()) };
        if is_read_differently(&frame, &layout, &packet) {
            return Ok(());
        }
        prop_assert_eq!(layout.malformed, None);
        prop_assert_eq!(layout.l3.map(|l3| l3.kind), network_kind(&packet));
        if !layout.fragment {
            prop_assert_eq!(our_transport(&layout), transport_offset(&frame, &packet));
        }
    }

    #[test]
    fn a_wrong_checksum_is_wrong_to_both(mut frame in strategy::frame(), at: prop::sample::Index, bit in 0_u8..8) {
        let layout = Layout::scan(&frame);
        let payload = layout.payload_range();
        if payload.is_empty() || our_transport(&layout).is_none() || verify(&frame) != Verdict::Correct {
            return Ok(());
        }
        let at = payload.start + at.index(payload.len());
        frame[at] ^= 1_u8 << bit;
        let is_wrong = matches!(verify(&frame), Verdict::Wrong { .. });
        // The oracle refuses an IGMP query that does not have all its sources.
        let packet = SlicedPacket::from_ethernet(&frame);
        let refused = packet.is_err() && layout.l4.is_some_and(|l4| l4.kind == L4Kind::Igmp);
        prop_assert!(is_wrong && (refused || packet.is_ok_and(|packet| !checksums_are_right(&packet))));
    }

    #[test]
    fn both_build_the_same_bytes(
        (src_mac, dst_mac) in (strategy::mac(), strategy::mac()),
        v4 in (strategy::ipv4_addr(), strategy::ipv4_addr()),
        v6 in (strategy::ipv6_addr(), strategy::ipv6_addr()),
        use_v6: bool,
        vlans in vec(0_u16..4096, 0..=2),
        hops: u8,
        (src, dst, seq, window, kind) in (any::<u16>(), any::<u16>(), any::<u32>(), any::<u16>(), 0..3),
        payload in strategy::payload(),
    ) {
        // Ours.
        let link = Build::ethernet(src_mac, dst_mac);
        let link = match vlans[..] {
            [] => link,
            [one] => link.vlan(one),
            [outer, inner, ..] => link.qinq(outer).vlan(inner),
        };
        let v4_stage = link.ipv4(v4.0, v4.1).ttl(hops).dont_fragment();
        let v6_stage = link.ipv6(v6.0, v6.1).hop_limit(hops);
        let ours = match (kind, use_v6) {
            (0, false) => v4_stage.tcp(src, dst).flags(TcpFlags::SYN).seq(seq).window(window).payload(&payload).to_vec(),
            (0, true) => v6_stage.tcp(src, dst).flags(TcpFlags::SYN).seq(seq).window(window).payload(&payload).to_vec(),
            (1, false) => v4_stage.udp(src, dst).payload(&payload).to_vec(),
            (1, true) => v6_stage.udp(src, dst).payload(&payload).to_vec(),
            (_, false) => v4_stage.echo_request(src, dst, &payload).to_vec(),
            (_, true) => v6_stage.echo_request(src, dst, &payload).to_vec(),
        };
        // Theirs.
        let vlan = |vid| VlanId::try_new(vid).expect("twelve bits");
        let link = PacketBuilder::ethernet2(src_mac.0, dst_mac.0);
        let (a, b) = if use_v6 { (v6.0.octets(), v6.1.octets()) } else { Default::default() };
        let (c, d) = (v4.0.octets(), v4.1.octets());
        let ip = match (&vlans[..], use_v6) {
            ([], false) => link.ipv4(c, d, hops),
            ([], true) => link.ipv6(a, b, hops),
            ([one], false) => link.single_vlan(vlan(*one)).ipv4(c, d, hops),
            ([one], true) => link.single_vlan(vlan(*one)).ipv6(a, b, hops),
            ([outer, inner, ..], false) => link.double_vlan(vlan(*outer), vlan(*inner)).ipv4(c, d, hops),
            ([outer, inner, ..], true) => link.double_vlan(vlan(*outer), vlan(*inner)).ipv6(a, b, hops),
        };
        let mut theirs = Vec::new();
        match (kind, use_v6) {
            (0, _) => ip.tcp(src, dst, seq, window).syn().write(&mut theirs, &payload),
            (1, _) => ip.udp(src, dst).write(&mut theirs, &payload),
            (_, false) => ip.icmpv4_echo_request(src, dst).write(&mut theirs, &payload),
            (_, true) => ip.icmpv6_echo_request(src, dst).write(&mut theirs, &payload),
        }
        .expect("the payload is short");
        if vlans.len() == 2 {
            // The oracle's outer type is that of 802.1ad, too.
            prop_assert_eq!(&theirs[12..14], &EtherType::QINQ.get().to_be_bytes());
        }
        prop_assert_eq!(ours.expect("the payload is short"), theirs);
    }
}
