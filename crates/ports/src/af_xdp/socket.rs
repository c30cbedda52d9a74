//! An AF_XDP socket on one queue of an interface, with its umem and rings.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr::{null, null_mut};

use libc::{c_int, off_t, sockaddr_xdp, socklen_t, xdp_desc, xdp_mmap_offsets, xdp_statistics, xdp_umem_reg};
use rackless_nf::Packet;

use super::ring::{Consumer, Producer, Umem};
use crate::spec::ZeroCopy;

/// Frames on their way out, and places in the rings for them: as many as the largest burst of a graph several times,
/// and more than a socket's send buffer takes.
const TX_FRAMES: u32 = 2048;
/// What the kernel keeps before a frame that it receives (`XDP_PACKET_HEADROOM`).
const HEADROOM: usize = 256;

/// An AF_XDP socket.
pub(super) struct XdpSocket {
    fd: OwnedFd,
    umem: Umem,
    fill: Producer<u64>,
    rx: Consumer<xdp_desc>,
    tx: Producer<xdp_desc>,
    completion: Consumer<u64>,
    /// Chunks for frames to be sent.
    free: Vec<u64>,
}

/// What became of the frames that were to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kick {
    /// The kernel has them, or takes them by itself.
    Done,
    /// Later there may be room.
    Full,
    /// The interface is down or gone.
    Device,
}

/// How long a chunk for frames of this length is, if there can be one: the kernel's chunks are of half a page or a page.
pub(super) fn chunk_for(max_frame: usize) -> Option<usize> {
    [2048, 4096].into_iter().find(|chunk| max_frame + HEADROOM <= *chunk)
}

/// The longest frame that a chunk of this length holds.
pub(super) fn capacity(chunk: usize) -> usize {
    chunk - HEADROOM
}

/// The longest frame that any chunk holds.
pub(super) const MAX_FRAME: usize = 4096 - HEADROOM;

impl XdpSocket {
    /// Opens a socket with memory for `rx_frames` received frames, a power of two; the error says at what step.
    pub(super) fn open(rx_frames: u32, chunk: usize) -> Result<Self, (&'static str, io::Error)> {
        let fd = new_socket().map_err(|error| ("open an AF_XDP socket", error))?;
        let umem = Umem::new((rx_frames + TX_FRAMES) as usize, chunk);
        let umem = umem.map_err(|error| ("get memory for frames", error))?;
        register(fd.as_fd(), &umem).map_err(|error| ("register memory for frames", error))?;
        let rings = Self::rings(fd.as_fd(), rx_frames).map_err(|error| ("make rings", error))?;
        let (mut fill, rx, tx, completion) = rings;
        let address = |frame: u32| u64::from(frame) * chunk as u64;
        (0..rx_frames).for_each(|frame| fill.put(address(frame)));
        fill.submit();
        let free = (rx_frames..rx_frames + TX_FRAMES).map(address).collect();
        Ok(Self { fd, umem, fill, rx, tx, completion, free })
    }

    /// Binds it to a queue.
    pub(super) fn bind(&self, interface: i32, queue: u32, zero_copy: ZeroCopy) -> io::Result<()> {
        let copying = match zero_copy {
            ZeroCopy::Auto => 0,
            ZeroCopy::Yes => libc::XDP_ZEROCOPY,
            ZeroCopy::No => libc::XDP_COPY,
        };
        let address = sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: libc::XDP_USE_NEED_WAKEUP | copying,
            sxdp_ifindex: interface as u32,
            sxdp_queue_id: queue,
            sxdp_shared_umem_fd: 0,
        };
        let len = size_of::<sockaddr_xdp>() as socklen_t;
        // SAFETY: the address is of the length given.
        check(unsafe { libc::bind(self.fd.as_raw_fd(), (&raw const address).cast(), len) })
    }

    /// How many received frames wait, at most `max`.
    #[inline]
    pub(super) fn ready(&mut self, max: usize) -> usize {
        let ready = self.rx.ready(max);
        if ready == 0 && self.fill.needs_wakeup() {
            // The driver looks into the fill ring again; a failure (the interface is down) shows where frames are sent.
            // SAFETY: no buffer is passed.
            unsafe { libc::recv(self.fd.as_raw_fd(), null_mut(), 0, libc::MSG_DONTWAIT) };
        }
        ready
    }

    /// Shows the first waiting frame to `read`; its place goes back to the kernel with [`XdpSocket::release`].
    ///
    /// # Panics
    /// When none waits.
    #[inline]
    pub(super) fn take<T>(&mut self, read: impl FnOnce(&[u8]) -> T) -> T {
        let entry = self.rx.take();
        let result = read(self.umem.frame(entry.addr, entry.len));
        self.fill.put(self.umem.chunk_of(entry.addr));
        result
    }

    /// Gives the places of the frames taken back to the kernel.
    #[inline]
    pub(super) fn release(&mut self) {
        self.rx.release();
        self.fill.submit();
    }

    /// How many frames can be put into the tx ring now, at most `max`.
    #[inline]
    pub(super) fn tx_room(&mut self, max: usize) -> usize {
        if self.free.len() < max {
            for _ in 0..self.completion.ready(TX_FRAMES as usize) {
                let address = self.completion.take();
                self.free.push(self.umem.chunk_of(address));
            }
            self.completion.release();
        }
        self.tx.room(max.min(self.free.len()))
    }

    /// Copies a packet into the tx ring; the kernel sees it after [`XdpSocket::kick`].
    ///
    /// # Panics
    /// Without room, or when the frame is longer than a chunk.
    #[inline]
    pub(super) fn put(&mut self, packet: &Packet) {
        let chunk = self.free.pop().expect("packets are put where there is room");
        self.umem.write(chunk, packet.data());
        self.tx.put(xdp_desc { addr: chunk, len: packet.len() as u32, options: 0 });
    }

    /// Has the kernel send what is in the tx ring.
    #[inline]
    pub(super) fn kick(&mut self) -> Kick {
        self.tx.submit();
        loop {
            let pending = self.tx.pending();
            if pending == 0 || !self.tx.needs_wakeup() {
                return Kick::Done;
            }
            // SAFETY: no buffer is passed.
            let sent = unsafe { libc::sendto(self.fd.as_raw_fd(), null(), 0, libc::MSG_DONTWAIT, null(), 0) };
            if sent < 0 && !matches!(errno(), libc::EAGAIN | libc::EBUSY | libc::ENOBUFS | libc::EINTR) {
                return Kick::Device;
            }
            // Copying, the kernel takes a few dozen frames a call.
            if self.tx.pending() == pending {
                return Kick::Full;
            }
        }
    }

    /// The kernel's counters; those of the socket's first moment where it does not tell.
    pub(super) fn statistics(&self) -> xdp_statistics {
        let none = xdp_statistics {
            rx_dropped: 0,
            rx_invalid_descs: 0,
            tx_invalid_descs: 0,
            rx_ring_full: 0,
            rx_fill_ring_empty_descs: 0,
            tx_ring_empty_descs: 0,
        };
        option(self.fd.as_fd(), libc::XDP_STATISTICS, none).unwrap_or(none)
    }

    /// Whether the driver reads and writes the umem itself.
    pub(super) fn is_zero_copy(&self) -> bool {
        let options = option(self.fd.as_fd(), libc::XDP_OPTIONS, libc::xdp_options { flags: 0 });
        options.is_ok_and(|options| options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    #[expect(clippy::type_complexity, reason = "the four rings of a socket, named where they are stored")]
    fn rings(
        socket: BorrowedFd<'_>,
        rx_frames: u32,
    ) -> io::Result<(Producer<u64>, Consumer<xdp_desc>, Producer<xdp_desc>, Consumer<u64>)> {
        // The kernel shows received frames before it shows that it took their chunks out of the fill ring. With two
        // places a chunk there is always one for what comes back.
        let fill_places = 2 * rx_frames;
        set_option(socket, libc::XDP_UMEM_FILL_RING, &fill_places)?;
        set_option(socket, libc::XDP_UMEM_COMPLETION_RING, &TX_FRAMES)?;
        set_option(socket, libc::XDP_RX_RING, &rx_frames)?;
        set_option(socket, libc::XDP_TX_RING, &TX_FRAMES)?;
        // SAFETY: all zeros is a valid value of this struct of integers.
        let offsets: xdp_mmap_offsets =
            option(socket, libc::XDP_MMAP_OFFSETS, unsafe { std::mem::zeroed() })?;
        let fill_page = libc::XDP_UMEM_PGOFF_FILL_RING as off_t;
        let completion_page = libc::XDP_UMEM_PGOFF_COMPLETION_RING as off_t;
        Ok((
            Producer::map(socket, fill_page, &offsets.fr, fill_places)?,
            Consumer::map(socket, libc::XDP_PGOFF_RX_RING, &offsets.rx, rx_frames)?,
            Producer::map(socket, libc::XDP_PGOFF_TX_RING, &offsets.tx, TX_FRAMES)?,
            Consumer::map(socket, completion_page, &offsets.cr, TX_FRAMES)?,
        ))
    }
}

fn new_socket() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    check(fd)?;
    // SAFETY: a new descriptor, ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn register(socket: BorrowedFd<'_>, umem: &Umem) -> io::Result<()> {
    let (addr, len) = umem.extent();
    let chunk_size = umem.chunk_size() as u32;
    let register = xdp_umem_reg { addr, len, chunk_size, headroom: 0, flags: 0, tx_metadata_len: 0 };
    set_option(socket, libc::XDP_UMEM_REG, &register)
}

fn set_option<T>(socket: BorrowedFd<'_>, option: c_int, value: &T) -> io::Result<()> {
    // SAFETY: the value is a live plain struct of the length given, which the kernel reads.
    check(unsafe {
        let value = (value as *const T).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_XDP, option, value, size_of::<T>() as socklen_t)
    })
}

fn option<T>(socket: BorrowedFd<'_>, option: c_int, mut value: T) -> io::Result<T> {
    let mut len = size_of::<T>() as socklen_t;
    // SAFETY: the kernel writes at most `len` bytes, into a struct of integers, for which any bytes will do.
    check(unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_XDP, option, (&raw mut value).cast(), &mut len)
    })?;
    Ok(value)
}

fn check(code: c_int) -> io::Result<()> {
    if code < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn errno() -> c_int {
    io::Error::last_os_error().raw_os_error().unwrap_or_default()
}
