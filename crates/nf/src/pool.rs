//! A pool of packet buffers on the heap, for every port but DPDK's.
#![allow(unsafe_code, reason = "the packet buffer is one of the places that ARCHITECTURE.md names")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::buffer::{Mbuf, Meta, Packet, PoolOps};

/// Gives out packets.
pub trait Allocator: Send {
    /// An empty packet with [`Packet::HEADROOM`] bytes of headroom, or `None` when the pool is empty.
    fn alloc(&self) -> Option<Packet>;

    /// Appends up to `n` empty packets to `into` and returns how many.
    fn alloc_burst(&self, into: &mut Vec<Packet>, n: usize) -> usize {
        let before = into.len();
        into.extend(std::iter::from_fn(|| self.alloc()).take(n));
        into.len() - before
    }

    /// How many packets of the pool are alive.
    fn in_use(&self) -> usize;
}

/// A fixed number of packet buffers in one piece of memory.
///
/// Cheap to clone (clones share the buffers). Buffers keep their bytes when they are given back. The memory lives
/// until the last clone and the last packet are gone.
///
/// # Examples
/// ```
/// use rackless_nf::{Allocator, Pool};
/// let pool = Pool::new(4, Pool::ROOM);
/// let mut packet = pool.alloc().expect("the pool is full");
/// packet.set_data(b"frame")?;
/// assert_eq!((packet.data(), pool.in_use()), (&b"frame"[..], 1));
/// drop(packet);
/// assert_eq!(pool.in_use(), 0);
/// # Ok::<(), rackless_nf::Reason>(())
/// ```
#[derive(Clone)]
pub struct Pool(Arc<Handle>);

struct Handle(NonNull<Slab>);

/// The memory and the list of its free buffers. Freed by whoever returns the last buffer after the last handle.
struct Slab {
    memory: NonNull<u8>,
    layout: Layout,
    state: Mutex<State>,
}

struct State {
    free: Vec<NonNull<Mbuf>>,
    count: usize,
    /// No handle is left, so the slab goes when all its buffers are back.
    closed: bool,
}

/// How heap buffers are given back; tells them from DPDK's ([`Packet::is_from`]).
pub static HEAP_OPS: PoolOps = PoolOps { free: free_one, free_burst };

// SAFETY: the slab's mutable state is behind its mutex, the rest is constant.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Pool {
    /// The usual room for frame bytes in a buffer, DPDK's: an Ethernet frame of 1518 bytes fits with room to grow.
    pub const ROOM: usize = 2048;

    /// Makes a pool of `count` buffers that hold frames of up to `room` bytes behind [`Packet::HEADROOM`].
    ///
    /// # Panics
    /// When `room` plus headroom exceeds 65,535 bytes, what a buffer's length fields can say.
    pub fn new(count: usize, room: usize) -> Self {
        let buf_len = u16::try_from(room + Packet::HEADROOM).expect("a buffer of at most 64 KiB");
        let stride = (size_of::<Mbuf>() + Meta::SIZE + usize::from(buf_len)).next_multiple_of(64);
        let layout = Layout::from_size_align(stride * count.max(1), 64).expect("a size below isize::MAX");
        // SAFETY: the layout is not zero-sized.
        let Some(memory) = NonNull::new(unsafe { alloc_zeroed(layout) }) else { handle_alloc_error(layout) };
        let state = State { free: Vec::with_capacity(count), count, closed: false };
        let slab = NonNull::from(Box::leak(Box::new(Slab { memory, layout, state: Mutex::new(state) })));
        let buffers = (0..count).map(|index| {
            // SAFETY: `index * stride` lies in the allocation, which is aligned for `Mbuf` as `stride` is.
            let mbuf = unsafe { memory.add(index * stride) }.cast::<Mbuf>();
            // SAFETY: the memory is ours and large enough for header, private area and data.
            unsafe { format(mbuf, slab, buf_len) };
            mbuf
        });
        // SAFETY: the slab was just made and nobody else knows it.
        unsafe { slab.as_ref() }.lock().free.extend(buffers);
        Self(Arc::new(Handle(slab)))
    }

    /// A packet with these bytes, or `None` when the pool is empty or the bytes do not fit.
    pub fn packet(&self, bytes: &[u8]) -> Option<Packet> {
        let mut packet = self.alloc()?;
        packet.set_data(bytes).ok()?;
        Some(packet)
    }

    fn slab(&self) -> &Slab {
        // SAFETY: the slab lives as long as a handle does.
        unsafe { self.0.0.as_ref() }
    }
}

impl Allocator for Pool {
    #[inline]
    fn alloc(&self) -> Option<Packet> {
        let mbuf = self.slab().lock().free.pop()?;
        // SAFETY: a buffer from the free list is nobody else's.
        Some(unsafe { fresh(mbuf) })
    }

    fn alloc_burst(&self, into: &mut Vec<Packet>, n: usize) -> usize {
        let mut state = self.slab().lock();
        let n = n.min(state.free.len());
        let start = state.free.len() - n;
        // SAFETY: buffers from the free list are nobody else's.
        into.extend(state.free.drain(start..).map(|mbuf| unsafe { fresh(mbuf) }));
        n
    }

    fn in_use(&self) -> usize {
        let state = self.slab().lock();
        state.count - state.free.len()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the slab lives while a handle does.
        let mut state = unsafe { self.0.as_ref() }.lock();
        state.closed = true;
        // SAFETY: the slab is ours to free when all buffers are back and no handle is left.
        unsafe { Slab::free_if_done(self.0, state) };
    }
}

impl Slab {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the list was held cannot leave it half changed: it is only pushed to and popped from.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frees the slab when no handle and no packet is left.
    ///
    /// # Safety
    /// `state` is the slab's own guard, and the caller does not use the slab afterwards when it was freed.
    unsafe fn free_if_done(slab: NonNull<Slab>, state: MutexGuard<'_, State>) {
        let done = state.closed && state.free.len() == state.count;
        drop(state);
        if done {
            // SAFETY: no handle and no packet is left, so nobody else can reach the slab.
            let slab = unsafe { Box::from_raw(slab.as_ptr()) };
            // SAFETY: allocated with this layout in `Pool::new`.
            unsafe { dealloc(slab.memory.as_ptr(), slab.layout) };
        }
    }
}

/// Writes the fields of a buffer that never change.
///
/// # Safety
/// `mbuf` is exclusively owned memory for a header, a private area and `buf_len` bytes of data.
unsafe fn format(mbuf: NonNull<Mbuf>, slab: NonNull<Slab>, buf_len: u16) {
    // SAFETY: the memory is zeroed, which is a valid `Mbuf`, and ours.
    unsafe {
        let data = mbuf.cast::<u8>().add(size_of::<Mbuf>() + Meta::SIZE);
        let header = &mut *mbuf.as_ptr();
        header.buf_addr = data.as_ptr();
        header.buf_len = buf_len;
        header.pool = slab.as_ptr().cast();
        header.refcnt = 1;
        header.nb_segs = 1;
        header.priv_size = Meta::SIZE as u16;
        Meta::write(mbuf, Meta::new(&HEAP_OPS));
    }
}

/// Makes a packet of a buffer that comes from the free list.
///
/// # Safety
/// `mbuf` is a formatted buffer that nobody else uses.
#[inline]
unsafe fn fresh(mbuf: NonNull<Mbuf>) -> Packet {
    // SAFETY: the buffer is ours; `format` made it, and headroom fits by construction.
    unsafe {
        let header = &mut *mbuf.as_ptr();
        header.data_off = Packet::HEADROOM as u16;
        header.data_len = 0;
        header.pkt_len = 0;
        header.ol_flags = 0;
        header.tx_offload = 0;
        Meta::write(mbuf, Meta::new(&HEAP_OPS));
        Packet::from_raw(mbuf)
    }
}

/// Gives a buffer back.
///
/// # Safety
/// `mbuf` is a live buffer of a [`Pool`], not used afterwards.
unsafe fn free_one(mbuf: NonNull<Mbuf>) {
    // SAFETY: as the caller promises.
    unsafe { free_burst(&[mbuf]) }
}

/// Gives buffers back, with one lock per run of buffers of the same pool.
///
/// # Safety
/// The pointers are live buffers of [`Pool`]s, not used afterwards.
unsafe fn free_burst(mut rest: &[NonNull<Mbuf>]) {
    while let Some(first) = rest.first() {
        // SAFETY: a live heap buffer names its slab, which lives while one of its buffers is out.
        let slab = unsafe { NonNull::new_unchecked(first.as_ref().pool.cast::<Slab>()) };
        // SAFETY: the pointers are live buffers.
        let same = |mbuf: &&NonNull<Mbuf>| unsafe { mbuf.as_ref() }.pool == slab.as_ptr().cast();
        let run = rest.iter().take_while(same).count();
        // SAFETY: see above.
        let mut state = unsafe { slab.as_ref() }.lock();
        state.free.extend_from_slice(&rest[..run]);
        // SAFETY: the guard is the slab's, and this run was our last use of it.
        unsafe { Slab::free_if_done(slab, state) };
        rest = &rest[run..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_pool_gives_none_and_a_freed_buffer_comes_back() {
        let pool = Pool::new(2, 64);
        let first = pool.packet(b"one").unwrap();
        let _second = pool.packet(b"two").unwrap();
        assert!(pool.alloc().is_none());
        drop(first);
        assert!(pool.alloc().is_some());
    }

    #[test]
    fn a_packet_outlives_its_pool() {
        let pool = Pool::new(2, 64);
        let packet = pool.packet(b"still here").unwrap();
        drop(pool);
        assert_eq!(packet.data(), b"still here");
    }

    #[test]
    fn a_burst_is_freed_into_the_pools_it_came_from() {
        let (a, b) = (Pool::new(4, 64), Pool::new(4, 64));
        let mut packets = Vec::new();
        assert_eq!(a.alloc_burst(&mut packets, 3), 3);
        assert_eq!(b.alloc_burst(&mut packets, 9), 4);
        assert_eq!((a.in_use(), b.in_use()), (3, 4));
        Packet::free_burst(&mut packets);
        assert!(packets.is_empty());
        assert_eq!((a.in_use(), b.in_use()), (0, 0));
    }

    #[test]
    fn packets_are_freed_from_another_thread() {
        let pool = Pool::new(64, 64);
        let mut packets = Vec::new();
        pool.alloc_burst(&mut packets, 64);
        std::thread::spawn(move || drop(packets)).join().unwrap();
        assert_eq!(pool.in_use(), 0);
    }

    #[test]
    fn push_pull_append_and_truncate_move_the_bounds_and_refuse_what_does_not_fit() {
        let pool = Pool::new(1, 16);
        let mut packet = pool.packet(b"abcd").unwrap();
        packet.push(2).unwrap().copy_from_slice(b"xy");
        packet.append(1).unwrap()[0] = b'!';
        assert_eq!(packet.data(), b"xyabcd!");
        packet.pull(3).unwrap();
        packet.truncate(2);
        assert_eq!(packet.data(), b"bc");
        assert_eq!(packet.push(1000).unwrap_err(), crate::Reason::NO_HEADROOM);
        assert_eq!(packet.append(1000).unwrap_err(), crate::Reason::NO_TAILROOM);
        assert_eq!(packet.pull(3).unwrap_err(), crate::Reason::MALFORMED);
        assert_eq!(packet.data(), b"bc");
    }
}
