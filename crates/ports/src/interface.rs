//! What the kernel says of a network interface of this namespace.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

use std::ffi::{CStr, c_ulong};
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use rackless_packet::MacAddr;

use crate::Error;

/// A network interface, as it was when asked for.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) index: i32,
    pub(crate) mac: MacAddr,
    /// In bytes; interfaces with more than 65,535 have that.
    pub(crate) mtu: u16,
}

/// The Ethernet header and two VLAN tags: what a frame is longer than the packet in it.
pub(crate) const L2_MAX: usize = 14 + 2 * 4;

impl Interface {
    /// Asks for an interface of the calling thread's network namespace.
    pub(crate) fn named(name: &str) -> Result<Self, Error> {
        let failed =
            |source| Error::Interface { action: "ask for address and MTU", interface: name.into(), source };
        // SAFETY: no pointers.
        let socket = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
        if socket < 0 {
            return Err(failed(io::Error::last_os_error()));
        }
        // SAFETY: a new descriptor, ours.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        let ask = |request| ioctl(&socket, request, name);
        let reply = match ask(libc::SIOCGIFINDEX) {
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {
                return Err(Error::NoInterface { name: name.into(), present: names().join(", ") });
            }
            other => other.map_err(failed)?,
        };
        // SAFETY: the request fills this member of the union.
        let index = unsafe { reply.ifr_ifru.ifru_ifindex };
        let reply = ask(libc::SIOCGIFHWADDR).map_err(failed)?;
        // SAFETY: as above.
        let address = unsafe { reply.ifr_ifru.ifru_hwaddr }.sa_data;
        let reply = ask(libc::SIOCGIFMTU).map_err(failed)?;
        // SAFETY: as above.
        let mtu = unsafe { reply.ifr_ifru.ifru_mtu };
        Ok(Self {
            name: name.into(),
            index,
            mac: MacAddr(std::array::from_fn(|byte| address[byte] as u8)),
            mtu: u16::try_from(mtu).unwrap_or(u16::MAX),
        })
    }

    /// The longest frame that the interface's MTU allows, with two VLAN tags.
    pub(crate) fn max_frame(&self) -> usize {
        usize::from(self.mtu) + L2_MAX
    }
}

fn ioctl(socket: &OwnedFd, request: c_ulong, name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: all zeros is a valid `ifreq`.
    let mut ifreq: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= ifreq.ifr_name.len() {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, from) in ifreq.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: the requests used here read a name and write the union.
    match unsafe { libc::ioctl(socket.as_raw_fd(), request as _, &mut ifreq) } {
        0 => Ok(ifreq),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The names of the interfaces of the calling thread's network namespace.
fn names() -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: the list is walked up to its end mark and freed once.
    unsafe {
        let list = libc::if_nameindex();
        let mut next = list;
        while !next.is_null() && !(*next).if_name.is_null() {
            names.push(CStr::from_ptr((*next).if_name).to_string_lossy().into_owned());
            next = next.add(1);
        }
        if !list.is_null() {
            libc::if_freenameindex(list);
        }
    }
    names
}
