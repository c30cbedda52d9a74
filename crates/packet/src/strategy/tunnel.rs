//! Tunnels, and frames in them.

use proptest::prelude::*;

use super::{ethernet, ipv4_addr, ipv4_frame, ipv6_addr, ipv6_frame};
use crate::build::Headers;
use crate::ethernet::EtherType;
use crate::layout::Layout;
use crate::tunnel::Inner;

/// Yields the headers of tunnels of all kinds, on IPv4 and IPv6.
pub fn tunnel_headers() -> impl Strategy<Value = Headers<'static>> {
    let outer = (ethernet(), ipv4_addr(), ipv4_addr(), ipv6_addr(), ipv6_addr(), any::<bool>());
    (outer, tunnel()).prop_map(|((ethernet, src_4, dst_4, src_6, dst_6, on_6), tunnel)| {
        let (v4, v6) = (ethernet.ipv4(src_4, dst_4), ethernet.ipv6(src_6, dst_6));
        match (tunnel, on_6) {
            (Kind::IpInIp, false) => v4.ip_in_ip(),
            (Kind::IpInIp, true) => v6.ip_in_ip(),
            (Kind::Gre(protocol, key), false) => v4.gre(protocol, key),
            (Kind::Gre(protocol, key), true) => v6.gre(protocol, key),
            (Kind::Vxlan(port, vni), false) => v4.vxlan(port, vni),
            (Kind::Vxlan(port, vni), true) => v6.vxlan(port, vni),
            (Kind::GtpU(port, teid), false) => v4.gtpu(port, teid),
            (Kind::GtpU(port, teid), true) => v6.gtpu(port, teid),
        }
    })
}

/// Yields well-formed IPv4 and IPv6 frames in tunnels of all kinds.
pub fn tunnel_frame() -> impl Strategy<Value = Vec<u8>> {
    let frame = prop_oneof![ipv4_frame().boxed(), ipv6_frame().boxed()];
    (tunnel_headers(), frame).prop_filter_map("GRE for the other IP version", |(headers, frame)| {
        let packet = &frame[Layout::scan(&frame).l2_len.into()..];
        let payload = if headers.carries(Inner::Ethernet) { &frame } else { packet };
        let carried = headers.carries(Inner::Ethernet) || headers.carries(Inner::of_packet(packet)?);
        let mut whole = [&vec![0; headers.len()][..], payload].concat();
        headers.write(&mut whole).expect("the frame is short");
        carried.then_some(whole)
    })
}

#[derive(Debug, Clone)]
enum Kind {
    IpInIp,
    Gre(EtherType, Option<u32>),
    Vxlan(u16, u32),
    GtpU(u16, u32),
}

fn tunnel() -> impl Strategy<Value = Kind> {
    let protocols = vec![EtherType::IPV4, EtherType::IPV6, EtherType::TRANSPARENT_BRIDGING];
    prop_oneof![
        Just(Kind::IpInIp),
        (prop::sample::select(protocols), any::<Option<u32>>())
            .prop_map(|(protocol, key)| Kind::Gre(protocol, key)),
        any::<(u16, u32)>().prop_map(|(port, vni)| Kind::Vxlan(port, vni)),
        any::<(u16, u32)>().prop_map(|(port, teid)| Kind::GtpU(port, teid)),
    ]
}
