//! What the graph counts.

use std::fmt;

use crate::{Nf, Reason};

/// Counters of one node while it runs.
pub(crate) struct NodeCounters {
    pub(crate) received: u64,
    pub(crate) generated: u64,
    pub(crate) sent: u64,
    pub(crate) held: u64,
    pub(crate) batches: u64,
    drops: Box<[u64; 256]>,
}

impl Default for NodeCounters {
    fn default() -> Self {
        Self { received: 0, generated: 0, sent: 0, held: 0, batches: 0, drops: Box::new([0; 256]) }
    }
}

impl NodeCounters {
    #[inline]
    pub(crate) fn drop(&mut self, reason: Reason, n: u64) {
        self.drops[usize::from(reason.0)] += n;
    }

    pub(crate) fn report(&self, name: &str, nf: &dyn Nf) -> NodeReport {
        let own = nf.drop_reasons();
        let drops = (0u8..=255).filter_map(|reason| {
            let count = self.drops[usize::from(reason)];
            (count > 0).then(|| DropCount { reason: Reason(reason).name(own), count })
        });
        NodeReport {
            name: name.to_owned(),
            received: self.received,
            generated: self.generated,
            sent: self.sent,
            held: self.held,
            batches: self.batches,
            drops: drops.collect(),
            counters: nf.counters(),
        }
    }
}

/// What a node did since the graph was made: `received + generated = sent + drops + held`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// The node's name.
    pub name: String,
    /// Packets it was given.
    pub received: u64,
    /// Packets it made.
    pub generated: u64,
    /// Packets it sent to other nodes or ports.
    pub sent: u64,
    /// Packets it keeps now.
    pub held: u64,
    /// Batches it was called with.
    pub batches: u64,
    /// Packets it dropped, by reason.
    pub drops: Vec<DropCount>,
    /// What the function counts itself ([`Nf::counters`]).
    pub counters: Vec<(String, u64)>,
}

/// How many packets were dropped for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropCount {
    /// The reason's name.
    pub reason: &'static str,
    /// How many.
    pub count: u64,
}

impl NodeReport {
    /// All drops together.
    pub fn dropped(&self) -> u64 {
        self.drops.iter().map(|drop| drop.count).sum()
    }

    /// Whether every packet is accounted for.
    pub fn is_balanced(&self) -> bool {
        self.received + self.generated == self.sent + self.dropped() + self.held
    }
}

impl fmt::Display for NodeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: received {} + generated {} = sent {} + dropped {} + held {}",
            self.name,
            self.received,
            self.generated,
            self.sent,
            self.dropped(),
            self.held
        )?;
        for DropCount { reason, count } in &self.drops {
            write!(f, "\n  {count} dropped: {reason}")?;
        }
        Ok(())
    }
}
