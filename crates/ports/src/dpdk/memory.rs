//! DPDK's buffers as packets.
#![allow(
    unsafe_code,
    reason = "ports are a place that ARCHITECTURE.md names: buffers cross the boundary to C"
)]

use std::mem::{offset_of, size_of};
use std::ptr::NonNull;

use rackless_dpdk_sys::layout::{MBUF_SIZE, offset_of as dpdk_offset_of};
use rackless_dpdk_sys::{Mempool, RteMbuf};
use rackless_nf::buffer::{Mbuf, Meta, PoolOps};
use rackless_nf::{Allocator, Packet};

// The mirror of `rte_mbuf` in `rackless-nf` against the table that the C compiler asserted.
macro_rules! assert_offsets {
    ($($field:ident)*) => {
        $(const _: () = assert!(offset_of!(Mbuf, $field) == dpdk_offset_of(stringify!($field)));)*
    };
}
assert_offsets! {
    buf_addr buf_iova data_off refcnt nb_segs port ol_flags packet_type pkt_len data_len vlan_tci hash
    vlan_tci_outer buf_len pool next tx_offload shinfo priv_size timesync dynfield1
}
const _: () = assert!(size_of::<Mbuf>() == MBUF_SIZE && align_of::<Mbuf>() == align_of::<RteMbuf>());
const _: () = assert!(Mempool::PRIVATE as usize == Meta::SIZE);
// `packets_as_mbufs` reads a slice of packets as a slice of pointers.
const _: () = assert!(size_of::<Packet>() == size_of::<NonNull<RteMbuf>>());

/// How DPDK's buffers are given back; tells them from those of the heap.
static OPS: PoolOps = PoolOps { free: free_one, free_burst };

/// Packets out of one of DPDK's mempools. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DpdkPool(Mempool);

impl DpdkPool {
    pub(super) fn new(mempool: Mempool) -> Self {
        Self(mempool)
    }
}

impl Allocator for DpdkPool {
    #[inline]
    fn alloc(&self) -> Option<Packet> {
        let mbuf = self.0.alloc()?;
        // SAFETY: fresh, ours, and empty behind DPDK's headroom.
        Some(unsafe { adopt(mbuf) })
    }

    fn alloc_burst(&self, into: &mut Vec<Packet>, n: usize) -> usize {
        let mut mbufs = [None; 64];
        let before = into.len();
        while into.len() - before < n {
            let burst = &mut mbufs[..(n - (into.len() - before)).min(64)];
            if !self.0.alloc_burst(burst) {
                // Fewer are left than asked for: take them one by one.
                let rest = n - (into.len() - before);
                into.extend(std::iter::from_fn(|| self.alloc()).take(rest));
                break;
            }
            // SAFETY: fresh, ours, and empty behind DPDK's headroom.
            into.extend(burst.iter().flatten().map(|mbuf| unsafe { adopt(*mbuf) }));
        }
        into.len() - before
    }

    fn in_use(&self) -> usize {
        self.0.in_use()
    }
}

/// Makes a packet of a buffer.
///
/// # Safety
/// The buffer comes from one of our mempools, has one segment, and is the caller's alone.
#[inline]
pub(super) unsafe fn adopt(mbuf: NonNull<RteMbuf>) -> Packet {
    let mbuf = mbuf.cast::<Mbuf>();
    // SAFETY: our mempools have the private area (asserted above), and DPDK keeps data within the buffer.
    unsafe {
        Meta::write(mbuf, Meta::new(&OPS));
        Packet::from_raw(mbuf)
    }
}

/// Whether DPDK can send the packet's buffer as it is.
#[inline]
pub(super) fn is_dpdks(packet: &Packet) -> bool {
    packet.is_from(&OPS)
}

/// The packets' buffers, to be handed to DPDK.
#[inline]
pub(super) fn packets_as_mbufs(packets: &mut [Packet]) -> &mut [NonNull<RteMbuf>] {
    // SAFETY: a packet is nothing but the pointer to its buffer (asserted above).
    unsafe { std::slice::from_raw_parts_mut(packets.as_mut_ptr().cast(), packets.len()) }
}

/// Removes the first `n` packets without dropping them.
///
/// # Safety
/// Their buffers were handed over.
#[inline]
pub(super) unsafe fn forget_front(packets: &mut Vec<Packet>, n: usize) {
    let rest = packets.len().checked_sub(n).expect("no more packets were sent than there are");
    // SAFETY: the rest is moved to the front, and what was there is the caller's affair.
    unsafe {
        std::ptr::copy(packets.as_ptr().add(n), packets.as_mut_ptr(), rest);
        packets.set_len(rest);
    }
}

/// The header of a buffer that is not a packet yet.
///
/// # Safety
/// The buffer is the caller's alone, for as long as the reference lives.
#[inline]
pub(super) unsafe fn header<'a>(mbuf: NonNull<RteMbuf>) -> &'a mut Mbuf {
    // SAFETY: same layout (asserted above), and exclusive as the caller promises.
    unsafe { mbuf.cast::<Mbuf>().as_mut() }
}

/// # Safety
/// As [`PoolOps::free`] says.
unsafe fn free_one(mbuf: NonNull<Mbuf>) {
    // SAFETY: buffers with these operations are DPDK's; the rest as the caller promises.
    unsafe { rackless_dpdk_sys::free(mbuf.cast()) }
}

/// # Safety
/// As [`PoolOps::free_burst`] says.
unsafe fn free_burst(mbufs: &[NonNull<Mbuf>]) {
    // SAFETY: as above; pointers to the two types have one layout.
    unsafe { rackless_dpdk_sys::free_burst(std::slice::from_raw_parts(mbufs.as_ptr().cast(), mbufs.len())) }
}
