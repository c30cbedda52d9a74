//! Where the headers of a frame lie, found in one pass.

mod scan;
#[cfg(test)]
mod tests;

use crate::ethernet::EtherType;
use crate::ipv4::IpProtocol;

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

/// A transport layer protocol; ICMP and IGMP count as such.
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
    /// SCTP.
    Sctp,
    /// IGMP.
    Igmp,
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

    /// Returns where the payload lies, behind all known headers and before any padding.
    pub fn payload_range(&self) -> std::ops::Range<usize> {
        usize::from(self.payload)..usize::from(self.end)
    }
}
