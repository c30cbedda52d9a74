//! What is shown.

use super::*;
use crate::build::{Build, Ipv4Stage};
use crate::checksum::fill;
use crate::ethernet::EtherType;
use crate::icmpv6::TimeExceededCode;
use crate::ipv4::IpProtocol;
use crate::mac::MacAddr;
use crate::tcp::TcpFlags;

const A: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const B: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

fn syn() -> Vec<u8> {
    let syn = Build::ethernet(A, B).vlan(7).ipv6("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
    let syn = syn.tcp(40000, 80).flags(TcpFlags::SYN).options(&[2, 4, 5, 180, 1, 3, 3, 7]);
    syn.to_vec().unwrap()
}

#[test]
fn a_segment_is_one_line() {
    assert_eq!(
        summary(&syn()).to_string(),
        "02:00:00:00:00:01 > 02:00:00:00:00:02, vlan 7, IPv6 fd00::1.40000 > fd00::2.80: \
         TCP SYN, seq 0, win 65535, options [mss 1460, nop, wscale 7], length 0"
    );
}

#[test]
fn what_is_malformed_is_told_with_its_place() {
    let mut frame = syn();
    let cut = summary(&frame[..frame.len() - 1]).to_string();
    assert!(cut.ends_with("[malformed at byte 18: IPv6 payload length beyond the frame]"), "{cut}");
    frame[70] = 0x40;
    let wrong = detail(&frame).to_string();
    assert!(
        wrong.ends_with("malformed at byte 58: layer 4 header cut short or its length wrong\n"),
        "{wrong}"
    );
    frame[70] = 0x70;
    frame[60] ^= 1;
    let wrong = summary(&frame).to_string();
    assert!(wrong.contains("[TCP checksum 0x") && wrong.ends_with("would be right]"), "{wrong}");
    assert_eq!(
        summary(&[]).to_string(),
        "0 bytes [malformed at byte 0: frame shorter than an Ethernet header]"
    );
}

#[test]
fn an_error_shows_the_packet_that_it_quotes() {
    let quoted = syn();
    let error = Build::ethernet(B, A).ipv6("fd00::fe".parse().unwrap(), "fd00::1".parse().unwrap());
    let error = error.time_exceeded(TimeExceededCode::HOP_LIMIT, &quoted[18..]).to_vec().unwrap();
    assert_eq!(
        summary(&error).to_string(),
        "02:00:00:00:00:02 > 02:00:00:00:00:01, IPv6 fd00::fe > fd00::1: ICMPv6 time exceeded \
         (hop limit exceeded in transit) about fd00::1 > fd00::2 TCP, length 68"
    );
}

#[test]
fn the_detail_names_all_fields() {
    let text = detail(&syn()).to_string();
    for line in [
        "Ethernet at 0",
        "  dst: 02:00:00:00:00:02",
        "VLAN tag at 14",
        "  vid: 7",
        "IPv6 at 18",
        "  hop limit: 64",
        "TCP at 58",
        "  flags: SYN",
        "  option: mss 1460",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn bytes_are_dumped_in_rows() {
    let bytes: Vec<u8> = (0x3e..0x50).collect();
    assert_eq!(
        hexdump(&bytes).to_string(),
        "0000  3e 3f 40 41 42 43 44 45  46 47 48 49 4a 4b 4c 4d  >?@ABCDEFGHIJKLM\n\
         0010  4e 4f                                             NO\n"
    );
}

fn v4() -> Ipv4Stage<'static> {
    Build::ethernet(A, B).ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
}

#[test]
fn what_a_tunnel_carries_is_shown_one_level_deep() {
    let inner = [&[8, 0, 0, 0, 0, 0, 42, 0][..], &syn()].concat();
    let vxlan = v4().udp(9, 4789).payload(&inner).to_vec().unwrap();
    assert_eq!(
        summary(&vxlan).to_string(),
        "02:00:00:00:00:01 > 02:00:00:00:00:02, IPv4 10.0.0.1.9 > 10.0.0.2.4789: UDP, length 94 | VXLAN vni 42 | \
         02:00:00:00:00:01 > 02:00:00:00:00:02, vlan 7, IPv6 fd00::1.40000 > fd00::2.80: \
         TCP SYN, seq 0, win 65535, options [mss 1460, nop, wscale 7], length 0"
    );
    let text = detail(&vxlan).to_string();
    for line in ["VXLAN at 42", "  vni: 42", "Ethernet at 50", "VLAN tag at 64", "IPv6 at 68", "TCP at 108"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let twice = v4().payload(IpProtocol::IPIP, &vxlan[14..]).to_vec().unwrap();
    let line = summary(&twice).to_string();
    assert!(
        line.ends_with("IPIP, length 122 | IP in IP | IPv4 10.0.0.1.9 > 10.0.0.2.4789: UDP, length 94"),
        "{line}"
    );
}

#[test]
fn what_is_wrong_in_a_tunnel_is_told_with_its_place_in_the_frame() {
    let mut packet = syn()[18..].to_vec();
    packet[52] = 0x40; // the data offset
    let frame = v4().payload(IpProtocol::IPV6, &packet).to_vec().unwrap();
    let line = summary(&frame).to_string();
    assert!(line.ends_with("[malformed at byte 74: layer 4 header cut short or its length wrong]"), "{line}");
}

#[test]
fn the_headers_of_all_tunnels_are_shown() {
    let packet = &syn()[18..];
    let shown = |frame: &[u8]| detail(frame).to_string();
    let gre = [&[0x20, 0, 0x86, 0xdd, 0, 0, 0, 7][..], packet].concat();
    let gre = shown(&v4().payload(IpProtocol::GRE, &gre).to_vec().unwrap());
    assert!(
        gre.contains("GRE at 34\n  protocol: IPv6 (0x86dd)\n  key: 7\nchecksums correct\nIPv6 at 42\n"),
        "{gre}"
    );
    let gtpu = [&[0x34, 255, 0, 76, 0, 0, 0, 9, 0, 0, 0, 0x85, 1, 0, 1, 0][..], packet].concat();
    let gtpu = shown(&v4().udp(2152, 2152).payload(&gtpu).to_vec().unwrap());
    assert!(
        gtpu.contains("GTP-U at 42\n  message type: G-PDU (0xff)\n  length: 76\n  TEID: 0x9\n"),
        "{gtpu}"
    );
    assert!(gtpu.contains("  extension: PDU session container\nchecksums correct\nIPv6 at 58\n"), "{gtpu}");
    let mpls = [&[0, 1, 0xa, 64, 0, 2, 1, 63][..], packet].concat();
    let mpls = Build::ethernet(A, B).payload(EtherType::MPLS, &mpls).to_vec().unwrap();
    let mpls = shown(&mpls);
    assert!(
        mpls.contains("label at 14\n  label: 16\n  traffic class: 5\n  TTL: 64\nlabel at 18\n"),
        "{mpls}"
    );
}

#[test]
fn chunks_groups_and_redirects_are_shown() {
    let line = |protocol, payload: &[u8]| {
        let mut frame = v4().payload(protocol, payload).to_vec().unwrap();
        fill(&mut frame).unwrap();
        assert!(!detail(&frame).to_string().contains("malformed"));
        summary(&frame).to_string().split_once("IPv4 ").unwrap().1.to_owned()
    };
    let sctp = [0, 7, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 11, 0, 0, 4, 0, 0, 0, 4];
    assert_eq!(line(IpProtocol::SCTP, &sctp), "10.0.0.1.7 > 10.0.0.2.9: SCTP [COOKIE ACK] [DATA], length 8");
    let igmp = [0x16, 0, 0, 0, 239, 1, 1, 1];
    assert_eq!(
        line(IpProtocol::IGMP, &igmp),
        "10.0.0.1 > 10.0.0.2: IGMP membership report v2 239.1.1.1, length 0"
    );
    let redirect = [5, 1, 0, 0, 192, 0, 2, 1];
    assert_eq!(
        line(IpProtocol::ICMPV4, &redirect),
        "10.0.0.1 > 10.0.0.2: ICMP redirect (for the host) to 192.0.2.1, length 0"
    );
}
