//! The scan that finds the headers.

use zerocopy::FromBytes;

use super::{L3, L3Kind, L4, L4Kind, Layout, Malformed};
use crate::arp::Arp;
use crate::ethernet::{EtherType, Ethernet, VlanTag};
use crate::icmpv4::Icmpv4;
use crate::icmpv6::Icmpv6;
use crate::igmp::Igmp;
use crate::ipv4::{IpProtocol, Ipv4};
use crate::ipv6::{Fragment, Ipv6, MAX_EXTENSIONS, extension_len, is_extension};
use crate::sctp::Sctp;
use crate::tcp::Tcp;
use crate::udp::Udp;

impl Layout {
    /// Finds the headers of a frame.
    ///
    /// At most two VLAN tags and [`MAX_EXTENSIONS`] extension headers are read. Bytes behind the first 65,535 are
    /// as if they were not there. Nothing is read that the length fields do not cover; checksums are not verified.
    #[inline]
    pub fn scan(frame: &[u8]) -> Self {
        Self::scan_common(frame).unwrap_or_else(|| Self::scan_any(frame))
    }

    /// Finds the headers of an IPv4 or IPv6 packet that no Ethernet header precedes; offsets count from its first byte.
    pub fn scan_packet(packet: &[u8]) -> Self {
        let packet = &packet[..packet.len().min(usize::from(u16::MAX))];
        let mut layout = Self { end: packet.len() as u16, ..Self::EMPTY };
        let scanned = if packet.first().is_some_and(|byte| byte >> 4 == 6) {
            layout.ether_type = EtherType::IPV6;
            layout.scan_ipv6(packet, 0)
        } else {
            layout.ether_type = EtherType::IPV4;
            layout.scan_ipv4(packet, 0)
        };
        layout.malformed = scanned.err();
        layout
    }

    /// As [`Layout::scan`], written to its place field by field: whoever reads a field next does not wait for a copy
    /// of the whole.
    #[inline]
    pub fn scan_into(&mut self, frame: &[u8]) {
        match Self::scan_common(frame) {
            Some(layout) => *self = layout,
            None => *self = Self::scan_any(frame),
        }
    }

    /// Finds the headers of the packets that most are: TCP or UDP on IP with no tags, options, extension headers or
    /// fragments. It knows all before it makes the layout, which thus is written once: a third of the time of
    /// [`Layout::scan_any`], which finds the same.
    #[inline]
    pub(super) fn scan_common(frame: &[u8]) -> Option<Self> {
        let (ethernet, packet) = Ethernet::ref_from_prefix(frame).ok()?;
        let (l3, header_len, len, protocol) = match ethernet.ether_type {
            EtherType::IPV6 => {
                let (ip, _) = Ipv6::ref_from_prefix(packet).ok()?;
                let len = Ipv6::LEN + usize::from(ip.payload_len.get());
                (packet[0] >> 4 == 6).then_some((L3Kind::Ipv6, Ipv6::LEN, len, ip.next_header))?
            }
            EtherType::IPV4 => {
                let (ip, _) = Ipv4::ref_from_prefix(packet).ok()?;
                let plain = ip.version_ihl == 0x45 && !ip.is_fragment();
                plain.then_some((L3Kind::Ipv4, Ipv4::LEN, ip.total_len.get().into(), ip.protocol))?
            }
            _ => return None,
        };
        let transport = packet.get(header_len..len)?;
        let (kind, transport_len) = match protocol {
            IpProtocol::TCP => (L4Kind::Tcp, Tcp::ref_from_prefix(transport).ok()?.0.header_len()),
            IpProtocol::UDP => (L4Kind::Udp, Udp::LEN),
            _ => return None,
        };
        if kind == L4Kind::Tcp && transport_len < Tcp::LEN {
            return None;
        }
        let (l4, end) = (Ethernet::LEN + header_len, Ethernet::LEN + len);
        (transport_len <= transport.len() && frame.len() <= usize::from(u16::MAX)).then_some(Self {
            l2_len: Ethernet::LEN as u16,
            ether_type: ethernet.ether_type,
            l3: Some(L3 { kind: l3, offset: Ethernet::LEN as u16 }),
            l4: Some(L4 { kind, offset: l4 as u16 }),
            payload: (l4 + transport_len) as u16,
            end: end as u16,
            protocol,
            vlans: 0,
            fragment: false,
            later_fragment: false,
            malformed: None,
        })
    }

    /// Finds the headers of any frame.
    #[inline(never)]
    pub(super) fn scan_any(frame: &[u8]) -> Self {
        let frame = &frame[..frame.len().min(usize::from(u16::MAX))];
        let mut layout = Self { end: frame.len() as u16, ..Self::EMPTY };
        layout.malformed = layout.scan_l2(frame).err();
        layout
    }

    #[inline]
    fn scan_l2(&mut self, frame: &[u8]) -> Result<(), Malformed> {
        let (ethernet, _) = Ethernet::ref_from_prefix(frame).map_err(|_| Malformed::Ethernet)?;
        self.at_l3(Ethernet::LEN, ethernet.ether_type);
        match self.ether_type {
            EtherType::IPV6 => self.scan_ipv6(frame, Ethernet::LEN),
            EtherType::IPV4 => self.scan_ipv4(frame, Ethernet::LEN),
            EtherType::ARP => self.scan_arp(frame, Ethernet::LEN),
            EtherType::VLAN | EtherType::QINQ => self.scan_vlan(frame),
            _ => Ok(()),
        }
    }

    #[inline(never)]
    fn scan_vlan(&mut self, frame: &[u8]) -> Result<(), Malformed> {
        let mut offset = Ethernet::LEN;
        while self.ether_type.is_vlan() {
            if self.vlans == 2 {
                return Err(Malformed::TooManyVlanTags);
            }
            let (tag, _) = VlanTag::ref_from_prefix(&frame[offset..]).map_err(|_| Malformed::VlanTag)?;
            offset += VlanTag::LEN;
            self.vlans += 1;
            self.at_l3(offset, tag.ether_type);
        }
        match self.ether_type {
            EtherType::IPV6 => self.scan_ipv6(frame, offset),
            EtherType::IPV4 => self.scan_ipv4(frame, offset),
            EtherType::ARP => self.scan_arp(frame, offset),
            _ => Ok(()),
        }
    }

    #[inline]
    fn at_l3(&mut self, offset: usize, ether_type: EtherType) {
        self.l2_len = offset as u16;
        self.payload = offset as u16;
        self.ether_type = ether_type;
    }

    fn scan_arp(&mut self, frame: &[u8], offset: usize) -> Result<(), Malformed> {
        let (arp, _) = Arp::ref_from_prefix(&frame[offset..]).map_err(|_| Malformed::Arp)?;
        if !arp.is_ipv4_on_ethernet() {
            return Err(Malformed::Arp);
        }
        self.l3 = Some(L3 { kind: L3Kind::Arp, offset: offset as u16 });
        self.payload = (offset + Arp::LEN) as u16;
        self.end = self.payload;
        Ok(())
    }

    #[inline]
    fn scan_ipv4(&mut self, frame: &[u8], offset: usize) -> Result<(), Malformed> {
        let packet = &frame[offset..];
        let (ip, _) = Ipv4::ref_from_prefix(packet).map_err(|_| Malformed::Ipv4Truncated)?;
        let header_len = ip.header_len();
        if ip.version() != 4 || header_len < Ipv4::LEN {
            return Err(Malformed::Ipv4Version);
        }
        if header_len > packet.len() {
            return Err(Malformed::Ipv4Truncated);
        }
        let total_len = usize::from(ip.total_len.get());
        if total_len < header_len || total_len > packet.len() {
            return Err(Malformed::Ipv4Length);
        }
        self.l3 = Some(L3 { kind: L3Kind::Ipv4, offset: offset as u16 });
        self.end = (offset + total_len) as u16;
        self.protocol = ip.protocol;
        self.fragment = ip.is_fragment();
        self.later_fragment = ip.fragment_offset() != 0;
        self.scan_l4(&frame[..offset + total_len], offset + header_len, IpProtocol::ICMPV4)
    }

    #[inline]
    fn scan_ipv6(&mut self, frame: &[u8], offset: usize) -> Result<(), Malformed> {
        let (ip, rest) = Ipv6::ref_from_prefix(&frame[offset..]).map_err(|_| Malformed::Ipv6Truncated)?;
        if ip.version_class_flow.as_ref()[0] >> 4 != 6 {
            return Err(Malformed::Ipv6Version);
        }
        let payload_len = usize::from(ip.payload_len.get());
        if payload_len > rest.len() {
            return Err(Malformed::Ipv6Length);
        }
        let mut l4 = offset + Ipv6::LEN;
        let end = l4 + payload_len;
        self.l3 = Some(L3 { kind: L3Kind::Ipv6, offset: offset as u16 });
        self.end = end as u16;
        self.protocol = ip.next_header;
        if is_extension(ip.next_header) {
            l4 = self.walk_extensions(&frame[..end], l4)?;
        }
        self.scan_l4(&frame[..end], l4, IpProtocol::ICMPV6)
    }

    /// Walks the extension headers from `offset` on and returns where they end.
    #[inline(never)]
    fn walk_extensions(&mut self, packet: &[u8], mut offset: usize) -> Result<usize, Malformed> {
        let mut count = 0;
        while is_extension(self.protocol) && !self.later_fragment {
            self.payload = offset as u16;
            if count == MAX_EXTENSIONS {
                return Err(Malformed::TooManyExtensions);
            }
            let bytes = &packet[offset..];
            let len = extension_len(self.protocol, bytes).ok_or(Malformed::Extension)?;
            if self.protocol == IpProtocol::FRAGMENT
                && let Ok((fragment, _)) = Fragment::ref_from_prefix(bytes)
            {
                // An atomic fragment, offset 0 and no more, is a whole packet (RFC 6946).
                self.later_fragment = fragment.offset() != 0;
                self.fragment |= self.later_fragment || fragment.more_fragments();
            }
            self.protocol = IpProtocol(bytes[0]);
            offset += len;
            count += 1;
        }
        Ok(offset)
    }

    #[inline]
    fn scan_l4(&mut self, packet: &[u8], offset: usize, icmp: IpProtocol) -> Result<(), Malformed> {
        self.payload = offset as u16;
        if self.later_fragment {
            return Ok(());
        }
        let available = packet.len() - offset;
        // A first fragment may end before its header does; the rest comes with the next one.
        let cut = if self.fragment { Ok(()) } else { Err(Malformed::L4) };
        let (kind, len) = match self.protocol {
            IpProtocol::TCP => {
                let Ok((tcp, _)) = Tcp::ref_from_prefix(&packet[offset..]) else { return cut };
                let len = tcp.header_len();
                if len < Tcp::LEN {
                    return Err(Malformed::L4);
                }
                (L4Kind::Tcp, len)
            }
            IpProtocol::UDP => (L4Kind::Udp, Udp::LEN),
            IpProtocol::ICMPV4 if icmp == IpProtocol::ICMPV4 => (L4Kind::Icmpv4, Icmpv4::LEN),
            IpProtocol::ICMPV6 if icmp == IpProtocol::ICMPV6 => (L4Kind::Icmpv6, Icmpv6::LEN),
            IpProtocol::SCTP => (L4Kind::Sctp, Sctp::LEN),
            IpProtocol::IGMP if icmp == IpProtocol::ICMPV4 => (L4Kind::Igmp, Igmp::LEN),
            _ => return Ok(()),
        };
        if len > available {
            return cut;
        }
        self.l4 = Some(L4 { kind, offset: offset as u16 });
        self.payload = (offset + len) as u16;
        Ok(())
    }
}
