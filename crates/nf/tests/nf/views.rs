//! Views of headers, and notes.

use proptest::prelude::*;
use rackless_nf::{Allocator, Packet, Pool, Reason};
use rackless_packet::build::Build;
use rackless_packet::{MacAddr, strategy};

/// Calls every accessor, and says how many found their header.
fn look(packet: &mut Packet) -> usize {
    macro_rules! found {
        ($($view:ident)*) => { [$(packet.$view().is_ok()),*].into_iter().filter(|&found| found).count() };
    }
    let shared = found!(ethernet vlan mpls arp ipv4 ipv6 tcp udp icmpv4 icmpv6 sctp igmp gre vxlan gtpu segment_routing);
    let mutable = found!(ethernet_mut vlan_mut mpls_mut arp_mut ipv4_mut ipv6_mut tcp_mut udp_mut icmpv4_mut icmpv6_mut
        sctp_mut igmp_mut gre_mut vxlan_mut gtpu_mut);
    let joint = found!(ethernet_ipv4_mut ethernet_ipv6_mut ipv4_l4_mut ipv6_l4_mut);
    assert!(packet.payload().len() <= packet.len() && joint <= 2);
    assert_eq!(shared, mutable + usize::from(packet.segment_routing().is_ok()));
    shared
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_accessor_takes_any_bytes(frame in strategy::any_frame()) {
        let mut packet = Pool::new(1, Pool::ROOM).packet(&frame).expect("the frame is short");
        prop_assert_eq!(look(&mut packet) > 0, frame.len() >= 14);
        prop_assert_eq!(packet.data(), frame);
    }

    #[test]
    fn notes_go_with_a_packet_and_not_with_its_buffer(notes: [Option<u64>; Packet::NOTES]) {
        let pool = Pool::new(1, 64);
        let mut packet = pool.packet(b"frame").expect("the pool is full");
        for (slot, note) in notes.iter().enumerate() {
            note.iter().for_each(|&note| packet.set_note(slot, note));
        }
        packet.push(4).expect("there is headroom").fill(0);
        for (slot, note) in notes.iter().enumerate() {
            prop_assert_eq!(packet.note(slot), note.unwrap_or(0));
        }
        drop(packet);
        let packet = pool.alloc().expect("the buffer is back");
        prop_assert!((0..Packet::NOTES).all(|slot| packet.note(slot) == 0));
    }
}

#[test]
fn the_headers_of_tunnels_are_seen_and_changed() {
    let link = Build::ethernet(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
    let stage = link.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let frame = stage.udp(1, 2).to_vec().expect("it is short");
    let pool = Pool::new(1, Pool::ROOM);
    let mut packet = pool.packet(&frame).expect("the pool is full");
    assert_eq!(packet.vxlan().err(), Some(Reason::NOT_VXLAN));
    packet.encapsulate(&stage.vxlan(9, 42)).expect("there is headroom");
    packet.vxlan_mut().expect("it is VXLAN").set_vni(43);
    assert_eq!(packet.vxlan().map(|vxlan| vxlan.vni()), Ok(43));
    assert_eq!(packet.gtpu().err(), Some(Reason::NOT_GTPU));
    packet.decapsulate().expect("it is in a tunnel");
    packet.encapsulate(&stage.gtpu(9, 7)).expect("there is headroom");
    assert_eq!(packet.gtpu().map(|gtpu| gtpu.teid.get()), Ok(7));
    packet.decapsulate().expect("it is in a tunnel");
    packet
        .encapsulate(&stage.gre(rackless_packet::ethernet::EtherType::IPV4, Some(3)))
        .expect("there is headroom");
    assert_eq!(packet.gre().map(|gre| gre.header_len()), Ok(8));
}

#[test]
#[should_panic(expected = "a packet has 8 notes")]
fn a_ninth_note_is_a_bug() {
    Pool::new(1, 64).packet(b"frame").expect("the pool is full").set_note(Packet::NOTES, 1);
}
