use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::units::Rate;

/// The times at which a recorded link, usually a cellular one, could send, in the format of mahimahi.
///
/// The text has a line for each opportunity: whole milliseconds since the start, never less than the line before.
/// An opportunity carries 1,504 bytes of packets: a full packet and mahimahi's 4 bytes around every packet. A packet
/// may need the rest of one opportunity and the start of the next; several small ones share one. What is not used
/// when it comes is gone. After the last line the trace starts again, its time zero at that line's time.
///
/// Written and read by serde as a list of numbers.
///
/// # Examples
/// ```
/// use rackless_link::Trace;
///
/// let trace: Trace = "0\n4\n4\n12\n".parse()?;
/// assert_eq!(trace.opportunities_ms(), [0, 4, 4, 12]);
/// assert_eq!("4\nx\n".parse::<Trace>().unwrap_err().to_string(), "line 2: 'x' is not a number of milliseconds");
/// # Ok::<(), rackless_link::TraceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Never empty, in order, the last above zero and below [`LONGEST_MS`].
    opportunities_ms: Vec<u64>,
}

/// A text or list is not a trace; lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// A line is not a whole number of milliseconds.
    #[error("line {line}: '{text}' is not a number of milliseconds")]
    Number {
        /// Where.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A line is earlier than the one before.
    #[error("line {line}: {ms} ms is before {previous} ms in the line above")]
    Order {
        /// Where.
        line: usize,
        /// Its time.
        ms: u64,
        /// The time of the line before.
        previous: u64,
    },
    /// There is no line.
    #[error("the trace is empty")]
    Empty,
    /// The last line is at zero, so that it would repeat in no time.
    #[error("line {line}: the trace ends at 0 ms and so cannot repeat")]
    NoLength {
        /// Where.
        line: usize,
    },
    /// The last line is later than time can be.
    #[error("line {line}: the trace is longer than 213 days")]
    TooLong {
        /// Where.
        line: usize,
    },
}

/// Longest trace, so that its length in picoseconds is a time.
const LONGEST_MS: u64 = u64::MAX / PS_PER_MS;

const PS_PER_MS: u64 = 1_000_000_000;

impl Trace {
    /// Bytes that an opportunity carries: mahimahi's full TUN frame.
    pub const OPPORTUNITY_BYTES: u32 = 1504;

    /// Bytes that count for a packet beyond its own: mahimahi's TUN header.
    pub const OVERHEAD_BYTES: u32 = 4;

    /// Makes a trace of the milliseconds of its opportunities.
    ///
    /// # Errors
    /// Fails as reading a text of one line each does.
    pub fn new(opportunities_ms: Vec<u64>) -> Result<Self, TraceError> {
        let line = opportunities_ms.len();
        for (index, pair) in opportunities_ms.windows(2).enumerate() {
            if pair[1] < pair[0] {
                return Err(TraceError::Order { line: index + 2, ms: pair[1], previous: pair[0] });
            }
        }
        match opportunities_ms.last() {
            None => Err(TraceError::Empty),
            Some(0) => Err(TraceError::NoLength { line }),
            Some(&last) if last > LONGEST_MS => Err(TraceError::TooLong { line }),
            Some(_) => Ok(Self { opportunities_ms }),
        }
    }

    /// Returns the milliseconds of its opportunities.
    pub fn opportunities_ms(&self) -> &[u64] {
        &self.opportunities_ms
    }

    /// Returns the rate that the trace has in the mean, rounded down.
    pub fn mean_rate(&self) -> Rate {
        let bits = self.opportunities_ms.len() as u128 * u128::from(Self::OPPORTUNITY_BYTES) * 8;
        let rate = bits * 1_000 / u128::from(self.length_ms());
        Rate::from_bits_per_second(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// Returns after how many milliseconds it repeats.
    pub fn length_ms(&self) -> u64 {
        *self.opportunities_ms.last().expect("a trace has a line")
    }
}

impl FromStr for Trace {
    type Err = TraceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |(index, line): (usize, &str)| {
            let wrong = || TraceError::Number { line: index + 1, text: line.to_owned() };
            // `parse` would take a sign.
            let digits = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
            if digits { line.parse().map_err(|_| wrong()) } else { Err(wrong()) }
        };
        Self::new(text.lines().enumerate().map(number).collect::<Result<_, _>>()?)
    }
}

impl Serialize for Trace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.opportunities_ms.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Trace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
