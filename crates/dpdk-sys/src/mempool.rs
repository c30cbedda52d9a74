//! Pools of DPDK's packet buffers.

use std::ffi::CString;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::eal::Instance;
use crate::shim::{RteMbuf, RteMempool, Shim};
use crate::thread::{register, threads};
use crate::{Error, layout};

/// Buffers that a thread keeps for itself: DPDK's own default for its test programs.
const CACHE: u32 = 256;

/// A pool of DPDK packet buffers with [`Mempool::PRIVATE`] bytes of private area each. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mempool(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    pool: NonNull<RteMempool>,
    eal: Arc<Instance>,
}

// SAFETY: mempools are made for use from all threads.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Mempool {
    /// Bytes of private area in every buffer, behind the `rte_mbuf`.
    pub const PRIVATE: u16 = 128;

    pub(crate) fn create(eal: &Arc<Instance>, name: &str, count: u32, room: u16) -> Result<Self, Error> {
        let failed = |reason: String| {
            let (name, log) = (name.to_owned(), eal.shim.take_log());
            Error::Pool { name, count, reason, log }
        };
        let c_name = CString::new(name).map_err(|_| failed("the name has a NUL byte".into()))?;
        let cache = CACHE.min(count * 2 / 3);
        let mut pool = null_mut();
        // SAFETY: EAL lives, the name is a C string, `pool` is written before it is read.
        let code =
            unsafe { (eal.shim.pool_create)(c_name.as_ptr(), count, cache, Self::PRIVATE, room, &mut pool) };
        let pool = NonNull::new(pool).filter(|_| code == 0).ok_or_else(|| failed(eal.shim.words(code)))?;
        Ok(Self(Arc::new(Handle { pool, eal: Arc::clone(eal) })))
    }

    /// A buffer, which the caller must give back with [`free`], or `None` when there is none left.
    #[inline]
    pub fn alloc(&self) -> Option<NonNull<RteMbuf>> {
        register();
        // SAFETY: the pool lives.
        NonNull::new(unsafe { (self.0.eal.shim.alloc)(self.0.pool.as_ptr()) })
    }

    /// Fills `into` with buffers, all or none, and says whether it did.
    #[inline]
    pub fn alloc_burst(&self, into: &mut [Option<NonNull<RteMbuf>>]) -> bool {
        register();
        let len = u32::try_from(into.len()).expect("a burst of less than 2^32");
        // SAFETY: `Option<NonNull>` has the layout of a pointer, and the slice is as long as stated.
        unsafe { (self.0.eal.shim.alloc_bulk)(self.0.pool.as_ptr(), into.as_mut_ptr().cast(), len) == 0 }
    }

    /// How many buffers are out: in programs, in devices and their rings.
    pub fn in_use(&self) -> usize {
        // SAFETY: the pool lives.
        unsafe { (self.0.eal.shim.pool_in_use)(self.0.pool.as_ptr()) as usize }
    }

    pub(crate) fn as_ptr(&self) -> *mut RteMempool {
        self.0.pool.as_ptr()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let threads = threads();
        // SAFETY: the pool lives.
        let in_use = unsafe { (self.eal.shim.pool_in_use)(self.pool.as_ptr()) };
        if in_use > 0 {
            self.eal.pinned.store(true, Ordering::SeqCst);
        } else if threads.only_this() {
            // SAFETY: no handle and no buffer is left, and no other thread has some in its cache or on their way.
            unsafe { (self.eal.shim.pool_free)(self.pool.as_ptr()) };
        }
        // Otherwise the memory goes with EAL.
    }
}

/// Gives a buffer back to the pool that it came from.
///
/// # Safety
/// The buffer came from a [`Mempool`] or a device, is the caller's, and is not used afterwards.
#[inline]
pub unsafe fn free(mbuf: NonNull<RteMbuf>) {
    // SAFETY: as the caller promises; DPDK's memory lives while buffers are out.
    unsafe { (Shim::opened().free_one)(mbuf.as_ptr()) }
}

/// Gives buffers back to the pools that they came from.
///
/// # Safety
/// As for [`free`], for each.
#[inline]
pub unsafe fn free_burst(mbufs: &[NonNull<RteMbuf>]) {
    for chunk in mbufs.chunks(512) {
        // SAFETY: as the caller promises; DPDK does not write to the array.
        unsafe { (Shim::opened().free_bulk)(chunk.as_ptr().cast_mut().cast(), chunk.len() as u32) };
    }
}

/// Joins the segments of a buffer in the first one; fails when they do not fit there, and changes nothing then.
///
/// # Safety
/// The buffer is the caller's alone.
pub unsafe fn linearise(mbuf: NonNull<RteMbuf>) -> bool {
    // SAFETY: as the caller promises.
    unsafe { (Shim::opened().linearise)(mbuf.as_ptr()) == 0 }
}

const _: () = assert!(size_of::<RteMbuf>() == layout::MBUF_SIZE);
const _: () = assert!(size_of::<Option<NonNull<RteMbuf>>>() == size_of::<*mut RteMbuf>());
