//! What the kernel says of a network interface of this namespace.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

mod settings;

use std::ffi::{CStr, c_int, c_ulong};
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use rackless_packet::MacAddr;

pub(crate) use self::settings::Settings;
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

/// `linux/ethtool.h`; libc does not have them.
const SIOCETHTOOL: c_ulong = 0x8946;
const GET_CHANNELS: u32 = 0x3c;

/// The answer to [`GET_CHANNELS`], `struct ethtool_channels`.
#[repr(C)]
#[derive(Default)]
struct Channels {
    command: u32,
    most: [u32; 4],
    rx: u32,
    tx: u32,
    other: u32,
    combined: u32,
}

/// The Ethernet header and two VLAN tags: what a frame is longer than the packet in it.
pub(crate) const L2_MAX: usize = 14 + 2 * 4;

impl Interface {
    /// Asks for an interface of the calling thread's network namespace.
    pub(crate) fn named(name: &str) -> Result<Self, Error> {
        let failed =
            |source| Error::Interface { action: "ask for address and MTU", interface: name.into(), source };
        let socket = new_socket(libc::AF_UNIX, libc::SOCK_DGRAM).map_err(failed)?;
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

    /// Whether it is up and has a carrier now; one that is gone is not.
    pub(crate) fn link_up(&self) -> bool {
        let socket = new_socket(libc::AF_UNIX, libc::SOCK_DGRAM);
        socket.is_ok_and(|socket| link_up(&socket, &self.name))
    }

    /// How many queues it receives by, at least 1.
    pub(crate) fn rx_queues(&self) -> io::Result<u32> {
        let socket = new_socket(libc::AF_UNIX, libc::SOCK_DGRAM)?;
        let mut channels = Channels { command: GET_CHANNELS, ..Channels::default() };
        let mut ifreq = request(&self.name)?;
        ifreq.ifr_ifru.ifru_data = (&raw mut channels).cast();
        // SAFETY: the request points at a live struct of the kind that this command writes.
        if unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &mut ifreq) } == 0 {
            return Ok((channels.rx + channels.combined).max(1));
        }
        match io::Error::last_os_error() {
            // A driver without channels has one queue.
            error if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(1),
            error => Err(error),
        }
    }

    /// The longest frame that the interface's MTU allows, with two VLAN tags.
    pub(crate) fn max_frame(&self) -> usize {
        usize::from(self.mtu) + L2_MAX
    }
}

pub(crate) fn new_socket(family: c_int, kind: c_int) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let socket = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor, ours.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}

/// A request about an interface.
pub(crate) fn request(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: all zeros is a valid `ifreq`.
    let mut ifreq: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= ifreq.ifr_name.len() {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, from) in ifreq.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(ifreq)
}

fn ioctl(socket: &OwnedFd, request: c_ulong, name: &str) -> io::Result<libc::ifreq> {
    let mut ifreq = self::request(name)?;
    send_request(socket, request, &mut ifreq)?;
    Ok(ifreq)
}

/// Whether an interface of the socket's network namespace is up and has a carrier; one that is gone is not.
fn link_up(socket: &OwnedFd, name: &str) -> bool {
    let Ok(reply) = ioctl(socket, libc::SIOCGIFFLAGS, name) else { return false };
    // SAFETY: the request fills this member of the union.
    let flags = c_int::from(unsafe { reply.ifr_ifru.ifru_flags });
    let both = libc::IFF_UP | libc::IFF_RUNNING;
    flags & both == both
}

fn send_request(socket: &OwnedFd, request: c_ulong, ifreq: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: the requests used here read a name, and read or write the union.
    match unsafe { libc::ioctl(socket.as_raw_fd(), request as _, ifreq) } {
        0 => Ok(()),
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
