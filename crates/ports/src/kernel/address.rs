//! Addresses and routes of an interface, over a route netlink socket.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use crate::interface::new_socket;
use crate::spec::Prefixed;

/// Bytes of `struct nlmsghdr`.
const HEADER: usize = 16;

/// A connection to the kernel of the calling thread's network namespace.
pub(super) struct Addresses {
    socket: OwnedFd,
}

impl Addresses {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { socket: new_socket(libc::AF_NETLINK, libc::SOCK_RAW)? })
    }

    /// Gives an interface an address; one of IPv6 can be used at once.
    pub(super) fn add(&self, index: i32, address: &Prefixed) -> io::Result<()> {
        let (family, bytes) = family_and_bytes(address.address);
        // struct ifaddrmsg: nobody else can have the address yet, so none is looked for (IFA_F_NODAD).
        let mut message = vec![family, address.prefix, libc::IFA_F_NODAD as u8, libc::RT_SCOPE_UNIVERSE];
        message.extend((index as u32).to_ne_bytes());
        attribute(&mut message, libc::IFA_LOCAL, &bytes);
        attribute(&mut message, libc::IFA_ADDRESS, &bytes);
        self.ask(libc::RTM_NEWADDR, &message)
    }

    /// Gives the kernel a default route over an interface.
    pub(super) fn route(&self, index: i32, via: IpAddr) -> io::Result<()> {
        let (family, bytes) = family_and_bytes(via);
        // struct rtmsg: lengths of destination and source, type of service, then table, protocol, scope, type.
        let (table, kind) = (libc::RT_TABLE_MAIN, libc::RTN_UNICAST);
        let mut message = vec![family, 0, 0, 0, table, libc::RTPROT_STATIC, libc::RT_SCOPE_UNIVERSE, kind];
        message.extend(0_u32.to_ne_bytes());
        attribute(&mut message, libc::RTA_GATEWAY, &bytes);
        attribute(&mut message, libc::RTA_OIF, &(index as u32).to_ne_bytes());
        self.ask(libc::RTM_NEWROUTE, &message)
    }

    /// Sends a request for something new, and waits for the kernel's word on it.
    fn ask(&self, kind: u16, body: &[u8]) -> io::Result<()> {
        let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL;
        let mut message = Vec::with_capacity(HEADER + body.len());
        message.extend(((HEADER + body.len()) as u32).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend((flags as u16).to_ne_bytes());
        message.extend([0; 8]); // sequence number and sender: one request is under way
        message.extend(body);
        let mut answer = [0_u8; 1024];
        let fd = self.socket.as_raw_fd();
        // SAFETY: buffers that live during the calls, with their lengths.
        let received = unsafe {
            if libc::send(fd, message.as_ptr().cast(), message.len(), 0) < 0 {
                return Err(io::Error::last_os_error());
            }
            libc::recv(fd, answer.as_mut_ptr().cast(), answer.len(), 0)
        };
        if received < 0 {
            return Err(io::Error::last_os_error());
        }
        // struct nlmsgerr begins with a negative errno, or 0.
        match answer.get(HEADER..HEADER + 4).and_then(|error| error.try_into().ok()).map(i32::from_ne_bytes) {
            Some(0) if received as usize >= HEADER + 4 => Ok(()),
            Some(errno) if errno < 0 => Err(io::Error::from_raw_os_error(-errno)),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn family_and_bytes(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(address) => (libc::AF_INET as u8, address.octets().to_vec()),
        IpAddr::V6(address) => (libc::AF_INET6 as u8, address.octets().to_vec()),
    }
}

/// Appends an attribute; those here are of 4 or 16 bytes, and so need no padding.
fn attribute(message: &mut Vec<u8>, kind: u16, bytes: &[u8]) {
    message.extend(((4 + bytes.len()) as u16).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(bytes);
}
