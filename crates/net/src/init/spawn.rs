//! One program, started in a node's namespaces.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, execve, pipe2, setsid};

use super::mounts::{self, NodeView};
use super::protocol::Job;
use crate::sys;

/// A step towards a running program that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) stage: String,
    pub(super) errno: Errno,
}

impl Failure {
    /// Makes the adapter for a failed system call.
    pub(super) fn at(stage: &'static str) -> impl FnOnce(Errno) -> Self {
        move |errno| Self { stage: stage.to_owned(), errno }
    }

    /// Writes the failure as a line for another process.
    pub(super) fn to_line(&self) -> String {
        format!("{} {}", self.errno as i32, self.stage)
    }

    /// Reads what [`Failure::to_line`] wrote.
    pub(super) fn from_line(line: &str) -> Self {
        let (errno, stage) = line.split_once(' ').unwrap_or_default();
        let errno = Errno::from_raw(errno.parse().unwrap_or(Errno::EIO as i32));
        Self { stage: stage.to_owned(), errno }
    }
}

/// What the programs of a node see, and the node's network.
type Place<'a> = (&'a NodeView, &'a OwnedFd);

/// Starts the job, where the calling process is if there is no other place; the calling process must have one thread.
pub(super) fn spawn(job: &Job, place: Option<Place<'_>>, streams: &[OwnedFd; 3]) -> Result<Pid, Failure> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(Failure::at("create a pipe"))?;
    match sys::fork().map_err(|_| Failure::at("fork")(Errno::EAGAIN))? {
        ForkResult::Child => {
            let failure = become_job(job, place, streams);
            let _ = File::from(write).write_all(failure.to_line().as_bytes());
            std::process::exit(127)
        }
        ForkResult::Parent { child } => {
            drop(write);
            let mut answer = String::new();
            // The pipe closes by itself when the program takes over.
            File::from(read).read_to_string(&mut answer).map_err(Failure::io("start"))?;
            if answer.is_empty() {
                return Ok(child);
            }
            let _ = waitpid(child, None);
            Err(Failure::from_line(&answer))
        }
    }
}

/// Turns the calling process into the job; returns only if that fails.
fn become_job(job: &Job, place: Option<Place<'_>>, streams: &[OwnedFd; 3]) -> Failure {
    match try_become_job(job, place, streams) {
        Ok(never) => match never {},
        Err(failure) => failure,
    }
}

fn try_become_job(
    job: &Job,
    place: Option<Place<'_>>,
    streams: &[OwnedFd; 3],
) -> Result<std::convert::Infallible, Failure> {
    // Before the node's own /sys hides them; 0 stands for the process that writes.
    for entrance in &job.entrances {
        std::fs::write(entrance, "0").map_err(Failure::io("enter the node's control group"))?;
    }
    if let Some((view, network)) = place {
        mounts::enter_network(network)?;
        view.enter()?;
    }
    setsid().map_err(Failure::at("start a session"))?;
    if job.terminal {
        sys::set_controlling_terminal(&streams[0]).map_err(Failure::io("take the terminal"))?;
    }
    let [input, output, error] = streams;
    sys::replace_streams([input.as_fd(), output.as_fd(), error.as_fd()])
        .map_err(Failure::io("set standard streams"))?;
    std::env::set_current_dir(&job.directory).map_err(|error| Failure {
        stage: format!("enter folder {}", job.directory.display()),
        ..Failure::io("")(error)
    })?;
    sys::default_signal(Signal::SIGPIPE).map_err(Failure::at("reset signals"))?;
    SigSet::empty().thread_set_mask().map_err(Failure::at("reset signals"))?;
    let argv = strings(job.argv.iter().cloned())?;
    let env = strings(job.env.iter().map(|(name, value)| format!("{name}={value}")))?;
    let name = job.argv.first().map_or("", String::as_str);
    let mut last = Errno::ENOENT;
    for path in candidates(name, &job.env) {
        let path = strings([path.to_string_lossy().into_owned()])?;
        let Err(errno) = execve(&path[0], &argv, &env);
        if !matches!(errno, Errno::ENOENT | Errno::ENOTDIR) {
            last = errno; // found, but not to be run: worth more than "not found" further on
        }
    }
    Err(Failure { stage: format!("execute {name}"), errno: last })
}

/// Lists where a program may lie: its own path, or its name in each folder of `PATH`.
fn candidates(name: &str, env: &[(String, String)]) -> Vec<PathBuf> {
    if name.contains('/') {
        return vec![PathBuf::from(name)];
    }
    let path = env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value);
    path.split(':').filter(|folder| !folder.is_empty()).map(|folder| Path::new(folder).join(name)).collect()
}

fn strings(texts: impl IntoIterator<Item = String>) -> Result<Vec<CString>, Failure> {
    let strings: Result<Vec<_>, _> = texts.into_iter().map(CString::new).collect();
    strings.map_err(|_| Failure::at("pass arguments")(Errno::EINVAL))
}
