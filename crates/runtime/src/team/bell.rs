//! What wakes a worker when others hand packets to it.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// How many packets are on their way to a worker, and whether it sleeps.
///
/// Both sides write one and read the other in one order that all threads see, so that a worker never falls asleep while
/// a packet comes.
pub(crate) struct Bell {
    waiting: AtomicUsize,
    asleep: AtomicBool,
    waker: UnixStream,
}

impl Bell {
    /// The worker wakes when something is written to `waker`.
    pub(crate) fn new(waker: UnixStream) -> Self {
        Self { waiting: AtomicUsize::new(0), asleep: AtomicBool::new(false), waker }
    }

    /// Counts packets that are about to be handed over.
    pub(super) fn expect(&self, packets: usize) {
        self.waiting.fetch_add(packets, SeqCst);
    }

    /// Counts packets that were taken, or were not handed over after all.
    pub(super) fn done(&self, packets: usize) {
        self.waiting.fetch_sub(packets, SeqCst);
    }

    /// Wakes the worker if it sleeps.
    pub(crate) fn ring(&self) {
        if self.asleep.swap(false, SeqCst) {
            // One byte a sleep: there is room for it, unless the worker has gone.
            let _ = (&self.waker).write(&[0]);
        }
    }

    /// How many packets are on their way to the worker.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(SeqCst)
    }

    /// Says that the worker sleeps from now on, unless packets are on their way; whether it may.
    pub(crate) fn may_sleep(&self) -> bool {
        self.asleep.store(true, SeqCst);
        let free = self.waiting() == 0;
        if !free {
            self.awake();
        }
        free
    }

    /// Says that the worker does not sleep.
    pub(crate) fn awake(&self) {
        self.asleep.store(false, SeqCst);
    }
}
