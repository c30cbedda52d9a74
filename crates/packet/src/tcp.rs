//! TCP headers and their options (RFC 9293).

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::ipv4::{OptionError, take_option};

/// The control bits of a segment.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct TcpFlags(pub u8);

/// A TCP header without its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Tcp {
    /// The source port.
    pub src_port: U16,
    /// The destination port.
    pub dst_port: U16,
    /// The sequence number of the first byte.
    pub seq: U32,
    /// The next sequence number expected from the peer.
    pub ack: U32,
    /// The header length in 32-bit words (high 4 bits), and reserved bits.
    pub data_offset: u8,
    /// The control bits.
    pub flags: TcpFlags,
    /// How many bytes the sender takes.
    pub window: U16,
    /// The checksum over pseudo-header, header and payload.
    pub checksum: U16,
    /// Where urgent data end.
    pub urgent: U16,
}

const _: () = assert!(size_of::<Tcp>() == Tcp::LEN);

impl TcpFlags {
    /// The sender is done.
    pub const FIN: Self = Self(0x01);
    /// Opens a connection.
    pub const SYN: Self = Self(0x02);
    /// Resets a connection.
    pub const RST: Self = Self(0x04);
    /// Asks to hand over at once.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x20);
    /// Congestion was seen (RFC 3168).
    pub const ECE: Self = Self(0x40);
    /// The congestion window was reduced (RFC 3168).
    pub const CWR: Self = Self(0x80);

    /// Returns whether all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for TcpFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Display for TcpFlags {
    /// Writes the names of the set bits with commas, or `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("none");
        }
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        let set = names.iter().enumerate().filter(|(bit, _)| self.0 & (1 << bit) != 0);
        for (n, (_, name)) in set.enumerate() {
            write!(f, "{}{name}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpFlags({self})")
    }
}

impl Tcp {
    /// The length in bytes without options.
    pub const LEN: usize = 20;
    /// The longest header, with options.
    pub const MAX_LEN: usize = 60;

    /// Returns the header length in bytes, as the header says: 0 to 60.
    pub const fn header_len(&self) -> usize {
        (self.data_offset >> 4) as usize * 4
    }
}

/// One TCP option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// Padding by one byte.
    NoOperation,
    /// The largest segment the sender takes, in bytes.
    MaximumSegmentSize(u16),
    /// The shift of all later windows (RFC 7323).
    WindowScale(u8),
    /// Selective acknowledgements are understood (RFC 2018).
    SackPermitted,
    /// The blocks received beyond the acknowledgement number, 8 bytes each: left edge, right edge (RFC 2018).
    Sack(&'a [u8]),
    /// The sender's clock and the echo of the peer's (RFC 7323).
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// The peer's clock as last seen.
        echo: u32,
    },
    /// Any other option, or one of the above with an unusual length.
    Other {
        /// The option's number.
        kind: u8,
        /// What lies behind kind and length.
        data: &'a [u8],
    },
}

/// Returns an iterator over the options in the bytes between the fixed header and the payload.
///
/// The end-of-options byte ends the iteration. An option whose length is wrong comes as an error, once, and ends
/// it.
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
    type Item = Result<TcpOption<'a>, OptionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, data) = match take_option(&mut self.rest, &mut self.offset)? {
            Ok(option) => option,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(match (kind, data) {
            (1, []) => TcpOption::NoOperation,
            (2, &[a, b]) => TcpOption::MaximumSegmentSize(u16::from_be_bytes([a, b])),
            (3, &[shift]) => TcpOption::WindowScale(shift),
            (4, []) => TcpOption::SackPermitted,
            (5, blocks) if blocks.len() % 8 == 0 && !blocks.is_empty() => TcpOption::Sack(blocks),
            (8, &[a, b, c, d, e, f, g, h]) => TcpOption::Timestamps {
                value: u32::from_be_bytes([a, b, c, d]),
                echo: u32::from_be_bytes([e, f, g, h]),
            },
            _ => TcpOption::Other { kind, data },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_show_their_names() {
        assert_eq!((TcpFlags::SYN | TcpFlags::ACK).to_string(), "SYN,ACK");
        assert_eq!(TcpFlags::default().to_string(), "none");
        assert!((TcpFlags::SYN | TcpFlags::ACK).contains(TcpFlags::SYN));
        assert!(!TcpFlags::SYN.contains(TcpFlags::SYN | TcpFlags::ACK));
    }

    #[test]
    fn the_options_of_a_linux_syn_are_read() {
        let bytes = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7];
        let found: Vec<_> = options(&bytes).map(Result::unwrap).collect();
        assert_eq!(
            found,
            [
                TcpOption::MaximumSegmentSize(1460),
                TcpOption::SackPermitted,
                TcpOption::Timestamps { value: 1, echo: 2 },
                TcpOption::NoOperation,
                TcpOption::WindowScale(7),
            ]
        );
    }

    #[test]
    fn an_option_of_unusual_length_is_kept_as_bytes() {
        assert_eq!(options(&[2, 3, 9]).next(), Some(Ok(TcpOption::Other { kind: 2, data: &[9] })));
        assert_eq!(options(&[2, 1]).next(), Some(Err(OptionError { kind: 2, offset: 0 })));
    }
}
