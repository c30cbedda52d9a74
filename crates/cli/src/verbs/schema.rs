//! `rackless schema`: tells editors what a lab file may contain.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::output;

/// Print the JSON schema of lab files, for editors
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless schema > lab.schema.json

An editor with a TOML language server such as Taplo then completes and explains keys in a lab file whose first line is
  #:schema ./lab.schema.json")]
pub(crate) struct Args {}

pub(crate) fn run(_: Args) -> Result<ExitCode, Failure> {
    output::line(rackless_topology::SCHEMA.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
