//! The first process of the lab's PID namespace: it starts the nodes' programs and reaps them.
//!
//! It dies with the lab process, and the kernel then kills all others in its namespace.

mod files;
mod mounts;
mod protocol;
mod server;
mod spawn;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid};

pub use protocol::Ended;
pub(crate) use protocol::Job;
use protocol::{Order, Report};

use crate::error::Error;
use crate::{fault, sys};

/// The lab's connection to its init process.
pub(crate) struct Init {
    socket: OwnedFd,
    pid: Pid,
}

/// What came of an order, or of a job started before.
pub(crate) enum News {
    /// The job runs; the descriptor names its process.
    Started { id: u64, pid: i32, process: OwnedFd },
    /// The job could not be started.
    Failed { id: u64, stage: String, source: io::Error },
    /// The job's process has ended.
    Ended { id: u64, ended: Ended },
}

impl Init {
    /// Starts the init process; the caller must be the only thread of its process.
    ///
    /// `shown` are the folders that every node sees at the same path, also where they lie in `/run`.
    pub(crate) fn start(shown: &[&Path]) -> Result<Self, Error> {
        let failed = |errno: nix::errno::Errno| Error::Spawn { what: "init".into(), source: errno.into() };
        let kind = SockType::SeqPacket;
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).map_err(failed)?;
        match sys::clone_init()? {
            ForkResult::Parent { child } => {
                fault::step();
                Ok(Self { socket: ours, pid: child })
            }
            ForkResult::Child => {
                let _ = sys::null_streams();
                let _ = sys::close_all_but(&[0, 1, 2, theirs.as_raw_fd()]);
                server::serve(&theirs, shown);
                std::process::exit(0)
            }
        }
    }

    /// Orders a job to be started: the three standard streams and its node's namespace, if it has one, go along.
    pub(crate) fn start_job(
        &self,
        job: &Job,
        streams: [BorrowedFd<'_>; 3],
        network: Option<BorrowedFd<'_>>,
    ) -> Result<(), Error> {
        let fds: Vec<_> = streams.into_iter().chain(network).collect();
        let what = || format!("{} on {}", job.argv.first().map_or("nothing", String::as_str), job.node);
        let bytes = serde_json::to_vec(&Order::Start(job.clone())).expect("an order is plain data");
        let sent = sys::send_with(&self.socket, &bytes, &fds);
        sent.map_err(|source| Error::Spawn { what: what(), source })?;
        fault::step();
        Ok(())
    }

    /// Orders a wire process, which serves the other end of `socket` in the fabric's namespace.
    pub(crate) fn start_wire(&self, socket: BorrowedFd<'_>, fabric: BorrowedFd<'_>) -> Result<(), Error> {
        let bytes = serde_json::to_vec(&Order::Wire).expect("an order is plain data");
        let sent = sys::send_with(&self.socket, &bytes, &[socket, fabric]);
        sent.map_err(|source| Error::Spawn { what: "a wire process".into(), source })?;
        fault::step();
        Ok(())
    }

    /// Orders a signal for a job and all the processes of its session's first group.
    pub(crate) fn signal(&self, id: u64, signal: i32) -> io::Result<()> {
        self.order(&Order::Signal { id, signal })
    }

    /// Orders a signal that shall end a job; when its process has ended, the rest of its group is killed.
    pub(crate) fn end(&self, id: u64, signal: i32) -> io::Result<()> {
        self.order(&Order::End { id, signal })
    }

    /// Forgets what the processes of a node see: its next process sees all anew.
    pub(crate) fn forget(&self, node: &str) {
        let _ = self.order(&Order::Forget { node: node.to_owned() }); // an init process that is gone has forgotten
    }

    /// Kills all jobs of a node.
    pub(crate) fn kill(&self, node: &str) {
        let _ = self.order(&Order::Kill { node: node.to_owned() }); // with the init process they have ended
    }

    fn order(&self, order: &Order) -> io::Result<()> {
        let bytes = serde_json::to_vec(order).expect("an order is plain data");
        sys::send_with(&self.socket, &bytes, &[]).map(drop)
    }

    /// Waits for the next news; `None` when the init process is gone.
    pub(crate) fn news(socket: &impl AsFd) -> io::Result<Option<News>> {
        let mut buffer = vec![0; protocol::MESSAGE_MAX];
        let (length, mut fds) = sys::receive_with(socket, &mut buffer)?;
        if length == 0 {
            return Ok(None);
        }
        let report: Report = serde_json::from_slice(&buffer[..length])?;
        Ok(Some(match report {
            Report::Started { id } => {
                let process = fds.pop().ok_or(io::ErrorKind::InvalidData)?;
                let pid = host_pid(&process)?;
                News::Started { id, pid, process }
            }
            Report::Failed { id, stage, errno } => {
                News::Failed { id, stage, source: io::Error::from_raw_os_error(errno) }
            }
            Report::Ended { id, ended } => News::Ended { id, ended },
        }))
    }

    /// Gives a second descriptor of the connection, for the thread that waits for news.
    pub(crate) fn listener(&self) -> Result<OwnedFd, Error> {
        self.socket.try_clone().map_err(|source| Error::Spawn { what: "init".into(), source })
    }

    /// Gives the process, which is in the network in which the lab was started.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Ends all processes of the lab's nodes; on return they are gone.
    pub(crate) fn finish(&self) {
        // A first process obeys only signals from outside its namespace, and this one cannot be ignored.
        let _ = nix::sys::signal::kill(self.pid, nix::sys::signal::Signal::SIGKILL);
        let _ = waitpid(self.pid, None);
        fault::step();
    }
}

/// Reads a process's number in our PID namespace.
fn host_pid(process: &OwnedFd) -> io::Result<i32> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", process.as_raw_fd()))?;
    let line = info.lines().find_map(|line| line.strip_prefix("Pid:"));
    line.and_then(|pid| pid.trim().parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
