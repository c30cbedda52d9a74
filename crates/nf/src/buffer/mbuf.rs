//! What lies before the data of a buffer.

use std::mem::{MaybeUninit, offset_of, size_of};
use std::ptr::NonNull;

use rackless_packet::Layout;

use super::Packet;
use crate::Time;

/// The first 128 bytes of a buffer: `struct rte_mbuf` of DPDK 22.11, field for field.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Mbuf {
    /// Start of the data area (headroom included).
    pub buf_addr: *mut u8,
    /// Bus address of the data area; only DPDK reads it.
    pub buf_iova: u64,
    /// Offset of the first byte of the frame in the data area.
    pub data_off: u16,
    /// Reference count, 1 while a [`Packet`] owns the buffer.
    pub refcnt: u16,
    /// Number of segments, 1 behind every port of ours.
    pub nb_segs: u16,
    /// Port that received the frame, in DPDK's numbering.
    pub port: u16,
    /// Offload flags (`RTE_MBUF_F_*`).
    pub ol_flags: u64,
    /// Packet type as the driver classified it.
    pub packet_type: u32,
    /// Length of the frame over all segments.
    pub pkt_len: u32,
    /// Length of the frame in this segment.
    pub data_len: u16,
    /// VLAN tag that hardware stripped.
    pub vlan_tci: u16,
    /// RSS hash and flow director fields.
    pub hash: [u32; 2],
    /// Outer VLAN tag that hardware stripped.
    pub vlan_tci_outer: u16,
    /// Size of the data area (headroom included).
    pub buf_len: u16,
    /// The pool that owns the buffer: an `rte_mempool` or a [`crate::Pool`].
    pub pool: *mut u8,
    /// Next segment, null behind every port of ours.
    pub next: *mut Mbuf,
    /// Header lengths for transmit offloads.
    pub tx_offload: u64,
    /// Shared data of external buffers.
    pub shinfo: *mut u8,
    /// Size of the private area behind this struct.
    pub priv_size: u16,
    /// IEEE 1588 flags.
    pub timesync: u16,
    /// Dynamic fields.
    pub dynfield1: [u32; 9],
}

// The offsets that the shim asserts against the DPDK headers, asserted against this struct.
const _: () = assert!(size_of::<Mbuf>() == 128);
const _: () = assert!(offset_of!(Mbuf, data_off) == 16 && offset_of!(Mbuf, port) == 22);
const _: () = assert!(offset_of!(Mbuf, ol_flags) == 24 && offset_of!(Mbuf, pkt_len) == 36);
const _: () = assert!(offset_of!(Mbuf, data_len) == 40 && offset_of!(Mbuf, buf_len) == 54);
const _: () = assert!(offset_of!(Mbuf, pool) == 56 && offset_of!(Mbuf, next) == 64);
const _: () = assert!(offset_of!(Mbuf, tx_offload) == 72 && offset_of!(Mbuf, priv_size) == 88);
const _: () = assert!(offset_of!(Mbuf, dynfield1) == 92);

/// What gives buffers of one kind back to their pool.
#[derive(Debug)]
pub struct PoolOps {
    /// Returns one buffer.
    ///
    /// The pointer is a live buffer of a pool with these operations, and is not used afterwards.
    pub free: unsafe fn(NonNull<Mbuf>),
    /// Returns a burst of buffers, which may come from several pools with these operations.
    pub free_burst: unsafe fn(&[NonNull<Mbuf>]),
}

/// What every buffer's private area starts with, directly behind its [`Mbuf`].
#[repr(C)]
#[derive(Debug)]
pub struct Meta {
    /// How the buffer is given back.
    pub ops: &'static PoolOps,
    /// When the frame was received, in picoseconds of the worker's clock.
    pub rx_time: Time,
    pub(super) layout: Layout,
    pub(super) in_port: u16,
    pub(super) flags: u8,
    /// Which notes were made, a bit a slot.
    pub(super) noted: u8,
}

/// All that lies in the private area. Who makes a packet writes its `Meta` alone: a note is not read before it was
/// made, so that receiving costs no more writes for them.
#[repr(C)]
pub(super) struct Private {
    pub(super) meta: Meta,
    pub(super) notes: [MaybeUninit<u64>; Packet::NOTES],
}

const _: () = assert!(size_of::<Private>() <= Meta::SIZE && align_of::<Private>() <= align_of::<Mbuf>());
const _: () = assert!(Packet::NOTES == u8::BITS as usize);

impl Meta {
    /// Size of the private area, in bytes, that every pool reserves.
    pub const SIZE: usize = 128;
    pub(super) const SCANNED: u8 = 1;
    pub(super) const HELD: u8 = 2;
    pub(super) const TRACED: u8 = 4;
    pub(super) const RELEASED: u8 = 8;

    /// What a buffer has that was just received or allocated.
    pub fn new(ops: &'static PoolOps) -> Self {
        Self { ops, rx_time: 0, layout: Layout::EMPTY, in_port: 0, flags: 0, noted: 0 }
    }

    /// Writes it to a buffer, whose notes are thereby gone.
    ///
    /// # Safety
    /// `mbuf` is an exclusively owned buffer whose private area holds at least [`Meta::SIZE`] bytes.
    #[inline]
    pub unsafe fn write(mbuf: NonNull<Mbuf>, meta: Self) {
        // SAFETY: the caller owns the buffer, and the private area follows the header.
        unsafe { mbuf.add(1).cast::<Self>().write(meta) }
    }
}
