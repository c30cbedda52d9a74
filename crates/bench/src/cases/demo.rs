//! `demo-second-run`: what `make demo` runs once everything is built, beside its budget of 15 s.
//!
//! The harness's warm-up is the first run.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::case::{Case, Figure, Repeat, Sides, Site, Target};
use crate::error::Error;
use crate::harness::PAIRS;
use crate::process::finish;
use crate::stats::Better;

/// Seconds that a newcomer waits without impatience.
const BUDGET_S: f64 = 15.0;

pub(super) const CASES: &[Case] = &[Case {
    name: "demo-second-run",
    about: "make demo's program once everything is built, beside its budget",
    figures: &[Figure { name: "", unit: "s", better: Better::Lower, target: Target::RatioAtLeast(1.0) }],
    repeat: Repeat::Pairs(PAIRS),
    privileged: true,
    open,
}];

struct Demo {
    program: PathBuf,
    output: PathBuf,
}

fn open(site: &Site) -> Result<Box<dyn Sides>, Error> {
    Ok(Box::new(Demo { program: site.program("rackless-demo")?, output: site.scratch.join("demo") }))
}

impl Sides for Demo {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let start = Instant::now();
        finish(Command::new(&self.program).arg("--output").arg(&self.output))?;
        Ok(vec![start.elapsed().as_secs_f64()])
    }

    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        Ok(vec![BUDGET_S])
    }

    fn peer_version(&self) -> Option<String> {
        Some("the budget".to_owned())
    }
}
