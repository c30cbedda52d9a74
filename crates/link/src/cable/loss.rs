use super::coin::Coin;
use crate::conditions::LossModel;
use crate::random::{Random, Stream, WHOLE};
use crate::units::Probability;

/// A [`LossModel`] at work.
#[derive(Debug)]
pub(super) struct Losses {
    coin: Coin,
    random: Random,
    bursts: Option<Bursts>,
}

/// The two states of Gilbert and Elliott, with chances in parts of [`WHOLE`].
#[derive(Debug)]
struct Bursts {
    is_bad: bool,
    to_bad: u64,
    to_good: u64,
    loss_good: u64,
    loss_bad: u64,
}

impl Losses {
    pub(super) fn new(seed: u64) -> Self {
        let random = Random::new(seed, Stream::LossBurst);
        Self { coin: Coin::new(seed, Stream::Loss), random, bursts: None }
    }

    pub(super) fn change(&mut self, model: Option<LossModel>) {
        let (chance, bursts) = match model {
            None => (None, None),
            Some(LossModel::Bernoulli(chance)) => (Some(chance), None),
            Some(LossModel::GilbertElliott { p, r, loss_good, loss_bad }) => {
                (None, Some(Bursts::new(p, r, loss_good, loss_bad)))
            }
        };
        self.coin.change(chance);
        self.bursts = bursts;
    }

    /// Says whether the next frame gets lost.
    pub(super) fn next(&mut self) -> bool {
        match &mut self.bursts {
            None => self.coin.flip(),
            Some(bursts) => bursts.next(&mut self.random),
        }
    }
}

impl Bursts {
    fn new(p: Probability, r: Probability, loss_good: Probability, loss_bad: Probability) -> Self {
        Self {
            is_bad: false,
            to_bad: p.of(WHOLE),
            to_good: r.of(WHOLE),
            loss_good: loss_good.of(WHOLE),
            loss_bad: loss_bad.of(WHOLE),
        }
    }

    fn next(&mut self, random: &mut Random) -> bool {
        let (loss, leave) =
            if self.is_bad { (self.loss_bad, self.to_good) } else { (self.loss_good, self.to_bad) };
        let lost = random.hits(loss);
        self.is_bad ^= random.hits(leave);
        lost
    }
}
