//! Packets in packets: where the headers of a tunnel end, and what it carries.

use std::fmt;

use zerocopy::FromBytes;

use crate::ethernet::{EtherType, Ethernet};
use crate::gre::Gre;
use crate::gtpu::{GtpU, MessageType};
use crate::ipv4::{IpProtocol, Ipv4};
use crate::ipv6::Ipv6;
use crate::layout::{L4Kind, Layout};
use crate::mpls;
use crate::udp::Udp;
use crate::vxlan::Vxlan;

/// What a frame carries in a tunnel, as [`Layout::tunnel`] finds it; offsets count from the frame's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunnel {
    /// Which tunnel it is.
    pub kind: TunnelKind,
    /// Where the headers of the tunnel start, behind the Ethernet header and its VLAN tags.
    pub outer: u16,
    /// Where they end and what is carried starts.
    pub inner: u16,
    /// Where what is carried ends by the tunnel's length fields.
    pub end: u16,
    /// What is carried.
    pub carries: Inner,
}

/// A kind of tunnel, with what tells one from others of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TunnelKind {
    /// IP in IP (RFC 2003, RFC 4213, RFC 2473).
    IpInIp,
    /// GRE (RFC 2784).
    Gre {
        /// The key, if there is one.
        key: Option<u32>,
    },
    /// VXLAN (RFC 7348).
    Vxlan {
        /// The network identifier.
        vni: u32,
    },
    /// GTP-U (3GPP TS 29.281).
    GtpU {
        /// The endpoint identifier.
        teid: u32,
    },
    /// MPLS (RFC 3032).
    Mpls {
        /// The label at the bottom of the stack.
        label: u32,
    },
}

/// What a tunnel carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Inner {
    /// An Ethernet frame.
    Ethernet,
    /// An IPv4 packet.
    Ipv4,
    /// An IPv6 packet.
    Ipv6,
}

impl Tunnel {
    /// Returns the bytes that are carried, of the frame in which the tunnel was found.
    pub fn bytes<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        frame.get(self.inner.into()..self.end.into()).unwrap_or_default()
    }

    /// Finds the headers of what is carried; offsets count from [`Tunnel::inner`].
    pub fn layout(&self, frame: &[u8]) -> Layout {
        match self.carries {
            Inner::Ethernet => Layout::scan(self.bytes(frame)),
            Inner::Ipv4 | Inner::Ipv6 => Layout::scan_packet(self.bytes(frame)),
        }
    }
}

impl Inner {
    /// Returns what an IP packet is by its version, if its fixed header is whole.
    pub fn of_packet(packet: &[u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 if packet.len() >= Ipv4::LEN => Some(Self::Ipv4),
            6 if packet.len() >= Ipv6::LEN => Some(Self::Ipv6),
            _ => None,
        }
    }

    /// Returns the EtherType that announces it, in an Ethernet header or in GRE.
    pub const fn ether_type(self) -> EtherType {
        match self {
            Self::Ethernet => EtherType::TRANSPARENT_BRIDGING,
            Self::Ipv4 => EtherType::IPV4,
            Self::Ipv6 => EtherType::IPV6,
        }
    }

    /// Returns what these bytes are if they are what `ether_type` announces, and the first header of it is whole.
    fn announced(ether_type: EtherType, bytes: &[u8]) -> Option<Self> {
        match ether_type {
            EtherType::TRANSPARENT_BRIDGING => (bytes.len() >= Ethernet::LEN).then_some(Self::Ethernet),
            _ => Self::of_packet(bytes).filter(|inner| inner.ether_type() == ether_type),
        }
    }
}

impl fmt::Display for TunnelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IpInIp => f.write_str("IP in IP"),
            Self::Gre { key: None } => f.write_str("GRE"),
            Self::Gre { key: Some(key) } => write!(f, "GRE key {key}"),
            Self::Vxlan { vni } => write!(f, "VXLAN vni {vni}"),
            Self::GtpU { teid } => write!(f, "GTP-U teid {teid:#x}"),
            Self::Mpls { label } => write!(f, "MPLS label {label}"),
        }
    }
}

impl Layout {
    /// Finds what the frame, whose layout this is, carries in a tunnel: IP in IP, GRE, VXLAN and GTP-U by their
    /// ports, and IP under a label stack. `None` if it carries nothing so, is a fragment, or is malformed; checksums
    /// are not verified.
    ///
    /// # Examples
    /// ```
    /// use rackless_packet::build::Build;
    /// use rackless_packet::ipv4::IpProtocol;
    /// use rackless_packet::tunnel::{Inner, TunnelKind};
    /// use rackless_packet::{Layout, MacAddr};
    ///
    /// let link = Build::ethernet(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
    /// let packet = link.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).echo_request(1, 1, b"").to_vec()?;
    /// let outer = link.ipv6("fd00::1".parse()?, "fd00::2".parse()?);
    /// let frame = outer.payload(IpProtocol::IPIP, &packet[14..]).to_vec()?;
    ///
    /// let tunnel = Layout::scan(&frame).tunnel(&frame).expect("4 in 6");
    /// assert_eq!((tunnel.kind, tunnel.carries), (TunnelKind::IpInIp, Inner::Ipv4));
    /// assert_eq!((tunnel.outer, tunnel.inner), (14, 54));
    /// assert_eq!(tunnel.bytes(&frame), &packet[14..]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tunnel(&self, frame: &[u8]) -> Option<Tunnel> {
        let frame = frame.get(..self.end.into())?;
        if self.fragment || self.malformed.is_some() {
            return None;
        }
        let outer = self.l3.map_or(self.l2_len, |l3| l3.offset);
        let start = usize::from(self.payload);
        let (kind, header_len, carries, end) = match (self.l4, self.protocol) {
            (None, _) if self.ether_type.is_mpls() => label_stack(&frame[start..]),
            (None, IpProtocol::IPIP) => ip_in_ip(Inner::Ipv4, &frame[start..]),
            (None, IpProtocol::IPV6) => ip_in_ip(Inner::Ipv6, &frame[start..]),
            (None, IpProtocol::GRE) => gre(&frame[start..]),
            (Some(l4), _) if l4.kind == L4Kind::Udp => datagram(&frame[l4.offset.into()..]),
            _ => None,
        }?;
        // The offsets lie within the frame, which is as far as a layout goes.
        let (inner, end) = ((start + header_len) as u16, (start + end) as u16);
        Some(Tunnel { kind, outer, inner, end, carries })
    }
}

/// A tunnel, the length of its header, what it carries, and where that ends, from the end of the last header that a
/// layout knows.
type Found = (TunnelKind, usize, Inner, usize);

fn ip_in_ip(announced: Inner, bytes: &[u8]) -> Option<Found> {
    let carries = Inner::announced(announced.ether_type(), bytes)?;
    Some((TunnelKind::IpInIp, 0, carries, bytes.len()))
}

fn gre(bytes: &[u8]) -> Option<Found> {
    let (gre, rest) = Gre::ref_from_prefix(bytes).ok().filter(|(gre, _)| gre.is_supported())?;
    let len = gre.header_len();
    let carries = Inner::announced(gre.protocol, bytes.get(len..)?)?;
    Some((TunnelKind::Gre { key: gre.key(rest) }, len, carries, bytes.len()))
}

/// Looks into a UDP datagram, its header included.
fn datagram(bytes: &[u8]) -> Option<Found> {
    let (udp, _) = Udp::ref_from_prefix(bytes).ok()?;
    let payload = bytes.get(Udp::LEN..udp.len.get().into())?;
    match udp.dst_port.get() {
        Vxlan::PORT => vxlan(payload),
        GtpU::PORT => gtpu(payload),
        _ => None,
    }
}

fn vxlan(payload: &[u8]) -> Option<Found> {
    let (vxlan, frame) = Vxlan::ref_from_prefix(payload).ok().filter(|(vxlan, _)| vxlan.is_valid())?;
    let carries = Inner::announced(EtherType::TRANSPARENT_BRIDGING, frame)?;
    Some((TunnelKind::Vxlan { vni: vxlan.vni() }, Vxlan::LEN, carries, payload.len()))
}

fn gtpu(payload: &[u8]) -> Option<Found> {
    let (gtpu, rest) = GtpU::ref_from_prefix(payload).ok()?;
    let rest = rest.get(..gtpu.len.get().into())?;
    let mut extensions = gtpu.extensions(rest);
    let is_packet = gtpu.is_version_1() && gtpu.message_type == MessageType::G_PDU;
    if !is_packet || extensions.by_ref().any(|extension| extension.is_err()) {
        return None;
    }
    let carries = Inner::of_packet(rest.get(extensions.offset()..)?)?;
    let kind = TunnelKind::GtpU { teid: gtpu.teid.get() };
    Some((kind, GtpU::LEN + extensions.offset(), carries, GtpU::LEN + rest.len()))
}

fn label_stack(bytes: &[u8]) -> Option<Found> {
    let mut stack = mpls::stack(bytes);
    let bottom = stack.by_ref().last()?.ok()?;
    let carries = Inner::of_packet(&bytes[stack.offset()..])?;
    Some((TunnelKind::Mpls { label: bottom.label() }, stack.offset(), carries, bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Build, EthernetStage};
    use crate::mac::MacAddr;

    fn link() -> EthernetStage {
        Build::ethernet(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]))
    }

    /// A frame of an IPv4 or IPv6 packet.
    fn echo(version: u8) -> Vec<u8> {
        match version {
            4 => link().ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).echo_request(1, 2, b"x").to_vec(),
            _ => link().ipv6([1; 16].into(), [2; 16].into()).echo_request(1, 2, b"x").to_vec(),
        }
        .unwrap()
    }

    fn found(frame: &[u8]) -> Option<(TunnelKind, u16, u16, Inner)> {
        let tunnel = Layout::scan(frame).tunnel(frame)?;
        assert_eq!(usize::from(tunnel.end), frame.len());
        assert_eq!(tunnel.layout(frame).malformed, None);
        Some((tunnel.kind, tunnel.outer, tunnel.inner, tunnel.carries))
    }

    fn over_udp(port: u16, payload: &[&[u8]]) -> Vec<u8> {
        let stage = link().vlan(5).ipv4([1; 4].into(), [2; 4].into());
        stage.udp(9, port).payload(&payload.concat()).to_vec().unwrap()
    }

    #[test]
    fn ip_is_found_in_ip() {
        for (version, protocol, inner) in
            [(4, IpProtocol::IPIP, Inner::Ipv4), (6, IpProtocol::IPV6, Inner::Ipv6)]
        {
            let packet = &echo(version)[14..];
            let in_4 = link().ipv4([1; 4].into(), [2; 4].into()).options(&[1]).payload(protocol, packet);
            assert_eq!(found(&in_4.to_vec().unwrap()), Some((TunnelKind::IpInIp, 14, 38, inner)));
            let in_6 = link().ipv6([1; 16].into(), [2; 16].into()).payload(protocol, packet);
            assert_eq!(found(&in_6.to_vec().unwrap()), Some((TunnelKind::IpInIp, 14, 54, inner)));
            // The number and the version disagree.
            let other = if version == 4 { IpProtocol::IPV6 } else { IpProtocol::IPIP };
            let wrong = link().ipv4([1; 4].into(), [2; 4].into()).payload(other, packet);
            assert_eq!(found(&wrong.to_vec().unwrap()), None);
        }
    }

    #[test]
    fn gre_carries_packets_and_frames() {
        let gre = |header: &[u8], inner: &[u8]| {
            let payload = [header, inner].concat();
            link().ipv4([1; 4].into(), [2; 4].into()).payload(IpProtocol::GRE, &payload).to_vec().unwrap()
        };
        let (packet, frame) = (&echo(6)[14..], echo(4));
        let plain = gre(&[0, 0, 0x86, 0xdd], packet);
        assert_eq!(found(&plain), Some((TunnelKind::Gre { key: None }, 14, 38, Inner::Ipv6)));
        let keyed = gre(&[0x30, 0, 0x65, 0x58, 0, 0, 0, 7, 0, 0, 0, 1], &frame);
        assert_eq!(found(&keyed), Some((TunnelKind::Gre { key: Some(7) }, 14, 46, Inner::Ethernet)));
        assert_eq!(found(&gre(&[0x40, 0, 0x86, 0xdd], packet)), None);
        assert_eq!(found(&gre(&[0, 0, 0x08, 0], packet)), None);
    }

    #[test]
    fn vxlan_and_gtpu_are_found_by_their_ports() {
        let (packet, frame) = (&echo(4)[14..], echo(6));
        let vxlan = over_udp(4789, &[&[8, 0, 0, 0, 0, 0, 42, 0], &frame]);
        assert_eq!(found(&vxlan), Some((TunnelKind::Vxlan { vni: 42 }, 18, 54, Inner::Ethernet)));
        assert_eq!(found(&over_udp(4790, &[&[8, 0, 0, 0, 0, 0, 42, 0], &frame])), None);
        assert_eq!(found(&over_udp(4789, &[&[0, 0, 0, 0, 0, 0, 42, 0], &frame])), None);
        assert_eq!(found(&over_udp(4789, &[&[8, 0, 0, 0, 0, 0, 42, 0], &frame[..13]])), None);
        let len = packet.len() as u8;
        let gtpu = over_udp(2152, &[&[0x30, 255, 0, len, 0, 0, 0, 7], packet]);
        assert_eq!(found(&gtpu), Some((TunnelKind::GtpU { teid: 7 }, 18, 54, Inner::Ipv4)));
        let long = over_udp(2152, &[&[0x34, 255, 0, len + 8, 0, 0, 0, 7, 0, 0, 0, 0x85, 1, 0, 9, 0], packet]);
        assert_eq!(found(&long), Some((TunnelKind::GtpU { teid: 7 }, 18, 62, Inner::Ipv4)));
        assert_eq!(found(&over_udp(2152, &[&[0x30, 1, 0, len, 0, 0, 0, 7], packet])), None);
        assert_eq!(found(&over_udp(2152, &[&[0x30, 255, 0, len + 1, 0, 0, 0, 7], packet])), None);
    }

    #[test]
    fn ip_is_found_under_a_label_stack() {
        let labelled = |stack: &[u8], packet: &[u8]| {
            link().vlan(3).payload(EtherType::MPLS, &[stack, packet].concat()).to_vec().unwrap()
        };
        let frame = labelled(&[0, 1, 0, 64, 0, 2, 1, 64], &echo(6)[14..]);
        assert_eq!(found(&frame), Some((TunnelKind::Mpls { label: 32 }, 18, 26, Inner::Ipv6)));
        // No bottom, and a pseudowire.
        assert_eq!(found(&labelled(&[0, 1, 0, 64], &[0; 40])), None);
        assert_eq!(found(&labelled(&[0, 1, 1, 64], &[0; 40])), None);
    }

    #[test]
    fn a_fragment_carries_no_whole_packet() {
        let stage = link().ipv4([1; 4].into(), [2; 4].into()).flags_fragment(Ipv4::MORE_FRAGMENTS);
        assert_eq!(found(&stage.payload(IpProtocol::IPIP, &echo(4)[14..]).to_vec().unwrap()), None);
    }
}
