//! How a trace or capture of a function ends.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signalfd::SignalFd;
use rackless_runtime::watch::Stopper;

use crate::output;
pub(super) use crate::verbs::capture::{catch_signals, timeout};

/// Stops at a signal, or when the time is over, from a thread of its own.
pub(super) fn stop_by(signals: SignalFd, time: Option<Duration>, stopper: Stopper) {
    let deadline = time.map(|time| Instant::now() + time);
    std::thread::spawn(move || {
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            let mut ready = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ready, left.map_or(PollTimeout::NONE, timeout)) {
                Ok(0) | Err(Errno::EINTR) => {}
                _ => break,
            }
        }
        stopper.stop();
    });
}

/// Says how much was seen, and what was lost; `None` when the function ended before it could say.
pub(super) fn say(done: &str, thing: &str, count: u64, missed: Option<u64>) {
    let seen = output::counted(usize::try_from(count).unwrap_or(usize::MAX), thing);
    match missed {
        Some(missed) => eprintln!("{seen} {done}, {missed} missed"),
        None => eprintln!("{seen} {done}; the function has ended"),
    }
}
