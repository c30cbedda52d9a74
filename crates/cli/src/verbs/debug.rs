//! `rackless debug`: a debugger at a running network function.

use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::nf::target::{Options, Reached, Target, no_answer};
use super::{exec, shell};
use crate::failure::Failure;

/// Attach gdb to the network function of a node
#[derive(clap::Args)]
#[command(after_help = "\
The function stands still while gdb is attached, and goes on when it leaves. gdb runs on the node itself, as the user of
the lab; it needs no root in a lab of your own, unless the machine forbids it (Yama's ptrace_scope 3).

Examples:
  rackless debug router1
  rackless debug router1 -- --batch -ex 'thread apply all bt'
  rackless debug --socket /tmp/nf.sock")]
pub(crate) struct Args {
    /// The node it runs on; may be left out on that node itself, and if the lab has only one
    node: Option<String>,
    #[command(flatten)]
    options: Options,
    /// Arguments for gdb
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    match Target::new(args.node, args.options)?.reach()? {
        Reached::Here(socket) => Err(attach(&socket, &args.arguments)),
        Reached::Node(client, node) => {
            let program = std::env::current_exe().map_err(Failure::io("find this program"))?;
            let mut argv = vec![program.to_string_lossy().into_owned(), "debug".to_owned(), "--".to_owned()];
            argv.extend(args.arguments);
            shell::run_interactive(client, exec::request(node, argv)?)
        }
    }
}

/// Becomes gdb; returns only if that fails.
fn attach(socket: &Path, arguments: &[String]) -> Failure {
    let pid = match listener(socket) {
        Ok(pid) => pid,
        Err(failure) => return failure,
    };
    let error = Command::new("gdb").args(["-q", "-p", &pid.to_string()]).args(arguments).exec();
    match error.kind() {
        io::ErrorKind::NotFound => Failure::cannot("gdb is not installed").hint("on Debian: apt install gdb"),
        _ => Failure::cannot(format!("cannot run gdb: {error}")),
    }
}

/// The process that listens on a socket.
fn listener(socket: &Path) -> Result<i32, Failure> {
    let control = |source| no_answer(rackless_runtime::Error::Control { path: socket.to_owned(), source });
    let stream = UnixStream::connect(socket).map_err(control)?;
    let credentials = getsockopt(&stream, PeerCredentials).map_err(|errno| control(errno.into()))?;
    match credentials.pid() {
        0 => Err(Failure::cannot("the network function is not a process of this PID namespace")),
        pid => Ok(pid),
    }
}
