use crate::conditions::Chance;
use crate::random::{Random, Stream, WHOLE};

/// A [`Chance`] that is taken again and again.
#[derive(Debug)]
pub(super) struct Coin {
    random: Random,
    /// How often it says yes, in parts of [`WHOLE`].
    share: u64,
    /// How often it says what it said before, in parts of [`WHOLE`].
    repeats: u64,
    /// What it said before.
    last: Option<bool>,
}

impl Coin {
    pub(super) fn new(seed: u64, stream: Stream) -> Self {
        Self { random: Random::new(seed, stream), share: 0, repeats: 0, last: None }
    }

    pub(super) fn change(&mut self, chance: Option<Chance>) {
        let chance = chance.unwrap_or_default();
        self.share = chance.probability.of(WHOLE);
        self.repeats = chance.correlation.of(WHOLE);
        self.last = None;
    }

    /// Says yes or no.
    pub(super) fn flip(&mut self) -> bool {
        if self.share == 0 {
            return false;
        }
        if self.repeats == 0 {
            return self.random.hits(self.share);
        }
        let repeats = self.random.hits(self.repeats);
        let fresh = self.random.hits(self.share);
        let said = self.last.filter(|_| repeats).unwrap_or(fresh);
        self.last = Some(said);
        said
    }

    pub(super) fn is_on(&self) -> bool {
        self.share > 0
    }
}
