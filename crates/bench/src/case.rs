//! What a case is: figures that are measured together, often of two sides in turn, and what must come out.

use std::path::PathBuf;

use serde::Serialize;

use crate::error::Error;
use crate::stats::{Better, Summary};

/// Performance claims that are measured together.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What is measured, in half a line.
    pub(crate) about: &'static str,
    /// What is claimed: a row of the table each.
    pub(crate) figures: &'static [Figure],
    pub(crate) repeat: Repeat,
    /// Whether it needs root: namespaces, packet sockets, BPF.
    pub(crate) privileged: bool,
    /// Checks that everything is there, and prepares what the runs share.
    pub(crate) open: fn(&Site) -> Result<Box<dyn Sides>, Error>,
}

/// One figure of a case.
#[derive(Clone, Copy)]
pub(crate) struct Figure {
    /// What follows the case's name; nothing where the case has no other figure.
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) target: Target,
}

/// How often the sides run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// In at most so many pairs, after one that does not count.
    Pairs(usize),
    /// Ours at most so often, and the peer once before: it takes long, or is there for comparison alone.
    PeerOnce(usize),
}

/// Both sides of a case. Each call measures once, all figures in their order, and leaves nothing running.
pub(crate) trait Sides {
    /// Measures ours.
    fn ours(&mut self) -> Result<Vec<f64>, Error>;
    /// Measures the peer. Figures that it does not have are not a number, or missing at the end: all of them, where
    /// there is no peer.
    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        Ok(Vec::new())
    }
    /// The peer's name and version.
    fn peer_version(&self) -> Option<String> {
        None
    }
}

/// What must come out of a case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// The ratio, where above 1 ours is better.
    RatioAtLeast(f64),
    /// Ours less the peer's, in the case's unit.
    DifferenceAtMost(f64),
    /// The best of our runs is as good as this: for what other work on the machine can only make worse.
    Best(f64),
    /// Every run is as good as this.
    Every(f64),
    /// None: it is shown.
    Shown,
}

impl Target {
    /// Whether the summary reaches the target; never, where a ratio is asked for and there is no peer.
    pub(crate) fn is_met(self, better: Better, summary: &Summary) -> bool {
        let reaches = |value: f64, bound: f64| match better {
            Better::Lower => value <= bound,
            Better::Higher => value >= bound,
        };
        match self {
            Self::RatioAtLeast(bound) => summary.beside.is_some_and(|beside| beside.ratio >= bound),
            Self::DifferenceAtMost(bound) => summary.beside.is_some_and(|beside| beside.difference <= bound),
            Self::Best(bound) => reaches(summary.best, bound),
            Self::Every(bound) => reaches(summary.worst, bound),
            Self::Shown => true,
        }
    }

    /// The target in words.
    pub(crate) fn text(self, figure: &Figure) -> String {
        let Figure { unit, better, .. } = figure;
        let sign = match better {
            Better::Lower => '≤',
            Better::Higher => '≥',
        };
        match self {
            Self::RatioAtLeast(bound) => format!("ratio ≥ {bound:.2}"),
            Self::DifferenceAtMost(bound) => format!("≤ {bound} {unit} more"),
            Self::Best(bound) => format!("{sign} {bound} {unit}"),
            Self::Every(bound) => format!("always {sign} {bound} {unit}"),
            Self::Shown => "none".to_owned(),
        }
    }
}

impl Case {
    /// All targets in words.
    pub(crate) fn targets(&self) -> String {
        let targets = self.figures.iter().filter(|figure| figure.target != Target::Shown);
        let text = |figure: &Figure| match figure.name {
            "" => figure.target.text(figure),
            name => format!("{name} {}", figure.target.text(figure)),
        };
        targets.map(text).collect::<Vec<_>>().join(", ")
    }
}

/// Where things are.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The folder with our programs: this program's own.
    pub(crate) programs: PathBuf,
    /// A folder for what the cases write, removed at the end.
    pub(crate) scratch: PathBuf,
}

impl Site {
    /// Gives the path of one of our programs.
    ///
    /// # Errors
    /// When it was not built.
    pub(crate) fn program(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.programs.join(name);
        if path.exists() { Ok(path) } else { Err(Error::NotBuilt { path }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Runs;

    #[test]
    fn targets_bound_ratios_from_below_and_differences_from_above() {
        let summary = Runs { ours: vec![30.0], peer: vec![20.0] }.summary(Better::Lower);
        let is_met = |target: Target| target.is_met(Better::Lower, &summary);
        assert!(is_met(Target::DifferenceAtMost(10.0)) && !is_met(Target::DifferenceAtMost(9.9)));
        assert!(is_met(Target::RatioAtLeast(0.66)) && !is_met(Target::RatioAtLeast(0.67)));
    }

    #[test]
    fn targets_of_ours_alone_are_for_the_best_run_or_for_every_one() {
        let runs = Runs { ours: vec![3.0, 1.0, 2.0], peer: Vec::new() };
        let is_met = |target: Target, better| target.is_met(better, &runs.summary(better));
        assert!(is_met(Target::Best(1.0), Better::Lower) && !is_met(Target::Best(0.9), Better::Lower));
        assert!(is_met(Target::Every(3.0), Better::Lower) && !is_met(Target::Every(2.9), Better::Lower));
        assert!(is_met(Target::Best(3.0), Better::Higher) && !is_met(Target::Every(1.1), Better::Higher));
        assert!(is_met(Target::Shown, Better::Lower));
        assert!(!is_met(Target::RatioAtLeast(0.1), Better::Lower), "there is no peer");
    }
}
