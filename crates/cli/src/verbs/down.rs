//! `rackless down`: removes a lab.

use std::process::ExitCode;

use rackless_net::Client;

use super::lab::LabArg;
use crate::failure::Failure;

/// Remove a lab; when this returns, nothing of it is left
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless down
  rackless down demo")]
pub(crate) struct Args {
    #[command(flatten)]
    lab: LabArg,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let client = Client::connect(args.lab.name())?;
    let lab = client.lab().to_owned();
    client.down()?;
    eprintln!("lab {lab} is down");
    Ok(ExitCode::SUCCESS)
}
