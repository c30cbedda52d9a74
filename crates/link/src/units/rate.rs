use std::fmt;
use std::str::FromStr;

use super::number::{ParseUnitError, Quantity};

/// Bits per second.
///
/// # Examples
/// ```
/// use rackless_link::units::Rate;
///
/// let rate: Rate = "100 Mbit/s".parse()?;
/// assert_eq!(rate.as_bits_per_second(), 100_000_000);
/// assert_eq!(rate, "0.1Gbit/s".parse()?);
/// # Ok::<(), rackless_link::units::ParseUnitError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    bits_per_second: u64,
}

super::serde_as_text!(Rate);

const RATE: Quantity = Quantity {
    what: "rate",
    example: "100 Mbit/s",
    range: "whole bits per second, below 18 Ebit/s",
    max: u64::MAX,
    units: &[
        ("bit/s", 1),
        ("kbit/s", 1_000),
        ("Mbit/s", 1_000_000),
        ("Gbit/s", 1_000_000_000),
        ("Tbit/s", 1_000_000_000_000),
    ],
    any_case: true,
};

impl Rate {
    /// Makes a rate of a number of bits per second.
    pub const fn from_bits_per_second(bits_per_second: u64) -> Self {
        Self { bits_per_second }
    }

    /// Returns the number of bits per second.
    pub const fn as_bits_per_second(self) -> u64 {
        self.bits_per_second
    }
}

impl FromStr for Rate {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { bits_per_second: RATE.parse(text)? })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RATE.show(self.bits_per_second, f)
    }
}
