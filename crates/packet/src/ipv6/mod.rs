//! IPv6 headers and extension headers (RFC 8200), and the segment routing header (RFC 8754).

mod srh;

use std::net::Ipv6Addr;

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub use self::srh::{SegmentRouting, Srh, Tlv};
use crate::ipv4::IpProtocol;

/// The fixed IPv6 header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Ipv6 {
    /// Version (4 bits), traffic class (8 bits), flow label (20 bits).
    pub version_class_flow: U32,
    /// All that follows this header, extension headers too, in bytes.
    pub payload_len: U16,
    /// What follows this header.
    pub next_header: IpProtocol,
    /// How many more routers may forward the packet.
    pub hop_limit: u8,
    /// The source address.
    pub src: [u8; 16],
    /// The destination address.
    pub dst: [u8; 16],
}

/// The fragment header (RFC 8200, section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Fragment {
    /// What the whole packet carries.
    pub next_header: IpProtocol,
    /// Not used.
    pub reserved: u8,
    /// The offset in units of 8 bytes (13 bits), reserved (2 bits), more fragments (1 bit).
    pub offset_more: U16,
    /// What fragments of one packet have in common.
    pub id: U32,
}

const _: () = assert!(size_of::<Ipv6>() == Ipv6::LEN && size_of::<Fragment>() == Fragment::LEN);

impl Ipv6 {
    /// The length in bytes.
    pub const LEN: usize = 40;
    /// The smallest MTU that every link must have.
    pub const MIN_MTU: usize = 1280;

    /// Sets the source address; no checksum changes.
    pub fn set_src(&mut self, src: Ipv6Addr) {
        self.src = src.octets();
    }

    /// Sets the destination address; no checksum changes.
    pub fn set_dst(&mut self, dst: Ipv6Addr) {
        self.dst = dst.octets();
    }

    /// Takes one hop from the hop limit; returns `false`, and changes nothing, if the packet has no hop left to
    /// give: a limit of 0 or 1.
    #[must_use = "a packet that has no hop left must not be forwarded"]
    pub fn decrement_hop_limit(&mut self) -> bool {
        if self.hop_limit <= 1 {
            return false;
        }
        self.hop_limit -= 1;
        true
    }

    /// Returns the source address.
    pub const fn src(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.src)
    }

    /// Returns the destination address.
    pub const fn dst(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.dst)
    }

    /// Returns the version, 6 in a valid header.
    pub fn version(&self) -> u8 {
        (self.version_class_flow.get() >> 28) as u8
    }

    /// Returns the traffic class.
    pub fn traffic_class(&self) -> u8 {
        (self.version_class_flow.get() >> 20) as u8
    }

    /// Returns the flow label, 20 bits.
    pub fn flow_label(&self) -> u32 {
        self.version_class_flow.get() & 0xf_ffff
    }
}

impl Fragment {
    /// The length in bytes.
    pub const LEN: usize = 8;

    /// Returns where in the whole packet this fragment's payload lies, in bytes.
    pub fn offset(&self) -> usize {
        usize::from(self.offset_more.get() & 0xfff8)
    }

    /// Returns whether more fragments follow.
    pub fn more_fragments(&self) -> bool {
        self.offset_more.get() & 1 != 0
    }
}

/// Returns the solicited-node multicast group of an address (RFC 4291, section 2.7.1).
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let a = address.octets();
    Ipv6Addr::from_octets([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a[13], a[14], a[15]])
}

/// The most extension headers that are walked in one packet; a packet with more has no layer 4 for us.
pub const MAX_EXTENSIONS: usize = 8;

/// One extension header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Which header it is.
    pub protocol: IpProtocol,
    /// What follows it.
    pub next_header: IpProtocol,
    /// Where it starts, in bytes from the first extension header.
    pub offset: usize,
    /// The header, its next-header byte included.
    pub bytes: &'a [u8],
}

/// The extension headers cannot be walked to their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExtensionError {
    /// A header reaches beyond the packet.
    #[error("{protocol} header at offset {offset} of the payload is cut short")]
    Truncated {
        /// Which header it is.
        protocol: IpProtocol,
        /// Where it starts, in bytes from the first extension header.
        offset: usize,
    },
    /// There are more than [`MAX_EXTENSIONS`].
    #[error("more than {MAX_EXTENSIONS} extension headers")]
    TooMany,
}

/// Returns an iterator over the extension headers in an IPv6 payload, which starts with a header of kind `first`.
///
/// It ends at the first protocol that is no extension header (or is ESP, which nobody can look behind), and behind
/// the header of a fragment that is not the first, whose rest is anything.
pub const fn extensions(first: IpProtocol, payload: &[u8]) -> Extensions<'_> {
    Extensions { next: first, payload, offset: 0, count: 0, done: false }
}

/// The iterator that [`extensions`] returns.
#[derive(Debug, Clone)]
pub struct Extensions<'a> {
    next: IpProtocol,
    payload: &'a [u8],
    offset: usize,
    count: usize,
    done: bool,
}

impl Extensions<'_> {
    /// Returns the protocol behind the headers walked so far.
    pub const fn protocol(&self) -> IpProtocol {
        self.next
    }

    /// Returns where the headers walked so far end, in bytes from the first.
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Result<Extension<'a>, ExtensionError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done || !is_extension(self.next) {
            return None;
        }
        if self.count == MAX_EXTENSIONS {
            self.done = true;
            return Some(Err(ExtensionError::TooMany));
        }
        let (protocol, offset) = (self.next, self.offset);
        let Some(len) = extension_len(protocol, &self.payload[offset..]) else {
            self.done = true;
            return Some(Err(ExtensionError::Truncated { protocol, offset }));
        };
        let bytes = &self.payload[offset..offset + len];
        self.next = IpProtocol(bytes[0]);
        self.offset += len;
        self.count += 1;
        self.done =
            protocol == IpProtocol::FRAGMENT && u16::from_be_bytes([bytes[2], bytes[3]]) & 0xfff8 != 0;
        Some(Ok(Extension { protocol, next_header: self.next, offset, bytes }))
    }
}

/// Returns whether a header of this kind is one that is walked.
pub(crate) const fn is_extension(protocol: IpProtocol) -> bool {
    matches!(
        protocol,
        IpProtocol::HOP_BY_HOP
            | IpProtocol::ROUTING
            | IpProtocol::FRAGMENT
            | IpProtocol::DESTINATION_OPTIONS
            | IpProtocol::AH
    )
}

/// Returns the length of the extension header at the start of `bytes`, or `None` if it reaches beyond them.
pub(crate) fn extension_len(protocol: IpProtocol, bytes: &[u8]) -> Option<usize> {
    let units = usize::from(*bytes.get(1)?);
    let len = match protocol {
        IpProtocol::FRAGMENT => Fragment::LEN,
        IpProtocol::AH => (units + 2) * 4, // RFC 4302, section 2.2
        _ => (units + 1) * 8,
    };
    (len <= bytes.len()).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_taken_apart() {
        let mut bytes = [0; 40];
        bytes[..4].copy_from_slice(&[0x6a, 0xb1, 0x23, 0x45]);
        let (ip, _) = Ipv6::mut_from_prefix(&mut bytes).unwrap();
        assert_eq!((ip.version(), ip.traffic_class(), ip.flow_label()), (6, 0xab, 0x12345));
        ip.hop_limit = 2;
        assert!(ip.decrement_hop_limit());
        assert!(!ip.decrement_hop_limit());
        assert_eq!(ip.hop_limit, 1);
    }

    #[test]
    fn extension_headers_are_walked_up_to_layer_4() {
        let mut bytes = vec![43, 0, 1, 4, 0, 0, 0, 0]; // hop-by-hop
        bytes.extend([44, 0, 0, 0, 0, 0, 0, 0]); // routing
        bytes.extend([51, 0, 0, 1, 0, 0, 0, 9]); // first fragment
        bytes.extend([6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // AH
        let mut walk = extensions(IpProtocol::HOP_BY_HOP, &bytes);
        let found: Vec<_> = walk.by_ref().map(|header| header.unwrap().bytes.len()).collect();
        assert_eq!(found, [8, 8, 8, 24]);
        assert_eq!((walk.protocol(), walk.offset()), (IpProtocol::TCP, 48));
    }

    #[test]
    fn a_chain_without_end_is_given_up() {
        let bytes: Vec<u8> = [60, 0, 1, 4, 0, 0, 0, 0].repeat(20);
        let found: Vec<_> = extensions(IpProtocol::DESTINATION_OPTIONS, &bytes).collect();
        assert_eq!(found.len(), MAX_EXTENSIONS + 1);
        assert_eq!(found[8], Err(ExtensionError::TooMany));
        let cut: Vec<_> = extensions(IpProtocol::DESTINATION_OPTIONS, &bytes[..12]).skip(1).collect();
        assert_eq!(
            cut,
            [Err(ExtensionError::Truncated { protocol: IpProtocol::DESTINATION_OPTIONS, offset: 8 })]
        );
    }
}
