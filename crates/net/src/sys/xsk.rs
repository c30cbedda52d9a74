//! An AF_XDP socket that only sends (Documentation/networking/af_xdp.rst), in the kernel's copy mode: no BPF program, no
//! privilege beyond packet sockets'. The kernel takes a batch of frames in one call and hands each to the interface's
//! driver, past its queueing discipline and past packet sockets.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::{NonNull, null, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

use super::facility::open_xdp;

/// Frames that may be on their way: a socket's largest send buffer (`net.core.wmem_max`) takes as many full ones.
const FRAMES: u32 = 128;
/// The longest frame in bytes.
const FRAME: usize = 2048;
/// How often the kernel is asked to go on when it takes nothing.
const ATTEMPTS: u32 = 3;

/// A way to send frames by an interface.
pub(crate) struct XskSender {
    socket: OwnedFd,
    /// The frames' bytes.
    frames: Mapping,
    /// What is to be sent: descriptors.
    queue: Ring,
    /// What has been sent: addresses of frames.
    done: Ring,
    /// Addresses of frames that may be filled.
    free: Vec<u64>,
    /// How many have been filled since the last flush.
    filled: u32,
}

/// Memory shared with the kernel.
struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

/// A ring of one producer and one consumer, each with a count that wraps.
struct Ring {
    memory: Mapping,
    offsets: libc::xdp_ring_offset,
}

// SAFETY: the mapping belongs to this value alone, in whatever thread it is.
unsafe impl Send for Mapping {}

impl XskSender {
    /// Opens a way out by the first queue of the interface with this index in the calling thread's network namespace.
    pub(crate) fn open(index: u32) -> io::Result<Self> {
        let socket = open_xdp()?;
        let frames = Mapping::new(FRAMES as usize * FRAME, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)?;
        // SAFETY: an all-zero structure is a valid value of this plain C struct.
        let mut memory: libc::xdp_umem_reg = unsafe { std::mem::zeroed() };
        memory.addr = frames.start.as_ptr() as u64;
        memory.len = frames.length as u64;
        memory.chunk_size = FRAME as u32;
        set(&socket, libc::XDP_UMEM_REG, &memory)?;
        // Room for all frames at once, as far as the machine allows.
        setsockopt(&socket, sockopt::SndBuf, &(FRAMES as usize * FRAME * 2))?;
        for ring in [libc::XDP_UMEM_FILL_RING, libc::XDP_UMEM_COMPLETION_RING, libc::XDP_TX_RING] {
            set(&socket, ring, &FRAMES)?;
        }
        let offsets = offsets(&socket)?;
        let ring = |offsets: libc::xdp_ring_offset, entry: usize, page| {
            let length = offsets.desc as usize + FRAMES as usize * entry;
            let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
            Ok::<_, io::Error>(Ring {
                memory: Mapping::new(length, flags, socket.as_raw_fd(), page)?,
                offsets,
            })
        };
        let queue = ring(offsets.tx, size_of::<libc::xdp_desc>(), libc::XDP_PGOFF_TX_RING)?;
        let done = ring(offsets.cr, size_of::<u64>(), libc::XDP_UMEM_PGOFF_COMPLETION_RING as libc::off_t)?;
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: libc::XDP_COPY,
            sxdp_ifindex: index,
            sxdp_queue_id: 0,
            sxdp_shared_umem_fd: 0,
        };
        let length = size_of_val(&address) as libc::socklen_t;
        // SAFETY: the kernel reads `length` bytes of the address, which lives during the call.
        check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })?;
        let free = (0..u64::from(FRAMES)).map(|place| place * FRAME as u64).collect();
        Ok(Self { socket, frames, queue, done, free, filled: 0 })
    }

    /// Takes a frame that [`flush`](Self::flush) sends; `false` if it is too long or none may be taken now.
    pub(crate) fn push(&mut self, frame: &[u8]) -> bool {
        if frame.len() > FRAME {
            return false;
        }
        if self.free.is_empty() {
            self.reclaim();
        }
        let Some(address) = self.free.pop() else { return false };
        let place = self.queue.producer().load(Ordering::Relaxed).wrapping_add(self.filled);
        let descriptor = libc::xdp_desc { addr: address, len: frame.len() as u32, options: 0 };
        // SAFETY: the address is one of `FRAMES` multiples of `FRAME` below the mapping's length, the frame fits, and
        // the kernel does not have it: it has never been sent, or came back by the completion ring. The place in the
        // queue is not in use: at most `FRAMES` frames are on their way, which is the queue's length.
        unsafe {
            let to = self.frames.start.as_ptr().add(address as usize);
            std::ptr::copy_nonoverlapping(frame.as_ptr(), to, frame.len());
            self.queue.entry::<libc::xdp_desc>(place).write(descriptor);
        }
        self.filled += 1;
        true
    }

    /// Sends what was pushed.
    ///
    /// # Errors
    /// The interface is down or gone, or the kernel has no memory: the socket is of no use any more, and what it did
    /// not take is lost.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let end = self.queue.producer().load(Ordering::Relaxed).wrapping_add(self.filled);
        self.queue.producer().store(end, Ordering::Release);
        self.filled = 0;
        let mut attempts = 0;
        loop {
            let before = self.queue.consumer().load(Ordering::Acquire);
            if before == end {
                return Ok(());
            }
            // SAFETY: the call takes no memory of ours: what is sent stands in the queue.
            let sent =
                unsafe { libc::sendto(self.socket.as_raw_fd(), null(), 0, libc::MSG_DONTWAIT, null(), 0) };
            let error = io::Error::last_os_error();
            // The kernel takes 32 frames a call (EAGAIN: there are more), and stops behind one that the driver
            // dropped (EBUSY).
            let goes_on = matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EBUSY | libc::ENOBUFS));
            let idle = self.queue.consumer().load(Ordering::Acquire) == before;
            attempts = if idle { attempts + 1 } else { 0 };
            if (sent < 0 && !goes_on) || attempts == ATTEMPTS {
                return Err(error);
            }
        }
    }

    /// Takes back the frames that have left.
    fn reclaim(&mut self) {
        let (mut place, end) =
            (self.done.consumer().load(Ordering::Relaxed), self.done.producer().load(Ordering::Acquire));
        while place != end {
            // SAFETY: the kernel has written the entries before its count, and they are its frames' addresses.
            self.free.push(unsafe { self.done.entry::<u64>(place).read() });
            place = place.wrapping_add(1);
        }
        self.done.consumer().store(place, Ordering::Release);
    }
}

impl Ring {
    fn producer(&self) -> &AtomicU32 {
        self.count(self.offsets.producer)
    }

    fn consumer(&self) -> &AtomicU32 {
        self.count(self.offsets.consumer)
    }

    fn count(&self, offset: u64) -> &AtomicU32 {
        // SAFETY: the kernel gave the offset, which lies inside the mapping and is aligned; both sides use this word as
        // an atomic one, for as long as the mapping lives, which is as long as `self`.
        unsafe { AtomicU32::from_ptr(self.memory.start.as_ptr().add(offset as usize).cast()) }
    }

    /// Where an entry stands; the count wraps at the ring's length.
    fn entry<T>(&self, count: u32) -> *mut T {
        let at = self.offsets.desc as usize + (count % FRAMES) as usize * size_of::<T>();
        // SAFETY: the mapping was made for `FRAMES` entries behind `desc`.
        unsafe { self.memory.start.as_ptr().add(at).cast() }
    }
}

impl Mapping {
    fn new(length: usize, flags: libc::c_int, fd: libc::c_int, offset: libc::off_t) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, where the kernel likes.
        let start = unsafe { libc::mmap(null_mut(), length, protection, flags, fd, offset) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        Ok(Self { start, length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this address and length, and no reference into it outlives its owner.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// Asks where counts and entries lie in the rings.
fn offsets(socket: &OwnedFd) -> io::Result<libc::xdp_mmap_offsets> {
    // SAFETY: an all-zero structure is a valid value of this plain C struct.
    let mut offsets: libc::xdp_mmap_offsets = unsafe { std::mem::zeroed() };
    let mut length = size_of_val(&offsets) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes of the offsets, which live during the call.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_XDP,
            libc::XDP_MMAP_OFFSETS,
            (&raw mut offsets).cast(),
            &raw mut length,
        )
    })?;
    // Kernels before 5.4 have shorter ones, in other places.
    let whole = length as usize == size_of_val(&offsets) && offsets.tx.desc > offsets.tx.consumer;
    if whole { Ok(offsets) } else { Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)) }
}

fn set<T>(socket: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes of the value, which lives during the call.
    check(unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_XDP, option, (&raw const *value).cast(), length)
    })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
