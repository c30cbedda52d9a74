//! The internet checksum: whole (RFC 1071), of pseudo-headers, and updated in place (RFC 1624). And SCTP's, a CRC.
//!
//! Numbers are in host byte order, as `header.checksum.get()` returns them. A *sum* is a folded one's complement
//! sum; a *checksum* is the complement of a sum. Sums of parts are joined by [`combine`], if every part but the
//! last has an even length.

mod crc32c;
mod frame;

use std::net::{Ipv4Addr, Ipv6Addr};

use zerocopy::network_endian::U16;

pub use self::crc32c::Crc32c;
pub(crate) use self::frame::verify_at;
pub use self::frame::{Layer, Verdict, fill, verify};
use crate::ipv4::IpProtocol;

/// Returns the one's complement sum of the 16-bit words of `bytes`, padded with a zero byte to an even length.
///
/// # Examples
/// ```
/// // RFC 1071, section 3
/// let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
/// assert_eq!(rackless_packet::checksum::ones_complement(&bytes), 0xddf2);
/// ```
#[inline] // of a plain IPv4 header it is five additions
pub fn ones_complement(bytes: &[u8]) -> u16 {
    // The sum does not depend on byte order but for a swap at the end (RFC 1071, section 2B), so words of 32 bits
    // are added as they lie in memory. A u64 takes 2³² of them before it overflows: 16 GiB.
    let mut sum = 0_u64;
    let (blocks, rest) = bytes.as_chunks::<16>();
    for block in blocks {
        let (words, _) = block.as_chunks::<4>();
        sum += words.iter().map(|&word| u64::from(u32::from_ne_bytes(word))).sum::<u64>();
    }
    let (words, rest) = rest.as_chunks::<4>();
    sum += words.iter().map(|&word| u64::from(u32::from_ne_bytes(word))).sum::<u64>();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    sum += u64::from(u32::from_ne_bytes(last));
    fold(sum).to_be()
}

/// Returns the internet checksum of `bytes`; over bytes that hold their own checksum it is 0.
#[inline]
pub fn internet(bytes: &[u8]) -> u16 {
    !ones_complement(bytes)
}

/// Returns the sum of two sums.
pub const fn combine(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    sum + carry as u16
}

/// Returns the sum of the pseudo-header of TCP and UDP on IPv4 (RFC 9293, section 3.1); `len` counts the layer 4
/// header and its payload.
pub fn pseudo_v4(src: Ipv4Addr, dst: Ipv4Addr, protocol: IpProtocol, len: u16) -> u16 {
    let (src, dst) = (src.octets(), dst.octets());
    let addresses = u64::from(u32::from_ne_bytes(src)) + u64::from(u32::from_ne_bytes(dst));
    fold(addresses + u64::from(u16::from(protocol.0).to_be()) + u64::from(len.to_be())).to_be()
}

/// Returns the sum of the pseudo-header of layer 4 on IPv6 (RFC 8200, section 8.1); `len` counts the layer 4 header
/// and its payload.
///
/// With a routing header, `dst` is the final destination.
pub fn pseudo_v6(src: Ipv6Addr, dst: Ipv6Addr, protocol: IpProtocol, len: u32) -> u16 {
    let (src, dst) = (src.octets(), dst.octets());
    let add = |sum, &word: &[u8; 4]| sum + u64::from(u32::from_ne_bytes(word));
    let sum = src.as_chunks().0.iter().fold(0, add);
    let sum = dst.as_chunks().0.iter().fold(sum, add);
    fold(sum + u64::from(u32::from(protocol.0).to_be()) + u64::from(len.to_be())).to_be()
}

/// Returns the checksum after a 16-bit word under it changed from `old` to `new` (RFC 1624, equation 3).
pub const fn update_u16(checksum: u16, old: u16, new: u16) -> u16 {
    !combine(combine(!checksum, !old), new)
}

/// Returns the checksum after an aligned 32-bit word under it changed from `old` to `new` (RFC 1624, equation 3).
pub const fn update_u32(checksum: u16, old: u32, new: u32) -> u16 {
    let checksum = update_u16(checksum, (old >> 16) as u16, (new >> 16) as u16);
    update_u16(checksum, old as u16, new as u16)
}

/// Returns the checksum after an IPv4 address under it changed.
pub const fn update_v4(checksum: u16, old: Ipv4Addr, new: Ipv4Addr) -> u16 {
    update_u32(checksum, old.to_bits(), new.to_bits())
}

/// Returns the checksum after an IPv6 address under it changed.
pub fn update_v6(checksum: u16, old: Ipv6Addr, new: Ipv6Addr) -> u16 {
    !combine(combine(!checksum, !ones_complement(&old.octets())), ones_complement(&new.octets()))
}

/// What several changes do to a checksum, to be applied to more than one header.
///
/// # Examples
/// ```
/// use rackless_packet::checksum::{Change, internet};
/// use zerocopy::network_endian::U16;
///
/// let mut bytes = [10, 0, 0, 1, 0, 80];
/// let mut checksum = U16::new(internet(&bytes));
/// bytes = [192, 0, 2, 1, 31, 144];
/// Change::new()
///     .v4([10, 0, 0, 1].into(), [192, 0, 2, 1].into())
///     .u16(80, 8080)
///     .apply(&mut checksum);
/// assert_eq!(checksum.get(), internet(&bytes));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change(u16);

impl Change {
    /// Makes the change that changes nothing.
    pub const fn new() -> Self {
        Self(0)
    }

    /// Adds that a 16-bit word becomes `new`.
    #[must_use]
    pub const fn u16(self, old: u16, new: u16) -> Self {
        Self(combine(self.0, combine(!old, new)))
    }

    /// Adds that an aligned 32-bit word becomes `new`.
    #[must_use]
    pub const fn u32(self, old: u32, new: u32) -> Self {
        self.u16((old >> 16) as u16, (new >> 16) as u16).u16(old as u16, new as u16)
    }

    /// Adds that an IPv4 address becomes `new`.
    #[must_use]
    pub const fn v4(self, old: Ipv4Addr, new: Ipv4Addr) -> Self {
        self.u32(old.to_bits(), new.to_bits())
    }

    /// Adds that an IPv6 address becomes `new`.
    #[must_use]
    pub fn v6(self, old: Ipv6Addr, new: Ipv6Addr) -> Self {
        self.u16(ones_complement(&old.octets()), ones_complement(&new.octets()))
    }

    /// Repairs the checksum of IPv4, TCP or ICMP.
    pub fn apply(self, checksum: &mut U16) {
        checksum.set(!combine(!checksum.get(), self.0));
    }

    /// Repairs the checksum of UDP: 0 stays 0, for there is none, and none becomes 0.
    pub fn apply_udp(self, checksum: &mut U16) {
        if checksum.get() != 0 {
            self.apply(checksum);
            checksum.set(udp(checksum.get()));
        }
    }
}

/// Returns a checksum as UDP sends it: 0 would say that there is none, so all ones stands for it (RFC 768).
pub const fn udp(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}

/// Folds the carries into 16 bits.
const fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(bytes: &[u8]) -> u16 {
        bytes.chunks(2).fold(0, |sum, word| {
            combine(sum, u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)]))
        })
    }

    #[test]
    fn every_length_and_alignment_sums_as_word_by_word() {
        let bytes: Vec<u8> = (0..300_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for start in 0..9 {
            for end in start..bytes.len() {
                assert_eq!(ones_complement(&bytes[start..end]), naive(&bytes[start..end]), "{start}..{end}");
            }
        }
        assert_eq!(ones_complement(&[0xff; 65_535]), naive(&[0xff; 65_535]));
    }

    #[test]
    fn pseudo_headers_sum_as_their_bytes() {
        let (src, dst) = ([10, 1, 2, 3].into(), [192, 168, 255, 4].into());
        let bytes = [10, 1, 2, 3, 192, 168, 255, 4, 0, 6, 0x12, 0x34];
        assert_eq!(pseudo_v4(src, dst, IpProtocol::TCP, 0x1234), naive(&bytes));
        let (src, dst): (Ipv6Addr, Ipv6Addr) =
            ("fd00::1".parse().unwrap(), "2001:db8::ffff".parse().unwrap());
        let mut bytes = [src.octets(), dst.octets()].concat();
        bytes.extend([0, 1, 0x23, 0x45, 0, 0, 0, 58]);
        assert_eq!(pseudo_v6(src, dst, IpProtocol::ICMPV6, 0x12345), naive(&bytes));
    }

    #[test]
    fn the_example_of_rfc_1624_holds() {
        // Section 4: equation 2 of RFC 1141 gives 0xffff here, the right checksum is 0x0000.
        assert_eq!(update_u16(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    #[test]
    fn a_udp_checksum_of_zero_means_none_and_stays() {
        let mut none = U16::new(0);
        Change::new().u16(1, 2).apply_udp(&mut none);
        assert_eq!(none.get(), 0);
        let mut checksum = U16::new(0xdd2f);
        Change::new().u16(0x5555, 0x3285).apply_udp(&mut checksum);
        assert_eq!(checksum.get(), 0xffff);
    }
}
