use crate::conditions::{Conditions, Red};
use crate::random::Random;
use crate::units::Rate;
use crate::{FULL_FRAME, PS_PER_SECOND, Time};

/// The state of Random Early Detection. Floyd and Jacobson, 1993, figure 2; the names are theirs.
#[derive(Debug)]
pub(super) struct Detection {
    min_threshold: f64,
    max_threshold: f64,
    max_probability: f64,
    pub(super) ecn: bool,
    /// How long the transmitter takes for a full frame, which an idle queue is taken to send.
    frame_time: f64,
    average: f64,
    /// Frames that were kept since the last that was chosen, or since the average was below the minimum.
    count: u64,
    /// When the queue became empty.
    idle_since: Time,
}

/// What shall become of a frame that arrives.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It may wait.
    Keep,
    /// It was chosen, and is marked if it can be.
    Mark,
    /// It was chosen where the average is above the maximum: a mark would say too little. RFC 3168, section 7.
    Drop,
}

/// The weight of a frame in the average: the paper's 0.002 as a power of two.
const WEIGHT: f64 = 1.0 / 512.0;

impl Detection {
    pub(super) fn new(red: &Red, conditions: &Conditions, now: Time) -> Self {
        let rate = conditions.trace.as_ref().map(|trace| trace.mean_rate()).or(conditions.rate);
        let bits_per_second = rate.map_or(u64::MAX, Rate::as_bits_per_second).max(1);
        Self {
            min_threshold: red.min.as_bytes() as f64,
            max_threshold: red.max.as_bytes() as f64,
            max_probability: red.probability.as_ratio(),
            ecn: red.ecn,
            frame_time: (FULL_FRAME * 8) as f64 * PS_PER_SECOND as f64 / bits_per_second as f64,
            average: 0.0,
            count: 0,
            idle_since: now,
        }
    }

    /// Says what becomes of a frame that finds this many bytes waiting.
    pub(super) fn arrive(&mut self, waiting_bytes: u64, now: Time, random: &mut Random) -> Fate {
        self.observe(waiting_bytes, now);
        if self.average < self.min_threshold {
            self.count = 0;
            return Fate::Keep;
        }
        let chance = self.chance();
        // The longer none was chosen, the likelier the next: the gaps are uniform instead of geometric.
        let spared = 1.0 - self.count as f64 * chance;
        if spared > 0.0 && random.ratio() >= chance / spared {
            self.count += 1;
            return Fate::Keep;
        }
        self.count = 0;
        if self.average < self.max_threshold { Fate::Mark } else { Fate::Drop }
    }

    /// Notes that the queue became empty.
    pub(super) fn idle(&mut self, now: Time) {
        self.idle_since = now;
    }

    fn observe(&mut self, waiting_bytes: u64, now: Time) {
        if waiting_bytes == 0 {
            let frames = now.saturating_sub(self.idle_since) as f64 / self.frame_time;
            self.average *= power(1.0 - WEIGHT, frames as u64);
            // The next frame of an idle time counts only what is new.
            self.idle_since = now;
        } else {
            self.average += WEIGHT * (waiting_bytes as f64 - self.average);
        }
    }

    fn chance(&self) -> f64 {
        let (min, max, most) = (self.min_threshold, self.max_threshold, self.max_probability);
        if self.average < max {
            most * (self.average - min) / (max - min)
        } else {
            most + (1.0 - most) * (self.average - max) / max
        }
    }
}

/// Returns `base` to the power of `exponent`, rounded the same everywhere, which `powi` does not promise.
fn power(mut base: f64, mut exponent: u64) -> f64 {
    let mut product = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            product *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    product
}
