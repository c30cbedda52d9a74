//! `rackless exec`: runs a command on a node.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;

use nix::sys::signal::{SigSet, Signal};
use rackless_net::{Client, Ended, Exec, Execution};

use crate::failure::Failure;

/// Run a command on a node; its exit code is passed on
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless exec h1 -- ip route
  rackless exec h1 --lab demo -- tcpdump -i eth0")]
pub(crate) struct Args {
    /// The node
    node: String,
    /// The lab; may be left out if one lab is up
    #[arg(short, long)]
    lab: Option<String>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let client = Client::connect(args.lab.as_deref())?;
    let exec = request(args.node, args.command)?;
    run_here(client, exec)
}

/// Describes a command that is to run on a node with this process's environment and working directory.
pub(super) fn request(node: String, argv: Vec<String>) -> Result<Exec, Failure> {
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let directory = std::env::current_dir().map_err(Failure::io("find the working directory"))?;
    Ok(Exec { node, argv, env, directory, terminal: false })
}

/// Runs it with this process's own standard streams.
pub(super) fn run_here(client: Client, exec: Exec) -> Result<ExitCode, Failure> {
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    run_with(client, exec, [input.as_fd(), output.as_fd(), error.as_fd()])
}

/// Runs it with these standard streams.
pub(super) fn run_with(
    client: Client,
    exec: Exec,
    streams: [BorrowedFd<'_>; 3],
) -> Result<ExitCode, Failure> {
    let signals = block_signals()?;
    let execution = client.exec(exec, streams)?;
    pass_signals(&execution, signals)?;
    Ok(code(execution.wait()?))
}

/// Keeps back the signals that the program on the node shall get instead of this process.
fn block_signals() -> Result<SigSet, Failure> {
    let signals = SigSet::from_iter([
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGUSR1,
    ]);
    signals.thread_block().map_err(|errno| Failure::cannot(format!("cannot block signals: {errno}")))?;
    Ok(signals)
}

fn pass_signals(execution: &Execution, signals: SigSet) -> Result<(), Failure> {
    let mut target = execution.signals()?;
    std::thread::spawn(move || {
        while let Ok(signal) = signals.wait() {
            if target.send(signal as i32).is_err() {
                return; // the program has ended
            }
        }
    });
    Ok(())
}

/// Gives the exit code that a shell would give.
pub(super) fn code(ended: Ended) -> ExitCode {
    ExitCode::from(u8::try_from(ended.code()).unwrap_or(u8::MAX))
}
