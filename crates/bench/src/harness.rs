//! Runs cases: both sides in turn, several times, and a verdict.

use crate::case::{Case, Figure, Repeat, Sides, Site};
use crate::error::Error;
use crate::report::{Outcome, Row};
use crate::stats::Runs;

/// How many pairs of runs a case has unless told otherwise, and at least for a verdict that counts.
pub(crate) const PAIRS: usize = 7;

/// Runs a case and says what came out of each of its figures; progress goes to `say`.
pub(crate) fn run(case: &Case, site: &Site, root: bool, pairs: usize, say: &mut dyn FnMut(&str)) -> Vec<Row> {
    let mut peer = None;
    let measured = (|| {
        if case.privileged && !root {
            return Err(Error::NotRoot);
        }
        let mut sides = (case.open)(site)?;
        peer = sides.peer_version();
        let mut notes = Notes { case, runs: vec![Runs::default(); case.figures.len()], say };
        match case.repeat {
            Repeat::Pairs(most) => notes.alternate(sides.as_mut(), most.min(pairs))?,
            Repeat::PeerOnce(most) => notes.peer_once(sides.as_mut(), most.min(pairs))?,
        }
        Ok(notes.runs)
    })();
    let outcome = |place: usize, figure: &Figure| match &measured {
        Ok(runs) => {
            let runs = runs[place].clone();
            let summary = runs.summary(figure.better);
            let ok = figure.target.is_met(figure.better, &summary);
            Outcome::Measured { summary, runs, ok }
        }
        Err(error) => Outcome::CannotRun(error.chain()),
    };
    let row = |(place, figure)| {
        let (peer_version, outcome) = (peer.clone(), outcome(place, figure));
        Row { case: case.name, figure: *figure, peer_version, outcome }
    };
    case.figures.iter().enumerate().map(row).collect()
}

/// What was measured so far.
struct Notes<'a> {
    case: &'a Case,
    /// Of each figure.
    runs: Vec<Runs>,
    say: &'a mut dyn FnMut(&str),
}

impl Notes<'_> {
    /// Measures both sides once for nothing, which fills caches and shows what does not work, and then in pairs. Which
    /// side goes first changes from pair to pair, so that neither always has the warmer machine.
    fn alternate(&mut self, sides: &mut dyn Sides, pairs: usize) -> Result<(), Error> {
        for pair in 0..=pairs {
            let (ours, peer) = if pair.is_multiple_of(2) {
                let ours = sides.ours()?;
                (ours, sides.peer()?)
            } else {
                let peer = sides.peer()?;
                (sides.ours()?, peer)
            };
            let step = if pair == 0 { "warm-up".to_owned() } else { format!("{pair}/{pairs}") };
            self.tell(&step, "ours", &ours);
            self.tell(&step, "peer", &peer);
            if pair > 0 {
                self.note(&ours, |runs| &mut runs.ours);
                self.note(&peer, |runs| &mut runs.peer);
            }
        }
        Ok(())
    }

    /// Measures the peer, if there is one, and then ours several times.
    fn peer_once(&mut self, sides: &mut dyn Sides, times: usize) -> Result<(), Error> {
        let peer = sides.peer()?;
        if !peer.is_empty() {
            self.tell("once", "peer", &peer);
        }
        self.note(&peer, |runs| &mut runs.peer);
        for time in 1..=times {
            let ours = sides.ours()?;
            self.tell(&format!("{time}/{times}"), "ours", &ours);
            self.note(&ours, |runs| &mut runs.ours);
        }
        Ok(())
    }

    /// Says what one side measured.
    fn tell(&mut self, step: &str, side: &str, values: &[f64]) {
        let figures = self.case.figures.iter().zip(values).filter(|(_, value)| !value.is_nan());
        let figures = figures.map(|(figure, value)| format!("{} {value:.4} {}", figure.name, figure.unit));
        let text = figures.collect::<Vec<_>>().join(", ");
        (self.say)(&format!("{}: {step}: {side} {}", self.case.name, text.trim_start()));
    }

    /// Adds a run's figures to those of `side`.
    fn note(&mut self, values: &[f64], side: impl Fn(&mut Runs) -> &mut Vec<f64>) {
        for (runs, value) in self.runs.iter_mut().zip(values).filter(|(_, value)| !value.is_nan()) {
            side(runs).push(*value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::PathBuf;

    use super::*;
    use crate::case::Target;
    use crate::report::{exit_code, json, table};
    use crate::stats::Better;

    thread_local! {
        static CALLS: RefCell<String> = const { RefCell::new(String::new()) };
    }

    struct Fake;

    impl Sides for Fake {
        fn ours(&mut self) -> Result<Vec<f64>, Error> {
            CALLS.with_borrow_mut(|calls| calls.push('o'));
            Ok(vec![2.0, 1.0])
        }

        fn peer(&mut self) -> Result<Vec<f64>, Error> {
            CALLS.with_borrow_mut(|calls| calls.push('p'));
            Ok(vec![8.0, f64::NAN])
        }

        fn peer_version(&self) -> Option<String> {
            Some("fake 1.0".to_owned())
        }
    }

    type Open = fn(&Site) -> Result<Box<dyn Sides>, Error>;

    fn case(targets: &[(&'static str, Target)], repeat: Repeat, open: Open) -> Case {
        let figure = |(name, target): &(&'static str, Target)| {
            let (name, target) = (*name, *target);
            Figure { name, unit: "s", better: Better::Lower, target }
        };
        let figures = targets.iter().map(figure).collect::<Vec<_>>().leak();
        Case { name: "fake", about: "nothing", figures, repeat, privileged: false, open }
    }

    fn fake(target: Target) -> Case {
        case(&[("", target)], Repeat::Pairs(PAIRS), |_| Ok(Box::new(Fake)))
    }

    fn site() -> Site {
        Site { programs: PathBuf::from("/nonexistent"), scratch: PathBuf::from("/nonexistent") }
    }

    #[test]
    fn both_sides_run_in_turn_and_the_first_pair_does_not_count() {
        let mut lines = Vec::new();
        let case = fake(Target::RatioAtLeast(3.0));
        let rows = run(&case, &site(), false, PAIRS, &mut |line| lines.push(line.to_owned()));
        assert_eq!(CALLS.with_borrow(Clone::clone), "oppo".repeat(4));
        assert_eq!(lines.len(), 2 * (1 + PAIRS));
        assert_eq!(lines[14..], ["fake: 7/7: ours 2.0000 s", "fake: 7/7: peer 8.0000 s"]);
        assert!(table(&rows).contains("| fake | 2.00 | 8.00 (fake 1.0) | s | 4.00 |"));
        assert_eq!(exit_code(&rows), 0);
    }

    #[test]
    fn a_peer_may_run_once_and_lack_figures() {
        let targets = [("a", Target::RatioAtLeast(3.0)), ("b", Target::Best(1.0))];
        let case = case(&targets, Repeat::PeerOnce(3), |_| Ok(Box::new(Fake)));
        let mut lines = Vec::new();
        let rows = run(&case, &site(), false, PAIRS, &mut |line| lines.push(line.to_owned()));
        assert_eq!(CALLS.with_borrow(Clone::clone), "pooo");
        assert_eq!(lines[..2], ["fake: once: peer a 8.0000 s", "fake: 1/3: ours a 2.0000 s, b 1.0000 s"]);
        let table = table(&rows);
        assert!(table.contains("| fake a | 2.00 | 8.00 (fake 1.0) | s | 4.00 |"), "{table}");
        assert!(table.contains("| fake b | 1.00 | - | s | - | 1.00 to 1.00 | ≤ 1 s | yes |"), "{table}");
    }

    #[test]
    fn a_missed_target_is_exit_code_one_and_a_case_that_cannot_run_is_two() {
        let missed = || run(&fake(Target::RatioAtLeast(5.0)), &site(), false, 1, &mut |_| {});
        let cannot = || {
            let open = |site: &Site| site.program("absent").map(|_| Box::new(Fake) as Box<dyn Sides>);
            let case = case(&[("", Target::RatioAtLeast(1.0))], Repeat::Pairs(PAIRS), open);
            run(&case, &site(), false, 1, &mut |_| {})
        };
        assert_eq!(exit_code(&missed()), 1);
        let both = [missed(), cannot()].into_iter().flatten().collect::<Vec<_>>();
        assert_eq!(exit_code(&both), 2);
        let json = json(&both, &[], 2.0);
        assert_eq!(json["cases"][0]["ok"], false);
        assert_eq!(json["cases"][1]["error"], "/nonexistent/absent is missing; 'make bench' builds it");
    }

    #[test]
    fn without_root_a_privileged_case_says_so() {
        let case = Case { privileged: true, ..fake(Target::RatioAtLeast(1.0)) };
        let rows = run(&case, &site(), false, 1, &mut |_| {});
        assert!(matches!(&rows[0].outcome, Outcome::CannotRun(why) if why.starts_with("it needs root")));
    }
}
