//! The segment routing header (RFC 8754).

use std::net::Ipv6Addr;

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Extension;
use crate::ipv4::IpProtocol;

/// The fixed part of a segment routing header (RFC 8754, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SegmentRouting {
    /// What follows the whole header.
    pub next_header: IpProtocol,
    /// The length of the header in units of 8 bytes, the first not counted.
    pub ext_len: u8,
    /// [`SegmentRouting::TYPE`].
    pub routing_type: u8,
    /// How many segments are still to be visited: the index of the one on the way.
    pub segments_left: u8,
    /// The index of the last segment of the list, which is the first to be visited.
    pub last_entry: u8,
    /// No flag has a meaning yet.
    pub flags: u8,
    /// What packets of one class have in common.
    pub tag: U16,
}

const _: () = assert!(size_of::<SegmentRouting>() == SegmentRouting::LEN);

impl SegmentRouting {
    /// The length in bytes without segments.
    pub const LEN: usize = 8;
    /// The type of routing header that this is.
    pub const TYPE: u8 = 4;
}

/// A segment routing header with what follows its fixed part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Srh<'a> {
    /// The fixed part.
    pub header: &'a SegmentRouting,
    /// The segments, the last one to be visited first.
    pub segments: &'a [[u8; 16]],
    /// What follows the segments; see [`Srh::tlvs`].
    pub rest: &'a [u8],
}

impl<'a> Srh<'a> {
    /// Reads the bytes of a routing header; `None` if it is of another type, cut short, or contradicts itself.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, _) = SegmentRouting::ref_from_prefix(bytes).ok()?;
        let list = bytes.get(SegmentRouting::LEN..(usize::from(header.ext_len) + 1) * 8)?;
        let (segments, rest) = list.split_at_checked((usize::from(header.last_entry) + 1) * 16)?;
        // One segment may have been left out of the list, as the destination is on its way there anyhow (section 4.1).
        let is_valid = header.routing_type == SegmentRouting::TYPE
            && u16::from(header.segments_left) <= u16::from(header.last_entry) + 1;
        is_valid.then_some(Self { header, segments: segments.as_chunks().0, rest })
    }

    /// Returns the segment at an index, 0 for the last one to be visited.
    pub fn segment(&self, index: u8) -> Option<Ipv6Addr> {
        self.segments.get(usize::from(index)).copied().map(Ipv6Addr::from_octets)
    }

    /// Returns the final destination.
    pub fn last(&self) -> Option<Ipv6Addr> {
        self.segment(0)
    }

    /// Returns an iterator over the type-length-value options behind the segments, padding left out.
    ///
    /// An option that is cut short ends it.
    pub fn tlvs(&self) -> impl Iterator<Item = Tlv<'a>> + use<'a> {
        let mut rest = self.rest;
        std::iter::from_fn(move || {
            loop {
                let (tlv, behind) = take_tlv(rest)?;
                rest = behind;
                if !matches!(tlv.kind, Tlv::PAD_1 | Tlv::PAD_N) {
                    return Some(tlv);
                }
            }
        })
    }
}

impl<'a> Extension<'a> {
    /// Returns the segment routing header that this header is, or `None` if it is another or malformed.
    pub fn segment_routing(&self) -> Option<Srh<'a>> {
        Srh::parse(self.bytes).filter(|_| self.protocol == IpProtocol::ROUTING)
    }
}

/// An option of a segment routing header (RFC 8754, section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// The option's type.
    pub kind: u8,
    /// What lies behind type and length.
    pub data: &'a [u8],
}

impl Tlv<'_> {
    /// The type of padding by one byte.
    pub const PAD_1: u8 = 0;
    /// The type of padding by more bytes.
    pub const PAD_N: u8 = 4;
    /// The type of a keyed hash over the header.
    pub const HMAC: u8 = 5;
}

fn take_tlv(bytes: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    match *bytes {
        [Tlv::PAD_1, ref rest @ ..] => Some((Tlv { kind: Tlv::PAD_1, data: &[] }, rest)),
        [kind, len, ref rest @ ..] => {
            let (data, rest) = rest.split_at_checked(len.into())?;
            Some((Tlv { kind, data }, rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipv6::extensions;

    /// Two segments, the first visited, and 8 bytes of options.
    fn header() -> Vec<u8> {
        let options = [0, 4, 1, 0, 200, 2, 7, 8];
        [&[6, 5, 4, 1, 1, 0, 0, 9][..], &[1; 16], &[2; 16], &options, b"tcp"].concat()
    }

    #[test]
    fn segments_and_options_are_read() {
        let bytes = header();
        let extension = extensions(IpProtocol::ROUTING, &bytes).next().unwrap().unwrap();
        let srh = extension.segment_routing().unwrap();
        assert_eq!((srh.header.tag.get(), srh.header.next_header), (9, IpProtocol::TCP));
        assert_eq!(srh.segments, [[1; 16], [2; 16]]);
        assert_eq!(
            (srh.last(), srh.segment(1), srh.segment(2)),
            (Some([1; 16].into()), Some([2; 16].into()), None)
        );
        assert_eq!(srh.tlvs().collect::<Vec<_>>(), [Tlv { kind: 200, data: &[7, 8] }]);
    }

    #[test]
    fn a_header_that_contradicts_itself_is_none() {
        for (at, byte) in [(1, 3), (1, 6), (2, 0), (3, 3), (4, 3)] {
            let mut bytes = header();
            bytes[at] = byte;
            assert_eq!(Srh::parse(&bytes), None, "byte {at} is {byte}");
        }
        assert_eq!(Srh::parse(&header()[..7]), None);
    }
}
