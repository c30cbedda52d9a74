use super::coin::Coin;
use crate::conditions::Reorder;
use crate::random::Stream;

/// A [`Reorder`] at work.
#[derive(Debug)]
pub(super) struct Skips {
    coin: Coin,
    gap: u32,
    /// Frames since the last that skipped the delay.
    since: u32,
}

impl Skips {
    pub(super) fn new(seed: u64) -> Self {
        Self { coin: Coin::new(seed, Stream::Reorder), gap: 1, since: 0 }
    }

    pub(super) fn change(&mut self, reorder: Option<Reorder>) {
        self.coin.change(reorder.map(|reorder| reorder.chance));
        self.gap = reorder.map_or(1, |reorder| reorder.gap.get());
        self.since = 0;
    }

    /// Says whether the next frame skips the delay.
    pub(super) fn next(&mut self) -> bool {
        if !self.is_on() {
            return false;
        }
        self.since = self.since.saturating_add(1);
        let skips = self.since >= self.gap && self.coin.flip();
        if skips {
            self.since = 0;
        }
        skips
    }

    pub(super) fn is_on(&self) -> bool {
        self.coin.is_on()
    }
}
