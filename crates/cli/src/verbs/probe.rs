//! `rackless probe`: the part of a check that runs inside a node.

use std::process::ExitCode;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::output;
use crate::probe::Trial;
use crate::probe::throughput::{Receiver, Sender};

/// Do what a check says, in this network namespace
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to do, as JSON
    #[arg(value_parser = parse)]
    task: Arc<Task>,
}

/// What a node does for a check.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    /// Tries something; prints what it found.
    Try(Trial),
    /// Prints its port, then what arrived there.
    Receive(Receiver),
    /// Sends.
    Send(Sender),
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    match &*args.task {
        Task::Try(trial) => {
            let finding = trial.run();
            print(&finding)?;
            Ok(ExitCode::from(u8::from(!finding.ok)))
        }
        Task::Receive(receiver) => {
            let count = receiver.run(|port| {
                let _ = print(&port); // whoever cannot read it will not send either
            });
            print(&count.map_err(Failure::io("receive"))?)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Send(sender) => {
            sender.run().map_err(Failure::io(format!("send to {}", sender.to)))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn print(data: &impl Serialize) -> Result<(), Failure> {
    output::line(&serde_json::to_string(data).expect("what a probe finds is plain data"))
}

fn parse(text: &str) -> Result<Arc<Task>, String> {
    serde_json::from_str(text).map(Arc::new).map_err(|error| error.to_string())
}
