//! Random numbers that are the same on every machine and in every version.

/// A stream of random numbers: SplitMix64, by G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014.
///
/// Each effect of a direction draws from a stream of its own: what one does to a frame depends neither on the
/// others nor on when it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

/// What a stream is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    Loss = 1,
    LossBurst,
    Duplicate,
    Corrupt,
    CorruptBit,
    Reorder,
    Jitter,
    Red,
}

/// 2^64 divided by the golden ratio, made odd: the paper's increment.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    pub(crate) fn new(seed: u64, stream: Stream) -> Self {
        Self { state: mix(mix(seed.wrapping_add(GOLDEN_GAMMA)) ^ stream as u64) }
    }

    /// Returns 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// Returns a number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The high half of the product; its bias is below 2^-40 for the sizes of frames.
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Returns a number from 0 to 1, without 1.
    pub(crate) fn ratio(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns true for this share of all calls, in parts of [`WHOLE`].
    pub(crate) fn hits(&mut self, share: u64) -> bool {
        self.next() >> 1 < share
    }
}

/// The share that is all.
pub(crate) const WHOLE: u64 = 1 << 63;

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_paper() {
        // The published sequence of SplitMix64 for the state 1234567.
        let mut random = Random { state: 1_234_567 };
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn streams_of_one_seed_differ() {
        let first = |seed, stream| Random::new(seed, stream).next();
        assert_ne!(first(0, Stream::Loss), first(0, Stream::Duplicate));
        assert_ne!(first(0, Stream::Loss), first(1, Stream::Loss));
    }

    #[test]
    fn all_and_nothing_are_exact() {
        let mut random = Random::new(7, Stream::Loss);
        assert!((0..1_000).all(|_| random.hits(WHOLE) && !random.hits(0)));
        assert!((0..1_000).all(|_| random.below(3) < 3 && random.ratio() < 1.0));
    }
}
