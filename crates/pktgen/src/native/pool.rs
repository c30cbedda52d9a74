//! The pool that scripts allocate from: buffers keep their content, and only what a loop needs is reset.
//!
//! It differs from [`rackless_nf::pool::Pool`] in three ways: an allocation fills a C array at once and sets the
//! length, it writes nothing but the buffer's first cache line, and what the callback of `createMemPool` wrote stays.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard};

use rackless_nf::Packet;
use rackless_nf::buffer::{Mbuf, Meta, PoolOps};

use crate::shared::held;
use crate::stop::Stop;

/// A pool as Lua sees it; the first two fields are declared in [`super::DECLARATION`].
#[repr(C)]
pub(crate) struct Mempool {
    count: u32,
    room: u32,
    slab: NonNull<Slab>,
    stop: Arc<Stop>,
}

// SAFETY: the slab is only reached through its mutex, and buffers are plain memory.
unsafe impl Send for Mempool {}
// SAFETY: as above.
unsafe impl Sync for Mempool {}

static OPS: PoolOps = PoolOps { free: free_one, free_burst };

/// How long an allocation waits for buffers that other tasks still hold.
const PATIENCE_NS: u64 = 2_000_000_000;

/// The memory of a pool; it goes when the pool is dropped and all buffers are back.
struct Slab {
    memory: NonNull<u8>,
    layout: Layout,
    state: Mutex<State>,
}

struct State {
    free: Vec<NonNull<Mbuf>>,
    count: usize,
    closed: bool,
}

impl Mempool {
    /// The largest frame that a buffer can be made for: its length fields have 16 bits.
    pub(crate) const MAX_ROOM: u32 = u16::MAX as u32 - Packet::HEADROOM as u32;

    /// A pool of `count` buffers for frames of up to `room` bytes.
    ///
    /// # Panics
    /// When `room` exceeds [`Mempool::MAX_ROOM`].
    pub(crate) fn new(count: u32, room: u32, stop: Arc<Stop>) -> Self {
        assert!(room <= Self::MAX_ROOM, "the caller has checked the size");
        let buf_len = Packet::HEADROOM + room as usize;
        let stride = (size_of::<Mbuf>() + Meta::SIZE + buf_len).next_multiple_of(64);
        let n = count as usize;
        let layout = Layout::from_size_align(stride * n.max(1), 64).expect("a size below isize::MAX");
        // SAFETY: the layout is not zero-sized.
        let Some(memory) = NonNull::new(unsafe { alloc_zeroed(layout) }) else { handle_alloc_error(layout) };
        let state = Mutex::new(State { free: Vec::with_capacity(n), count: n, closed: false });
        let slab = NonNull::from(Box::leak(Box::new(Slab { memory, layout, state })));
        let buffers = (0..n).rev().map(|index| {
            // SAFETY: `index * stride` lies in the allocation, whose alignment is that of `Mbuf`.
            let mbuf = unsafe { memory.add(index * stride) }.cast::<Mbuf>();
            // SAFETY: the memory is zeroed, ours, and large enough for header, private area and data.
            unsafe { format(mbuf, slab, buf_len as u16) };
            mbuf
        });
        // SAFETY: the slab was just made.
        held(&unsafe { slab.as_ref() }.state).free.extend(buffers);
        Self { count, room, slab, stop }
    }

    /// Fills an array with buffers of this length; false, and the array is as it was, when the pool stays empty.
    ///
    /// # Safety
    /// `array` has room for `n` pointers, and `len` is at most the pool's room.
    #[inline]
    pub(super) unsafe fn alloc(&self, array: *mut *mut Mbuf, n: usize, len: u32) -> bool {
        let mut state = held(&self.slab().state);
        if state.free.len() < n {
            drop(state);
            let Some(enough) = self.wait_for(n) else { return false };
            state = enough;
        }
        let start = state.free.len() - n;
        for (index, mbuf) in state.free.drain(start..).enumerate() {
            // SAFETY: a buffer from the free list is nobody else's; the array has `n` entries.
            unsafe {
                let header = &mut *mbuf.as_ptr();
                header.data_off = Packet::HEADROOM as u16;
                header.ol_flags = 0;
                header.pkt_len = len;
                header.data_len = len as u16;
                *array.add(index) = mbuf.as_ptr();
            }
        }
        true
    }

    /// Waits until the pool has `n` buffers.
    #[cold]
    fn wait_for(&self, n: usize) -> Option<MutexGuard<'_, State>> {
        let deadline = super::now_ns() + PATIENCE_NS;
        while n <= self.count as usize && super::now_ns() < deadline && self.stop.running(100) {
            std::thread::yield_now();
            let state = held(&self.slab().state);
            if state.free.len() >= n {
                return Some(state);
            }
        }
        None
    }

    fn slab(&self) -> &Slab {
        // SAFETY: the slab lives as long as the pool does.
        unsafe { self.slab.as_ref() }
    }
}

impl Drop for Mempool {
    fn drop(&mut self) {
        let mut state = held(&self.slab().state);
        state.closed = true;
        // SAFETY: the pool does not use the slab any more.
        unsafe { free_if_done(self.slab, state) };
    }
}

/// Writes the fields of a buffer that never change.
///
/// # Safety
/// `mbuf` is zeroed, exclusively owned memory for a header, a private area and `buf_len` bytes of data.
unsafe fn format(mbuf: NonNull<Mbuf>, slab: NonNull<Slab>, buf_len: u16) {
    // SAFETY: zeroes are a valid `Mbuf`, and the memory is ours.
    unsafe {
        let data = mbuf.cast::<u8>().add(size_of::<Mbuf>() + Meta::SIZE);
        let header = &mut *mbuf.as_ptr();
        header.buf_addr = data.as_ptr();
        header.buf_len = buf_len;
        header.pool = slab.as_ptr().cast();
        header.refcnt = 1;
        header.nb_segs = 1;
        header.priv_size = Meta::SIZE as u16;
        Meta::write(mbuf, Meta::new(&OPS));
    }
}

/// Gives one buffer back.
///
/// # Safety
/// `mbuf` is a live buffer of a [`Mempool`], not used afterwards.
unsafe fn free_one(mbuf: NonNull<Mbuf>) {
    // SAFETY: as the caller promises.
    unsafe { free_burst(&[mbuf]) }
}

/// Gives buffers back, with one lock per run of buffers of the same pool.
///
/// # Safety
/// The pointers are live buffers of [`Mempool`]s, not used afterwards.
unsafe fn free_burst(mut rest: &[NonNull<Mbuf>]) {
    while let Some(first) = rest.first() {
        // SAFETY: a live buffer names its slab, which lives while one of its buffers is out.
        let slab = unsafe { NonNull::new_unchecked(first.as_ref().pool.cast::<Slab>()) };
        let mut run = 0;
        for mbuf in rest {
            // SAFETY: the pointers are live buffers, which nobody else uses any more.
            unsafe {
                if mbuf.as_ref().pool != slab.as_ptr().cast() {
                    break;
                }
                // What the last holder knew of the frame must not reach the next one.
                Meta::write(*mbuf, Meta::new(&OPS));
            }
            run += 1;
        }
        // SAFETY: see above.
        let mut state = held(&unsafe { slab.as_ref() }.state);
        state.free.extend_from_slice(&rest[..run]);
        // SAFETY: this run was our last use of the slab.
        unsafe { free_if_done(slab, state) };
        rest = &rest[run..];
    }
}

/// Frees the slab when the pool is gone and all buffers are back.
///
/// # Safety
/// `state` is the slab's own guard, and the caller does not use the slab afterwards.
unsafe fn free_if_done(slab: NonNull<Slab>, state: MutexGuard<'_, State>) {
    let done = state.closed && state.free.len() == state.count;
    drop(state);
    if done {
        // SAFETY: no pool and no buffer is left, so nobody else can reach the slab.
        let slab = unsafe { Box::from_raw(slab.as_ptr()) };
        // SAFETY: allocated with this layout in `Mempool::new`.
        unsafe { dealloc(slab.memory.as_ptr(), slab.layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alloc(pool: &Mempool, n: usize) -> Vec<Packet> {
        let mut array = vec![std::ptr::null_mut(); n];
        // SAFETY: the array has `n` entries and the length fits.
        assert!(unsafe { pool.alloc(array.as_mut_ptr(), n, 60) });
        // SAFETY: the buffers were just allocated.
        array.into_iter().map(|mbuf| unsafe { Packet::from_raw(NonNull::new(mbuf).unwrap()) }).collect()
    }

    #[test]
    fn buffers_keep_their_content() {
        let pool = Mempool::new(4, 64, Arc::default());
        let mut packets = alloc(&pool, 4);
        packets.iter_mut().for_each(|packet| packet.data_mut().fill(7));
        packets.truncate(2);
        drop(packets);
        assert!(alloc(&pool, 4).iter().all(|packet| packet.data() == [7; 60]));
    }

    #[test]
    fn an_empty_pool_refuses_what_it_can_never_give_and_what_nobody_returns() {
        let stop = Arc::new(Stop::default());
        let pool = Mempool::new(2, 64, Arc::clone(&stop));
        let mut array = [std::ptr::null_mut(); 3];
        // SAFETY: the array has 3 entries.
        assert!(!unsafe { pool.alloc(array.as_mut_ptr(), 3, 60) });
        let _held = alloc(&pool, 2);
        stop.after_ms(0);
        // SAFETY: as above.
        assert!(!unsafe { pool.alloc(array.as_mut_ptr(), 1, 60) });
    }

    #[test]
    fn buffers_outlive_their_pool_and_are_freed_in_a_burst() {
        let (a, b) = (Mempool::new(3, 64, Arc::default()), Mempool::new(3, 64, Arc::default()));
        let mut packets = alloc(&a, 3);
        packets.extend(alloc(&b, 3));
        drop(a);
        Packet::free_burst(&mut packets);
        assert_eq!(alloc(&b, 3).len(), 3);
    }
}
