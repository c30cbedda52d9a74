//! Prints packets for people: one line ([`summary`]), all fields ([`detail`]), what changed ([`changes`]), or the bytes
//! ([`hexdump`]).
//!
//! Any bytes can be printed. What a tunnel carries is printed, too, but not what a tunnel in that carries. What is malformed is told with the offset where it starts; what is printed up to there
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

mod changes;
mod detail;
mod options;
mod summary;
#[cfg(test)]
mod tests;

use std::fmt::{self, Display};

use crate::checksum::{Verdict, verify_at};
use crate::layout::{Layout, Malformed};

pub use changes::{Change, changes};

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
    /// Looks at a frame that starts at byte `base` of what is shown.
    fn find(frame: &[u8], layout: &Layout, base: usize) -> Option<Self> {
        let malformed =
            |malformed, offset: u16| Self::Malformed { malformed, offset: base + usize::from(offset) };
        if let Some(fault) = layout.malformed {
            // The scan leaves `payload` at the header that it could not read.
            return Some(malformed(fault, layout.payload));
        }
        match verify_at(frame, layout) {
            Verdict::Malformed(fault) => Some(malformed(fault, layout.l4.map_or(0, |l4| l4.offset))),
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
