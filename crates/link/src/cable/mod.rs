//! What happens to a frame behind the transmitter: it is lost, doubled, damaged, and takes its time.

mod coin;
mod jitter;
mod loss;
mod skip;

use self::coin::Coin;
use self::jitter::Variation;
use self::loss::Losses;
use self::skip::Skips;
use crate::conditions::Conditions;
use crate::line::Place;
use crate::random::{Random, Stream};
use crate::{Frame, Time};

/// The chances and delays of a cable.
#[derive(Debug)]
pub(crate) struct Cable {
    losses: Losses,
    duplicates: Coin,
    corruptions: Coin,
    corrupt_bits: Random,
    skips: Skips,
    delay: Time,
    variation: Variation,
    /// Whether a shorter delay lets a frame overtake.
    overtake: bool,
}

impl Cable {
    pub(crate) fn new(conditions: &Conditions, seed: u64) -> Self {
        let mut cable = Self {
            losses: Losses::new(seed),
            duplicates: Coin::new(seed, Stream::Duplicate),
            corruptions: Coin::new(seed, Stream::Corrupt),
            corrupt_bits: Random::new(seed, Stream::CorruptBit),
            skips: Skips::new(seed),
            delay: 0,
            variation: Variation::new(seed),
            overtake: false,
        };
        cable.change(conditions);
        cable
    }

    /// Takes other conditions; the random numbers go on.
    pub(crate) fn change(&mut self, conditions: &Conditions) {
        self.losses.change(conditions.loss);
        self.duplicates.change(conditions.duplicate);
        self.corruptions.change(conditions.corrupt);
        self.skips.change(conditions.reorder);
        self.delay = conditions.delay.as_ps();
        self.variation.change(conditions.jitter);
        self.overtake = conditions.jitter.is_some_and(|jitter| jitter.overtake);
    }

    /// Says whether the next frame gets lost.
    pub(crate) fn loses(&mut self) -> bool {
        self.losses.next()
    }

    /// Says whether the next frame arrives twice.
    pub(crate) fn doubles(&mut self) -> bool {
        self.duplicates.flip()
    }

    /// Flips a bit of the frame if it is its turn, and returns whether it was.
    pub(crate) fn corrupts<F: Frame>(&mut self, frame: &mut F) -> bool {
        let corrupts = self.corruptions.flip();
        if corrupts {
            let bits = (frame.len() as u64 * 8).max(1);
            // It is below the length of the frame in bits, which is a `usize`.
            frame.flip_bit(self.corrupt_bits.below(bits) as usize);
        }
        corrupts
    }

    /// Says when a frame arrives that was sent at a time, and behind which others.
    pub(crate) fn carry(&mut self, sent: Time) -> (Time, Place) {
        if self.skips.next() {
            return (sent, Place::Early);
        }
        let due = sent.saturating_add(self.variation.vary(self.delay));
        (due, if self.overtake { Place::Free } else { Place::Behind })
    }

    /// Returns whether a frame may arrive before one that was sent earlier.
    pub(crate) fn reorders(&self) -> bool {
        self.overtake || self.skips.is_on()
    }
}
