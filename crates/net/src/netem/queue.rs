//! Queue management below a shaper: RED and CoDel.

use crate::attribute::{Writer, words};

const TCA_RED_PARMS: u16 = 1;
const TCA_RED_STAB: u16 = 2;
const TCA_RED_MAX_P: u16 = 3;
const TC_RED_ECN: u8 = 1;

const TCA_CODEL_TARGET: u16 = 1;
const TCA_CODEL_LIMIT: u16 = 2;
const TCA_CODEL_INTERVAL: u16 = 3;
const TCA_CODEL_ECN: u16 = 4;

/// Entries of RED's table of idle times.
const CELLS: usize = 256;
/// The average is a number of 32 bits at most: after so many halvings nothing is left of it.
const HALVINGS: u32 = 31;

/// What decides which frames of a full line wait and which go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Random early detection.
    Red(Red),
    /// Controlled delay.
    Codel(Codel),
}

/// Random early detection (Floyd and Jacobson 1993).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Red {
    /// Bytes held at most.
    pub(crate) limit: u32,
    /// The average length in bytes from which on frames are dropped.
    pub(crate) min: u32,
    /// The average length in bytes from which on all are.
    pub(crate) max: u32,
    /// The probability just below `max`, as a [`share`](super::share).
    pub(crate) probability: u32,
    /// The size of a typical frame in bytes.
    pub(crate) frame: u32,
    /// Frames that may come at once to an empty queue before the average reaches `min`.
    pub(crate) burst: u32,
    /// Whether frames are marked instead, where they can be.
    pub(crate) ecn: bool,
}

/// Controlled delay (RFC 8289).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Codel {
    /// The time that frames may spend in the queue for good.
    pub(crate) target_us: u32,
    /// The time for which they may spend more.
    pub(crate) interval_us: u32,
    /// Frames held at most.
    pub(crate) limit: u32,
    /// Whether frames are marked instead, where they can be.
    pub(crate) ecn: bool,
}

impl Red {
    /// Gives the content of `TCA_OPTIONS` for a line of `rate` bytes a second.
    pub(super) fn options(&self, rate: u64) -> Vec<u8> {
        let weight = self.weight_log();
        let (cell_log, idle) = self.idle_table(weight, rate);
        let span = f64::from(self.max.saturating_sub(self.min).max(1));
        let probability = f64::from(self.probability.max(1)) / f64::from(u32::MAX);
        let slope_log = (span / probability).log2().round().clamp(0.0, 31.0) as u8;
        let mut parameters = words(&[self.limit, self.min, self.max]);
        parameters.extend([weight as u8, slope_log, cell_log, if self.ecn { TC_RED_ECN } else { 0 }]);
        let mut options = Writer::default();
        options.bytes(TCA_RED_PARMS, &parameters).bytes(TCA_RED_STAB, &idle);
        options.u32(TCA_RED_MAX_P, self.probability).finish()
    }

    /// Gives the binary logarithm of 1/w, where w is the part of each new length in the average.
    ///
    /// After a burst of L frames the average is L + 1 + ((1 - w)^(L+1) - 1) / w frames, which shall not exceed `min`.
    fn weight_log(&self) -> u32 {
        let frames = f64::from(self.burst) + 1.0;
        let allowed = f64::from(self.min) / f64::from(self.frame.max(1));
        let average = |log: u32| {
            let weight = 0.5f64.powi(log.cast_signed());
            frames + ((1.0 - weight).powf(frames) - 1.0) / weight
        };
        // The kernel keeps the average times 1/w in 32 bits.
        let most = 31 - self.min.max(1).ilog2();
        (1..=most).find(|&log| average(log) <= allowed).unwrap_or(most)
    }

    /// By how many halvings the average falls while the line is idle, by multiples of 2^log microseconds.
    ///
    /// As many frames might have been sent as fit into that time, and each would have left (1 - w) of the average.
    fn idle_table(&self, weight_log: u32, rate: u64) -> (u8, Vec<u8>) {
        let frame_us = f64::from(self.frame.max(1)) * 1e6 / rate.max(1) as f64;
        let halvings_per_us = -(1.0 - 0.5f64.powi(weight_log.cast_signed())).log2() / frame_us;
        let all = f64::from(HALVINGS) / halvings_per_us;
        let cell_log = (0..31).find(|&log| all <= (1u64 << log) as f64 * (CELLS - 1) as f64).unwrap_or(31);
        let halvings = |cell: usize| (cell as f64 * (1u64 << cell_log) as f64 * halvings_per_us) as u8;
        let mut table: Vec<u8> = (0..CELLS).map(|cell| halvings(cell).min(HALVINGS as u8)).collect();
        table[CELLS - 1] = HALVINGS as u8; // and all longer times
        (cell_log, table)
    }
}

impl Codel {
    /// Gives the content of `TCA_OPTIONS`.
    pub(super) fn options(&self) -> Vec<u8> {
        let mut options = Writer::default();
        options.u32(TCA_CODEL_TARGET, self.target_us).u32(TCA_CODEL_LIMIT, self.limit);
        options.u32(TCA_CODEL_INTERVAL, self.interval_us).u32(TCA_CODEL_ECN, u32::from(self.ecn)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::share;
    use super::*;
    use crate::attribute::{find, u32_at};

    const RED: Red =
        Red { limit: 400_000, min: 30_000, max: 90_000, probability: 0, frame: 1000, burst: 55, ecn: true };

    #[test]
    fn red_is_told_by_lengths_logarithms_and_a_table() {
        let red = Red { probability: share(0.02), ..RED };
        let options = red.options(1_250_000);
        let parameters = find(&options, TCA_RED_PARMS).expect("parameters");
        assert_eq!(parameters[..12], words(&[400_000, 30_000, 90_000]));
        // From 0 to 2 % over 60 kB: a slope of 2^-21.5 a byte.
        assert_eq!((parameters.len(), parameters[13], parameters[15]), (16, 22, TC_RED_ECN));
        assert_eq!(find(&options, TCA_RED_STAB).map(<[u8]>::len), Some(CELLS));
        assert_eq!(find(&options, TCA_RED_MAX_P).and_then(|value| u32_at(value, 0)), Some(share(0.02)));
    }

    #[test]
    fn the_weight_is_that_of_the_papers_example() {
        let paper = Red { min: 5000, burst: 50, ..RED };
        assert_eq!(paper.weight_log(), 8, "it finds w <= 0.0042, and 2^-8 is 0.0039");
    }

    #[test]
    fn the_average_of_an_idle_line_falls_ever_further_until_nothing_is_left() {
        for rate in [1, 1250, 125_000_000, 12_500_000_000] {
            let (log, table) = RED.idle_table(RED.weight_log(), rate);
            assert!(
                log < 32 && table.is_sorted() && table[0] == 0 && table[CELLS - 1] == 31,
                "{rate}: {log}"
            );
        }
    }

    #[test]
    fn a_red_that_makes_no_sense_is_still_numbers() {
        let zero = Red { limit: 0, min: 0, max: 0, probability: 0, frame: 0, burst: 0, ecn: false };
        assert!(!zero.options(0).is_empty());
        let most = u32::MAX;
        let huge =
            Red { limit: most, min: most, max: most, probability: most, frame: most, burst: most, ecn: true };
        assert!(!huge.options(u64::MAX).is_empty());
    }

    #[test]
    fn codel_has_attributes_alone() {
        let options = Codel { target_us: 5000, interval_us: 100_000, limit: 300, ecn: true }.options();
        let found: Vec<_> = (1..=4).map(|kind| find(&options, kind).and_then(|v| u32_at(v, 0))).collect();
        assert_eq!(found, [Some(5000), Some(300), Some(100_000), Some(1)]);
    }
}
