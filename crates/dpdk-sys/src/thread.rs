//! Which threads DPDK knows.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::shim::Shim;

/// What DPDK's life and its threads agree on.
pub(crate) struct Threads {
    /// EAL is initialised and not cleaned up.
    pub(crate) eal_lives: bool,
    /// Threads with an lcore id of their own.
    pub(crate) registered: usize,
}

impl Threads {
    /// Whether no thread but the calling one may be giving buffers back into its cache just now.
    ///
    /// (Buffers that other threads give back go straight to a pool's ring, which counts exactly.)
    pub(crate) fn only_this(&self) -> bool {
        self.registered == usize::from(is_registered())
    }
}

static THREADS: Mutex<Threads> = Mutex::new(Threads { eal_lives: false, registered: 0 });

/// Holds off registration, its end and the end of EAL.
pub(crate) fn threads() -> MutexGuard<'static, Threads> {
    // Both fields are set in one step each, so a panic cannot have left them half changed.
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends a thread's registration when the thread ends.
struct Registration {
    asked: Cell<bool>,
    registered: Cell<bool>,
}

thread_local! {
    static REGISTRATION: Registration =
        const { Registration { asked: Cell::new(false), registered: Cell::new(false) } };
}

/// Makes the calling thread known to DPDK, so that it gets a cache in every mempool; does so at its first call.
///
/// DPDK has room for 128 threads; further ones work too, without caches.
#[inline]
pub(crate) fn register() {
    // A thread that is already past its destructors allocates without a cache.
    let _ = REGISTRATION.try_with(|registration| {
        if !registration.asked.get() {
            registration.ask();
        }
    });
}

/// Whether the calling thread is known to DPDK.
fn is_registered() -> bool {
    REGISTRATION.try_with(|registration| registration.registered.get()).unwrap_or(false)
}

impl Registration {
    #[cold]
    fn ask(&self) {
        let mut threads = threads();
        self.asked.set(true);
        // SAFETY: the caller has a device or a pool, so EAL lives, and this thread has not registered before.
        if threads.eal_lives && unsafe { (Shim::opened().thread_register)() } == 0 {
            self.registered.set(true);
            threads.registered += 1;
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.registered.get() {
            let mut threads = threads();
            threads.registered -= 1;
            if threads.eal_lives {
                // SAFETY: registered in `ask`, and EAL cannot end while the lock is held.
                unsafe { (Shim::opened().thread_unregister)() };
            }
        }
    }
}
