//! Proptest strategies that yield frames as bytes (feature `proptest`).
//!
//! [`frame`] yields well-formed frames, whose lengths and checksums are right; [`malformed`] yields frames that
//! were well-formed before something was done to them; [`any_frame`] yields both, and noise.
//!
//! # Examples
//! ```
//! use proptest::prelude::*;
//! use rackless_packet::checksum::verify;
//! use rackless_packet::strategy;
//!
//! proptest!(|(frame in strategy::frame())| {
//!     prop_assert!(verify(&frame).is_ok());
//! });
//! ```

mod damage;
mod ipv4;
mod ipv6;
mod tunnel;

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;

pub use damage::malformed;
pub use ipv4::ipv4_frame;
pub use ipv6::{ipv6_frame, ndp_frame};
pub use tunnel::{tunnel_frame, tunnel_headers};

use crate::arp::{Arp, ArpOperation};
use crate::build::{Build, EthernetStage};
use crate::ethernet::EtherType;
use crate::mac::MacAddr;
use crate::sctp::Sctp;

/// Yields well-formed frames of all kinds but tunnels: TCP, UDP, SCTP, ICMP, IGMP and fragments on IPv4 and IPv6, ARP,
/// neighbour discovery, with up to two VLAN tags, options and extension headers.
pub fn frame() -> impl Strategy<Value = Vec<u8>> {
    // In boxes: strategies by value nest so deep that they fill the stack of a test's thread.
    prop_oneof![
        4 => ipv4_frame().boxed(),
        4 => ipv6_frame().boxed(),
        1 => arp_frame().boxed(),
        1 => ndp_frame().boxed(),
    ]
}

/// Yields well-formed frames, also in tunnels, malformed ones, and noise.
pub fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => frame(), 4 => malformed(), 1 => tunnel_frame(), 1 => vec(any::<u8>(), 0..200)]
}

/// Yields ARP requests and replies.
pub fn arp_frame() -> impl Strategy<Value = Vec<u8>> {
    let operation = prop_oneof![Just(ArpOperation::REQUEST), Just(ArpOperation::REPLY)];
    (ethernet(), operation, mac(), ipv4_addr(), mac(), ipv4_addr()).prop_map(
        |(ethernet, operation, sender_mac, sender_ip, target_mac, target_ip)| {
            let mut arp = Arp::reply(sender_mac, sender_ip, target_mac, target_ip);
            arp.operation = operation;
            ethernet.arp(&arp).to_vec().expect("an ARP frame has a fixed length")
        },
    )
}

/// Yields addresses of single stations.
pub fn mac() -> impl Strategy<Value = MacAddr> {
    any::<[u8; 5]>().prop_map(|[a, b, c, d, e]| MacAddr([2, a, b, c, d, e]))
}

/// Yields IPv4 addresses of single hosts.
pub fn ipv4_addr() -> impl Strategy<Value = Ipv4Addr> {
    let own = (0_u8..4, 1_u8..255).prop_map(|(net, host)| Ipv4Addr::new(10, 0, net, host));
    let other = (1_u8..=223, any::<[u8; 3]>())
        .prop_filter("loopback is not seen on a link", |(a, _)| *a != 127)
        .prop_map(|(a, [b, c, d])| Ipv4Addr::new(a, b, c, d));
    prop_oneof![own, other]
}

/// Yields IPv6 addresses of single hosts.
pub fn ipv6_addr() -> impl Strategy<Value = Ipv6Addr> {
    let host = (prop_oneof![Just(0xfd00_u16), Just(0xfe80), Just(0x2001)], 0_u16..4, 1_u16..);
    host.prop_map(|(net, subnet, host)| {
        let subnet = if net == 0xfe80 { 0 } else { subnet };
        Ipv6Addr::new(net, 0, 0, subnet, 0, 0, 0, host)
    })
}

/// Yields payloads, mostly short, of up to 1,200 bytes.
pub fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![8 => vec(any::<u8>(), 0..64), 1 => vec(any::<u8>(), 0..1200)]
}

/// Yields Ethernet headers with no tag, one, or two.
fn ethernet() -> impl Strategy<Value = EthernetStage> {
    let tags = prop_oneof![
        4 => Just(vec![]),
        1 => any::<u16>().prop_map(|tci| vec![(EtherType::VLAN, tci)]),
        1 => any::<[u16; 2]>().prop_map(|[s, c]| vec![(EtherType::QINQ, s), (EtherType::VLAN, c)]),
    ];
    (mac(), mac(), tags).prop_map(|(src, dst, tags)| {
        tags.into_iter().fold(Build::ethernet(src, dst), |stage, (kind, tci)| stage.tag(kind, tci))
    })
}

/// What lies above IP.
#[derive(Debug, Clone)]
enum Transport {
    Tcp { ports: (u16, u16), seq: u32, ack: u32, flags: u8, options: Vec<u8>, payload: Vec<u8> },
    Udp { ports: (u16, u16), payload: Vec<u8> },
    Echo { reply: bool, id: u16, seq: u16, payload: Vec<u8> },
    Sctp(Vec<u8>),
    Error { exceeded: bool, code: u8, quoted: Vec<u8> },
}

fn transport() -> impl Strategy<Value = Transport> {
    let ports = || (any::<u16>(), any::<u16>());
    let tcp = (ports(), any::<u32>(), any::<u32>(), any::<u8>(), tcp_options(), payload());
    prop_oneof![
        3 => tcp.prop_map(|(ports, seq, ack, flags, options, payload)| {
            Transport::Tcp { ports, seq, ack, flags, options, payload }
        }),
        3 => (ports(), payload()).prop_map(|(ports, payload)| Transport::Udp { ports, payload }),
        1 => (any::<bool>(), any::<u16>(), any::<u16>(), payload())
            .prop_map(|(reply, id, seq, payload)| Transport::Echo { reply, id, seq, payload }),
        1 => sctp_packet().prop_map(Transport::Sctp),
        1 => (any::<bool>(), 0_u8..2, vec(any::<u8>(), 28..100))
            .prop_map(|(exceeded, code, quoted)| Transport::Error { exceeded, code, quoted }),
    ]
}

/// Yields SCTP packets of whole chunks.
fn sctp_packet() -> impl Strategy<Value = Vec<u8>> {
    let chunk = (any::<[u8; 2]>(), vec(any::<u8>(), 0..40)).prop_map(|([kind, flags], data)| {
        let len = data.len() as u8 + 4;
        let padding = data.len().next_multiple_of(4) - data.len();
        [&[kind, flags, 0, len][..], &data, &[0; 3][..padding]].concat()
    });
    (any::<[u8; 8]>(), vec(chunk, 1..4)).prop_map(|(header, chunks)| {
        let mut packet = [&header[..], &[0; 4], &chunks.concat()].concat();
        let checksum = Sctp::checksum_of(&packet);
        packet[8..12].copy_from_slice(&checksum.to_le_bytes());
        packet
    })
}

/// Yields well-formed TCP options of at most 40 bytes.
fn tcp_options() -> impl Strategy<Value = Vec<u8>> {
    let option = prop_oneof![
        Just(vec![1]),
        any::<[u8; 2]>().prop_map(|[a, b]| vec![2, 4, a, b]),
        (0_u8..15).prop_map(|shift| vec![3, 3, shift]),
        Just(vec![4, 2]),
        any::<[u8; 8]>().prop_map(|clocks| [&[8, 10][..], &clocks].concat()),
        vec(any::<u8>(), 0..8).prop_map(|data| [&[253, data.len() as u8 + 2][..], &data].concat()),
    ];
    vec(option, 0..5).prop_map(|options| options.concat()).prop_filter("at most 40 bytes", |o| o.len() <= 40)
}
