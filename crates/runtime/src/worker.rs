//! The loop that runs a graph on its ports: run to completion, asleep when there is nothing to do.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use rackless_nf::{Graph, Port, Time, time};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::config::Idle;
use crate::control::{Call, Server};
use crate::crash::Crashes;
use crate::{Error, Report};

/// A graph, its ports, and what wakes it.
pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) graph: Graph,
    pub(crate) ports: Vec<Box<dyn Port>>,
    pub(crate) idle: Idle,
    pub(crate) crashes: Crashes,
    pub(crate) calls: Receiver<Call>,
    /// Kept so that its socket goes with the worker.
    pub(crate) _control: Option<Server>,
    /// Readable when a control request or a signal waits.
    pub(crate) wakeup: Wakeup,
    pub(crate) started: Instant,
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
    pub(crate) fn new() -> Result<(Self, UnixStream), Error> {
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

    fn was_signalled(&mut self) -> bool {
        matches!(self.signals.read(&mut [0; 16]), Ok(n) if n > 0)
    }

    fn drain_calls(&mut self) {
        while matches!(self.calls.read(&mut [0; 64]), Ok(n) if n > 0) {}
    }
}

/// Turns between two looks at signals and control requests while there is traffic.
const TURNS_PER_LOOK: u32 = 256;

/// Empty turns before a worker with ports that can only be polled starts to sleep between them.
const EMPTY_TURNS: u32 = 64;

/// The longest sleep between two polls: bounds the latency that parking adds at a port without a descriptor.
const LONGEST_NAP: Duration = Duration::from_micros(500);

/// The longest sleep at ports that wake the worker; bounds only how late a broken wake-up is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

impl Worker {
    /// Runs until a signal or a control request ends it, or `duration` is over, and gives the last counters.
    pub(crate) fn run(mut self, duration: Option<Duration>) -> Result<Report, Error> {
        let started = self.started;
        self.graph.sample_by(move || since(started));
        let mut empty = 0u32;
        let mut turns = 0u32;
        loop {
            let now = self.now();
            let turn = self.graph.turn(&mut self.ports, now);
            for crash in self.graph.take_crashes() {
                self.crashes.face(crash, &mut self.graph)?;
            }
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
            {
                return Ok(self.report());
            }
        }
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
        let left = duration.map_or(longest, |end| end.saturating_sub(self.started.elapsed()));
        let timeout = longest.min(self.until_timer()).min(left);
        let wakers = [self.wakeup.signals.as_fd(), self.wakeup.calls.as_fd()];
        let fds = fds.unwrap_or_default().into_iter().chain(wakers);
        let mut fds: Vec<PollFd<'_>> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match ppoll(&mut fds, Some(TimeSpec::from_duration(timeout)), None) {
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
        Report::of(&self.name, self.started.elapsed().as_secs_f64(), &self.graph, &self.ports)
    }

    fn now(&self) -> Time {
        since(self.started)
    }
}

fn since(started: Instant) -> Time {
    started.elapsed().as_nanos() as Time * time::NANOSECOND
}
