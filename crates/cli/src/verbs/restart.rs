//! `rackless restart`: starts the programs of a node anew.

use std::process::ExitCode;

use rackless_net::Client;

use crate::failure::Failure;

/// End the programs of a node and start them again; its links stay
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless restart r1
  rackless restart r1 --lab demo
  rackless restart web:proxy

The programs' processes get SIGTERM, and SIGKILL after 5 s. The verb comes back when the programs are ready again.")]
pub(crate) struct Args {
    /// The node, or one of its programs
    #[arg(value_name = "NODE[:PROGRAM]")]
    programs: String,
    /// The lab; may be left out if one lab is up
    #[arg(short, long)]
    lab: Option<String>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    Client::connect(args.lab.as_deref())?.restart(&args.programs)?;
    Ok(ExitCode::SUCCESS)
}
