//! Queueing disciplines that give a port the conditions of a cable: messages and their answers, no I/O.
//!
//! Frames towards a node leave the fabric by the egress of the node's port, so that the port's root discipline
//! ([`Egress`]) shapes that direction. Where the port lies in a bridge, frames from the node have no egress of their own:
//! the port's ingress sends them through an ifb ([`Bypass`]), whose root discipline shapes them and which then gives them
//! back to the port.
//!
//! A discipline is changed in place, so that the frames in it stay. The kernel keeps what a message leaves out, so each
//! message says everything.
//!
//! # Kernel
//! sch_netem; sch_htb, sch_red and sch_codel for a [`Shaper`]; ifb for a [`Bypass`].

mod bypass;
mod conditions;
#[cfg(test)]
mod kernel;
mod queue;
mod table;
mod tree;

use crate::attribute::{Writer, words};

pub(crate) use bypass::Bypass;
pub(crate) use tree::Egress;

use queue::{Codel, Red};
use table::Distribution;
use tree::Shaper;

// Attributes of `linux/pkt_sched.h`.
const TCA_NETEM_DELAY_DIST: u16 = 2;
const TCA_NETEM_REORDER: u16 = 3;
const TCA_NETEM_CORRUPT: u16 = 4;
const TCA_NETEM_LOSS: u16 = 5;
const TCA_NETEM_RATE: u16 = 6;
const TCA_NETEM_RATE64: u16 = 8;
const TCA_NETEM_LATENCY64: u16 = 10;
const TCA_NETEM_JITTER64: u16 = 11;
const NETEM_LOSS_GE: u16 = 2;
/// A correlation changes how often a thing happens, which none of ours shall.
const NO_CORRELATION: u32 = 0;
/// The unit of time in tc's older fields: 2^6 nanoseconds.
const TICK_NS: u64 = 64;
/// Frames netem holds at most unless told otherwise, as tc has it.
const LIMIT: u32 = 1000;

/// A share of all frames as the kernel has it: of 2^32 - 1.
pub(crate) fn share(of_one: f64) -> u32 {
    (of_one * f64::from(u32::MAX)).round() as u32 // `as` ends at the ends of u32
}

/// Which frames are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Any, by chance.
    Random(u32),
    /// Those that a chain of two states drops (Gilbert, Elliott); all are [`share`]s.
    GilbertElliott {
        /// The probability to go from the good state to the bad one.
        to_bad: u32,
        /// The probability to go back.
        to_good: u32,
        /// The loss in the bad state.
        in_bad: u32,
        /// The loss in the good state.
        in_good: u32,
    },
}

/// What netem does with the frames of one direction; what is probable is told as a [`share`].
///
/// With jitter and no rate, frames overtake each other; with a rate they stay in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NetemParameters {
    /// The delay of each frame.
    pub(crate) latency_ns: u64,
    /// How far it spreads.
    pub(crate) jitter_ns: u64,
    /// How it spreads.
    pub(crate) distribution: Distribution,
    /// Which frames are lost.
    pub(crate) loss: Loss,
    /// Frames that come twice.
    pub(crate) duplicate: u32,
    /// Frames that skip the delay.
    pub(crate) reorder: u32,
    /// Only every so many frames may skip the delay.
    pub(crate) gap: u32,
    /// Frames with one bit changed.
    pub(crate) corrupt: u32,
    /// Bytes a second at which frames are sent one after the other; 0: no limit.
    pub(crate) rate: u64,
    /// Bytes each frame has on the wire besides its own.
    pub(crate) overhead: i32,
    /// Frames held at most, those under way included.
    pub(crate) limit: u32,
}

impl Default for NetemParameters {
    fn default() -> Self {
        Self {
            latency_ns: 0,
            jitter_ns: 0,
            distribution: Distribution::Uniform,
            loss: Loss::Random(0),
            duplicate: 0,
            reorder: 0,
            gap: 1,
            corrupt: 0,
            rate: 0,
            overhead: 0,
            limit: LIMIT,
        }
    }
}

impl NetemParameters {
    /// Gives the content of `TCA_OPTIONS`: `struct tc_netem_qopt`, and behind it attributes.
    fn options(&self) -> Vec<u8> {
        let ticks = |ns: u64| u32::try_from(ns / TICK_NS).unwrap_or(u32::MAX);
        let loss = match self.loss {
            Loss::Random(probability) => probability,
            Loss::GilbertElliott { .. } => 0,
        };
        let gap = if self.reorder > 0 { self.gap.max(1) } else { 0 };
        let mut options = Writer::after(words(&[
            ticks(self.latency_ns),
            self.limit,
            loss,
            gap,
            self.duplicate,
            ticks(self.jitter_ns),
        ]));
        // Kernels before 4.16 pass over these two and have the ticks.
        options.u64(TCA_NETEM_LATENCY64, self.latency_ns).u64(TCA_NETEM_JITTER64, self.jitter_ns);
        options.words(TCA_NETEM_REORDER, &[self.reorder, NO_CORRELATION]);
        options.words(TCA_NETEM_CORRUPT, &[self.corrupt, NO_CORRELATION]);
        if let Loss::GilbertElliott { to_bad, to_good, in_bad, in_good } = self.loss {
            // The kernel wants to know what passes in the bad state.
            let model = words(&[to_bad, to_good, u32::MAX - in_bad, in_good]);
            let model = Writer::default().bytes(NETEM_LOSS_GE, &model).finish();
            options.bytes(TCA_NETEM_LOSS, &model);
        }
        // Of the two rates the kernel takes the greater.
        if let Ok(rate) = u32::try_from(self.rate) {
            options.words(TCA_NETEM_RATE, &[rate, self.overhead.cast_unsigned(), 0, 0]);
        } else {
            options.words(TCA_NETEM_RATE, &[u32::MAX, self.overhead.cast_unsigned(), 0, 0]);
            options.u64(TCA_NETEM_RATE64, self.rate);
        }
        if self.jitter_ns > 0 {
            // Also the even one, which the kernel does by itself: it does not forget a table.
            let table = self.distribution.table();
            let table: Vec<u8> = table.into_iter().flat_map(i16::to_ne_bytes).collect();
            options.bytes(TCA_NETEM_DELAY_DIST, &table);
        }
        options.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{find, u32_at, u64_at};

    /// The size of `struct tc_netem_qopt`.
    const QOPT: usize = 24;

    fn word(options: &[u8], kind: u16, index: usize) -> u32 {
        let value = find(&options[QOPT..], kind).unwrap_or_else(|| panic!("attribute {kind}"));
        u32_at(value, 4 * index).unwrap_or_else(|| panic!("attribute {kind} has {} bytes", value.len()))
    }

    #[test]
    fn the_structure_has_ticks_limit_loss_gap_duplicate_jitter() {
        let options = NetemParameters {
            latency_ns: 10_000_000,
            jitter_ns: 64_000,
            limit: 77,
            loss: Loss::Random(share(0.01)),
            duplicate: 5,
            reorder: share(0.5),
            gap: 3,
            ..Default::default()
        }
        .options();
        let found: Vec<u32> = (0..6).filter_map(|index| u32_at(&options, 4 * index)).collect();
        assert_eq!(found, [156_250, 77, 42_949_673, 3, 5, 1000]);
        assert_eq!([0, 1].map(|index| word(&options, TCA_NETEM_REORDER, index)), [2_147_483_648, 0]);
    }

    #[test]
    fn times_have_nanoseconds_and_long_ones_do_not_wrap() {
        let options = NetemParameters { latency_ns: 300_000_000_001, ..Default::default() }.options();
        assert_eq!(u32_at(&options, 0), Some(u32::MAX));
        let latency = find(&options[QOPT..], TCA_NETEM_LATENCY64).and_then(|value| u64_at(value, 0));
        assert_eq!(latency, Some(300_000_000_001));
    }

    #[test]
    fn a_message_unsays_everything_that_an_earlier_one_may_have_said() {
        let options = NetemParameters::default().options();
        let all = [
            (TCA_NETEM_REORDER, 8),
            (TCA_NETEM_CORRUPT, 8),
            (TCA_NETEM_RATE, 16),
            (TCA_NETEM_LATENCY64, 8),
            (TCA_NETEM_JITTER64, 8),
        ];
        for (kind, length) in all {
            let value = find(&options[QOPT..], kind).unwrap_or_else(|| panic!("attribute {kind}"));
            assert_eq!(value, vec![0; length], "attribute {kind}");
        }
        assert_eq!(find(&options[QOPT..], TCA_NETEM_LOSS), None, "the model is random loss again");
    }

    #[test]
    fn a_gilbert_elliott_chain_tells_what_passes_in_the_bad_state() {
        let loss = Loss::GilbertElliott { to_bad: 1, to_good: 2, in_bad: u32::MAX - 3, in_good: 4 };
        let options = NetemParameters { loss, ..Default::default() }.options();
        let nested = find(&options[QOPT..], TCA_NETEM_LOSS).expect("the model");
        let model = find(nested, NETEM_LOSS_GE).expect("its parameters");
        assert_eq!(model, words(&[1, 2, 3, 4]));
    }

    #[test]
    fn a_rate_beyond_32_bits_has_an_attribute_of_its_own() {
        let slow = NetemParameters { rate: 125_000, overhead: -4, ..Default::default() }.options();
        assert_eq!([0, 1].map(|index| word(&slow, TCA_NETEM_RATE, index)), [125_000, u32::MAX - 3]);
        assert_eq!(find(&slow[QOPT..], TCA_NETEM_RATE64), None);
        let fast = NetemParameters { rate: 12_500_000_000, ..Default::default() }.options();
        assert_eq!(word(&fast, TCA_NETEM_RATE, 0), u32::MAX);
        let rate = find(&fast[QOPT..], TCA_NETEM_RATE64).and_then(|value| u64_at(value, 0));
        assert_eq!(rate, Some(12_500_000_000));
    }

    #[test]
    fn jitter_brings_its_table() {
        let with = |distribution, jitter_ns| {
            let options = NetemParameters { distribution, jitter_ns, ..Default::default() }.options();
            find(&options[QOPT..], TCA_NETEM_DELAY_DIST).map(<[u8]>::len)
        };
        assert_eq!(with(Distribution::Normal, 0), None);
        assert_eq!(with(Distribution::Uniform, 1), Some(8192));
        assert_eq!(with(Distribution::Pareto, 1), Some(8192));
    }

    #[test]
    fn shares_end_at_nothing_and_at_all() {
        assert_eq!([0.0, 1.0, 2.0, -1.0, f64::NAN].map(share), [0, u32::MAX, u32::MAX, 0, 0]);
    }
}
