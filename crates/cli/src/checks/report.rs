//! How outcomes are told: lines for people, JSON for programs.

use std::time::Duration;

use serde_json::{Value, json};

use super::{NodeOutcome, Outcome};
use crate::output;

/// All outcomes of a lab's checks.
pub(crate) struct Report {
    pub(crate) lab: String,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) time: Duration,
}

/// Shows one check: a line, and below it what was found where it failed.
pub(crate) fn line(outcome: &Outcome) -> String {
    let (green, red, plain) =
        if output::colour_on_stdout() { ("\x1b[32m", "\x1b[1;31m", "\x1b[0m") } else { ("", "", "") };
    let word = if outcome.ok { format!("{green}ok    {plain}") } else { format!("{red}FAILED{plain}") };
    let mut text = format!("{word}  {}  ({})", outcome.name, seconds(outcome.time));
    for node in outcome.failed() {
        text += &format!("\n        on {}, found: {}", node.node, node.found);
        text += &format!("\n        expected: {}", node.expected);
    }
    text
}

impl Outcome {
    /// Iterates over the nodes on which the check does not hold.
    pub(super) fn failed(&self) -> impl Iterator<Item = &NodeOutcome> {
        self.nodes.iter().filter(|node| !node.ok)
    }
}

impl Report {
    pub(crate) fn ok(&self) -> bool {
        self.failed() == 0
    }

    pub(super) fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| !outcome.ok).count()
    }

    /// Gives the last line for people.
    pub(crate) fn summary(&self) -> String {
        let (all, failed) = (self.outcomes.len(), self.failed());
        let time = seconds(self.time);
        let checks = output::counted(all, "check");
        format!("lab {}: {checks}, {} ok, {failed} failed, {time}", self.lab, all - failed)
    }

    /// Gives the report for programs, with the reason if the lab did not come up.
    pub(crate) fn json(&self, error: Option<&str>) -> Value {
        let node = |node: &NodeOutcome| {
            json!({
                "node": node.node,
                "ok": node.ok,
                "time_s": node.time.as_secs_f64(),
                "attempts": node.attempts,
                "found": node.found,
                "expected": node.expected,
            })
        };
        let check = |outcome: &Outcome| {
            json!({
                "name": outcome.name,
                "ok": outcome.ok,
                "time_s": outcome.time.as_secs_f64(),
                "nodes": outcome.nodes.iter().map(node).collect::<Vec<_>>(),
            })
        };
        json!({
            "lab": self.lab,
            "ok": self.ok() && error.is_none(),
            "passed": self.outcomes.len() - self.failed(),
            "failed": self.failed(),
            "time_s": self.time.as_secs_f64(),
            "checks": self.outcomes.iter().map(check).collect::<Vec<_>>(),
            "error": error,
        })
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}
