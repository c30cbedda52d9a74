//! Neighbour discovery (RFC 4861): the messages behind the ICMPv6 header, and their options.
//!
//! Each struct starts with the ICMPv6 type and is followed by options.

use std::net::Ipv6Addr;

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Icmpv6Type;
use crate::mac::MacAddr;

/// "Who has `target`?" (section 4.3)
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct NeighbourSolicitation {
    /// [`Icmpv6Type::NEIGHBOUR_SOLICITATION`].
    pub icmp_type: Icmpv6Type,
    /// 0.
    pub code: u8,
    /// The ICMPv6 checksum.
    pub checksum: U16,
    /// 0.
    pub reserved: U32,
    /// The address asked for.
    pub target: [u8; 16],
}

/// "I have `target`." (section 4.4)
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct NeighbourAdvertisement {
    /// [`Icmpv6Type::NEIGHBOUR_ADVERTISEMENT`].
    pub icmp_type: Icmpv6Type,
    /// 0.
    pub code: u8,
    /// The ICMPv6 checksum.
    pub checksum: U16,
    /// The flags in the high three bits; see [`NeighbourAdvertisement::ROUTER`] and its siblings.
    pub flags: U32,
    /// The address that the sender has.
    pub target: [u8; 16],
}

/// "Are there routers?" (section 4.1)
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct RouterSolicitation {
    /// [`Icmpv6Type::ROUTER_SOLICITATION`].
    pub icmp_type: Icmpv6Type,
    /// 0.
    pub code: u8,
    /// The ICMPv6 checksum.
    pub checksum: U16,
    /// 0.
    pub reserved: U32,
}

/// "I am a router." (section 4.2)
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct RouterAdvertisement {
    /// [`Icmpv6Type::ROUTER_ADVERTISEMENT`].
    pub icmp_type: Icmpv6Type,
    /// 0.
    pub code: u8,
    /// The ICMPv6 checksum.
    pub checksum: U16,
    /// The hop limit that hosts should use, 0 for no advice.
    pub hop_limit: u8,
    /// Managed (0x80) and other (0x40) configuration.
    pub flags: u8,
    /// For how many seconds this is a default router.
    pub lifetime_s: U16,
    /// For how many milliseconds a neighbour counts as reachable, 0 for no advice.
    pub reachable_ms: U32,
    /// The time between solicitations in milliseconds, 0 for no advice.
    pub retransmit_ms: U32,
}

const _: () = assert!(
    size_of::<NeighbourSolicitation>() == NeighbourSolicitation::LEN
        && size_of::<NeighbourAdvertisement>() == NeighbourAdvertisement::LEN
        && size_of::<RouterSolicitation>() == RouterSolicitation::LEN
        && size_of::<RouterAdvertisement>() == RouterAdvertisement::LEN
);

impl NeighbourSolicitation {
    /// The length in bytes without options.
    pub const LEN: usize = 24;

    /// Returns the address asked for.
    pub const fn target(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.target)
    }
}

impl NeighbourAdvertisement {
    /// The length in bytes without options.
    pub const LEN: usize = 24;
    /// The flag of a router.
    pub const ROUTER: u32 = 0x8000_0000;
    /// The flag of an answer to a solicitation.
    pub const SOLICITED: u32 = 0x4000_0000;
    /// The flag that lets the receiver replace what it knows.
    pub const OVERRIDE: u32 = 0x2000_0000;

    /// Returns the address that the sender has.
    pub const fn target(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.target)
    }

    /// Returns whether the sender is a router.
    pub fn is_router(&self) -> bool {
        self.flags.get() & Self::ROUTER != 0
    }

    /// Returns whether this answers a solicitation.
    pub fn is_solicited(&self) -> bool {
        self.flags.get() & Self::SOLICITED != 0
    }

    /// Returns whether the receiver should replace what it knows.
    pub fn is_override(&self) -> bool {
        self.flags.get() & Self::OVERRIDE != 0
    }
}

impl RouterSolicitation {
    /// The length in bytes without options.
    pub const LEN: usize = 8;
}

impl RouterAdvertisement {
    /// The length in bytes without options.
    pub const LEN: usize = 16;
}

/// A prefix on the link (section 4.6.2), all 32 bytes of the option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct PrefixInformation {
    /// 3.
    pub kind: u8,
    /// 4, in units of 8 bytes.
    pub len: u8,
    /// How many bits of the prefix count.
    pub prefix_len: u8,
    /// On-link (0x80) and autonomous (0x40).
    pub flags: u8,
    /// For how many seconds the prefix is on the link, all ones for ever.
    pub valid_s: U32,
    /// For how many seconds addresses made of it are preferred, all ones for ever.
    pub preferred_s: U32,
    /// 0.
    pub reserved: U32,
    /// The prefix.
    pub prefix: [u8; 16],
}

const _: () = assert!(size_of::<PrefixInformation>() == 32);

impl PrefixInformation {
    /// Returns the prefix.
    pub const fn prefix(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.prefix)
    }
}

/// One option of a neighbour discovery message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NdpOption<'a> {
    /// The link address of the sender.
    SourceLinkLayer(MacAddr),
    /// The link address of the target.
    TargetLinkLayer(MacAddr),
    /// A prefix on the link.
    Prefix(&'a PrefixInformation),
    /// The packet that was redirected, as far as it is quoted.
    RedirectedHeader(&'a [u8]),
    /// The MTU of the link.
    Mtu(u32),
    /// Any other option, or one of the above with an unusual length.
    Other {
        /// The option's number.
        kind: u8,
        /// What lies behind kind and length.
        data: &'a [u8],
    },
}

/// An option has length zero or reaches beyond the end; the whole message must be dropped (section 4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neighbour discovery option at offset {offset} of the options has a wrong length")]
pub struct NdpOptionError {
    /// Where it starts, in bytes from the first option.
    pub offset: usize,
}

/// Returns an iterator over the options behind a message's fixed part.
///
/// An option whose length is wrong comes as an error, once, and ends the iteration.
pub const fn options(bytes: &[u8]) -> Options<'_> {
    Options { rest: bytes, offset: 0 }
}

/// The iterator that [`options`] returns.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<NdpOption<'a>, NdpOptionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.rest;
        let len = match *bytes {
            [] => return None,
            [_, units, ..] if units > 0 && usize::from(units) * 8 <= bytes.len() => usize::from(units) * 8,
            _ => {
                self.rest = &[];
                return Some(Err(NdpOptionError { offset: self.offset }));
            }
        };
        let option = &bytes[..len];
        self.rest = &bytes[len..];
        self.offset += len;
        Some(Ok(match *option {
            [1, 1, a, b, c, d, e, f] => NdpOption::SourceLinkLayer(MacAddr([a, b, c, d, e, f])),
            [2, 1, a, b, c, d, e, f] => NdpOption::TargetLinkLayer(MacAddr([a, b, c, d, e, f])),
            [5, 1, _, _, a, b, c, d] => NdpOption::Mtu(u32::from_be_bytes([a, b, c, d])),
            [4, _, ..] => NdpOption::RedirectedHeader(&option[8..]),
            [kind, ..] => match PrefixInformation::ref_from_bytes(option) {
                Ok(prefix) if kind == 3 => NdpOption::Prefix(prefix),
                _ => NdpOption::Other { kind, data: &option[2..] },
            },
            [] => return None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_an_advertisement_are_read() {
        let mut bytes = vec![1, 1, 2, 0, 0, 0, 0, 1, 5, 1, 0, 0, 0, 0, 5, 0xdc, 3, 4, 64, 0xc0];
        bytes.extend([0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 0, 0xfd]);
        bytes.extend([0; 15]);
        bytes.extend([200, 1, 1, 2, 3, 4, 5, 6]);
        let found: Vec<_> = options(&bytes).map(Result::unwrap).collect();
        assert_eq!(found[0], NdpOption::SourceLinkLayer(MacAddr([2, 0, 0, 0, 0, 1])));
        assert_eq!(found[1], NdpOption::Mtu(1500));
        let NdpOption::Prefix(prefix) = found[2] else { panic!("{:?}", found[2]) };
        assert_eq!((prefix.prefix_len, prefix.valid_s.get(), prefix.preferred_s.get()), (64, 9, 8));
        assert_eq!(prefix.prefix(), "fd00::".parse::<Ipv6Addr>().unwrap());
        assert_eq!(found[3], NdpOption::Other { kind: 200, data: &[1, 2, 3, 4, 5, 6] });
    }

    #[test]
    fn an_option_of_length_zero_ends_the_walk_with_an_error() {
        let found: Vec<_> = options(&[1, 1, 2, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]).skip(1).collect();
        assert_eq!(found, [Err(NdpOptionError { offset: 8 })]);
    }
}
