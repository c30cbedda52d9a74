//! The packet socket: options, batches of sends, counters.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use libc::{c_int, iovec, mmsghdr, sockaddr_ll, socklen_t, tpacket_stats};
use rackless_nf::Packet;

use super::ring::Ring;
use crate::Error;
use crate::interface::Interface;

/// Frames per system call; more than 64 were not measurably faster.
pub(super) const BATCH: usize = 64;
/// `linux/if_packet.h`; libc does not have it.
const PACKET_IGNORE_OUTGOING: c_int = 23;

/// A packet socket that is bound to one interface.
pub(super) struct PacketSocket {
    fd: OwnedFd,
    batch: Box<Batch>,
}

/// A group of sockets that share an interface's frames.
#[derive(Default)]
pub(super) struct Fanout {
    /// As the kernel knows it; chosen by the kernel for the first socket.
    id: Option<u16>,
}

impl Fanout {
    /// Adds a bound socket; the n-th gets the flows of number n, which are the same at every interface.
    fn join(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        // The mode is the kernel's symmetric hash of addresses and ports; for fragments, of addresses alone.
        const HASH: c_int = 0;
        const UNIQUE_ID: c_int = 0x2000;
        match self.id {
            Some(id) => set_option(socket, libc::PACKET_FANOUT, &(c_int::from(id) | HASH << 16)),
            None => {
                set_option(socket, libc::PACKET_FANOUT, &((HASH | UNIQUE_ID) << 16))?;
                let chosen: c_int = get_option(socket, libc::SOL_PACKET, libc::PACKET_FANOUT)?;
                self.id = Some((chosen & 0xffff) as u16);
                Ok(())
            }
        }
    }
}

/// Has a socket drop all that comes, by a filter of one instruction: return 0.
fn refuse_all(socket: BorrowedFd<'_>) -> io::Result<()> {
    let mut program = libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: 0 };
    let filter = libc::sock_fprog { len: 1, filter: &raw mut program };
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter)
}

/// What `sendmmsg` is given; the headers point at the vectors, one each.
struct Batch {
    headers: [mmsghdr; BATCH],
    vectors: [iovec; BATCH],
}

// SAFETY: the pointers lead into the same box, or are written before each use.
unsafe impl Send for Batch {}

/// Why frames were not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Later there may be room.
    Full,
    /// The first of them is not one that this interface can send.
    Frame,
    /// The interface is down or gone.
    Device,
}

impl PacketSocket {
    /// Opens a socket with its receive ring.
    ///
    /// With `fanout`, it shares the interface's frames with the other sockets of the group that it gives: each flow, both
    /// of its directions, comes to one of them. It takes no frame until [`PacketSocket::begin`].
    pub(super) fn open(
        interface: &Interface,
        slots: usize,
        fanout: Option<&mut Fanout>,
    ) -> Result<(Self, Ring), Error> {
        let failed = |action| {
            let interface = interface.name.clone();
            move |source| Error::Interface { action, interface, source }
        };
        let fd = new_socket().map_err(failed("open a packet socket"))?;
        let socket = fd.as_fd();
        let version = libc::tpacket_versions::TPACKET_V2 as c_int;
        set_option(socket, libc::PACKET_VERSION, &version).map_err(failed("choose the ring's version"))?;
        let ring = Ring::map(socket, slots, interface.max_frame()).map_err(failed("make a receive ring"))?;
        set_option(socket, PACKET_IGNORE_OUTGOING, &1).map_err(failed("leave out own frames"))?;
        // What an NF sends is not to be queued behind its back; a veth has no queue to begin with.
        set_option(socket, libc::PACKET_QDISC_BYPASS, &1)
            .map_err(failed("bypass the queueing discipline"))?;
        if fanout.is_some() {
            refuse_all(socket).map_err(failed("wait for the other queues"))?;
        }
        bind(socket, interface.index).map_err(failed("bind a packet socket"))?;
        if let Some(fanout) = fanout {
            fanout.join(socket).map_err(failed("share frames between queues"))?;
        }
        Ok((Self { fd, batch: Batch::new() }, ring))
    }

    /// Lets a socket of a group receive, once all are in it: which one gets a flow depends on how many there are.
    pub(super) fn begin(&self) -> io::Result<()> {
        set(self.fd.as_fd(), libc::SOL_SOCKET, libc::SO_DETACH_FILTER, &0)
    }

    /// Sends packets from the front, at most [`BATCH`]; gives how many, and why not more of them.
    #[inline]
    pub(super) fn send(&mut self, packets: &[Packet]) -> (usize, Option<Refusal>) {
        let len = packets.len().min(BATCH);
        for (vector, packet) in self.batch.vectors.iter_mut().zip(&packets[..len]) {
            let data = packet.data();
            *vector = iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
        }
        loop {
            // SAFETY: the first `len` headers point at vectors that point at live packets; the kernel reads them.
            let sent = unsafe {
                let headers = self.batch.headers.as_mut_ptr();
                libc::sendmmsg(self.fd.as_raw_fd(), headers, len as u32, libc::MSG_DONTWAIT)
            };
            if let Ok(sent) = usize::try_from(sent) {
                return (sent, None);
            }
            match io::Error::last_os_error().raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => return (0, Some(Refusal::Full)),
                Some(libc::ENETDOWN | libc::ENXIO | libc::ENODEV) => return (0, Some(Refusal::Device)),
                _ => return (0, Some(Refusal::Frame)),
            }
        }
    }

    /// Forgets an error that waits to be read.
    pub(super) fn clear_error(&self) {
        // Nothing to do about a failure: the error then waits on.
        let _ = get_option::<c_int>(self.fd.as_fd(), libc::SOL_SOCKET, libc::SO_ERROR);
    }

    /// How many frames found the ring full since the last call.
    pub(super) fn take_missed(&self) -> u64 {
        let stats = get_option::<tpacket_stats>(self.fd.as_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS);
        stats.map_or(0, |stats| u64::from(stats.tp_drops))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Batch {
    fn new() -> Box<Self> {
        // SAFETY: all zeros is a valid value of both structs.
        let mut batch: Box<Self> = Box::new(unsafe { std::mem::zeroed() });
        let Self { headers, vectors } = &mut *batch;
        for (header, vector) in headers.iter_mut().zip(vectors) {
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
        }
        batch
    }
}

/// Makes a packet socket that receives nothing yet.
pub(crate) fn new_socket() -> io::Result<OwnedFd> {
    // Protocol 0: nothing is received until it is bound.
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor, ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Lets a packet socket receive what passes an interface.
pub(crate) fn bind(socket: BorrowedFd<'_>, index: i32) -> io::Result<()> {
    // SAFETY: all zeros is a valid address.
    let mut address: sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index;
    // SAFETY: the address is of the length given.
    let code = unsafe {
        libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size_of::<sockaddr_ll>() as socklen_t)
    };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sets an option of the packet level.
pub(crate) fn set_option<T>(socket: BorrowedFd<'_>, option: c_int, value: &T) -> io::Result<()> {
    set(socket, libc::SOL_PACKET, option, value)
}

fn set<T>(socket: BorrowedFd<'_>, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    // SAFETY: the value is a live plain struct of the length given, which the kernel reads.
    let code = unsafe {
        let value = (value as *const T).cast();
        libc::setsockopt(socket.as_raw_fd(), level, option, value, size_of::<T>() as socklen_t)
    };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn get_option<T>(socket: BorrowedFd<'_>, level: c_int, option: c_int) -> io::Result<T> {
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    let mut len = size_of::<T>() as socklen_t;
    // SAFETY: the kernel writes at most `len` bytes.
    let code =
        unsafe { libc::getsockopt(socket.as_raw_fd(), level, option, value.as_mut_ptr().cast(), &mut len) };
    if code != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: used with structs of integers, for which any bytes will do.
    Ok(unsafe { value.assume_init() })
}
