//! One descriptor that tells of several sockets.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use libc::c_int;

/// An epoll descriptor over sockets.
pub(super) struct Wait(OwnedFd);

impl Wait {
    pub(super) fn on<'a>(sockets: impl Iterator<Item = BorrowedFd<'a>>) -> io::Result<Self> {
        // SAFETY: no pointers.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor, ours.
        let wait = Self(unsafe { OwnedFd::from_raw_fd(fd) });
        sockets.into_iter().try_for_each(|socket| wait.control(libc::EPOLL_CTL_ADD, socket, false))?;
        Ok(wait)
    }

    /// Whether the descriptor is readable also while the socket can be given frames to send.
    pub(super) fn for_room(&self, socket: BorrowedFd<'_>, room: bool) {
        // What is registered can be changed; the kernel wants no memory for it.
        let _ = self.control(libc::EPOLL_CTL_MOD, socket, room);
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn control(&self, operation: c_int, socket: BorrowedFd<'_>, room: bool) -> io::Result<()> {
        let events = libc::EPOLLIN | if room { libc::EPOLLOUT } else { 0 };
        let mut event = libc::epoll_event { events: events as u32, u64: 0 };
        // SAFETY: a live struct, which the kernel reads.
        match unsafe { libc::epoll_ctl(self.0.as_raw_fd(), operation, socket.as_raw_fd(), &mut event) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
