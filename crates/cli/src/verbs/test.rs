//! `rackless test`: brings a lab up, runs its checks, and removes it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use nix::sys::signal::{SigSet, Signal};
use rackless_net::{Client, Options};

use super::{check, validate};
use crate::checks::{self, Report};
use crate::failure::Failure;
use crate::{output, packages};

/// Bring a lab up, run its checks, and remove it
#[derive(clap::Args)]
#[command(after_help = "\
The lab gets a name of its own, so that the same lab may be up, or tested, at the same time.

Examples:
  rackless test lab.toml
  rackless test lab.toml --junit out.xml
  rackless test lab.toml --json | jq '.checks[] | select(.ok | not)'

With --json: as 'rackless check --json'.

Exit code: 0 all checks hold, 1 one does not or a program of the lab failed, 2 the lab cannot be made.")]
pub(crate) struct Args {
    /// The lab file
    #[arg(value_name = "LAB.toml")]
    file: PathBuf,
    /// Write the results to this file as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let topology = validate::topology(&args.file)?;
    let file = fs::canonicalize(&args.file).map_err(Failure::io(format!("find {}", args.file.display())))?;
    let directory = file.parent().unwrap_or(Path::new("/")).to_owned();
    let lab = format!("{}-test-{}", topology.name, std::process::id());
    let options = Options {
        name: Some(lab.clone()),
        file: Some(file),
        directory: directory.clone(),
        packages: packages::build_all(&topology, &directory)?,
        ends_with_caller: true,
        ..Options::default()
    };
    let begin = Instant::now();
    if let Err(error) = rackless_net::run_detached(topology.clone(), options) {
        let failure = Failure::from(error);
        let report = Report { lab: topology.name, outcomes: Vec::new(), time: begin.elapsed() };
        let error = failure.to_string();
        write_junit(args.junit.as_deref(), &report, Some(&error))?;
        if args.json {
            output::json(&report.json(Some(&error)))?;
        }
        return Err(failure);
    }
    remove_on_signal(&lab)?;
    let report = check::run_checks(&lab, &topology.name, &topology, &directory, args.json);
    let removed = Client::connect(Some(&lab)).and_then(Client::down);
    let report = report?;
    write_junit(args.junit.as_deref(), &report, None)?;
    removed?;
    Ok(ExitCode::from(u8::from(!report.ok())))
}

/// Makes Ctrl-C remove the lab before this process ends.
fn remove_on_signal(lab: &str) -> Result<(), Failure> {
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    signals.thread_block().map_err(|errno| Failure::cannot(format!("cannot block signals: {errno}")))?;
    let lab = lab.to_owned();
    std::thread::spawn(move || {
        if let Ok(signal) = signals.wait() {
            let _ = Client::connect(Some(&lab)).and_then(Client::down); // it goes with this process anyway
            std::process::exit(128 + signal as i32);
        }
    });
    Ok(())
}

fn write_junit(file: Option<&Path>, report: &Report, error: Option<&str>) -> Result<(), Failure> {
    let Some(file) = file else { return Ok(()) };
    let what = format!("write {}", file.display());
    fs::write(file, checks::junit(report, error)).map_err(Failure::io(what))
}
