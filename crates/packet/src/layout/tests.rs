//! What the scan finds.

use super::*;

/// An Ethernet header of `ether_type`, then the bytes of `rest`.
fn frame(ether_type: u16, rest: &[&[u8]]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], &ether_type.to_be_bytes(), &rest.concat()].concat()
}

fn ipv4(total_len: u16, flags_fragment: u16, protocol: u8) -> [u8; 20] {
    let [a, b] = total_len.to_be_bytes();
    let [c, d] = flags_fragment.to_be_bytes();
    [0x45, 0, a, b, 0, 1, c, d, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
}

fn ipv6(payload_len: u16, next_header: u8) -> [u8; 40] {
    let mut bytes = [0; 40];
    bytes[0] = 0x60;
    bytes[4..6].copy_from_slice(&payload_len.to_be_bytes());
    bytes[6] = next_header;
    bytes
}

#[test]
fn padding_is_left_out_of_the_payload() {
    let layout = Layout::scan(&frame(0x0800, &[&ipv4(30, 0, 17), &[0; 8], b"ab", &[0; 16]]));
    assert_eq!(layout.l3, Some(L3 { kind: L3Kind::Ipv4, offset: 14 }));
    assert_eq!(layout.l4, Some(L4 { kind: L4Kind::Udp, offset: 34 }));
    assert_eq!(layout.payload_range(), 42..44);
    assert_eq!(layout.malformed, None);
}

#[test]
fn two_vlan_tags_are_read_and_three_are_not() {
    let two = frame(0x88a8, &[&[0, 1, 0x81, 0, 0, 2, 0x08, 0], &ipv4(28, 0, 17), &[0; 8]]);
    let layout = Layout::scan(&two);
    assert_eq!((layout.l2_len, layout.vlans, layout.ether_type), (22, 2, EtherType::IPV4));
    assert_eq!(layout.l4, Some(L4 { kind: L4Kind::Udp, offset: 42 }));
    let three = frame(0x88a8, &[&[0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 0x08, 0], &ipv4(28, 0, 17), &[0; 8]]);
    let layout = Layout::scan(&three);
    assert_eq!((layout.l2_len, layout.l3), (22, None));
    assert_eq!(layout.malformed, Some(Malformed::TooManyVlanTags));
}

#[test]
fn a_later_fragment_has_no_layer_4() {
    let layout = Layout::scan(&frame(0x0800, &[&ipv4(40, 0x2000, 17), &[0; 20]]));
    assert!(layout.fragment && !layout.later_fragment && layout.l4.is_some());
    let layout = Layout::scan(&frame(0x0800, &[&ipv4(40, 0x0001, 17), &[0; 20]]));
    assert!(layout.fragment && layout.later_fragment && layout.l4.is_none());
    assert_eq!((layout.protocol, layout.payload), (IpProtocol::UDP, 34));
    let header = [17, 0, 0, 8, 0, 0, 0, 1];
    let layout = Layout::scan(&frame(0x86dd, &[&ipv6(28, 44), &header, &[0; 20]]));
    assert!(layout.fragment && layout.l4.is_none() && layout.malformed.is_none());
    assert_eq!((layout.protocol, layout.payload), (IpProtocol::UDP, 62));
}

#[test]
fn a_first_fragment_without_a_whole_header_has_no_layer_4() {
    for rest in [&[][..], &[0; 7]] {
        let total_len = 20 + rest.len() as u16;
        for protocol in [6, 17] {
            let layout = Layout::scan(&frame(0x0800, &[&ipv4(total_len, 0x2000, protocol), rest]));
            assert_eq!((layout.l4, layout.malformed), (None, None));
        }
    }
}

#[test]
fn length_fields_are_checked() {
    let tcp = |offset: u8| [0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, offset, 2, 0, 0, 0, 0, 0, 0];
    let malformed = |ether_type, rest: &[&[u8]]| Layout::scan(&frame(ether_type, rest)).malformed;
    assert_eq!(Layout::scan(&[0; 13]).malformed, Some(Malformed::Ethernet));
    assert_eq!(malformed(0x8100, &[&[0, 1, 8]]), Some(Malformed::VlanTag));
    assert_eq!(malformed(0x0806, &[&[0; 28]]), Some(Malformed::Arp));
    assert_eq!(malformed(0x0800, &[&ipv4(20, 0, 6)[..19]]), Some(Malformed::Ipv4Truncated));
    assert_eq!(malformed(0x0800, &[&ipv4(19, 0, 6)]), Some(Malformed::Ipv4Length));
    assert_eq!(malformed(0x0800, &[&ipv4(21, 0, 6)]), Some(Malformed::Ipv4Length));
    assert_eq!(malformed(0x0800, &[&[0x55; 20]]), Some(Malformed::Ipv4Version));
    assert_eq!(malformed(0x0800, &[&[0x44; 20]]), Some(Malformed::Ipv4Version));
    assert_eq!(malformed(0x0800, &[&[0x46; 20]]), Some(Malformed::Ipv4Truncated));
    assert_eq!(malformed(0x0800, &[&ipv4(39, 0, 6), &tcp(0x50)]), Some(Malformed::L4));
    assert_eq!(malformed(0x0800, &[&ipv4(40, 0, 6), &tcp(0x40)]), Some(Malformed::L4));
    assert_eq!(malformed(0x0800, &[&ipv4(40, 0, 6), &tcp(0x60)]), Some(Malformed::L4));
    assert_eq!(malformed(0x0800, &[&ipv4(40, 0, 6), &tcp(0x50)]), None);
    assert_eq!(malformed(0x86dd, &[&ipv6(0, 6)[..39]]), Some(Malformed::Ipv6Truncated));
    assert_eq!(malformed(0x86dd, &[&[0x46; 40]]), Some(Malformed::Ipv6Version));
    assert_eq!(malformed(0x86dd, &[&ipv6(21, 6), &tcp(0x50)]), Some(Malformed::Ipv6Length));
    assert_eq!(malformed(0x86dd, &[&ipv6(9, 0), &[6, 1, 0, 0, 0, 0, 0, 0, 0]]), Some(Malformed::Extension));
    let chain = [60, 0, 1, 4, 0, 0, 0, 0].repeat(9);
    assert_eq!(malformed(0x86dd, &[&ipv6(72, 60), &chain]), Some(Malformed::TooManyExtensions));
}

#[cfg(feature = "proptest")]
#[test]
fn the_short_way_finds_what_the_long_way_finds() {
    proptest::proptest!(|(frame in crate::strategy::any_frame())| {
        if let Some(layout) = Layout::scan_common(&frame) {
            proptest::prop_assert_eq!(layout, Layout::scan_any(&frame));
        }
    });
}

#[test]
fn icmp_of_the_other_ip_version_is_no_layer_4() {
    assert_eq!(Layout::scan(&frame(0x0800, &[&ipv4(28, 0, 58), &[0; 8]])).l4, None);
    assert_eq!(Layout::scan(&frame(0x86dd, &[&ipv6(8, 1), &[0; 8]])).l4, None);
    assert!(Layout::scan(&frame(0x86dd, &[&ipv6(8, 58), &[0; 8]])).l4.is_some());
}
