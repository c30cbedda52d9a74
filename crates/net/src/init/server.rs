//! The loop of the init process.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, setsid};

use super::mounts::{self, NodeView};
use super::protocol::{Ended, Job, MESSAGE_MAX, Order, Report};
use super::spawn::{self, Failure};
use crate::{sys, wire};

struct Server<'a> {
    socket: &'a OwnedFd,
    shown: &'a [&'a Path],
    views: HashMap<String, NodeView>,
    /// Their numbers and their nodes.
    jobs: HashMap<Pid, (u64, String)>,
    /// The jobs that shall end with all their group.
    ending: HashSet<u64>,
}

/// Carries out orders until the lab is gone.
pub(super) fn serve(socket: &OwnedFd, shown: &[&Path]) {
    let _ = serve_until_error(socket, shown); // nobody is left to be told: the lab sees the end
}

fn serve_until_error(socket: &OwnedFd, shown: &[&Path]) -> Result<(), Failure> {
    let _ = setsid();
    let _ = nix::sys::prctl::set_name(c"rackless-init");
    let mut mask = SigSet::all();
    mask.remove(Signal::SIGKILL);
    mask.thread_block().map_err(Failure::at("block signals"))?;
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    let signals = SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .map_err(Failure::at("wait for signals"))?;
    mounts::prepare()?;
    let (views, jobs, ending) = (HashMap::new(), HashMap::new(), HashSet::new());
    let mut server = Server { socket, shown, views, jobs, ending };
    let mut buffer = vec![0; MESSAGE_MAX];
    loop {
        let mut ready =
            [PollFd::new(socket.as_fd(), PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Failure::at("poll")(errno)),
        }
        let [order, child] = ready.map(|fd| fd.any().unwrap_or(false));
        if child {
            while let Ok(Some(_)) = signals.read_signal() {}
            server.reap();
        }
        if order {
            let (length, fds) = sys::receive_with(socket, &mut buffer).map_err(Failure::io("receive"))?;
            if length == 0 {
                return Ok(());
            }
            match serde_json::from_slice(&buffer[..length]) {
                Ok(Order::Start(job)) => server.start(&job, fds),
                Ok(Order::Signal { id, signal }) => server.signal(id, signal),
                Ok(Order::Wire) => start_wire(fds),
                Ok(Order::Forget { node }) => {
                    server.views.remove(&node);
                }
                Ok(Order::Kill { node }) => server.kill(&node),
                Ok(Order::End { id, signal }) => {
                    server.ending.insert(id);
                    server.signal(id, signal);
                }
                Err(_) => {}
            }
        }
    }
}

/// Starts a wire process; if that fails, the socket closes and the lab sees it.
fn start_wire(fds: Vec<OwnedFd>) {
    let Ok([socket, fabric]) = <[OwnedFd; 2]>::try_from(fds) else { return };
    if let Ok(ForkResult::Child) = sys::fork() {
        let _ = sys::close_all_but(&[0, 1, 2, socket.as_raw_fd(), fabric.as_raw_fd()]);
        let _ = SigSet::empty().thread_set_mask();
        let result = wire::serve(socket, fabric);
        std::process::exit(i32::from(result.is_err()))
    }
}

impl Server<'_> {
    fn start(&mut self, job: &Job, fds: Vec<OwnedFd>) {
        let started = self.try_start(job, fds);
        match started {
            Ok((pid, process)) => {
                self.jobs.insert(pid, (job.id, job.node.clone()));
                self.report(&Report::Started { id: job.id }, &[process]);
            }
            Err(Failure { stage, errno }) => {
                self.report(&Report::Failed { id: job.id, stage, errno: errno as i32 }, &[]);
            }
        }
    }

    fn try_start(&mut self, job: &Job, fds: Vec<OwnedFd>) -> Result<(Pid, OwnedFd), Failure> {
        let mut fds = fds.into_iter();
        let streams: Vec<OwnedFd> = fds.by_ref().take(3).collect();
        let streams = streams.try_into().map_err(|_| Failure::at("receive streams")(Errno::EBADF))?;
        let pid = match fds.next() {
            Some(network) => {
                if !self.views.contains_key(&job.node) {
                    let view = NodeView::create(job, &network, self.shown)?;
                    self.views.insert(job.node.clone(), view);
                }
                spawn::spawn(job, Some((&self.views[&job.node], &network)), &streams)?
            }
            None if job.beside => spawn::spawn(job, None, &streams)?,
            None => return Err(Failure::at("receive the node's network")(Errno::EBADF)),
        };
        let process = sys::pidfd_open(pid).map_err(Failure::io("watch process"))?;
        Ok((pid, process))
    }

    fn signal(&self, id: u64, signal: i32) {
        let job = self.jobs.iter().find(|(_, (job, _))| *job == id);
        if let (Some((pid, _)), Ok(signal)) = (job, Signal::try_from(signal)) {
            let _ = kill(Pid::from_raw(-pid.as_raw()), signal); // it may have ended meanwhile
        }
    }

    fn kill(&self, node: &str) {
        for (pid, _) in self.jobs.iter().filter(|(_, (_, at))| at == node) {
            let _ = kill(Pid::from_raw(-pid.as_raw()), Signal::SIGKILL); // it may have ended meanwhile
        }
    }

    fn reap(&mut self) {
        // Looked at first and taken later: until it is taken, no other process has its number or its group's.
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        while let Ok(status) = waitid(Id::All, look) {
            let (pid, ended) = match status {
                WaitStatus::Exited(pid, code) => (pid, Ended::Exit(code)),
                WaitStatus::Signaled(pid, signal, _) => (pid, Ended::Signal(signal as i32)),
                _ => return,
            };
            let job = self.jobs.remove(&pid).map(|(id, _)| id);
            if job.is_some_and(|id| self.ending.remove(&id)) {
                let _ = kill(Pid::from_raw(-pid.as_raw()), Signal::SIGKILL); // there may be no others
            }
            if waitpid(pid, None).is_err() {
                return;
            }
            if let Some(id) = job {
                self.report(&Report::Ended { id, ended }, &[]);
            }
        }
    }

    fn report(&self, report: &Report, fds: &[OwnedFd]) {
        let bytes = serde_json::to_vec(report).expect("a report is plain data");
        let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        let _ = sys::send_with(self.socket, &bytes, &fds); // a lab that is gone is seen at the next poll
    }
}
