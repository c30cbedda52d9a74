//! What wakes who sleeps: eventfds, which two processes share, and a timer.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::time::Duration;

/// An eventfd.
pub(super) struct Event(OwnedFd);

/// A timerfd.
pub(super) struct Timer(OwnedFd);

impl Event {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        own(fd).map(Self)
    }

    /// One that a peer sent. It is made not to block, whatever the peer has made.
    pub(super) fn of_peer(fd: OwnedFd) -> io::Result<Self> {
        // SAFETY: no pointers.
        let code = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK | libc::O_RDWR) };
        if code < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(fd)) }
    }

    pub(super) fn signal(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: a live buffer of 8 bytes. A counter at its limit wakes as well.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Takes what was signalled.
    pub(super) fn clear(&self) {
        take(&self.0);
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Timer {
    pub(super) fn new() -> io::Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: no pointers.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        own(fd).map(Self)
    }

    /// Expires once after `first`, and then each `every` unless that is zero; never where both are.
    pub(super) fn set(&self, first: Duration, every: Duration) {
        let spec = |duration: Duration| libc::timespec {
            tv_sec: duration.as_secs() as libc::time_t,
            tv_nsec: duration.subsec_nanos().into(),
        };
        let times = libc::itimerspec { it_interval: spec(every), it_value: spec(first) };
        // SAFETY: a live struct of valid times, and no old ones are asked for.
        unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &times, std::ptr::null_mut()) };
    }

    /// Whether it has expired since the last look.
    pub(super) fn take(&self) -> bool {
        take(&self.0)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn own(fd: libc::c_int) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor, ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn take(fd: &OwnedFd) -> bool {
    let mut count = [0u8; 8];
    // SAFETY: a live buffer of 8 bytes.
    unsafe { libc::read(fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) == 8 }
}
