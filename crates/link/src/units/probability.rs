use std::fmt;
use std::str::FromStr;

use super::number::{ParseUnitError, Quantity};

/// How often something happens: a share of all frames, in steps of a millionth of a percent.
///
/// # Examples
/// ```
/// use rackless_link::units::Probability;
///
/// let probability: Probability = "0.1 %".parse()?;
/// assert_eq!(probability.as_ratio(), 0.001);
/// assert_eq!(probability.to_string(), "0.1 %");
/// # Ok::<(), rackless_link::units::ParseUnitError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Probability {
    /// Parts of 100,000,000.
    steps: u64,
}

super::serde_as_text!(Probability);

/// Steps in one percent.
const PERCENT: u64 = 1_000_000;

const PROBABILITY: Quantity = Quantity {
    what: "probability",
    example: "0.1 %",
    range: "0 % to 100 %, with at most 6 decimals",
    max: 100 * PERCENT,
    units: &[("%", PERCENT)],
    any_case: false,
};

impl Probability {
    /// It never happens.
    pub const NONE: Self = Self { steps: 0 };

    /// It always happens.
    pub const ALL: Self = Self { steps: 100 * PERCENT };

    /// Makes a probability of a number from 0 to 1, rounded to a step; any other number is none.
    pub fn from_ratio(ratio: f64) -> Option<Self> {
        let steps = (ratio * Self::ALL.steps as f64).round();
        (0.0..=1.0).contains(&ratio).then_some(Self { steps: steps as u64 })
    }

    /// Returns the probability, 0 to 1.
    pub fn as_ratio(self) -> f64 {
        // Both numbers are below 2^53, so the division is the only rounding.
        self.steps as f64 / Self::ALL.steps as f64
    }

    /// Returns this share of `total`, rounded down.
    pub const fn of(self, total: u64) -> u64 {
        // At most `total`, so nothing is cut.
        (total as u128 * self.steps as u128 / Self::ALL.steps as u128) as u64
    }
}

impl FromStr for Probability {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { steps: PROBABILITY.parse(text)? })
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.steps / PERCENT, self.steps % PERCENT);
        let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
        f.pad(&format!("{whole}{} %", fraction.trim_end_matches('0')))
    }
}
