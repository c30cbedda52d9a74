//! `rackless events`: what has happened in a lab.

use std::io::{self, Write};
use std::process::ExitCode;

use rackless_net::{Client, Error, Event, Record};

use super::lab::LabArg;
use super::up;
use crate::failure::Failure;

/// Show what has happened in a lab since it began
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless events
  rackless events -f demo
  rackless events --json | jq 'select(.event == \"ended\")'

With --json: one event a line, {unix_ms, since_start_ms, event: started|ready|ended|restarting|failed|out_of_memory|up|
link|changed|wire_died|event_failed|stopping, …}.")]
pub(crate) struct Args {
    #[command(flatten)]
    lab: LabArg,
    /// Go on until the lab ends
    #[arg(short, long)]
    follow: bool,
    /// Print JSON, one event per line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let mut client = Client::connect(args.lab.name())?;
    let mut out = io::stdout().lock();
    let shown = client.history(args.follow, |record| {
        let text = match args.json {
            true => serde_json::to_string(record).expect("an event is plain data"),
            false => line(record),
        };
        writeln!(out, "{text}").and_then(|()| out.flush())
    });
    match shown {
        Err(Error::Output { source }) if source.kind() == io::ErrorKind::BrokenPipe => {}
        result => result?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows an event with its time since the lab began.
pub(super) fn line(record: &Record) -> String {
    let time = record.since_start_ms as f64 / 1e3;
    let text = match &record.event {
        Event::Started { node, program, pid } => format!("{} started (pid {pid})", up::named(node, program)),
        event => {
            up::describe(event, true).unwrap_or_else(|| "something this version does not know".to_owned())
        }
    };
    format!("{time:10.3} s  {text}")
}
