//! Prints packets for people: one line ([`summary`]), all fields ([`detail`]), or the bytes ([`hexdump`]).
//!
//! Any bytes can be printed. What is malformed is told with the offset where it starts; what is printed up to there
//! is right. The text is for reading and may change; programs read [`crate::layout::Layout`] instead.
//!
//! # Examples
//! ```
//! use rackless_packet::build::Build;
//! use rackless_packet::{MacAddr, dissect};
//!
//! let frame = Build::arp_request(MacAddr([2, 0, 0, 0, 0, 1]), [10, 0, 0, 1].into(), [10, 0, 0, 2].into());
//! assert_eq!(
//!     dissect::summary(&frame.to_vec()?).to_string(),
//!     "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ARP request who-has 10.0.0.2 tell 10.0.0.1"
//! );
//! # Ok::<(), rackless_packet::build::Error>(())
//! ```

mod detail;
mod options;
mod summary;

use std::fmt::{self, Display};

use crate::checksum::{Verdict, verify};
use crate::layout::{Layout, Malformed};

/// Shows a frame on one line, much as tcpdump does.
pub fn summary(frame: &[u8]) -> impl Display + '_ {
    Shown(frame, summary::write)
}

/// Shows a frame on many lines: each header with its offset, then its fields.
///
/// It ends with a line break.
pub fn detail(frame: &[u8]) -> impl Display + '_ {
    Shown(frame, detail::write)
}

/// Shows bytes in rows of 16: offset, hexadecimal, ASCII. Each row ends with a line break.
pub fn hexdump(bytes: &[u8]) -> impl Display + '_ {
    Shown(bytes, |bytes: &[u8], f: &mut fmt::Formatter<'_>| {
        for (row, chunk) in bytes.chunks(16).enumerate() {
            write!(f, "{:04x} ", row * 16)?;
            for column in 0..16 {
                let gap = if column == 8 { "  " } else { " " };
                match chunk.get(column) {
                    Some(byte) => write!(f, "{gap}{byte:02x}")?,
                    None => write!(f, "{gap}  ")?,
                }
            }
            f.write_str("  ")?;
            for &byte in chunk {
                let shown = if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' };
                write!(f, "{shown}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    })
}

/// Bytes, and how to show them.
struct Shown<'a, F>(&'a [u8], F);

impl<F: Fn(&[u8], &mut fmt::Formatter<'_>) -> fmt::Result> Display for Shown<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.1)(self.0, f)
    }
}

/// What is wrong with a frame, and where.
enum Fault {
    Malformed { malformed: Malformed, offset: usize },
    Checksum(Verdict),
}

impl Fault {
    fn find(frame: &[u8], layout: &Layout) -> Option<Self> {
        if let Some(malformed) = layout.malformed {
            // The scan leaves `payload` at the header that it could not read.
            return Some(Self::Malformed { malformed, offset: layout.payload.into() });
        }
        match verify(frame) {
            Verdict::Malformed(malformed) => {
                let offset = layout.l4.map_or(0, |l4| l4.offset).into();
                Some(Self::Malformed { malformed, offset })
            }
            wrong @ Verdict::Wrong { .. } => Some(Self::Checksum(wrong)),
            Verdict::Correct | Verdict::Partial => None,
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { malformed, offset } => write!(f, "malformed at byte {offset}: {malformed}"),
            Self::Checksum(verdict) => verdict.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Build;
    use crate::icmpv6::TimeExceededCode;
    use crate::mac::MacAddr;
    use crate::tcp::TcpFlags;

    const A: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const B: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    fn syn() -> Vec<u8> {
        let syn = Build::ethernet(A, B).vlan(7).ipv6("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
        let syn = syn.tcp(40000, 80).flags(TcpFlags::SYN).options(&[2, 4, 5, 180, 1, 3, 3, 7]);
        syn.to_vec().unwrap()
    }

    #[test]
    fn a_segment_is_one_line() {
        assert_eq!(
            summary(&syn()).to_string(),
            "02:00:00:00:00:01 > 02:00:00:00:00:02, vlan 7, IPv6 fd00::1.40000 > fd00::2.80: \
             TCP SYN, seq 0, win 65535, options [mss 1460, nop, wscale 7], length 0"
        );
    }

    #[test]
    fn what_is_malformed_is_told_with_its_place() {
        let mut frame = syn();
        let cut = summary(&frame[..frame.len() - 1]).to_string();
        assert!(cut.ends_with("[malformed at byte 18: IPv6 payload length beyond the frame]"), "{cut}");
        frame[70] = 0x40;
        let wrong = detail(&frame).to_string();
        assert!(
            wrong.ends_with("malformed at byte 58: layer 4 header cut short or its length wrong\n"),
            "{wrong}"
        );
        frame[70] = 0x70;
        frame[60] ^= 1;
        let wrong = summary(&frame).to_string();
        assert!(wrong.contains("[TCP checksum 0x") && wrong.ends_with("would be right]"), "{wrong}");
        assert_eq!(
            summary(&[]).to_string(),
            "0 bytes [malformed at byte 0: frame shorter than an Ethernet header]"
        );
    }

    #[test]
    fn an_error_shows_the_packet_that_it_quotes() {
        let quoted = syn();
        let error = Build::ethernet(B, A).ipv6("fd00::fe".parse().unwrap(), "fd00::1".parse().unwrap());
        let error = error.time_exceeded(TimeExceededCode::HOP_LIMIT, &quoted[18..]).to_vec().unwrap();
        assert_eq!(
            summary(&error).to_string(),
            "02:00:00:00:00:02 > 02:00:00:00:00:01, IPv6 fd00::fe > fd00::1: ICMPv6 time exceeded \
             (hop limit exceeded in transit) about fd00::1 > fd00::2 TCP, length 68"
        );
    }

    #[test]
    fn the_detail_names_all_fields() {
        let text = detail(&syn()).to_string();
        for line in [
            "Ethernet at 0",
            "  dst: 02:00:00:00:00:02",
            "VLAN tag at 14",
            "  vid: 7",
            "IPv6 at 18",
            "  hop limit: 64",
            "TCP at 58",
            "  flags: SYN",
            "  option: mss 1460",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn bytes_are_dumped_in_rows() {
        let bytes: Vec<u8> = (0x3e..0x50).collect();
        assert_eq!(
            hexdump(&bytes).to_string(),
            "0000  3e 3f 40 41 42 43 44 45  46 47 48 49 4a 4b 4c 4d  >?@ABCDEFGHIJKLM\n\
             0010  4e 4f                                             NO\n"
        );
    }
}
