use std::num::NonZeroU32;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text_or_table::{self, TextOrTable};
use super::{Chance, is_default};
use crate::units::{ParseUnitError, Probability};

/// Which frames skip the delay, as in netem: they arrive as soon as they are sent, before those on the way.
///
/// Text form: the probability (`"1 %"`), or a table with `probability`, `correlation` and `gap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reorder {
    /// How often a frame skips the delay, of those that may.
    pub chance: Chance,
    /// One frame in this many may, counted from the last that did: with 100 % it is every `gap`-th. 1 unless said.
    pub gap: NonZeroU32,
}

impl From<Probability> for Reorder {
    /// Makes a reordering of any frame, without correlation.
    fn from(probability: Probability) -> Self {
        Self { chance: probability.into(), gap: NonZeroU32::MIN }
    }
}

impl Serialize for Reorder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.gap == NonZeroU32::MIN {
            return self.chance.serialize(serializer);
        }
        let Self { chance: Chance { probability, correlation }, gap } = *self;
        Table { probability, correlation, gap }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Reorder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_table::deserialize(deserializer)
    }
}

/// The long form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    probability: Probability,
    #[serde(default, skip_serializing_if = "is_default")]
    correlation: Probability,
    #[serde(default = "one")]
    gap: NonZeroU32,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

impl TextOrTable for Reorder {
    type Table<'de> = Table;
    type TextError = ParseUnitError;

    const EXPECTED: &'static str =
        "a probability such as \"1 %\", or a table with 'probability', 'correlation' and 'gap'";

    fn from_text(text: &str) -> Result<Self, ParseUnitError> {
        text.parse::<Probability>().map(Self::from)
    }

    fn from_table(table: Table) -> Result<Self, &'static str> {
        let Table { probability, correlation, gap } = table;
        Ok(Self { chance: Chance { probability, correlation }, gap })
    }
}
