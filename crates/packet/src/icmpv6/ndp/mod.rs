//! Neighbour discovery (RFC 4861): the messages behind the ICMPv6 header, and their options.
//!
//! Each struct starts with the ICMPv6 type and is followed by options.

mod options;

use std::net::Ipv6Addr;

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub use self::options::{NdpOption, NdpOptionError, Options, PrefixInformation, options};
use super::Icmpv6Type;

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

/// "Send packets for `destination` to `target`." (section 4.5)
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Redirect {
    /// [`Icmpv6Type::REDIRECT`].
    pub icmp_type: Icmpv6Type,
    /// 0.
    pub code: u8,
    /// The ICMPv6 checksum.
    pub checksum: U16,
    /// 0.
    pub reserved: U32,
    /// The better first hop; the destination itself if that is a neighbour.
    pub target: [u8; 16],
    /// The address that the packet was for.
    pub destination: [u8; 16],
}

const _: () = assert!(
    size_of::<NeighbourSolicitation>() == NeighbourSolicitation::LEN
        && size_of::<NeighbourAdvertisement>() == NeighbourAdvertisement::LEN
        && size_of::<RouterSolicitation>() == RouterSolicitation::LEN
        && size_of::<RouterAdvertisement>() == RouterAdvertisement::LEN
        && size_of::<Redirect>() == Redirect::LEN
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

    /// Returns whether hosts get their addresses by DHCPv6.
    pub const fn is_managed(&self) -> bool {
        self.flags & 0x80 != 0
    }

    /// Returns whether hosts get other settings by DHCPv6.
    pub const fn has_other(&self) -> bool {
        self.flags & 0x40 != 0
    }
}

impl Redirect {
    /// The length in bytes without options.
    pub const LEN: usize = 40;

    /// Returns the better first hop.
    pub const fn target(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.target)
    }

    /// Returns the address that the packet was for.
    pub const fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.destination)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mac::MacAddr;

    #[test]
    fn a_redirect_and_its_options_are_read() {
        let mut bytes = vec![137, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend([[1; 16], [2; 16]].concat());
        bytes.extend([2, 1, 2, 0, 0, 0, 0, 9, 4, 2, 0, 0, 0, 0, 0, 0, 0x60, 0, 0, 0, 0, 0, 0, 0]);
        let (redirect, rest) = Redirect::ref_from_prefix(&bytes).unwrap();
        assert_eq!((redirect.target().octets(), redirect.destination().octets()), ([1; 16], [2; 16]));
        let found: Vec<_> = options(rest).map(Result::unwrap).collect();
        assert_eq!(found[0], NdpOption::TargetLinkLayer(MacAddr([2, 0, 0, 0, 0, 9])));
        assert_eq!(found[1], NdpOption::RedirectedHeader(&[0x60, 0, 0, 0, 0, 0, 0, 0]));
    }
}
