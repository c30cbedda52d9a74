use crate::Time;
use crate::conditions::{Distribution, Jitter};
use crate::random::{Random, Stream, WHOLE};

/// A [`Jitter`] at work.
#[derive(Debug)]
pub(super) struct Variation {
    random: Random,
    spread: Time,
    distribution: Distribution,
    /// How often a frame varies as the one before, in parts of [`WHOLE`].
    repeats: u64,
    last: Option<Fixed>,
}

/// A number of spreads, in parts of 2^-32.
type Fixed = i64;

const ONE: Fixed = 1 << FRACTION_BITS;
const FRACTION_BITS: u32 = 32;

impl Variation {
    pub(super) fn new(seed: u64) -> Self {
        let distribution = Distribution::default();
        Self { random: Random::new(seed, Stream::Jitter), spread: 0, distribution, repeats: 0, last: None }
    }

    pub(super) fn change(&mut self, jitter: Option<Jitter>) {
        let jitter = jitter.unwrap_or_default();
        self.spread = jitter.spread.as_ps();
        self.distribution = jitter.distribution;
        self.repeats = jitter.correlation.of(WHOLE);
        self.last = None;
    }

    /// Varies the delay of the next frame, never below zero.
    pub(super) fn vary(&mut self, delay: Time) -> Time {
        if self.spread == 0 {
            return delay;
        }
        let variation = (i128::from(self.spread) * i128::from(self.next())) >> FRACTION_BITS;
        let varied = i128::from(delay) + variation;
        Time::try_from(varied.max(0)).unwrap_or(Time::MAX)
    }

    fn next(&mut self) -> Fixed {
        if self.repeats == 0 {
            return sample(self.distribution, &mut self.random);
        }
        let repeats = self.random.hits(self.repeats);
        let last = self.last.filter(|_| repeats);
        let next = last.unwrap_or_else(|| sample(self.distribution, &mut self.random));
        self.last = Some(next);
        next
    }
}

fn sample(distribution: Distribution, random: &mut Random) -> Fixed {
    match distribution {
        Distribution::Uniform => uniform(random),
        Distribution::Normal => normal(random),
        Distribution::Pareto => fixed(pareto(random)),
        Distribution::ParetoNormal => fixed(pareto_normal(random)),
    }
}

fn uniform(random: &mut Random) -> Fixed {
    // 33 random bits are a number from 0 to 2.
    (random.next() >> (63 - FRACTION_BITS)) as Fixed - ONE
}

/// Sums twelve uniform numbers of 16 bits, whose variance is together one.
fn normal(random: &mut Random) -> Fixed {
    const NUMBERS: i64 = 12;
    const BITS: u32 = 16;
    /// Twice the mean, which ends in a half.
    const TWICE_MEAN: i64 = NUMBERS * ((1 << BITS) - 1);
    let four = |word: u64| (word & 0xffff) + (word >> 16 & 0xffff) + (word >> 32 & 0xffff) + (word >> 48);
    let sum = four(random.next()) + four(random.next()) + four(random.next());
    (2 * sum as i64 - TWICE_MEAN) << (FRACTION_BITS - BITS - 1)
}

/// Divides by the largest of three uniform numbers, which is one number to the power of 1 / 3.
fn pareto(random: &mut Random) -> f64 {
    /// Where the tail is cut: the 1 / 4096 quantile.
    const MOST: f64 = 16.0;
    /// The integral of the cut distribution: 3 / 2 - 1 / (2 MOST^2).
    const MEAN: f64 = 1.5 - 1.0 / (2.0 * MOST * MOST);
    /// One divided by the square root of 3 - 2 / MOST - MEAN^2.
    const PER_DEVIATION: f64 = 1.259_026_967_148_061_8;
    const BITS: u32 = 21;
    const MASK: u64 = (1 << BITS) - 1;
    let word = random.next();
    let largest = (word & MASK).max(word >> BITS & MASK).max(word >> (2 * BITS) & MASK);
    let value = (1_u64 << BITS) as f64 / (largest + 1) as f64;
    (value.min(MOST) - MEAN) * PER_DEVIATION
}

fn pareto_normal(random: &mut Random) -> f64 {
    /// One divided by the standard deviation of the sum, the square root of 1 / 16 + 9 / 16.
    const PER_DEVIATION: f64 = 1.264_911_064_067_351_8;
    let normal = normal(random) as f64 / ONE as f64;
    (0.25 * normal + 0.75 * pareto(random)) * PER_DEVIATION
}

fn fixed(spreads: f64) -> Fixed {
    (spreads * ONE as f64) as Fixed
}
