//! A fault planted on purpose: the lab process kills itself after its k-th step.
//!
//! With `RACKLESS_TEST_KILL_AT=k` in its environment, the lab process ends by `SIGKILL` right after
//! its k-th netlink message, spawn or file. A test counts k up and looks for what is left behind.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::getpid;

/// The variable that arms the fault.
const VARIABLE: &str = "RACKLESS_TEST_KILL_AT";

static STEPS: AtomicU64 = AtomicU64::new(0);
static KILL_AT: OnceLock<Option<u64>> = OnceLock::new();

/// Counts one step of the lab process, and ends the process if it is the one asked for.
pub(crate) fn step() {
    let Some(last) = kill_at() else { return };
    if STEPS.fetch_add(1, Ordering::Relaxed) + 1 == last {
        // Nothing can be done about a failure here, and the test sees it: the process lives on.
        let _ = kill(getpid(), Signal::SIGKILL);
    }
}

/// Whether a kill is armed, so that batches are sent one message at a time.
pub(crate) fn armed() -> bool {
    kill_at().is_some()
}

fn kill_at() -> Option<u64> {
    *KILL_AT.get_or_init(|| std::env::var(VARIABLE).ok()?.parse().ok())
}
