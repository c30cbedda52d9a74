//! Steps, the table at the end, and `report.json`.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// What a step found.
pub(crate) struct Step {
    driver: Option<&'static str>,
    name: &'static str,
    ok: bool,
    says: String,
    /// What must be the same in both rounds.
    figures: Map<String, Value>,
    /// What may differ: times, and counts that depend on them.
    measured: Map<String, Value>,
}

impl Step {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { driver: None, name, ok: false, says: String::new(), figures: Map::new(), measured: Map::new() }
    }

    pub(crate) fn on(mut self, driver: &'static str) -> Self {
        self.driver = Some(driver);
        self
    }

    pub(crate) fn figure(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.figures.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn measured(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.measured.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn done(mut self, says: String) -> Self {
        self.ok = true;
        self.says = says;
        self
    }

    pub(crate) fn failed(mut self, says: String) -> Self {
        self.ok = false;
        self.says = says;
        self
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.ok
    }

    /// Done or failed, as the result says.
    pub(crate) fn ended(self, result: Result<String, String>) -> Self {
        match result {
            Ok(says) => self.done(says),
            Err(says) => self.failed(says),
        }
    }

    fn mark(&self) -> &'static str {
        if self.ok { "ok" } else { "FAILED" }
    }
}

/// All steps.
#[derive(Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
}

impl Report {
    /// Adds a step and prints its line.
    pub(crate) fn step(&mut self, step: Step) {
        println!("  {:6} {}: {}", step.mark(), step.name, step.says);
        self.steps.push(step);
    }

    pub(crate) fn is_ok(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|step| step.ok)
    }

    pub(crate) fn verdict(&self) -> String {
        let failed = self.steps.iter().filter(|step| !step.ok).count();
        match failed {
            0 => format!("all {} steps ok", self.steps.len()),
            _ => format!("{failed} of {} steps FAILED", self.steps.len()),
        }
    }

    /// The names, results and figures of a round, without what depends on time.
    pub(crate) fn comparable(&self, driver: &str) -> Vec<(String, bool, Map<String, Value>)> {
        let steps = self.steps.iter().filter(|step| step.driver == Some(driver));
        steps.map(|step| (step.name.to_owned(), step.ok, step.figures.clone())).collect()
    }

    /// A row a step, a column a round.
    pub(crate) fn table(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for step in &self.steps {
            if !names.contains(&step.name) {
                names.push(step.name);
            }
        }
        let width = names.iter().map(|name| name.len()).max().unwrap_or_default();
        let cell = |name: &str, driver: Option<&str>| {
            let found = self.steps.iter().find(|step| step.name == name && step.driver == driver);
            found.map_or("", |step| step.mark())
        };
        let mut table = format!("{:width$}  af_packet  dpdk    both\n{}\n", "step", "-".repeat(width + 27));
        for name in names {
            let [first, second] = ["af_packet", "dpdk"].map(|driver| cell(name, Some(driver)));
            // Writing to a string does not fail.
            let _ = writeln!(table, "{name:width$}  {first:9}  {second:6}  {}", cell(name, None));
        }
        table
    }

    pub(crate) fn to_json(&self, took: Duration) -> Value {
        let step = |step: &Step| {
            json!({
                "name": step.name, "driver": step.driver, "ok": step.ok, "says": step.says,
                "figures": step.figures, "measured": step.measured,
            })
        };
        json!({
            "ok": self.is_ok(),
            "seconds": took.as_secs_f64(),
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
        })
    }
}
