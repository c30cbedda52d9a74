//! How several workers end together, so that packets on their way between them are sent before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::bell::Bell;

/// Steps in which packets leave: what is on its way to a worker, what that sends through another, what that has left.
pub(crate) const STEPS: usize = 3;

/// How long a worker waits for the others, and works off what comes from them, in each step.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether all workers are to stop, and how far they are with it.
pub(crate) struct Stop {
    set: AtomicBool,
    /// Steps that workers have come to, all together.
    steps: AtomicUsize,
    bells: Vec<Arc<Bell>>,
}

impl Stop {
    pub(super) fn new(bells: &[Arc<Bell>]) -> Self {
        Self { set: AtomicBool::new(false), steps: AtomicUsize::new(0), bells: bells.to_vec() }
    }

    /// Whether workers are to stop: ports receive nothing more.
    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    /// Tells all workers to stop.
    pub(crate) fn set(&self) {
        if !self.set.swap(true, Ordering::AcqRel) {
            self.bells.iter().for_each(|bell| bell.ring());
        }
    }

    /// Comes to a step, from 1 on, and waits for the others; whoever is stuck is not waited for longer than a second.
    pub(crate) fn meet(&self, step: usize) {
        self.steps.fetch_add(1, Ordering::AcqRel);
        let end = Instant::now() + PATIENCE;
        while self.steps.load(Ordering::Acquire) < step * self.bells.len() && Instant::now() < end {
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Says that a worker takes no part in the steps: it has failed.
    pub(crate) fn absent(&self) {
        self.set();
        self.steps.fetch_add(STEPS, Ordering::AcqRel);
    }

    /// Until when a worker works off what comes in a step.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + PATIENCE
    }
}
