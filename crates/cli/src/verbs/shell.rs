//! `rackless shell`: an interactive shell on a node, in a terminal of its own.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use nix::sys::signal::{SigSet, Signal};
use rackless_net::{Client, Exec};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

use super::exec;
use crate::failure::Failure;

/// Open a shell on a node
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless shell h1
  rackless shell h1 < commands.sh")]
pub(crate) struct Args {
    /// The node
    node: String,
    /// The lab; may be left out if one lab is up
    #[arg(short, long)]
    lab: Option<String>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let client = Client::connect(args.lab.as_deref())?;
    let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".to_owned());
    run_interactive(client, exec::request(args.node, vec![shell])?)
}

/// Runs a program in a terminal of its own; with the caller's streams where commands come from a file or a pipe.
pub(super) fn run_interactive(client: Client, mut request: Exec) -> Result<ExitCode, Failure> {
    if !io::stdin().is_terminal() {
        return exec::run_here(client, request);
    }
    request.terminal = true;
    let pty = |error: rustix::io::Errno| Failure::cannot(format!("cannot open a terminal: {error}"));
    let (master, slave) = open_terminal().map_err(pty)?;
    let _ = copy_size(&master); // a terminal without a size has none to copy
    let resized = SigSet::from_iter([Signal::SIGWINCH]);
    resized.thread_block().map_err(|errno| Failure::cannot(format!("cannot block signals: {errno}")))?;
    let execution = client.exec(request, [slave.as_fd(); 3])?;
    drop(slave);
    let restore = RawMode::enter().map_err(pty)?;
    let copy = |what: &'static str| move |error| Failure::io(what)(error);
    let input = File::from(master.try_clone().map_err(copy("use the terminal"))?);
    let output = File::from(master.try_clone().map_err(copy("use the terminal"))?);
    std::thread::spawn(move || while resized.wait().is_ok() && copy_size(&master).is_ok() {});
    std::thread::spawn(move || pass(io::stdin(), input));
    let shown = std::thread::spawn(move || pass(output, io::stdout()));
    let ended = execution.wait();
    let _ = shown.join(); // ends with the last process that has the terminal open
    drop(restore);
    Ok(exec::code(ended?))
}

fn open_terminal() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let slave = ioctl_tiocgptpeer(&master, flags)?;
    Ok((master, slave))
}

fn copy_size(master: &OwnedFd) -> rustix::io::Result<()> {
    tcsetwinsize(master, tcgetwinsize(io::stdin())?)
}

/// Copies bytes until either side ends; at the end of a terminal's processes, reading fails.
fn pass(mut from: impl Read, mut to: impl Write) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..length]).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

/// The user's terminal passes every key on, until this is dropped.
struct RawMode(Termios);

impl RawMode {
    fn enter() -> rustix::io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.0); // the terminal may have gone
    }
}
