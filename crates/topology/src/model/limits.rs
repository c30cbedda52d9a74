//! What the programs of a node may use of the machine.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::units::Size;

/// The limits of all programs of a node together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The time on CPUs; `None`: what the machine has.
    pub cpus: Option<Cpus>,
    /// The memory, swap included; `None`: what the machine has.
    pub memory: Option<Size>,
}

/// A time on CPUs in every time that passes: 0.5 is half of one CPU, 2 are two, wherever the programs run.
///
/// # Examples
/// ```
/// use rackless_topology::model::Cpus;
///
/// assert_eq!("0.25".parse::<Cpus>()?.as_thousandths(), 250);
/// assert!("0".parse::<Cpus>().is_err());
/// # Ok::<(), rackless_topology::model::ParseCpusError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpus {
    thousandths: u32,
}

/// A text is no number of CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a number of CPUs is between 0.01 and 1024")]
pub struct ParseCpusError;

impl Limits {
    /// The least memory in which a shell starts.
    pub const LEAST_MEMORY: Size = Size::from_bytes(1 << 20);

    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Cpus {
    /// The kernel gives no less than 1 ms in 100 ms.
    const LEAST: f64 = 0.01;
    /// More than any machine of today has.
    const MOST: f64 = 1024.0;

    /// Returns the number of thousandths of a CPU.
    pub const fn as_thousandths(self) -> u32 {
        self.thousandths
    }
}

impl FromStr for Cpus {
    type Err = ParseCpusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number: f64 = text.parse().map_err(|_| ParseCpusError)?;
        if !(Self::LEAST..=Self::MOST).contains(&number) {
            return Err(ParseCpusError);
        }
        Ok(Self { thousandths: (number * 1000.0).round() as u32 })
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.thousandths) / 1000.0)
    }
}

impl Serialize for Cpus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.thousandths) / 1000.0)
    }
}
