//! Where the headers of a frame lie, found in one pass.

use zerocopy::FromBytes;

use crate::arp::Arp;
use crate::ethernet::{EtherType, Ethernet, VlanTag};
use crate::icmpv4::Icmpv4;
use crate::icmpv6::Icmpv6;
use crate::ipv4::{IpProtocol, Ipv4};
use crate::ipv6::{Fragment, Ipv6, MAX_EXTENSIONS, extension_len, is_extension};
use crate::tcp::Tcp;
use crate::udp::Udp;

/// Where the headers of a frame lie, as [`Layout::scan`] finds it; offsets count from the frame's first byte.
///
/// It describes the frame as it was scanned: whoever moves a header scans again.
///
/// # Examples
/// ```
/// use rackless_packet::build::Build;
/// use rackless_packet::{L3Kind, L4Kind, Layout, MacAddr};
///
/// let frame = Build::ethernet(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]))
///     .vlan(7)
///     .ipv6("fd00::1".parse()?, "fd00::2".parse()?)
///     .udp(5000, 53)
///     .payload(b"hello")
///     .to_vec()?;
/// let layout = Layout::scan(&frame);
/// assert_eq!(layout.l3.map(|l3| (l3.kind, l3.offset)), Some((L3Kind::Ipv6, 18)));
/// assert_eq!(layout.l4.map(|l4| (l4.kind, l4.offset)), Some((L4Kind::Udp, 58)));
/// assert_eq!(&frame[layout.payload_range()], b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The length of the Ethernet header with its VLAN tags; 0 if the frame is shorter than an Ethernet header.
    pub l2_len: u16,
    /// The EtherType behind the last VLAN tag that was read; 0 if the frame is shorter than an Ethernet header.
    pub ether_type: EtherType,
    /// The network layer, if it is one we know and its header is valid.
    pub l3: Option<L3>,
    /// The transport layer, if it is one we know, its header is whole, and this is no later fragment.
    pub l4: Option<L4>,
    /// Where the bytes behind the last known header start.
    pub payload: u16,
    /// Where the packet ends by its own length fields; behind lies padding.
    pub end: u16,
    /// What follows the IP header and its extensions, known or not; in a fragment, what the whole packet carries.
    /// 255 if there is no IP header.
    pub protocol: IpProtocol,
    /// How many VLAN tags were read.
    pub vlans: u8,
    /// Whether the packet is a fragment, the first one included.
    pub fragment: bool,
    /// Whether the packet is a fragment other than the first: its payload is not the start of layer 4.
    pub later_fragment: bool,
    /// Why the scan stopped short, if it did.
    pub malformed: Option<Malformed>,
}

const _: () = assert!(size_of::<Layout>() <= 24);

/// The network layer of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct L3 {
    /// Which protocol it is.
    pub kind: L3Kind,
    /// Where its header starts.
    pub offset: u16,
}

/// A network layer protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum L3Kind {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// ARP for IPv4 on Ethernet.
    Arp,
}

/// The transport layer of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct L4 {
    /// Which protocol it is.
    pub kind: L4Kind,
    /// Where its header starts.
    pub offset: u16,
}

/// A transport layer protocol; ICMP counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum L4Kind {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP on IPv4.
    Icmpv4,
    /// ICMP on IPv6.
    Icmpv6,
}

/// What is wrong with a frame, or what in it is beyond the scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// Fewer than 14 bytes.
    #[error("frame shorter than an Ethernet header")]
    Ethernet,
    /// The frame ends inside a VLAN tag.
    #[error("VLAN tag cut short")]
    VlanTag,
    /// More VLAN tags than are read.
    #[error("more than two VLAN tags")]
    TooManyVlanTags,
    /// Cut short, or not for IPv4 on Ethernet.
    #[error("ARP packet cut short or not for IPv4 on Ethernet")]
    Arp,
    /// The frame ends inside the IPv4 header.
    #[error("IPv4 header cut short")]
    Ipv4Truncated,
    /// The version is not 4, or the header length is less than 20.
    #[error("IPv4 version or header length wrong")]
    Ipv4Version,
    /// The total length is less than the header or more than there is.
    #[error("IPv4 total length less than the header or beyond the frame")]
    Ipv4Length,
    /// The frame ends inside the IPv6 header.
    #[error("IPv6 header cut short")]
    Ipv6Truncated,
    /// The version is not 6.
    #[error("IPv6 version wrong")]
    Ipv6Version,
    /// The payload length is more than there is.
    #[error("IPv6 payload length beyond the frame")]
    Ipv6Length,
    /// An extension header reaches beyond the packet.
    #[error("IPv6 extension header cut short")]
    Extension,
    /// More extension headers than are walked.
    #[error("too many IPv6 extension headers")]
    TooManyExtensions,
    /// The UDP length is less than the header or more than there is; found by [`crate::checksum::verify`], not by
    /// the scan, since whoever only forwards does not mind.
    #[error("UDP length less than the header or beyond the packet")]
    UdpLength,
    /// The packet ends inside the layer 4 header, or the TCP data offset is wrong.
    #[error("layer 4 header cut short or its length wrong")]
    L4,
}

impl Layout {
    /// The layout of no bytes at all, to start from.
    pub const EMPTY: Self = Self {
        l2_len: 0,
        ether_type: EtherType::new(0),
        l3: None,
        l4: None,
        payload: 0,
        end: 0,
        protocol: IpProtocol(255),
        vlans: 0,
        fragment: false,
        later_fragment: false,
        malformed: None,
    };

    /// Finds the headers of a frame.
    ///
    /// At most two VLAN tags and [`MAX_EXTENSIONS`] extension headers are read. Bytes behind the first 65,535 are
    /// as if they were not there. Nothing is read that the length fields do not cover; checksums are not verified.
    #[inline]
    pub fn scan(frame: &[u8]) -> Self {
        Self::scan_common(frame).unwrap_or_else(|| Self::scan_any(frame))
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
    fn scan_common(frame: &[u8]) -> Option<Self> {
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
    fn scan_any(frame: &[u8]) -> Self {
        let frame = &frame[..frame.len().min(usize::from(u16::MAX))];
        let mut layout = Self { end: frame.len() as u16, ..Self::EMPTY };
        layout.malformed = layout.scan_l2(frame).err();
        layout
    }

    /// Returns where the payload lies, behind all known headers and before any padding.
    pub fn payload_range(&self) -> std::ops::Range<usize> {
        usize::from(self.payload)..usize::from(self.end)
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

#[cfg(test)]
mod tests {
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
        let three =
            frame(0x88a8, &[&[0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 0x08, 0], &ipv4(28, 0, 17), &[0; 8]]);
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
        assert_eq!(
            malformed(0x86dd, &[&ipv6(9, 0), &[6, 1, 0, 0, 0, 0, 0, 0, 0]]),
            Some(Malformed::Extension)
        );
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
}
