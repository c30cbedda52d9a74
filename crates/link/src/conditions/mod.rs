//! What a cable does to frames in one direction, as a value that is written, read, compared and sent.

mod chance;
mod jitter;
mod layer;
mod limit;
mod loss;
mod preset;
mod queue;
mod reorder;
mod text_or_table;
mod trace;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::units::{Duration, Rate};

pub use chance::Chance;
pub use jitter::{Distribution, Jitter};
pub use layer::Layer;
pub use limit::{Limit, ParseLimitError};
pub use loss::LossModel;
pub use preset::{Preset, preset, presets};
pub use queue::{CoDel, Queue, Red};
pub use reorder::Reorder;
pub use trace::{Trace, TraceError};

/// What a cable does to frames in one direction; the default is a perfect cable.
///
/// Every key may be left out. Values have the text forms of [`units`](crate::units); those with more than one
/// number are a text where one number says it all, and a table where it does not:
///
/// ```
/// use rackless_link::Conditions;
///
/// let conditions: Conditions = toml::from_str(
///     r#"
///     rate = "20 Mbit/s"
///     delay = "10 ms"
///     jitter = { spread = "2 ms", distribution = "normal" }
///     loss = "0.1 %"
///     queue = { kind = "codel", ecn = true }
///     "#,
/// )?;
/// assert_eq!(conditions.delay, "10 ms".parse()?);
/// assert!(!conditions.is_perfect());
/// conditions.check()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conditions {
    /// Bits a second that the bottleneck sends; `None` is without bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// What of a frame counts against `rate`.
    #[serde(skip_serializing_if = "is_default")]
    pub layer: Layer,
    /// Times at which the bottleneck may send, in place of a `rate`.
    #[serde(skip_serializing_if = "Option::is_none", with = "shared")]
    pub trace: Option<Arc<Trace>>,
    /// How much may wait at the bottleneck; `None` is [`Conditions::default_limit`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// How the queue at the bottleneck is managed.
    #[serde(skip_serializing_if = "is_default")]
    pub queue: Queue,
    /// The time a frame is on its way, one-way, behind the bottleneck.
    #[serde(skip_serializing_if = "is_default")]
    pub delay: Duration,
    /// How the delay varies from frame to frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Jitter>,
    /// Frames that get lost on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossModel>,
    /// Frames that arrive twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<Chance>,
    /// Frames that skip the delay and so overtake others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reorder: Option<Reorder>,
    /// Frames that arrive with one bit flipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrupt: Option<Chance>,
    /// Longest packet that passes, in bytes behind the Ethernet header and VLAN tags; `None` is without bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}

/// Two keys of [`Conditions`] contradict each other, or one has no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConditionsError {
    /// A rate of zero never sends a frame.
    #[error("the rate is 0 bit/s, which sends nothing; loss = \"100 %\" cuts a link")]
    NoRate,
    /// There is a rate and a trace.
    #[error("there is a rate and a trace; the bottleneck has one of them")]
    RateAndTrace,
    /// Frames shall skip a delay that is not there.
    #[error("reorder lets frames skip the delay, and there is no delay")]
    ReorderWithoutDelay,
    /// The thresholds of RED are not in order.
    #[error("min of the queue is not below its max")]
    RedThresholds,
    /// The interval of CoDel is zero, or not longer than its target.
    #[error("interval of the queue is not longer than its target")]
    CoDelInterval,
}

impl Conditions {
    /// The keys of the text form, in the order of the fields.
    pub const KEYS: [&str; 12] = [
        "rate",
        "layer",
        "trace",
        "limit",
        "queue",
        "delay",
        "jitter",
        "loss",
        "duplicate",
        "reorder",
        "corrupt",
        "mtu",
    ];

    /// Returns whether every frame passes at once and unchanged.
    pub fn is_perfect(&self) -> bool {
        let no_bottleneck = self.rate.is_none() && self.trace.is_none() && self.mtu.is_none();
        let no_delay = self.delay == Duration::default() && self.jitter.is_none_or(|jitter| jitter.is_none());
        let no_fault = self.loss.is_none_or(|loss| loss.is_none())
            && self.duplicate.is_none_or(|chance| chance.is_none())
            && self.corrupt.is_none_or(|chance| chance.is_none());
        no_bottleneck && no_delay && no_fault
    }

    /// Returns the limit of the queue where none is given.
    ///
    /// The largest of what the bottleneck sends in a round trip (twice `delay`, as if the way back were the same),
    /// what it sends in 50 ms, and 32 full frames. A round trip keeps one TCP connection at the full rate; 50 ms
    /// lets one that starts on a short link grow; 32 frames let bursts pass on a slow one. A trace counts with its
    /// mean rate. Without rate and trace nothing waits, and this is 32 frames.
    pub fn default_limit(&self) -> Limit {
        const LEAST_PS: u64 = 50_000_000_000;
        let rate = match (&self.trace, self.rate) {
            (Some(trace), _) => trace.mean_rate(),
            (None, rate) => rate.unwrap_or_default(),
        };
        let time = u128::from(self.delay.as_ps()).saturating_mul(2).max(LEAST_PS.into());
        let bytes =
            time.saturating_mul(rate.as_bits_per_second().into()) / 8 / u128::from(crate::PS_PER_SECOND);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Limit::bytes(bytes.max(32 * crate::FULL_FRAME))
    }

    /// Checks that the keys do not contradict each other.
    ///
    /// # Errors
    /// Fails with the first contradiction. A [`Direction`](crate::Direction) takes such conditions nevertheless: it
    /// sends nothing at a rate of zero, and prefers the trace.
    pub fn check(&self) -> Result<(), ConditionsError> {
        if self.rate.is_some_and(|rate| rate.as_bits_per_second() == 0) {
            return Err(ConditionsError::NoRate);
        }
        if self.rate.is_some() && self.trace.is_some() {
            return Err(ConditionsError::RateAndTrace);
        }
        if self.reorder.is_some() && self.delay == Duration::default() && self.jitter.is_none() {
            return Err(ConditionsError::ReorderWithoutDelay);
        }
        match &self.queue {
            Queue::Red(red) if red.min >= red.max => Err(ConditionsError::RedThresholds),
            Queue::CoDel(codel) if codel.interval <= codel.target => Err(ConditionsError::CoDelInterval),
            _ => Ok(()),
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A shared trace, written and read as if it were not shared.
mod shared {
    use super::{Arc, Deserialize, Serialize, Trace};

    pub(super) fn serialize<S: serde::Serializer>(
        trace: &Option<Arc<Trace>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        trace.as_deref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<Trace>>, D::Error> {
        Ok(Option::<Trace>::deserialize(deserializer)?.map(Arc::new))
    }
}

#[cfg(test)]
mod tests;
