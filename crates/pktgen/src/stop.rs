//! When a run ends.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::native;

const NEVER: u64 = u64::MAX;

/// The common end of all tasks of a run.
#[derive(Debug)]
pub(crate) struct Stop {
    /// When the run stops, in nanoseconds of the monotonic clock.
    at: AtomicU64,
    interrupts: AtomicU32,
    forced: AtomicBool,
}

impl Default for Stop {
    fn default() -> Self {
        Self { at: AtomicU64::new(NEVER), interrupts: AtomicU32::new(0), forced: AtomicBool::new(false) }
    }
}

impl Stop {
    /// Whether tasks are to go on, given that this one wants `extra_ms` milliseconds more than the others.
    #[inline]
    pub(crate) fn running(&self, extra_ms: u32) -> bool {
        let at = self.at.load(Ordering::Relaxed);
        at == NEVER || native::now_ns() < at.saturating_add(u64::from(extra_ms) * 1_000_000)
    }

    /// Ends the run after this time; a run that is to end earlier does.
    pub(crate) fn after_ms(&self, ms: u64) {
        self.at.fetch_min(native::now_ns().saturating_add(ms.saturating_mul(1_000_000)), Ordering::Relaxed);
    }

    /// Ends the run because a user or an error wants so, and wakes sleeping tasks.
    pub(crate) fn interrupt(&self) {
        self.after_ms(0);
        self.interrupts.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the run was interrupted.
    pub(crate) fn interrupts(&self) -> u32 {
        self.interrupts.load(Ordering::Relaxed)
    }

    /// Ends the run without waiting long for tasks that do not look.
    pub(crate) fn force(&self) {
        self.forced.store(true, Ordering::Relaxed);
        self.interrupt();
    }

    /// Whether the run was ended by [`Stop::force`].
    pub(crate) fn forced(&self) -> bool {
        self.forced.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_until_it_is_stopped_and_a_task_may_take_longer() {
        let stop = Stop::default();
        assert!(stop.running(0));
        stop.after_ms(0);
        assert!(!stop.running(0));
        assert!(stop.running(60_000));
    }

    #[test]
    fn the_earliest_end_counts() {
        let stop = Stop::default();
        stop.after_ms(0);
        stop.after_ms(60_000);
        assert!(!stop.running(0));
    }
}
