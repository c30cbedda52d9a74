//! A lab in the background: the caller waits until it is up, the lab goes on.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, getpid, pipe2, setsid};
use rackless_topology::Topology;

use crate::control::{Event, Reply};
use crate::error::Error;
use crate::lab::{self, Options};
use crate::sys;

/// Makes the lab in a process of its own, and comes back when it is up: with the event that says so.
///
/// The calling process must have one thread.
///
/// # Errors
/// Whatever kept the lab from coming up; nothing is left of it then.
pub fn run_detached(topology: Topology, options: Options) -> Result<Event, Error> {
    let spawn = |errno: nix::errno::Errno| Error::Spawn { what: "the lab".into(), source: errno.into() };
    let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(spawn)?;
    let (lifeline, held) = match options.ends_with_caller {
        true => {
            pipe2(OFlag::O_CLOEXEC).map(|(lifeline, held)| (Some(lifeline), Some(held))).map_err(spawn)?
        }
        false => (None, None),
    };
    match sys::fork()? {
        ForkResult::Child => {
            drop(read);
            drop(held);
            be_the_lab(topology, options, lifeline, File::from(write));
            std::process::exit(0)
        }
        ForkResult::Parent { .. } => {
            drop(write);
            std::mem::forget(held); // closed by the kernel when this process ends, however it does
            let mut answer = Vec::new();
            let read = File::from(read).read_to_end(&mut answer);
            read.map_err(|source| Error::Spawn { what: "the lab".into(), source })?;
            match serde_json::from_slice(&answer) {
                Ok(Reply::Event(event)) => Ok(event),
                Ok(Reply::Error { message, hint, failed }) => Err(Error::Lab { message, hint, failed }),
                _ => Err(Error::Vanished),
            }
        }
    }
}

/// Becomes the lab; `pipe` is told what came of it.
pub(crate) fn be_the_lab(topology: Topology, options: Options, lifeline: Option<OwnedFd>, pipe: File) {
    let _ = setsid();
    let _ = sys::null_streams();
    let mut waiting = Some(pipe);
    let result = lab::run_until(topology, options, lifeline, |event| {
        if matches!(event, Event::Up { .. })
            && let Some(pipe) = waiting.take()
            && !tell(pipe, &Reply::Event(event.clone()))
        {
            // Whoever asked for the lab has gone, and nobody knows of it: it ends as by Ctrl-C.
            let _ = kill(getpid(), Signal::SIGTERM);
        }
    });
    if let (Err(error), Some(pipe)) = (result, waiting) {
        tell(pipe, &error.reply());
    }
}

/// Says the one thing that is said over the pipe, and whether it was said.
pub(crate) fn tell(mut pipe: File, reply: &Reply) -> bool {
    let text = serde_json::to_vec(reply).expect("a reply is plain data");
    pipe.write_all(&text).is_ok()
}
