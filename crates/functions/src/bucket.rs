//! A token bucket: how often something may happen on average, and how much at once.

use rackless_nf::Time;

/// A bucket that fills at a rate up to a depth, in exact integer arithmetic: no token is lost to rounding.
#[derive(Clone, Debug)]
pub(crate) struct TokenBucket {
    /// Tokens per second.
    rate: u64,
    /// What the bucket holds at most and now, in tokens times picoseconds per second.
    depth: u128,
    level: u128,
    filled: Time,
}

impl TokenBucket {
    /// Picoseconds in a second: the unit of a level.
    const SCALE: u128 = rackless_nf::time::SECOND as u128;

    /// A full bucket.
    pub(crate) fn new(per_second: u64, depth: u64) -> Self {
        let depth = u128::from(depth) * Self::SCALE;
        Self { rate: per_second, depth, level: depth, filled: 0 }
    }

    /// Takes tokens if there are as many.
    pub(crate) fn take(&mut self, tokens: u64, now: Time) -> bool {
        self.fill(now);
        let wanted = u128::from(tokens) * Self::SCALE;
        let enough = wanted <= self.level;
        if enough {
            self.level -= wanted;
        }
        enough
    }

    /// How long until there are as many tokens as asked for; `None` if that will never be.
    pub(crate) fn wait(&mut self, tokens: u64, now: Time) -> Option<Time> {
        self.fill(now);
        let wanted = u128::from(tokens) * Self::SCALE;
        if wanted > self.depth || (self.rate == 0 && wanted > self.level) {
            return None;
        }
        let missing = wanted.saturating_sub(self.level);
        if missing == 0 { Some(0) } else { Time::try_from(missing.div_ceil(u128::from(self.rate))).ok() }
    }

    fn fill(&mut self, now: Time) {
        let elapsed = now.saturating_sub(self.filled);
        self.filled = self.filled.max(now);
        self.level = self.depth.min(self.level + u128::from(elapsed) * u128::from(self.rate));
    }
}

#[cfg(test)]
mod tests {
    use super::TokenBucket;
    use rackless_nf::time::{MILLISECOND, SECOND};

    #[test]
    fn a_bucket_gives_its_depth_at_once_and_its_rate_afterwards() {
        let mut bucket = TokenBucket::new(100, 5);
        assert_eq!((0..10).filter(|_| bucket.take(1, SECOND)).count(), 5);
        assert_eq!(bucket.wait(1, SECOND), Some(10 * MILLISECOND));
        assert!(!bucket.take(1, SECOND + 10 * MILLISECOND - 1));
        assert!(bucket.take(1, SECOND + 10 * MILLISECOND));
    }

    #[test]
    fn what_can_never_be_is_told() {
        assert_eq!(TokenBucket::new(100, 5).wait(6, 0), None);
        assert!(!TokenBucket::new(0, 0).take(1, u64::MAX));
    }
}
