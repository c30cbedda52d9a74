//! One descriptor that tells of several.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use libc::c_int;

/// An epoll descriptor: readable when one of those in it is.
pub(crate) struct Epoll(OwnedFd);

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor, ours.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(crate) fn add(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN)
    }

    /// Removes a descriptor that other processes may have too, and which so is not removed when it is closed.
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) {
        // It was added.
        let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0);
    }

    /// Whether the descriptor tells also that one of them can be written to.
    pub(crate) fn for_room(&self, fd: BorrowedFd<'_>, room: bool) {
        let events = libc::EPOLLIN | if room { libc::EPOLLOUT } else { 0 };
        // What was added can be changed; the kernel wants no memory for it.
        let _ = self.control(libc::EPOLL_CTL_MOD, fd, events);
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn control(&self, operation: c_int, fd: BorrowedFd<'_>, events: c_int) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: 0 };
        // SAFETY: a live struct, which the kernel reads.
        match unsafe { libc::epoll_ctl(self.0.as_raw_fd(), operation, fd.as_raw_fd(), &mut event) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
