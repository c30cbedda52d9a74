//! A small process that outlives the lab, to remove what the kernel does not: the lab's folder.

use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, pipe2, setsid};

use crate::error::Error;
use crate::{fault, rundir, sys};

/// The lab's end of the pipe on which the reaper waits.
pub(crate) struct Reaper {
    pipe: OwnedFd,
    pid: Pid,
}

impl Reaper {
    /// Starts the reaper for the folder that the lab is about to claim.
    pub(crate) fn start(folder: &Path) -> Result<Self, Error> {
        let spawn =
            |errno: nix::errno::Errno| Error::Spawn { what: "the reaper".into(), source: errno.into() };
        let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(spawn)?;
        match sys::fork()? {
            ForkResult::Parent { child } => {
                fault::step();
                Ok(Self { pipe: write, pid: child })
            }
            ForkResult::Child => {
                wait_and_reap(read, folder);
                std::process::exit(0)
            }
        }
    }

    /// Ends the reaper: the lab has removed its folder itself, or never had it.
    pub(crate) fn finish(self) {
        drop(self.pipe);
        let _ = kill(self.pid, Signal::SIGKILL); // it has nothing left to do
        let _ = waitpid(self.pid, None);
    }
}

fn wait_and_reap(pipe: OwnedFd, folder: &Path) {
    // Apart from the lab's terminal and its descriptors, so that neither ends it or is held by it.
    let _ = setsid();
    let _ = std::env::set_current_dir("/");
    let _ = sys::null_streams();
    let _ = sys::close_all_but(&[0, 1, 2, pipe.as_raw_fd()]);
    let _ = nix::sys::prctl::set_name(c"rackless-reaper");
    let mut file = std::fs::File::from(pipe);
    while let Ok(1..) = file.read(&mut [0]) {}
    rundir::reap(folder);
}
