//! The loop that runs a graph on its ports: run to completion, asleep when there is nothing to do.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::time::TimeSpec;
use rackless_nf::{Graph, Port, Time, Turn, time};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::config::Idle;
use crate::control::Call;
use crate::crash::Crashes;
use crate::team::{Member, STEPS};
use crate::{Error, Report};

/// A graph, its ports, and what wakes it.
pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) graph: Graph,
    pub(crate) ports: Vec<Box<dyn Port>>,
    pub(crate) idle: Idle,
    pub(crate) crashes: Crashes,
    pub(crate) calls: Receiver<Call>,
    /// Readable when a control request or a signal waits.
    pub(crate) wakeup: Wakeup,
    pub(crate) started: Instant,
    /// The core that it is pinned to.
    pub(crate) core: Option<usize>,
    /// Its place among several.
    pub(crate) member: Option<Member>,
}

/// What wakes a worker besides its ports and timers.
pub(crate) struct Wakeup {
    signals: UnixStream,
    calls: UnixStream,
    /// Kept so that `calls` stays open, and so unreadable, where there is no control socket.
    _waker: UnixStream,
}

impl Wakeup {
    /// Registers for SIGINT and SIGTERM; the second value wakes the worker when something is written to it.
    fn new() -> Result<(Self, UnixStream), Error> {
        let system = |source| Error::System { what: "watch for signals", source };
        let (signals, signalled) = UnixStream::pair().map_err(system)?;
        for signal in [SIGINT, SIGTERM] {
            let end = signalled.try_clone().map_err(system)?;
            signal_hook::low_level::pipe::register(signal, end).map_err(system)?;
        }
        let (calls, waker) = UnixStream::pair().map_err(system)?;
        signals.set_nonblocking(true).map_err(system)?;
        calls.set_nonblocking(true).map_err(system)?;
        let kept = waker.try_clone().map_err(system)?;
        Ok((Self { signals, calls, _waker: kept }, waker))
    }

    /// Makes them for several workers; a signal wakes each.
    pub(crate) fn of_workers(workers: usize) -> Result<(Vec<Self>, Vec<UnixStream>), Error> {
        let all: Result<Vec<_>, Error> = (0..workers).map(|_| Self::new()).collect();
        Ok(all?.into_iter().unzip())
    }

    fn was_signalled(&mut self) -> bool {
        matches!(self.signals.read(&mut [0; 16]), Ok(n) if n > 0)
    }

    fn drain_calls(&mut self) {
        while matches!(self.calls.read(&mut [0; 64]), Ok(n) if n > 0) {}
    }
}

/// Runs workers, the first in this thread and each other in its own, until all have ended; gives the counters of all.
pub(crate) fn run_all(workers: Vec<Worker>, duration: Option<Duration>) -> Result<Report, Error> {
    let mut workers = workers.into_iter();
    let first = workers.next().ok_or(Error::NoWorkers)?;
    let mut threads = Vec::new();
    for worker in workers {
        let member = worker.member.clone();
        let thread = std::thread::Builder::new().name(format!("worker {}", threads.len() + 1));
        match thread.spawn(move || worker.run(duration)) {
            Ok(thread) => threads.push(thread),
            Err(source) => {
                member.iter().for_each(|member| member.stop.set());
                threads.into_iter().for_each(|thread| drop(thread.join()));
                return Err(Error::System { what: "start a worker", source });
            }
        }
    }
    let mut results = vec![first.run(duration)];
    for (number, thread) in (1..).zip(threads) {
        results.push(thread.join().unwrap_or(Err(Error::WorkerDied(number))));
    }
    let reports: Vec<Report> = results.into_iter().collect::<Result<_, _>>()?;
    Report::sum(reports).ok_or(Error::NoWorkers)
}

/// Tells the others when a worker's thread ends by a panic, which is a bug of the runtime.
struct Guard(Member);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop.absent();
        }
    }
}

/// Pins the calling thread to one core.
fn pin(core: usize) -> Result<(), Error> {
    let mut set = CpuSet::new();
    let pinned = set.set(core).and_then(|()| sched_setaffinity(nix::unistd::Pid::from_raw(0), &set));
    pinned.map_err(|errno| Error::System {
        what: "pin the worker to the core of the configuration",
        source: errno.into(),
    })
}

/// Turns between two looks at signals and control requests while there is traffic.
const TURNS_PER_LOOK: u32 = 256;

/// Empty turns before a worker with ports that can only be polled starts to sleep between them.
const EMPTY_TURNS: u32 = 64;

/// The longest sleep between two polls: bounds the latency that parking adds at a port without a descriptor.
const LONGEST_NAP: Duration = Duration::from_micros(500);

/// The sleep while packets wait for a device that takes none.
const SHORT_NAP: Duration = Duration::from_micros(50);

/// The longest sleep at ports that wake the worker; bounds only how late a broken wake-up is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

impl Worker {
    /// Runs until a signal or a control request ends it, or `duration` is over, and gives the last counters.
    fn run(mut self, duration: Option<Duration>) -> Result<Report, Error> {
        let _guard = self.member.clone().map(Guard);
        let result = self.core.map_or(Ok(()), pin).and_then(|()| self.work(duration));
        let Some(member) = self.member.clone() else { return result.map(|()| self.report()) };
        match result {
            Ok(()) => self.finish(&member)?,
            Err(error) => {
                member.stop.absent();
                return Err(error);
            }
        }
        Ok(self.report())
    }

    /// Works until something asks for the end.
    fn work(&mut self, duration: Option<Duration>) -> Result<(), Error> {
        let started = self.started;
        self.graph.sample_by(move || since(started));
        let mut empty = 0u32;
        let mut turns = 0u32;
        loop {
            let turn = self.turn()?;
            turns = turns.wrapping_add(1);
            empty = if turn.received + turn.sent > 0 { 0 } else { empty.saturating_add(1) };
            if empty > 0 && self.idle == Idle::Park {
                self.park(empty, duration)?;
            } else if !turns.is_multiple_of(TURNS_PER_LOOK) {
                continue;
            }
            if self.wakeup.was_signalled()
                || self.answer()
                || duration.is_some_and(|end| self.started.elapsed() >= end)
                || self.member.as_ref().is_some_and(|member| member.stop.is_set())
            {
                return Ok(());
            }
        }
    }

    fn turn(&mut self) -> Result<Turn, Error> {
        let now = self.now();
        let turn = self.graph.turn(&mut self.ports, now);
        for crash in self.graph.take_crashes() {
            self.crashes.face(crash, &mut self.graph)?;
        }
        Ok(turn)
    }

    /// Ends together with the other workers: nothing more is received, and what is on its way between them is sent.
    fn finish(&mut self, member: &Member) -> Result<(), Error> {
        member.stop.set();
        let mut result = Ok(());
        for step in 1..=STEPS {
            member.stop.meet(step);
            let end = member.stop.deadline();
            while result.is_ok() && Instant::now() < end {
                match self.turn() {
                    Ok(turn) if turn.received + turn.sent == 0 && member.bell.waiting() == 0 => break,
                    Ok(_) => {}
                    Err(error) => result = Err(error),
                }
            }
        }
        result
    }

    /// Sleeps until a port is readable, a timer is due, or somebody calls.
    fn park(&self, empty: u32, duration: Option<Duration>) -> Result<(), Error> {
        let fds: Option<Vec<_>> = self.ports.iter().map(|port| port.wait_fd()).collect();
        let longest = match &fds {
            Some(_) => LONGEST_SLEEP,
            None if empty < EMPTY_TURNS => return Ok(()),
            // Naps grow with the time without traffic.
            None => LONGEST_NAP.min(Duration::from_micros(u64::from(empty - EMPTY_TURNS) * 5)),
        };
        if let Some(member) = &self.member
            && !member.bell.may_sleep()
        {
            // A device takes no more, if this was not at once.
            if empty > EMPTY_TURNS {
                std::thread::sleep(SHORT_NAP);
            }
            return Ok(());
        }
        let left = duration.map_or(longest, |end| end.saturating_sub(self.started.elapsed()));
        let timeout = longest.min(self.until_timer()).min(left);
        let wakers = [self.wakeup.signals.as_fd(), self.wakeup.calls.as_fd()];
        let fds = fds.unwrap_or_default().into_iter().chain(wakers);
        let mut fds: Vec<PollFd<'_>> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let slept = ppoll(&mut fds, Some(TimeSpec::from_duration(timeout)), None);
        if let Some(member) = &self.member {
            member.bell.awake();
        }
        match slept {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(errno) => Err(Error::System { what: "wait for packets", source: errno.into() }),
        }
    }

    /// Answers the control requests that wait; whether one asked to stop.
    fn answer(&mut self) -> bool {
        self.wakeup.drain_calls();
        let calls: Vec<Call> = self.calls.try_iter().collect();
        let mut stops = false;
        for call in calls {
            match call {
                Call::Report { stop, answer } => {
                    stops |= stop;
                    // The client may be gone; that is its affair.
                    let _ = answer.send(self.report());
                }
                Call::Graph(what) => what(&mut self.graph),
            }
        }
        stops
    }

    fn until_timer(&self) -> Duration {
        let Some(at) = self.graph.next_timer() else { return LONGEST_SLEEP };
        Duration::from_nanos(at.saturating_sub(self.now()) / time::NANOSECOND)
    }

    fn report(&self) -> Report {
        let uptime = self.started.elapsed().as_secs_f64();
        let report = Report::of(&self.name, uptime, &self.graph, &self.ports);
        match &self.member {
            None => report,
            Some(member) => report.of_worker(member.worker, member.core, member.bell.waiting()),
        }
    }

    fn now(&self) -> Time {
        since(self.started)
    }
}

fn since(started: Instant) -> Time {
    started.elapsed().as_nanos() as Time * time::NANOSECOND
}
