use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::is_default;
use super::text_or_table::{self, TextOrTable};
use crate::units::{Duration, ParseUnitError, Probability};

/// How the delay varies from frame to frame.
///
/// Text form: the spread (`"2 ms"`), or a table with `spread`, `distribution`, `correlation` and `overtake`.
///
/// A delay is never below zero: where `spread` is not small against the delay, the mean rises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Jitter {
    /// How far: the standard deviation, but half the width of [`Distribution::Uniform`].
    pub spread: Duration,
    /// How the variations are spread around the delay.
    pub distribution: Distribution,
    /// How often a frame has the delay of the one before instead of its own, which correlates neighbours by
    /// exactly this coefficient and leaves the distribution as it is.
    pub correlation: Probability,
    /// Whether a frame with a shorter delay overtakes those before it.
    ///
    /// By default it waits for them, because real links vary by queues, which keep the order; the delay of dense
    /// traffic then tends to the longest of late. netem lets them overtake.
    pub overtake: bool,
}

/// How variations are spread around a mean of zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// All between minus and plus the spread, alike.
    #[default]
    Uniform,
    /// The normal distribution, cut at six standard deviations: the sum of twelve uniform numbers (Irwin-Hall).
    Normal,
    /// The Pareto distribution of shape 3, as netem's, cut at the 1 / 4096 quantile, with its mean at zero: most
    /// frames are a little early, and some up to 18 spreads late.
    Pareto,
    /// One quarter [`Distribution::Normal`] and three quarters [`Distribution::Pareto`], as netem's, with the
    /// standard deviation at the spread.
    ParetoNormal,
}

impl Jitter {
    /// Returns whether the delay does not vary.
    pub fn is_none(&self) -> bool {
        self.spread == Duration::default()
    }

    fn is_only_spread(&self) -> bool {
        *self == Self::from(self.spread)
    }
}

impl From<Duration> for Jitter {
    /// Makes uniform jitter that keeps the order.
    fn from(spread: Duration) -> Self {
        Self { spread, ..Self::default() }
    }
}

impl Serialize for Jitter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_only_spread() {
            return self.spread.serialize(serializer);
        }
        let Self { spread, distribution, correlation, overtake } = *self;
        Table { spread, distribution, correlation, overtake }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Jitter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_table::deserialize(deserializer)
    }
}

/// The long form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    spread: Duration,
    #[serde(default, skip_serializing_if = "is_default")]
    distribution: Distribution,
    #[serde(default, skip_serializing_if = "is_default")]
    correlation: Probability,
    #[serde(default, skip_serializing_if = "is_default")]
    overtake: bool,
}

impl TextOrTable for Jitter {
    type Table<'de> = Table;
    type TextError = ParseUnitError;

    const EXPECTED: &'static str =
        "a duration such as \"2 ms\", or a table with 'spread', 'distribution', 'correlation' and 'overtake'";

    fn from_text(text: &str) -> Result<Self, ParseUnitError> {
        text.parse::<Duration>().map(Self::from)
    }

    fn from_table(table: Table) -> Result<Self, &'static str> {
        let Table { spread, distribution, correlation, overtake } = table;
        Ok(Self { spread, distribution, correlation, overtake })
    }
}
