//! A TAP: an interface whose frames a program reads and writes.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;

use rackless_packet::MacAddr;

use crate::interface::{new_socket, request};

/// A TAP of the calling thread's network namespace; it goes with this value.
pub(super) struct Tap {
    file: File,
}

impl Tap {
    /// Makes an interface that is down. Frames have whole checksums and are not joined: no offload is asked for.
    pub(super) fn new(name: &str) -> io::Result<Self> {
        let file =
            File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
        let mut ifreq = request(name)?;
        // Of a persistent TAP of this name, which somebody else has made, we would be but the user.
        let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_TUN_EXCL;
        ifreq.ifr_ifru.ifru_flags = flags as libc::c_short;
        // SAFETY: TUNSETIFF reads and writes an ifreq, which lives during the call.
        check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as _, &raw mut ifreq) })?;
        Ok(Self { file })
    }

    /// Gives the interface an address.
    pub(super) fn set_mac(&self, name: &str, mac: MacAddr) -> io::Result<()> {
        let mut ifreq = request(name)?;
        // SAFETY: all zeros is a valid `sockaddr`.
        let mut address: libc::sockaddr = unsafe { std::mem::zeroed() };
        address.sa_family = libc::ARPHRD_ETHER;
        for (to, from) in address.sa_data.iter_mut().zip(mac.0) {
            *to = from as libc::c_char;
        }
        ifreq.ifr_ifru.ifru_hwaddr = address;
        set(libc::SIOCSIFHWADDR as _, &mut ifreq)
    }

    /// Sets the interface's MTU.
    pub(super) fn set_mtu(&self, name: &str, mtu: u16) -> io::Result<()> {
        let mut ifreq = request(name)?;
        ifreq.ifr_ifru.ifru_mtu = mtu.into();
        set(libc::SIOCSIFMTU as _, &mut ifreq)
    }

    /// Brings the interface up.
    pub(super) fn raise(&self, name: &str) -> io::Result<()> {
        let mut ifreq = request(name)?;
        ifreq.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        set(libc::SIOCSIFFLAGS as _, &mut ifreq)
    }

    /// Reads a frame that the kernel sends; `WouldBlock` if there is none.
    pub(super) fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        (&self.file).read(into)
    }

    /// Gives the kernel a frame to receive.
    pub(super) fn write(&self, frame: &[u8]) -> io::Result<()> {
        (&self.file).write(frame).map(drop)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A request that changes an interface.
fn set(what: libc::c_ulong, ifreq: &mut libc::ifreq) -> io::Result<()> {
    let socket = new_socket(libc::AF_INET, libc::SOCK_DGRAM)?;
    // SAFETY: the requests used here read an ifreq, which lives during the call.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), what as _, &raw mut *ifreq) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
