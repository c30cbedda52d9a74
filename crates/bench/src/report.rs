//! The table on standard output and `results.json`.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::case::{Figure, Target};
use crate::stats::{Runs, Summary, range};

/// A figure of a case and what came out.
pub(crate) struct Row {
    pub(crate) case: &'static str,
    pub(crate) figure: Figure,
    pub(crate) peer_version: Option<String>,
    pub(crate) outcome: Outcome,
}

/// What came out of a case.
pub(crate) enum Outcome {
    Measured { summary: Summary, runs: Runs, ok: bool },
    CannotRun(String),
}

impl Row {
    fn name(&self) -> String {
        format!("{} {}", self.case, self.figure.name).trim_end().to_owned()
    }
}

/// A target was missed.
const MISSED: u8 = 1;
/// A case could not run.
const CANNOT_RUN: u8 = 2;

/// Gives the exit code for these rows.
pub(crate) fn exit_code(rows: &[Row]) -> u8 {
    let code = |row: &Row| match row.outcome {
        Outcome::Measured { ok: true, .. } => 0,
        Outcome::Measured { .. } => MISSED,
        Outcome::CannotRun(_) => CANNOT_RUN,
    };
    rows.iter().map(code).max().unwrap_or(0)
}

/// Gives the Markdown table.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| case | ours | peer | unit | ratio (above 1: ours is better) | spread | target | ok |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let Figure { unit, target, .. } = &row.figure;
        let (name, bound) = (row.name(), target.text(&row.figure));
        // Writing to a string does not fail.
        let _ = match &row.outcome {
            Outcome::Measured { summary, runs, ok } => {
                let ours = figure(judged(*target, summary));
                let [peer, ratio, spread] = beside(row, summary, runs);
                let ok = match (target, ok) {
                    (Target::Shown, _) => "-",
                    (_, true) => "yes",
                    (_, false) => "**MISSED**",
                };
                writeln!(text, "| {name} | {ours} | {peer} | {unit} | {ratio} | {spread} | {bound} | {ok} |")
            }
            Outcome::CannotRun(why) => {
                let peer =
                    row.peer_version.as_ref().map(|version| format!("({version})")).unwrap_or_default();
                writeln!(text, "| {name} | | {peer} | {unit} | | | {bound} | **cannot run**: {why} |")
            }
        };
    }
    text
}

/// The figure of ours that the target is about.
fn judged(target: Target, summary: &Summary) -> f64 {
    match target {
        Target::Best(_) => summary.best,
        Target::Every(_) => summary.worst,
        Target::RatioAtLeast(_) | Target::DifferenceAtMost(_) | Target::Shown => summary.ours,
    }
}

/// The peer, the ratio and the spread of ratios; without a peer the spread is that of our runs.
fn beside(row: &Row, summary: &Summary, runs: &Runs) -> [String; 3] {
    let Some(beside) = summary.beside else {
        let [low, high] = range(&runs.ours).map(figure);
        return ["-".to_owned(), "-".to_owned(), format!("{low} to {high}")];
    };
    let version = row.peer_version.as_deref().unwrap_or("none");
    let [low, high] = beside.spread;
    [
        format!("{} ({version})", figure(beside.peer)),
        format!("{:.2}", beside.ratio),
        format!("{low:.2} to {high:.2}"),
    ]
}

/// Three or four digits that mean something.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.3}"),
    }
}

/// How many times the calibration loop's packet ours takes; only for times of a packet.
fn calibrated(unit: &str, ours: f64, calibration_ns: f64) -> Option<f64> {
    match unit {
        "ns" => Some(ours / calibration_ns),
        "Mpps per core" => Some(1000.0 / ours / calibration_ns),
        _ => None,
    }
}

/// Gives what is written to `results.json`; `installed` are the packages that had to be installed for this run, and
/// `calibration_ns` is what a packet takes in the calibration loop.
pub(crate) fn json(rows: &[Row], installed: &[String], calibration_ns: f64) -> Value {
    let case = |row: &Row| {
        let Figure { unit, target, .. } = row.figure;
        let mut case =
            json!({ "name": row.name(), "unit": unit, "target": target, "peer_version": row.peer_version });
        let more = match &row.outcome {
            Outcome::Measured { summary, runs, ok } => {
                let beside = summary.beside;
                json!({
                    "ours": judged(target, summary), "runs": runs, "ok": ok,
                    "calibrated": calibrated(unit, summary.ours, calibration_ns),
                    "peer": beside.map(|beside| beside.peer), "ratio": beside.map(|beside| beside.ratio),
                    "spread": beside.map(|beside| beside.spread),
                    "difference": beside.map(|beside| beside.difference),
                })
            }
            Outcome::CannotRun(why) => json!({ "ok": false, "error": why }),
        };
        if let (Value::Object(case), Value::Object(more)) = (&mut case, more) {
            case.extend(more);
        }
        case
    };
    json!({
        "ok": exit_code(rows) == 0,
        "installed": installed,
        "calibration_ns": calibration_ns,
        "cases": rows.iter().map(case).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Better;

    fn row(ours: f64, target: Target) -> Row {
        let runs = Runs { ours: vec![ours; 7], peer: vec![100.0; 7] };
        row_of(runs, target, "")
    }

    fn row_of(runs: Runs, target: Target, name: &'static str) -> Row {
        let summary = runs.summary(Better::Lower);
        let ok = target.is_met(Better::Lower, &summary);
        let peer_version = (!runs.peer.is_empty()).then(|| "peer 2".to_owned());
        let outcome = Outcome::Measured { summary, runs, ok };
        let figure = Figure { name, unit: "ns", better: Better::Lower, target };
        Row { case: "a-case", figure, peer_version, outcome }
    }

    #[test]
    fn the_json_has_every_field_of_a_case() {
        let json = json(&[row(50.0, Target::RatioAtLeast(1.5))], &["mininet".to_owned()], 2.0);
        let case = &json["cases"][0];
        for key in ["name", "ours", "peer", "unit", "ratio", "spread", "target", "ok", "peer_version", "runs"]
        {
            assert!(!case[key].is_null(), "{key}");
        }
        assert_eq!((&case["ratio"], &case["target"]["ratio_at_least"]), (&2.0.into(), &1.5.into()));
        assert_eq!((&json["ok"], &json["installed"][0]), (&true.into(), &"mininet".into()));
    }

    #[test]
    fn the_table_marks_what_was_missed() {
        let table =
            table(&[row(120.0, Target::DifferenceAtMost(15.0)), row(10.0, Target::RatioAtLeast(2.0))]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[2],
            "| a-case | 120 | 100 (peer 2) | ns | 0.83 | 0.83 to 0.83 | ≤ 15 ns more | **MISSED** |"
        );
        assert!(lines[3].ends_with("| ratio ≥ 2.00 | yes |"), "{}", lines[3]);
    }

    #[test]
    fn without_a_peer_the_spread_is_that_of_our_runs() {
        let runs = Runs { ours: vec![3.0, 1.0, 2.0], peer: Vec::new() };
        let rows = [Target::Best(1.0), Target::Every(2.0), Target::Shown]
            .map(|target| row_of(runs.clone(), target, "p50"));
        let table = table(&rows);
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(lines[0], "| a-case p50 | 1.00 | - | ns | - | 1.00 to 3.00 | ≤ 1 ns | yes |");
        assert_eq!(
            lines[1],
            "| a-case p50 | 3.00 | - | ns | - | 1.00 to 3.00 | always ≤ 2 ns | **MISSED** |"
        );
        assert_eq!(lines[2], "| a-case p50 | 2.00 | - | ns | - | 1.00 to 3.00 | none | - |");
        assert!(json(&rows, &[], 2.0)["cases"][0]["ratio"].is_null());
    }

    #[test]
    fn figures_keep_three_digits() {
        let figures = [123.4, 12.34, 1.234, 0.1234].map(figure);
        assert_eq!(figures, ["123", "12.3", "1.23", "0.123"]);
    }

    #[test]
    fn times_of_packets_are_multiples_of_the_calibration_loops() {
        assert_eq!(calibrated("ns", 8.0, 2.0), Some(4.0));
        assert_eq!(calibrated("Mpps per core", 50.0, 2.0), Some(10.0));
        assert_eq!(calibrated("ms", 8.0, 2.0), None);
    }
}
