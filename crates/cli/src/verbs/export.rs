//! `rackless export`: makes a file of containerlab of a lab.

use std::path::PathBuf;
use std::process::ExitCode;

use rackless_topology::clab;

use super::up::Source;
use crate::failure::Failure;
use crate::output;

/// Make a *.clab.yml of containerlab of a lab
///
/// What containerlab has no word for is left out, and a warning names the node and the key.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless export lab.toml -o lab.clab.yml
  rackless export --shape tree,2,3 --image debian:12")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE.clab.yml")]
    output: Option<PathBuf>,
    /// The image of the containers; it needs ip and sh
    #[arg(long, default_value = "alpine:latest")]
    image: String,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let (topology, _) = args.source.read()?;
    let exported = clab::export(&topology, &args.image);
    exported.warnings.iter().for_each(output::warning);
    output::text(&exported.file, args.output.as_deref())?;
    Ok(ExitCode::SUCCESS)
}
