//! The receive ring that the kernel fills (`TPACKET_V2`).
//!
//! Each slot has a status word that says whose it is. The kernel writes a frame and then sets `TP_STATUS_USER`; we
//! read the frame and then set `TP_STATUS_KERNEL`. So reading the status acquires the slot's bytes and writing it
//! releases them.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: memory shared with the kernel")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{TP_STATUS_CSUMNOTREADY, TP_STATUS_KERNEL, TP_STATUS_USER, TP_STATUS_VLAN_TPID_VALID};
use libc::{TP_STATUS_VLAN_VALID, tpacket_req, tpacket2_hdr};

/// Bytes of a block, a piece of contiguous memory that holds whole slots. The kernel finds pieces of 64 KiB even
/// in fragmented memory.
const BLOCK: usize = 64 * 1024;
/// Where the kernel puts the Ethernet header in a slot: `tpacket2_hdr`, `sockaddr_ll`, 16 bytes for a link layer
/// header that ends aligned (`tpacket_rcv()` in net/packet/af_packet.c).
const FRAME_OFFSET: usize = 80 - 14;

/// One frame, still in the ring.
pub(super) struct Frame<'a> {
    pub(super) bytes: &'a [u8],
    /// TPID, where the kernel is new enough to tell it, and TCI of a tag that was cut out of `bytes`.
    pub(super) vlan: Option<(Option<u16>, u16)>,
    /// The sender left the transport checksum to hardware.
    pub(super) checksum_missing: bool,
    /// The frame was longer than `bytes`.
    pub(super) cut: bool,
}

/// The ring, mapped.
pub(super) struct Ring {
    memory: NonNull<u8>,
    len: usize,
    shape: Shape,
    /// The slot that the kernel fills next, or has filled first.
    next: Slot,
}

/// How slots lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    slot: usize,
    block: usize,
    slots_per_block: usize,
    blocks: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    block: usize,
    index: usize,
}

// SAFETY: the mapping belongs to this value alone, in whatever thread it is.
unsafe impl Send for Ring {}

impl Ring {
    /// Gives a packet socket a ring of at least `slots` slots for frames of up to `max_frame` bytes.
    pub(super) fn map(socket: BorrowedFd<'_>, slots: usize, max_frame: usize) -> io::Result<Self> {
        let shape = Shape::new(slots, max_frame);
        let len = shape.block * shape.blocks;
        let request = tpacket_req {
            tp_block_size: shape.block as u32,
            tp_block_nr: shape.blocks as u32,
            tp_frame_size: shape.slot as u32,
            tp_frame_nr: (shape.blocks * shape.slots_per_block) as u32,
        };
        super::socket::set_option(socket, libc::PACKET_RX_RING, &request)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, where the kernel likes; the socket's ring has this length.
        let memory = unsafe {
            libc::mmap(
                null_mut(),
                len,
                protection,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                socket.as_raw_fd(),
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        Ok(Self { memory, len, shape, next: Slot { block: 0, index: 0 } })
    }

    /// The longest frame that fits a slot.
    pub(super) fn capacity(&self) -> usize {
        self.shape.slot - FRAME_OFFSET
    }

    /// How many frames wait, at most `max`.
    #[inline]
    pub(super) fn ready(&self, max: usize) -> usize {
        let mut slot = self.next;
        let max = max.min(self.shape.blocks * self.shape.slots_per_block);
        for n in 0..max {
            if self.status(slot).load(Ordering::Acquire) & TP_STATUS_USER == 0 {
                return n;
            }
            slot = self.shape.after(slot);
        }
        max
    }

    /// Shows the first waiting frame to `read` and gives its slot back to the kernel.
    ///
    /// # Panics
    /// When none waits.
    #[inline]
    pub(super) fn take<T>(&mut self, read: impl FnOnce(Frame<'_>) -> T) -> T {
        let status = self.status(self.next).load(Ordering::Acquire);
        assert!(status & TP_STATUS_USER != 0, "a slot is taken only when it is ready");
        let result = read(self.frame(self.next, status));
        self.status(self.next).store(TP_STATUS_KERNEL, Ordering::Release);
        self.next = self.shape.after(self.next);
        result
    }

    #[inline]
    fn frame(&self, slot: Slot, status: u32) -> Frame<'_> {
        let start = self.start(slot);
        // SAFETY: the slot is ours (its status was read with acquire), its start aligned, and the kernel wrote the
        // header.
        let header = unsafe { start.cast::<tpacket2_hdr>().read() };
        let offset = usize::from(header.tp_mac);
        let room = self.shape.slot.saturating_sub(offset);
        let len = (header.tp_snaplen as usize).min(room);
        // SAFETY: offset and length lie within the slot, which is ours until its status changes.
        let bytes =
            unsafe { std::slice::from_raw_parts(start.add(offset.min(self.shape.slot)).as_ptr(), len) };
        let tpid = (status & TP_STATUS_VLAN_TPID_VALID != 0).then_some(header.tp_vlan_tpid);
        Frame {
            bytes,
            vlan: (status & TP_STATUS_VLAN_VALID != 0).then_some((tpid, header.tp_vlan_tci)),
            checksum_missing: status & TP_STATUS_CSUMNOTREADY != 0,
            cut: header.tp_len as usize != len,
        }
    }

    #[inline]
    fn status(&self, slot: Slot) -> &AtomicU32 {
        // SAFETY: the status is the first word of a slot, aligned, and only accessed as an atomic by us.
        unsafe { self.start(slot).cast::<AtomicU32>().as_ref() }
    }

    #[inline]
    fn start(&self, slot: Slot) -> NonNull<u8> {
        debug_assert!(slot.block < self.shape.blocks && slot.index < self.shape.slots_per_block);
        // SAFETY: a slot of the shape lies within the mapping.
        unsafe { self.memory.add(slot.block * self.shape.block + slot.index * self.shape.slot) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: mapped in `map`, with this length, and no frame is borrowed.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.len) };
    }
}

impl Shape {
    fn new(slots: usize, max_frame: usize) -> Self {
        // Whole cache lines, and an odd number of them: slots at even strides fall into few sets of the cache.
        let slot = ((FRAME_OFFSET + max_frame).div_ceil(64) | 1) * 64;
        let block = BLOCK.max(slot.next_power_of_two());
        let slots_per_block = block / slot;
        Self { slot, block, slots_per_block, blocks: slots.div_ceil(slots_per_block).max(1) }
    }

    #[inline]
    fn after(&self, slot: Slot) -> Slot {
        if slot.index + 1 < self.slots_per_block {
            return Slot { index: slot.index + 1, ..slot };
        }
        let block = if slot.block + 1 < self.blocks { slot.block + 1 } else { 0 };
        Slot { block, index: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_holds_the_slots_asked_for_and_the_frame() {
        for max_frame in [64, 1522, 2048, 9022, 65_535 + 22] {
            for slots in [1, 64, 4096] {
                let shape = Shape::new(slots, max_frame);
                assert!(shape.blocks * shape.slots_per_block >= slots);
                assert!(
                    shape.slot >= FRAME_OFFSET + max_frame
                        && shape.slot * shape.slots_per_block <= shape.block
                );
                assert_eq!((shape.slot % 128, shape.block % 4096), (64, 0));
            }
        }
    }

    #[test]
    fn slots_follow_each_other_round_and_round() {
        let shape = Shape::new(100, 1522);
        let mut slot = Slot { block: 0, index: 0 };
        for _ in 0..shape.blocks * shape.slots_per_block {
            assert!(slot.block < shape.blocks && slot.index < shape.slots_per_block);
            slot = shape.after(slot);
        }
        assert_eq!((slot.block, slot.index), (0, 0));
    }
}
