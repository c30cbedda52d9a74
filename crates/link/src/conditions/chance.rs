use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text_or_table::{self, TextOrTable};
use crate::units::{ParseUnitError, Probability};

/// How often something happens to a frame, and how much that depends on the frame before.
///
/// Text form: the probability (`"1 %"`), or a table with `probability` and `correlation`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chance {
    /// The share of frames it happens to, in the long run.
    pub probability: Probability,
    /// How often a frame shares the fate of the one before instead of having its own.
    ///
    /// netem adds this share of the last random number to the next one, which changes how often the thing happens
    /// (0.3 % with a correlation of 25 % becomes 0.0024 %). Here the probability stays what it is, and
    /// neighbours are correlated by exactly this coefficient.
    pub correlation: Probability,
}

impl Chance {
    /// Returns whether it never happens.
    pub fn is_none(&self) -> bool {
        self.probability == Probability::NONE
    }
}

impl From<Probability> for Chance {
    /// Makes a chance without correlation.
    fn from(probability: Probability) -> Self {
        Self { probability, correlation: Probability::NONE }
    }
}

impl Serialize for Chance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.correlation == Probability::NONE {
            return self.probability.serialize(serializer);
        }
        let mut table = serializer.serialize_struct("Chance", 2)?;
        table.serialize_field("probability", &self.probability)?;
        table.serialize_field("correlation", &self.correlation)?;
        table.end()
    }
}

impl<'de> Deserialize<'de> for Chance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_table::deserialize(deserializer)
    }
}

/// The long form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    probability: Probability,
    #[serde(default)]
    correlation: Probability,
}

impl TextOrTable for Chance {
    type Table<'de> = Table;
    type TextError = ParseUnitError;

    const EXPECTED: &'static str =
        "a probability such as \"1 %\", or a table with 'probability' and 'correlation'";

    fn from_text(text: &str) -> Result<Self, ParseUnitError> {
        text.parse::<Probability>().map(Self::from)
    }

    fn from_table(table: Table) -> Result<Self, &'static str> {
        Ok(Self { probability: table.probability, correlation: table.correlation })
    }
}
