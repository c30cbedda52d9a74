//! Each step of the demo has its way to fail: a fault is planted, and that step and the exit code turn red.

#![allow(clippy::unwrap_used, reason = "a test that panics says where")]
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// One demo at a time: its last step compares the whole machine with before.
static MACHINE: Mutex<()> = Mutex::new(());

/// Runs the demo with a fault, or without.
fn demo(fault: Option<&str>) -> (Output, Value) {
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rackless-demo"));
    command.current_dir(&root).arg("--output").arg(output.path()).arg("--rackless").arg(rackless());
    command.args(fault.iter().flat_map(|fault| ["--fault", fault]));
    let result = command.output().unwrap();
    let report = std::fs::read_to_string(output.path().join("report.json"));
    let report = report.unwrap_or_else(|error| panic!("no report: {error}\n{}", text(&result)));
    (result, serde_json::from_str(&report).unwrap())
}

/// The `rackless` command of the same build. Cargo builds it beside this program when the workspace is tested.
fn rackless() -> std::path::PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_rackless-demo")).with_file_name("rackless");
    assert!(beside.exists(), "{} is missing: build it with 'cargo build -p rackless-cli'", beside.display());
    beside
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Plants a fault and looks for a red step whose name contains `step`.
fn turns_red(fault: &str, step: &str) {
    let (output, report) = demo(Some(fault));
    let steps = report["steps"].as_array().unwrap();
    let red: Vec<&str> =
        steps.iter().filter(|s| s["ok"] == false).filter_map(|s| s["name"].as_str()).collect();
    assert!(
        red.iter().any(|name| name.contains(step)),
        "'{step}' is not among the red {red:?}\n{}",
        text(&output)
    );
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(report["ok"], false);
}

#[test]
fn all_steps_are_ok_without_a_fault() {
    let (output, report) = demo(None);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(report["ok"], true);
    // Six steps a round, two rounds, and the two over both.
    assert_eq!(report["steps"].as_array().unwrap().len(), 14);
}

#[test]
fn a_broken_lab_file_turns_the_first_step_red() {
    turns_red("broken-lab", "the lab comes up");
}

#[test]
fn a_generator_that_is_not_answered_turns_its_step_red() {
    turns_red("no-answer", "SYNs are answered");
}

#[test]
fn a_dead_server_turns_the_reaching_step_red() {
    turns_red("dead-server", "clients reach the near server");
}

#[test]
fn a_wrong_route_turns_the_reaching_step_red() {
    turns_red("wrong-route", "clients reach the near server");
}

#[test]
fn a_route_without_a_backup_turns_the_moving_step_red() {
    turns_red("no-backup", "clients move to the far server");
}

#[test]
fn checksum_offload_turns_the_captured_step_red() {
    turns_red("checksum-offload", "captured checksums are right");
}

#[test]
fn a_dead_router_turns_the_accounting_step_red() {
    turns_red("dead-router", "is accounted for");
}

#[test]
fn a_difference_between_the_rounds_turns_the_comparing_step_red() {
    turns_red("wrong-route-on-dpdk", "both rounds agree");
}

#[test]
fn a_leaked_namespace_turns_the_last_step_red() {
    turns_red("leaked-namespace", "nothing is left behind");
}
