//! `rackless check`: runs the checks of a running lab.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use rackless_net::Client;
use rackless_topology::Topology;

use super::lab::LabArg;
use super::validate;
use crate::checks::{self, Report};
use crate::failure::Failure;
use crate::output;

/// Run the checks of a lab that is up
#[derive(clap::Args)]
#[command(after_help = "\
The checks are read anew from the lab file: they can be changed while the lab is up.

Examples:
  rackless check
  rackless check demo --json

With --json: {lab, ok, passed, failed, time_s, checks: [{name, ok, time_s, nodes: [{node, ok, time_s, attempts,
found, expected}]}], error}; error says why the checks could not be run, else it is null.

Exit code: 0 all checks hold, 1 one does not, 2 they cannot be run.")]
pub(crate) struct Args {
    #[command(flatten)]
    lab: LabArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let status = Client::connect(args.lab.name())?.status()?;
    let Some(file) = status.file else {
        let message = format!("lab {} was made from a shape, which has no checks", status.lab);
        return Err(Failure::cannot(message).hint("write a lab file with 'shape = …' and [[check]] tables"));
    };
    let topology = validate::topology(&file)?;
    let directory = file.parent().unwrap_or(Path::new("/"));
    let report = run_checks(&status.lab, &status.lab, &topology, directory, args.json)?;
    Ok(ExitCode::from(u8::from(!report.ok())))
}

/// Runs the checks of a lab, which is `called` so in reports, and prints what comes of them.
pub(super) fn run_checks(
    lab: &str,
    called: &str,
    topology: &Topology,
    directory: &Path,
    json: bool,
) -> Result<Report, Failure> {
    let begin = Instant::now();
    let outcomes = checks::run(lab, topology, directory, |outcome| {
        if json { Ok(()) } else { output::line(&checks::line(outcome)) }
    })?;
    let report = Report { lab: called.to_owned(), outcomes, time: begin.elapsed() };
    if json {
        output::json(&report.json(None))?;
    } else {
        output::line(&report.summary())?;
    }
    Ok(report)
}
