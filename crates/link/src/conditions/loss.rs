use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Chance;
use super::text_or_table::{self, TextOrTable};
use crate::units::{ParseUnitError, Probability};

/// Which frames get lost on the way.
///
/// Text form: the probability (`"0.1 %"`), or a table with `probability` and `correlation`, or one with `p`, `r`,
/// `loss_good` and `loss_bad`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossModel {
    /// Each frame by chance.
    Bernoulli(Chance),
    /// Frames in bursts: a cable is in a good or a bad state, and may change after each frame. E. N. Gilbert,
    /// "Capacity of a Burst-Noise Channel", 1960; E. O. Elliott, "Estimates of Error Rates for Codes on
    /// Burst-Noise Channels", 1963.
    ///
    /// The state is bad for p / (p + r) of the frames, for 1 / r of them at a time. It starts good.
    GilbertElliott {
        /// How often good turns to bad.
        p: Probability,
        /// How often bad turns to good.
        r: Probability,
        /// How often a frame is lost in the good state (1 - k in the papers); 0 % unless said.
        loss_good: Probability,
        /// How often a frame is lost in the bad state (1 - h in the papers); 100 % unless said.
        loss_bad: Probability,
    },
}

impl LossModel {
    /// Returns whether nothing is ever lost.
    pub fn is_none(&self) -> bool {
        match self {
            Self::Bernoulli(chance) => chance.is_none(),
            Self::GilbertElliott { p, loss_good, loss_bad, .. } => {
                let never_bad = *p == Probability::NONE || *loss_bad == Probability::NONE;
                *loss_good == Probability::NONE && never_bad
            }
        }
    }
}

impl From<Probability> for LossModel {
    /// Makes a loss by chance without correlation.
    fn from(probability: Probability) -> Self {
        Self::Bernoulli(probability.into())
    }
}

impl Serialize for LossModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Bernoulli(chance) => chance.serialize(serializer),
            Self::GilbertElliott { p, r, loss_good, loss_bad } => {
                let unless = |default, found| (found != default).then_some(found);
                let (p, r) = (Some(p), Some(r));
                let loss_good = unless(Probability::NONE, loss_good);
                let loss_bad = unless(Probability::ALL, loss_bad);
                Table { p, r, loss_good, loss_bad, ..Table::default() }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for LossModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_table::deserialize(deserializer)
    }
}

/// The long forms.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Table {
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<Probability>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<Probability>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<Probability>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r: Option<Probability>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loss_good: Option<Probability>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loss_bad: Option<Probability>,
}

impl TextOrTable for LossModel {
    type Table<'de> = Table;
    type TextError = ParseUnitError;

    const EXPECTED: &'static str = "a probability such as \"0.1 %\", a table with 'probability' and 'correlation', \
                                    or one with 'p', 'r', 'loss_good' and 'loss_bad'";

    fn from_text(text: &str) -> Result<Self, ParseUnitError> {
        text.parse::<Probability>().map(Self::from)
    }

    fn from_table(table: Table) -> Result<Self, &'static str> {
        let Table { probability, correlation, p, r, loss_good, loss_bad } = table;
        match (probability, p, r) {
            (Some(probability), None, None) if loss_good.is_none() && loss_bad.is_none() => {
                Ok(Self::Bernoulli(Chance { probability, correlation: correlation.unwrap_or_default() }))
            }
            (None, Some(p), Some(r)) if correlation.is_none() => {
                let loss_good = loss_good.unwrap_or(Probability::NONE);
                Ok(Self::GilbertElliott { p, r, loss_good, loss_bad: loss_bad.unwrap_or(Probability::ALL) })
            }
            _ => Err(
                "a loss has 'probability' and may have 'correlation', or it has 'p' and 'r' and may have \
                      'loss_good' and 'loss_bad'",
            ),
        }
    }
}
