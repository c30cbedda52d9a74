//! What tells that frames have come to a driver that can only be polled.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use crate::af_packet::{bind, new_socket, set_option};
use crate::interface::Interface;
use crate::spec::DpdkSpec;

/// `linux/if_packet.h`; libc does not have it.
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;

/// A packet socket beside those of `net_af_packet`, of which nothing is read: it is readable when frames have come.
///
/// Its buffer takes two or three frames and is emptied when the driver has no more. So a busy port pays for the first
/// frames of a burst, and 30 ns for each further one.
pub(super) struct Bell(OwnedFd);

impl Bell {
    /// Makes one for a device that is not yet attached; `None` where the driver takes frames elsewhere, or a socket cannot
    /// be had.
    ///
    /// The kernel gives a frame to the latest of an interface's sockets first. So it is in the driver's ring before the
    /// bell rings, if the driver's socket is made after this one.
    pub(super) fn hang(spec: &DpdkSpec, interface: &Interface) -> Option<Self> {
        spec.device.starts_with("net_af_packet").then(|| Self::on(interface).ok()).flatten()
    }

    fn on(interface: &Interface) -> io::Result<Self> {
        let socket = new_socket()?;
        let smallest: libc::c_int = 1;
        // SAFETY: the value is a live integer of the length given, which the kernel reads.
        let code = unsafe {
            let (value, length) = ((&raw const smallest).cast(), size_of_val(&smallest) as libc::socklen_t);
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, value, length)
        };
        if code != 0 {
            return Err(io::Error::last_os_error());
        }
        set_option(socket.as_fd(), PACKET_IGNORE_OUTGOING, &1)?;
        bind(socket.as_fd(), interface.index)?;
        Ok(Self(socket))
    }

    /// Makes it unreadable until the next frame comes; gives whether it was readable.
    pub(super) fn silence(&self) -> bool {
        let mut byte = 0u8;
        let mut rang = false;
        loop {
            // SAFETY: the kernel writes at most the one byte, which lives during the call.
            let length = unsafe {
                libc::recv(
                    self.0.as_raw_fd(),
                    (&raw mut byte).cast(),
                    1,
                    libc::MSG_DONTWAIT | libc::MSG_TRUNC,
                )
            };
            if length < 0 {
                return rang;
            }
            rang = true;
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
