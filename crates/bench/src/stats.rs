//! Medians and ratios of alternating runs.

use serde::Serialize;

/// What a case measured: the runs of both sides, in pairs that ran one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Runs {
    pub(crate) ours: Vec<f64>,
    pub(crate) peer: Vec<f64>,
}

/// Which figures are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    /// Times.
    Lower,
    /// Rates.
    Higher,
}

/// What the runs of a case come to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    /// The median of our runs.
    pub(crate) ours: f64,
    pub(crate) best: f64,
    pub(crate) worst: f64,
    /// `None` where there is no peer.
    pub(crate) beside: Option<Beside>,
}

/// Ours beside the peer's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Beside {
    /// The median of the peer's runs.
    pub(crate) peer: f64,
    /// The median of the pairs' ratios; above 1 ours is better.
    pub(crate) ratio: f64,
    /// The lowest and the highest ratio of a pair.
    pub(crate) spread: [f64; 2],
    /// The median of the pairs' differences, ours less the peer's.
    pub(crate) difference: f64,
}

impl Runs {
    /// Sums up.
    ///
    /// # Panics
    /// Without a run of ours.
    pub(crate) fn summary(&self, better: Better) -> Summary {
        let [low, high] = range(&self.ours);
        let (best, worst) = match better {
            Better::Lower => (low, high),
            Better::Higher => (high, low),
        };
        Summary { ours: median(&self.ours), best, worst, beside: self.beside(better) }
    }

    /// A pair shares what the machine did at its time, so pairs are compared, not medians. A peer that ran once is in
    /// every pair.
    fn beside(&self, better: Better) -> Option<Beside> {
        if self.peer.is_empty() {
            return None;
        }
        let pairs = || self.ours.iter().zip(self.peer.iter().cycle());
        let ratio = |(ours, peer): (&f64, &f64)| match better {
            _ if ours == peer => 1.0, // also where both are zero
            Better::Lower => peer / ours,
            Better::Higher => ours / peer,
        };
        let ratios: Vec<f64> = pairs().map(ratio).collect();
        Some(Beside {
            peer: median(&self.peer),
            ratio: median(&ratios),
            spread: range(&ratios),
            difference: median(&pairs().map(|(ours, peer)| ours - peer).collect::<Vec<_>>()),
        })
    }
}

/// The lowest and the highest value.
pub(crate) fn range(values: &[f64]) -> [f64; 2] {
    let [low, high] = [f64::INFINITY, f64::NEG_INFINITY];
    [values.iter().copied().fold(low, f64::min), values.iter().copied().fold(high, f64::max)]
}

/// The middle value, or the mean of the two in the middle.
///
/// # Panics
/// Without a value.
pub(crate) fn median(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "nothing has no median");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[half - 1], sorted[half]) } else { sorted[half] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
        assert_eq!(median(&[1.0, 1.0, 1000.0]), 1.0);
    }

    #[test]
    fn a_ratio_above_one_means_that_ours_is_better_for_times_and_for_rates() {
        let runs = Runs { ours: vec![1.0, 2.0, 4.0], peer: vec![2.0, 6.0, 4.0] };
        let times = runs.summary(Better::Lower);
        let beside = times.beside.unwrap();
        assert_eq!((beside.ratio, beside.spread), (2.0, [1.0, 3.0]));
        assert_eq!((times.ours, beside.peer, beside.difference), (2.0, 4.0, -1.0));
        assert_eq!((times.best, times.worst), (1.0, 4.0));
        let rates = runs.summary(Better::Higher);
        assert_eq!((rates.beside.unwrap().ratio, rates.best, rates.worst), (0.5, 4.0, 1.0));
    }

    #[test]
    fn pairs_are_compared_so_that_a_machine_that_slows_down_changes_no_ratio() {
        let runs = Runs { ours: vec![1.0, 10.0, 100.0], peer: vec![2.0, 20.0, 200.0] };
        assert_eq!(runs.summary(Better::Lower).beside.unwrap().spread, [2.0, 2.0]);
    }

    #[test]
    fn a_peer_that_ran_once_is_in_every_pair_and_none_is_none() {
        let runs = Runs { ours: vec![1.0, 2.0, 5.0], peer: vec![10.0] };
        let beside = runs.summary(Better::Lower).beside.unwrap();
        assert_eq!((beside.ratio, beside.spread), (5.0, [2.0, 10.0]));
        assert_eq!(Runs { peer: Vec::new(), ..runs }.summary(Better::Lower).beside, None);
    }
}
