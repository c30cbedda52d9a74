//! The rings that a socket shares with the kernel, and the memory of the frames that their entries name (the umem).
//!
//! A ring has a producer and a consumer index, both counting up without end. Who produces writes entries and then
//! its index with release; who consumes reads that index with acquire and then the entries, and likewise gives room
//! back. Each side keeps its own index and the last it saw of the other's.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: memory shared with the kernel")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{c_int, off_t, xdp_ring_offset};

/// A ring into which we put what the kernel takes out.
pub(super) struct Producer<T> {
    ring: Ring<T>,
    next: u32,
    /// The index, exclusive, up to which there is room.
    until: u32,
}

/// A ring out of which we take what the kernel puts in.
pub(super) struct Consumer<T> {
    ring: Ring<T>,
    next: u32,
    /// The index, exclusive, up to which there are entries.
    until: u32,
}

/// Memory for frames, in chunks of one size.
pub(super) struct Umem {
    memory: Mapping,
    chunk: usize,
}

struct Ring<T> {
    _memory: Mapping,
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    entries: NonNull<T>,
    size: u32,
}

struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the pointers lead into mappings that belong to the value alone, in whatever thread it is.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: the mapping belongs to this value alone.
unsafe impl Send for Mapping {}

impl<T: Copy> Producer<T> {
    /// Maps a ring of `size` entries, a power of two, which the socket was given before.
    pub(super) fn map(
        socket: BorrowedFd<'_>,
        page: off_t,
        offsets: &xdp_ring_offset,
        size: u32,
    ) -> io::Result<Self> {
        Ok(Self { ring: Ring::map(socket, page, offsets, size)?, next: 0, until: size })
    }

    /// How many entries there is room for, at most `max`.
    #[inline]
    pub(super) fn room(&mut self, max: usize) -> usize {
        if (self.until.wrapping_sub(self.next) as usize) < max {
            self.until = self.ring.consumer(Ordering::Acquire).wrapping_add(self.ring.size);
        }
        max.min(self.until.wrapping_sub(self.next) as usize)
    }

    /// Writes an entry, which the kernel sees after the next [`Producer::submit`].
    ///
    /// # Panics
    /// Without room.
    #[inline]
    pub(super) fn put(&mut self, entry: T) {
        assert!(self.room(1) == 1, "entries are put where there is room");
        // SAFETY: the index is masked into the ring, and the kernel does not read the entry before `submit`.
        unsafe { self.ring.entry(self.next).write(entry) };
        self.next = self.next.wrapping_add(1);
    }

    #[inline]
    pub(super) fn submit(&mut self) {
        // SAFETY: the producer index of a ring that we produce into is ours.
        unsafe { self.ring.producer.as_ref() }.store(self.next, Ordering::Release);
    }

    /// How many entries the kernel has not taken yet.
    #[inline]
    pub(super) fn pending(&self) -> u32 {
        self.next.wrapping_sub(self.ring.consumer(Ordering::Acquire))
    }

    /// Whether the kernel takes no entries before it is woken by a system call.
    #[inline]
    pub(super) fn needs_wakeup(&self) -> bool {
        // SAFETY: the flags lie in the mapping and are only read, as an atomic.
        unsafe { self.ring.flags.as_ref() }.load(Ordering::Relaxed) & libc::XDP_RING_NEED_WAKEUP != 0
    }
}

impl<T: Copy> Consumer<T> {
    /// Maps a ring of `size` entries, a power of two, which the socket was given before.
    pub(super) fn map(
        socket: BorrowedFd<'_>,
        page: off_t,
        offsets: &xdp_ring_offset,
        size: u32,
    ) -> io::Result<Self> {
        Ok(Self { ring: Ring::map(socket, page, offsets, size)?, next: 0, until: 0 })
    }

    /// How many entries wait, at most `max`.
    #[inline]
    pub(super) fn ready(&mut self, max: usize) -> usize {
        if (self.until.wrapping_sub(self.next) as usize) < max {
            // SAFETY: the producer index lies in the mapping and is only read, as an atomic.
            self.until = unsafe { self.ring.producer.as_ref() }.load(Ordering::Acquire);
        }
        max.min(self.until.wrapping_sub(self.next) as usize)
    }

    /// Reads an entry, whose place the kernel gets back with the next [`Consumer::release`].
    ///
    /// # Panics
    /// When none waits.
    #[inline]
    pub(super) fn take(&mut self) -> T {
        assert!(self.ready(1) == 1, "entries are taken when they are ready");
        // SAFETY: the index is masked into the ring, the kernel wrote the entry before the index that we acquired,
        // and it does not write it again before `release`.
        let entry = unsafe { self.ring.entry(self.next).read() };
        self.next = self.next.wrapping_add(1);
        entry
    }

    #[inline]
    pub(super) fn release(&mut self) {
        // SAFETY: the consumer index of a ring that we consume from is ours.
        unsafe { self.ring.consumer.as_ref() }.store(self.next, Ordering::Release);
    }
}

impl Umem {
    pub(super) fn new(chunks: usize, chunk: usize) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        Ok(Self { memory: Mapping::new(chunks * chunk, flags, -1, 0)?, chunk })
    }

    /// Address and length, as the kernel is told them.
    pub(super) fn extent(&self) -> (u64, u64) {
        (self.memory.start.as_ptr() as u64, self.memory.len as u64)
    }

    pub(super) fn chunk_size(&self) -> usize {
        self.chunk
    }

    /// The chunk that an address within the umem lies in.
    #[inline]
    pub(super) fn chunk_of(&self, address: u64) -> u64 {
        address & !(self.chunk as u64 - 1)
    }

    /// The bytes of a frame; none where the range is not within one chunk.
    #[inline]
    pub(super) fn frame(&self, address: u64, len: u32) -> &[u8] {
        let (start, len) = (address as usize, len as usize);
        let within = self.chunk_of(address) as usize + self.chunk;
        if start >= self.memory.len || within - start < len {
            return &[];
        }
        // SAFETY: the range lies within the mapping; the kernel gave the chunk to us with the entry that names it,
        // and writes it again only after it was put into the fill ring, which needs the exclusive borrow of its owner.
        unsafe { std::slice::from_raw_parts(self.memory.start.as_ptr().add(start), len) }
    }

    /// Writes a frame to the start of a chunk that is ours.
    ///
    /// # Panics
    /// When it is longer than the chunk, or there is no such chunk.
    #[inline]
    pub(super) fn write(&mut self, chunk: u64, frame: &[u8]) {
        let start = chunk as usize;
        assert!(frame.len() <= self.chunk && start + self.chunk <= self.memory.len, "frames fit their chunk");
        // SAFETY: the range lies within the mapping, apart from any Rust value; the kernel reads it only after an
        // entry of the tx ring named it.
        unsafe {
            std::ptr::copy_nonoverlapping(frame.as_ptr(), self.memory.start.as_ptr().add(start), frame.len());
        }
    }
}

impl<T> Ring<T> {
    fn map(socket: BorrowedFd<'_>, page: off_t, offsets: &xdp_ring_offset, size: u32) -> io::Result<Self> {
        debug_assert!(size.is_power_of_two());
        let len = offsets.desc as usize + size as usize * size_of::<T>();
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        let memory = Mapping::new(len, flags, socket.as_raw_fd(), page)?;
        // SAFETY: the kernel says where in the mapping these lie, aligned for what they are.
        let at = |offset: u64| unsafe { memory.start.add(offset as usize) };
        let producer = at(offsets.producer).cast();
        let consumer = at(offsets.consumer).cast();
        let (flags, entries) = (at(offsets.flags).cast(), at(offsets.desc).cast());
        Ok(Self { producer, consumer, flags, entries, size, _memory: memory })
    }

    #[inline]
    fn consumer(&self, ordering: Ordering) -> u32 {
        // SAFETY: the consumer index lies in the mapping and is only accessed as an atomic.
        unsafe { self.consumer.as_ref() }.load(ordering)
    }

    #[inline]
    fn entry(&self, index: u32) -> NonNull<T> {
        // SAFETY: a masked index is within the ring, whose size is a power of two.
        unsafe { self.entries.add((index & (self.size - 1)) as usize) }
    }
}

impl Mapping {
    fn new(len: usize, flags: c_int, fd: c_int, offset: off_t) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, where the kernel likes.
        let memory = unsafe { libc::mmap(null_mut(), len, protection, flags, fd, offset) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(memory.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        Ok(Self { start, len })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this length, and whoever has pointers into it owns it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
