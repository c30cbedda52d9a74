//! The options of neighbour discovery (RFC 4861, section 4.6).

use std::net::Ipv6Addr;

use zerocopy::network_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::mac::MacAddr;

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
    /// Returns whether addresses of the prefix are neighbours.
    pub const fn is_on_link(&self) -> bool {
        self.flags & 0x80 != 0
    }

    /// Returns whether hosts may make addresses of the prefix.
    pub const fn is_autonomous(&self) -> bool {
        self.flags & 0x40 != 0
    }

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
    /// A random number that tells answers from others (RFC 3971, section 5.3.2).
    Nonce(&'a [u8]),
    /// The servers to ask for names (RFC 8106, section 5.1).
    RecursiveDnsServers {
        /// For how many seconds, all ones for ever.
        lifetime_s: u32,
        /// Their addresses.
        servers: &'a [[u8; 16]],
    },
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
            [14, _, ref nonce @ ..] => NdpOption::Nonce(nonce),
            [25, units, _, _, a, b, c, d, ref rest @ ..] if units >= 3 && units % 2 == 1 => {
                let lifetime_s = u32::from_be_bytes([a, b, c, d]);
                NdpOption::RecursiveDnsServers { lifetime_s, servers: rest.as_chunks().0 }
            }
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

    #[test]
    fn name_servers_and_nonces_are_read() {
        let bytes = [&[25, 3, 0, 0, 0, 0, 0, 60][..], &[7; 16], &[14, 1, 1, 2, 3, 4, 5, 6]].concat();
        let found: Vec<_> = options(&bytes).map(Result::unwrap).collect();
        assert_eq!(found[0], NdpOption::RecursiveDnsServers { lifetime_s: 60, servers: &[[7; 16]] });
        assert_eq!(found[1], NdpOption::Nonce(&[1, 2, 3, 4, 5, 6]));
        let even = [&[25, 2][..], &[0; 14]].concat();
        assert_eq!(options(&even).next(), Some(Ok(NdpOption::Other { kind: 25, data: &[0; 14] })));
    }
}
