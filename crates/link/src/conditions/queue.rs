use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::is_default;
use super::text_or_table::{self, TextOrTable};
use crate::units::{Duration, Probability, Size};

/// How the queue at a bottleneck is managed; the limit holds for all.
///
/// Text form: `"drop-tail"` or `"codel"`, or a table with `kind` (`"drop-tail"`, `"red"`, `"codel"`) and the keys of
/// [`Red`] or [`CoDel`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Queue {
    /// What finds it full is dropped.
    #[default]
    DropTail,
    /// Drops by chance as the queue grows.
    Red(Red),
    /// Drops when frames have waited too long for too long.
    CoDel(CoDel),
}

/// Random Early Detection: S. Floyd, V. Jacobson, "Random Early Detection Gateways for Congestion Avoidance", 1993.
///
/// The mean length of the queue (weight 1 / 512 a frame) decides: below `min` nothing is dropped, up to `max` by a
/// chance that rises to `probability`, and from there to 100 % at twice `max` (the "gentle" form).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Red {
    /// Mean length from which frames are dropped.
    pub min: Size,
    /// Mean length at which `probability` is reached.
    pub max: Size,
    /// The chance at `max`; 10 % unless said, as Floyd advises.
    #[serde(default = "tenth", skip_serializing_if = "is_tenth")]
    pub probability: Probability,
    /// Whether frames of transports that understand it are marked (RFC 3168) up to `max` instead of dropped.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ecn: bool,
}

/// Controlled Delay: RFC 8289.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CoDel {
    /// The wait that is acceptable for long; 5 ms unless said.
    #[serde(skip_serializing_if = "is_usual_target")]
    pub target: Duration,
    /// For how long more is accepted, about the longest round-trip time; 100 ms unless said.
    #[serde(skip_serializing_if = "is_usual_interval")]
    pub interval: Duration,
    /// Whether frames of transports that understand it are marked (RFC 3168) instead of dropped.
    #[serde(skip_serializing_if = "is_default")]
    pub ecn: bool,
}

impl Default for CoDel {
    fn default() -> Self {
        const MS: u64 = 1_000_000_000;
        Self { target: Duration::from_ps(5 * MS), interval: Duration::from_ps(100 * MS), ecn: false }
    }
}

impl Serialize for Queue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::DropTail => "drop-tail".serialize(serializer),
            Self::Red(red) => Table::Red(red).serialize(serializer),
            Self::CoDel(codel) if codel == CoDel::default() => "codel".serialize(serializer),
            Self::CoDel(codel) => Table::CoDel(codel).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Queue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_table::deserialize(deserializer)
    }
}

fn is_tenth(probability: &Probability) -> bool {
    *probability == tenth()
}

fn is_usual_target(target: &Duration) -> bool {
    *target == CoDel::default().target
}

fn is_usual_interval(interval: &Duration) -> bool {
    *interval == CoDel::default().interval
}

fn tenth() -> Probability {
    Probability::from_ratio(0.1).expect("it lies between 0 and 1")
}

/// The long form.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Table {
    DropTail,
    Red(Red),
    #[serde(rename = "codel")]
    CoDel(CoDel),
}

impl TextOrTable for Queue {
    type Table<'de> = Table;
    type TextError = &'static str;

    const EXPECTED: &'static str =
        "\"drop-tail\", \"codel\", or a table with 'kind' and the keys of that kind";

    fn from_text(text: &str) -> Result<Self, &'static str> {
        match text {
            "drop-tail" => Ok(Self::DropTail),
            "codel" => Ok(Self::CoDel(CoDel::default())),
            "red" => {
                Err("red needs 'min' and 'max': write { kind = \"red\", min = \"30 kB\", max = \"90 kB\" }")
            }
            _ => Err("unknown kind of queue; the kinds are drop-tail, red, codel"),
        }
    }

    fn from_table(table: Table) -> Result<Self, &'static str> {
        Ok(match table {
            Table::DropTail => Self::DropTail,
            Table::Red(red) => Self::Red(red),
            Table::CoDel(codel) => Self::CoDel(codel),
        })
    }
}
