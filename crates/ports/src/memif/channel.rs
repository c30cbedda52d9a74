//! The unix socket over which two processes agree: messages that may bring a descriptor.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::ptr::null_mut;

use libc::{c_int, c_void, iovec, msghdr, sockaddr_un, socklen_t};

use super::message::{Message, SIZE};
use crate::spec::MemifSocket;

/// A connection.
pub(super) struct Channel(OwnedFd);

/// What clients connect to; a socket in the file system is removed with it.
pub(super) struct Listener {
    fd: OwnedFd,
    path: Option<PathBuf>,
}

/// Why there is no message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// None waits.
    Empty,
    /// The peer is gone.
    Closed,
    /// What came is none, as the peer may be told.
    Wrong(&'static str),
}

/// Space for one descriptor in a control message, aligned for its header.
#[repr(C, align(8))]
struct Control([u8; 64]);

impl Channel {
    /// Connects, or fails at once.
    pub(super) fn connect(socket: &MemifSocket) -> io::Result<Self> {
        let fd = new_socket()?;
        let (address, len) = address(socket);
        // SAFETY: an address of the length given.
        check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const address).cast(), len) })?;
        Ok(Self(fd))
    }

    /// Sends a message, with a descriptor if it has one; a peer that does not read is an error.
    pub(super) fn send(&self, message: &Message, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let mut bytes = message.encode();
        let mut part = iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: SIZE };
        let mut control = Control([0; 64]);
        let mut header = header(&mut part, &mut control);
        match descriptor {
            // SAFETY: the control buffer has space for one header and one descriptor, and lives beside the header.
            Some(descriptor) => unsafe {
                header.msg_controllen = libc::CMSG_SPACE(size_of::<RawFd>() as u32) as _;
                let control = libc::CMSG_FIRSTHDR(&header);
                (*control).cmsg_level = libc::SOL_SOCKET;
                (*control).cmsg_type = libc::SCM_RIGHTS;
                (*control).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as _;
                libc::CMSG_DATA(control).cast::<RawFd>().write_unaligned(descriptor.as_raw_fd());
            },
            None => header.msg_controllen = 0,
        }
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: the header points at live buffers of the lengths it says.
        check(unsafe { libc::sendmsg(self.0.as_raw_fd(), &header, flags) } as c_int)
    }

    /// The next message, with its descriptor.
    pub(super) fn receive(&self) -> Result<(Message, Option<OwnedFd>), Silence> {
        // Larger than a message, so that a longer one is seen to be.
        let mut bytes = [0u8; SIZE + 1];
        let mut part = iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let mut control = Control([0; 64]);
        let mut header = header(&mut part, &mut control);
        let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
        // SAFETY: the header points at live buffers of the lengths it says.
        let len = unsafe { libc::recvmsg(self.0.as_raw_fd(), &mut header, flags) };
        // SAFETY: the kernel has filled the header in and the buffers that it points at are live.
        let descriptor = if len >= 0 { unsafe { first_descriptor(&header) } } else { None };
        match usize::try_from(len) {
            Ok(0) => Err(Silence::Closed),
            Ok(len) => match Message::decode(&bytes[..len]) {
                Ok(message) => Ok((message, descriptor)),
                Err(wrong) => Err(Silence::Wrong(wrong)),
            },
            Err(_) => match io::Error::last_os_error().raw_os_error() {
                Some(libc::EAGAIN | libc::EINTR) => Err(Silence::Empty),
                _ => Err(Silence::Closed),
            },
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Listener {
    pub(super) fn bind(socket: &MemifSocket) -> io::Result<Self> {
        let fd = new_socket()?;
        let (address, len) = address(socket);
        // SAFETY: an address of the length given.
        let bind = || check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), len) });
        let path = match socket {
            MemifSocket::Path(path) => Some(path.clone()),
            MemifSocket::Abstract(_) => None,
        };
        if let Err(error) = bind() {
            let in_use = error.raw_os_error() == Some(libc::EADDRINUSE);
            let Some(path) = path.as_ref().filter(|_| in_use && is_left_over(socket)) else {
                return Err(error);
            };
            std::fs::remove_file(path)?;
            bind()?;
        }
        let listener = Self { fd, path };
        // SAFETY: no pointers.
        check(unsafe { libc::listen(listener.fd.as_raw_fd(), 8) })?;
        Ok(listener)
    }

    /// The next client that waits.
    pub(super) fn accept(&self) -> Option<Channel> {
        let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no address is asked for.
        let fd = unsafe { libc::accept4(self.fd.as_raw_fd(), null_mut(), null_mut(), flags) };
        // SAFETY: a new descriptor, ours.
        (fd >= 0).then(|| Channel(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Somebody may have removed it before.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Whether a socket in the file system has no server any more, as one that was killed leaves it.
fn is_left_over(socket: &MemifSocket) -> bool {
    let refused = Channel::connect(socket).map(|_| ()).map_err(|error| error.raw_os_error());
    refused == Err(Some(libc::ECONNREFUSED))
}

fn new_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_UNIX, kind, 0) };
    check(fd)?;
    // SAFETY: a new descriptor, ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The socket's address; names are at most as long as it has place for, by [`MemifSocket`]'s parser.
fn address(socket: &MemifSocket) -> (sockaddr_un, socklen_t) {
    // SAFETY: all zeros is a valid address.
    let mut address: sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as u16;
    let (start, name) = match socket {
        MemifSocket::Path(path) => (0, path.as_os_str().as_bytes()),
        MemifSocket::Abstract(name) => (1, name.as_bytes()),
    };
    for (to, from) in address.sun_path[start..].iter_mut().zip(name) {
        *to = *from as libc::c_char;
    }
    // A path ends with a 0 byte, which is counted; an abstract name starts with one, which is too.
    let len = std::mem::offset_of!(sockaddr_un, sun_path) + 1 + name.len();
    (address, len.min(size_of::<sockaddr_un>()) as socklen_t)
}

fn header(part: &mut iovec, control: &mut Control) -> msghdr {
    // SAFETY: all zeros is a valid header.
    let mut header: msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = part;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast::<c_void>();
    header.msg_controllen = control.0.len() as _;
    header
}

/// The first descriptor that came with a message; all others are closed.
///
/// # Safety
/// The kernel has filled the header in, for this call alone, and its buffers are live.
unsafe fn first_descriptor(header: &msghdr) -> Option<OwnedFd> {
    let mut first = None;
    // SAFETY: the macros walk the control buffer within its length, and the descriptors in it are new and ours.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while !control.is_null() {
            if (*control).cmsg_level == libc::SOL_SOCKET && (*control).cmsg_type == libc::SCM_RIGHTS {
                let len = ((*control).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
                for index in 0..len / size_of::<RawFd>() {
                    let fd = libc::CMSG_DATA(control).cast::<RawFd>().add(index).read_unaligned();
                    let fd = OwnedFd::from_raw_fd(fd);
                    first.get_or_insert(fd);
                }
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    first
}

fn check(code: c_int) -> io::Result<()> {
    if code < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_descriptors_pass_and_an_end_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let sockets =
            [MemifSocket::Path(folder.path().join("a")), MemifSocket::Abstract(format!("{folder:?}"))];
        for socket in sockets {
            let refused = Channel::connect(&socket).map(|_| ()).unwrap_err();
            assert!(matches!(refused.raw_os_error(), Some(libc::ENOENT | libc::ECONNREFUSED)));
            let listener = Listener::bind(&socket).unwrap();
            let taken = Listener::bind(&socket).map(|_| ()).unwrap_err();
            assert_eq!(taken.raw_os_error(), Some(libc::EADDRINUSE));
            // The look whether the socket was left over is a client, too.
            let client = Channel::connect(&socket).unwrap();
            let server = std::iter::from_fn(|| listener.accept()).last().unwrap();
            assert_eq!(server.receive().map(|_| ()), Err(Silence::Empty));
            client.send(&Message::Ack, Some(listener.fd())).unwrap();
            client.send(&Message::Connect { interface: "x".into() }, None).unwrap();
            let (message, descriptor) = server.receive().unwrap();
            assert_eq!((message, descriptor.is_some()), (Message::Ack, true));
            assert!(server.receive().unwrap().1.is_none());
            drop(client);
            assert_eq!(server.receive().map(|_| ()), Err(Silence::Closed));
        }
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }

    #[test]
    fn a_socket_that_a_killed_server_left_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut killed = Listener::bind(&MemifSocket::Path(path.clone())).unwrap();
        killed.path = None;
        drop(killed);
        assert!(path.exists());
        Listener::bind(&MemifSocket::Path(path)).unwrap();
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let socket = MemifSocket::Path(folder.path().join("a"));
        let listener = Listener::bind(&socket).unwrap();
        let client = Channel::connect(&socket).unwrap();
        let server = listener.accept().unwrap();
        for (bytes, wrong) in [
            (&[0; 1][..], "Invalid message size"),
            (&[9; 128], "Unknown message type"),
            (&[1; 200], "Invalid message size"),
        ] {
            // SAFETY: a live buffer of the length given.
            unsafe { libc::send(client.0.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) };
            assert_eq!(server.receive().map(|_| ()), Err(Silence::Wrong(wrong)));
        }
    }
}
