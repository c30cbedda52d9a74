//! `rackless logs`: shows what the programs of a node wrote.

use std::io::{self, Write};
use std::process::ExitCode;

use rackless_net::{Client, Error};

use crate::failure::Failure;

/// Show what the programs of a node wrote
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless logs web
  rackless logs -f web --lab demo
  rackless logs web:proxy

Of several programs, each line begins with the name of its own.")]
pub(crate) struct Args {
    /// The node, or one of its programs
    #[arg(value_name = "NODE[:PROGRAM]")]
    programs: String,
    /// The lab; may be left out if one lab is up
    #[arg(short, long)]
    lab: Option<String>,
    /// Go on until the programs end
    #[arg(short, long)]
    follow: bool,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let mut client = Client::connect(args.lab.as_deref())?;
    let mut out = io::stdout().lock();
    match client.logs(&args.programs, args.follow, |bytes| out.write_all(bytes).and_then(|()| out.flush())) {
        Err(Error::Output { source }) if source.kind() == io::ErrorKind::BrokenPipe => {}
        result => result?,
    }
    Ok(ExitCode::SUCCESS)
}
