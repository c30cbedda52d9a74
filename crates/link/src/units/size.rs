use std::fmt;
use std::str::FromStr;

use super::number::{ParseUnitError, Quantity};

/// A number of bytes.
///
/// # Examples
/// ```
/// use rackless_link::units::Size;
///
/// assert_eq!("64 KiB".parse::<Size>()?.as_bytes(), 65_536);
/// assert_eq!("1.5kB".parse::<Size>()?.as_bytes(), 1_500);
/// # Ok::<(), rackless_link::units::ParseUnitError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size {
    bytes: u64,
}

super::serde_as_text!(Size);

const SIZE: Quantity = Quantity {
    what: "size",
    example: "64 KiB",
    range: "whole bytes, below 16 EiB",
    max: u64::MAX,
    units: &[
        ("B", 1),
        ("kB", 1_000),
        ("KiB", 1 << 10),
        ("MB", 1_000_000),
        ("MiB", 1 << 20),
        ("GB", 1_000_000_000),
        ("GiB", 1 << 30),
        ("TB", 1_000_000_000_000),
        ("TiB", 1 << 40),
    ],
    any_case: false,
};

impl Size {
    /// Makes a size of a number of bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self { bytes }
    }

    /// Returns the number of bytes.
    pub const fn as_bytes(self) -> u64 {
        self.bytes
    }
}

impl FromStr for Size {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { bytes: SIZE.parse(text)? })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SIZE.show(self.bytes, f)
    }
}
