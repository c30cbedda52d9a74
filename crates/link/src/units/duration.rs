use std::fmt;
use std::str::FromStr;

use super::number::{ParseUnitError, Quantity};

/// A length of time in whole picoseconds, up to 213 days.
///
/// # Examples
/// ```
/// use rackless_link::units::Duration;
///
/// let delay: Duration = "10 ms".parse()?;
/// assert_eq!(delay, "0.01s".parse()?);
/// assert_eq!(delay.as_ps(), 10_000_000_000);
/// assert!("10".parse::<Duration>().is_err());
/// # Ok::<(), rackless_link::units::ParseUnitError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    ps: u64,
}

super::serde_as_text!(Duration);

const DURATION: Quantity = Quantity {
    what: "duration",
    example: "10 ms",
    range: "whole picoseconds, at most 213 days",
    max: u64::MAX,
    units: &[
        ("ps", 1),
        ("ns", 1_000),
        ("us", 1_000_000),
        ("µs", 1_000_000),
        ("ms", 1_000_000_000),
        ("s", 1_000_000_000_000),
        ("min", 60_000_000_000_000),
        ("h", 3_600_000_000_000_000),
    ],
    any_case: false,
};

impl Duration {
    /// Makes a duration of a number of picoseconds.
    pub const fn from_ps(ps: u64) -> Self {
        Self { ps }
    }

    /// Makes a duration of a number of seconds.
    pub const fn from_secs(secs: u32) -> Self {
        Self { ps: secs as u64 * 1_000_000_000_000 }
    }

    /// Returns the number of picoseconds.
    pub const fn as_ps(self) -> u64 {
        self.ps
    }
}

impl From<Duration> for std::time::Duration {
    /// Rounds up to nanoseconds, so that a wait is never cut to nothing.
    fn from(duration: Duration) -> Self {
        Self::from_nanos(duration.ps.div_ceil(1_000))
    }
}

impl FromStr for Duration {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { ps: DURATION.parse(text)? })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ps == 0 { f.pad("0 s") } else { DURATION.show(self.ps, f) }
    }
}
