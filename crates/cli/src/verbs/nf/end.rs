//! How a trace or capture of a function ends.

use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signalfd::SignalFd;
use rackless_runtime::watch::Stopper;

use crate::output;
pub(super) use crate::verbs::capture::{catch_signals, timeout};

/// Stops at a signal, or when the time is over, from a thread of its own; what it gives tells whether it has.
pub(super) fn stop_by(signals: SignalFd, time: Option<Duration>, stopper: Stopper) -> Arc<AtomicBool> {
    let stopped = Arc::<AtomicBool>::default();
    let told = Arc::clone(&stopped);
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
        told.store(true, Ordering::Relaxed);
        stopper.stop();
    });
    stopped
}

/// Says how much was seen, and what was lost; gives an exit code that tells whether it ended because the function did.
pub(super) fn say(done: &str, thing: &str, count: u64, missed: Option<u64>, was_asked: bool) -> ExitCode {
    let seen = output::counted(usize::try_from(count).unwrap_or(usize::MAX), thing);
    let missed = missed.map(|missed| format!(", {missed} missed")).unwrap_or_default();
    match was_asked {
        true => eprintln!("{seen} {done}{missed}"),
        false => eprintln!("{seen} {done}{missed}; the function has ended"),
    }
    ExitCode::from(u8::from(!was_asked))
}
