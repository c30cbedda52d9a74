//! Generic Routing Encapsulation (RFC 2784) with key and sequence number (RFC 2890).

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::ethernet::EtherType;

/// The fixed part of a GRE header; optional fields follow as its flags say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Gre {
    /// The flags, such as [`Gre::KEY`], and the version (low 3 bits).
    pub flags_version: U16,
    /// What follows.
    pub protocol: EtherType,
}

const _: () = assert!(size_of::<Gre>() == Gre::LEN);

impl Gre {
    /// The length in bytes without optional fields.
    pub const LEN: usize = 4;
    /// The longest header that [`Gre::is_supported`].
    pub const MAX_LEN: usize = 16;
    /// The flag of a checksum.
    pub const CHECKSUM: u16 = 0x8000;
    /// The flag of a key (RFC 2890).
    pub const KEY: u16 = 0x2000;
    /// The flag of a sequence number (RFC 2890).
    pub const SEQUENCE: u16 = 0x1000;
    /// What a receiver must not pass over: a source route, recursion control (RFC 2784, section 2.3), another version.
    const UNSUPPORTED: u16 = 0x4c07;

    /// Makes a header without optional fields.
    pub const fn new(protocol: EtherType) -> Self {
        Self { flags_version: U16::ZERO, protocol }
    }

    /// Returns whether the header is of version 0 and of RFC 2784, so that its length is what
    /// [`Gre::header_len`] says; a packet with another must be dropped.
    pub fn is_supported(&self) -> bool {
        self.flags_version.get() & Self::UNSUPPORTED == 0
    }

    /// Returns the length in bytes with the optional fields that the flags announce: 4 to 16.
    pub fn header_len(&self) -> usize {
        let optional = [Self::CHECKSUM, Self::KEY, Self::SEQUENCE];
        Self::LEN + 4 * optional.into_iter().filter(|&flag| self.has(flag)).count()
    }

    /// Returns the version: 0, or 1 for PPTP (RFC 2637).
    pub fn version(&self) -> u8 {
        (self.flags_version.get() & 7) as u8
    }

    /// Returns whether a flag is set.
    pub fn has(&self, flag: u16) -> bool {
        self.flags_version.get() & flag != 0
    }

    /// Returns the checksum over header and payload, if there is one; `rest` is what follows the fixed part.
    pub fn checksum(&self, rest: &[u8]) -> Option<u16> {
        self.field(Self::CHECKSUM, rest).map(|[a, b, ..]| u16::from_be_bytes([a, b]))
    }

    /// Returns the key, if there is one; `rest` is what follows the fixed part.
    pub fn key(&self, rest: &[u8]) -> Option<u32> {
        self.field(Self::KEY, rest).map(u32::from_be_bytes)
    }

    /// Returns the sequence number, if there is one; `rest` is what follows the fixed part.
    pub fn sequence(&self, rest: &[u8]) -> Option<u32> {
        self.field(Self::SEQUENCE, rest).map(u32::from_be_bytes)
    }

    /// The optional field of `flag`, which lies behind those of the higher flags.
    fn field(&self, flag: u16, rest: &[u8]) -> Option<[u8; 4]> {
        let before = [Self::CHECKSUM, Self::KEY].into_iter().filter(|&other| other > flag && self.has(other));
        let (fields, _) = rest.as_chunks();
        self.has(flag).then(|| fields.get(before.count()).copied())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_fields_lie_in_the_order_of_their_flags() {
        let bytes = [0xb0, 0, 0x08, 0, 0x12, 0x34, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9];
        let (gre, rest) = Gre::ref_from_prefix(&bytes).unwrap();
        assert_eq!((gre.header_len(), gre.version(), gre.protocol), (Gre::MAX_LEN, 0, EtherType::IPV4));
        assert_eq!((gre.checksum(rest), gre.key(rest), gre.sequence(rest)), (Some(0x1234), Some(7), Some(9)));
        assert_eq!(gre.sequence(&rest[..11]), None);
        let (gre, rest) = Gre::ref_from_prefix(&[0x10, 0, 0x86, 0xdd, 0, 0, 0, 1]).unwrap();
        assert_eq!((gre.header_len(), gre.checksum(rest), gre.key(rest)), (8, None, None));
        assert_eq!(gre.sequence(rest), Some(1));
    }

    #[test]
    fn a_source_route_and_version_1_are_not_supported() {
        assert!(Gre::new(EtherType::IPV6).is_supported());
        for flags in [0x4000, 0x0800, 0x0400, 1] {
            assert!(!Gre { flags_version: U16::new(flags), protocol: EtherType::IPV6 }.is_supported());
        }
        // Bits 6 to 12 are ignored (RFC 2784, section 2.3).
        assert!(Gre { flags_version: U16::new(0x03f8), protocol: EtherType::IPV6 }.is_supported());
    }
}
