//! `rackless import`: makes a lab file of one of containerlab.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rackless_topology::{Topology, clab};

use super::validate;
use crate::failure::Failure;
use crate::output;

/// Make a lab file of a *.clab.yml of containerlab
///
/// What has no meaning here is left out, and a warning names the node and the key.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless import lab.clab.yml -o lab.toml
  rackless import lab.clab.yml > lab.toml

Exit code: 0 the lab file is valid, 2 it is not, or the file cannot be read.")]
pub(crate) struct Args {
    /// The file of containerlab
    #[arg(value_name = "FILE.clab.yml")]
    file: PathBuf,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "LAB.toml")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let file = args.file.display().to_string();
    let imported = clab::import(&file, &validate::read(&args.file)?)?;
    for warning in &imported.warnings {
        output::warning(format_args!("{file}:{warning}"));
    }
    output::text(&imported.lab, args.output.as_deref())?;
    // It is written all the same, so that it can be mended.
    let written = args.output.as_deref().unwrap_or(Path::new("<stdout>")).display().to_string();
    Topology::parse(&written, &imported.lab)?;
    Ok(ExitCode::SUCCESS)
}
