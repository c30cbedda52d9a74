//! What the graph counts.

use std::fmt;

use crate::{Nf, Reason, Time};

/// Of how many batches of a node the time of one is taken: two looks at a clock cost some 50 ns, so less than 1 ns a
/// batch.
const BATCHES_PER_SAMPLE: u64 = 64;

/// Counters of one node while it runs.
pub(crate) struct NodeCounters {
    pub(crate) received: u64,
    pub(crate) generated: u64,
    pub(crate) sent: u64,
    pub(crate) held: u64,
    pub(crate) batches: u64,
    sampled_packets: u64,
    sampled_ps: Time,
    drops: Box<[u64; 256]>,
    /// Drops by reasons of functions that were at this node before.
    past: Vec<DropCount>,
}

impl Default for NodeCounters {
    fn default() -> Self {
        let (received, generated, sent, held, batches) = (0, 0, 0, 0, 0);
        let (sampled_packets, sampled_ps, drops) = (0, 0, Box::new([0; 256]));
        let past = Vec::new();
        Self { received, generated, sent, held, batches, sampled_packets, sampled_ps, drops, past }
    }
}

impl NodeCounters {
    #[inline]
    pub(crate) fn drop(&mut self, reason: Reason, n: u64) {
        self.drops[usize::from(reason.0)] += n;
    }

    /// Whether the time of the batch counted last shall be taken.
    #[inline]
    pub(crate) fn is_sample(&self) -> bool {
        self.batches.is_multiple_of(BATCHES_PER_SAMPLE)
    }

    pub(crate) fn sample(&mut self, packets: usize, time_ps: Time) {
        self.sampled_packets += packets as u64;
        self.sampled_ps = self.sampled_ps.saturating_add(time_ps);
    }

    /// Names the drops by the reasons of a function that goes: its successor has others of the same numbers.
    pub(crate) fn settle(&mut self, own: &'static [&'static str]) {
        for reason in Reason::OWN..=u8::MAX {
            let count = std::mem::take(&mut self.drops[usize::from(reason)]);
            add(&mut self.past, Reason(reason).name(own), count);
        }
    }

    pub(crate) fn report(&self, name: &str, nf: &dyn Nf) -> NodeReport {
        let own = nf.drop_reasons();
        let mut drops = Vec::new();
        (0u8..=255).for_each(|reason| {
            add(&mut drops, Reason(reason).name(own), self.drops[usize::from(reason)]);
        });
        self.past.iter().for_each(|past| add(&mut drops, past.reason, past.count));
        NodeReport {
            name: name.to_owned(),
            received: self.received,
            generated: self.generated,
            sent: self.sent,
            held: self.held,
            batches: self.batches,
            sampled_packets: self.sampled_packets,
            sampled_ps: self.sampled_ps,
            drops,
            counters: nf.counters(),
        }
    }
}

/// Adds drops to those of the same name.
fn add(drops: &mut Vec<DropCount>, reason: &'static str, count: u64) {
    match drops.iter_mut().find(|drop| drop.reason == reason) {
        _ if count == 0 => {}
        Some(drop) => drop.count += count,
        None => drops.push(DropCount { reason, count }),
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
    /// Packets of the batches whose time was taken; 0 where the graph has [no clock](crate::Graph::sample_by).
    pub sampled_packets: u64,
    /// Picoseconds that the node took for them.
    pub sampled_ps: Time,
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
