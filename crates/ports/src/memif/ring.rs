//! Rings of descriptors in shared memory.
//!
//! A ring is 128 bytes of header and a descriptor of 16 bytes for each place. It has a head and a tail, which count
//! up without end. In a ring to the server the client, which owns all buffers, puts frames in at the head and the
//! server gives places back at the tail; in a ring to the client the client offers empty buffers at the head and the
//! server fills them up to the tail. So in both directions the client alone moves the head and the server the tail.

use std::sync::atomic::{Ordering, fence};

use super::event::Event;
use super::message::AddRing;
use super::region::Region;

/// Bytes before the descriptors.
pub(super) const HEADER: usize = 128;
/// Bytes of a descriptor.
pub(super) const DESCRIPTOR: usize = 16;
const COOKIE: u32 = 0x03E3_1F20;
/// Offsets of the header's fields.
const FLAGS: usize = 4;
const HEAD: usize = 6;
const TAIL: usize = 64;
/// The flag of a ring whose receiver polls, and wants not to be woken.
const POLLED: u16 = 1;
/// The flag of a descriptor whose frame goes on in the next.
pub(super) const NEXT: u16 = 1;

/// A place in a ring: where a frame or an empty buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub(super) flags: u16,
    pub(super) region: u16,
    pub(super) len: u32,
    pub(super) offset: u32,
}

/// A ring, in one of the regions of its connection.
pub(super) struct Ring {
    region: usize,
    offset: usize,
    log2_size: u8,
    /// Wakes the receiver.
    pub(super) event: Event,
}

/// The rings and regions of a connection, each ring with our place in it.
pub(super) struct Rings {
    pub(super) regions: Vec<Region>,
    pub(super) rx: Ring,
    pub(super) tx: Ring,
    pub(super) rx_next: u16,
    pub(super) tx_next: u16,
}

impl Ring {
    /// The ring that a message describes; `None` where it does not lie within its region.
    pub(super) fn new(ring: &AddRing, regions: &[Region], event: Event) -> Option<Self> {
        let (offset, region) = (ring.offset as usize, usize::from(ring.region));
        let len = HEADER + (DESCRIPTOR << ring.log2_size.min(15));
        let within = regions.get(region)?.len() >= offset.checked_add(len)?;
        let fits = within && offset.is_multiple_of(4) && (1..15).contains(&ring.log2_size);
        fits.then_some(Self { region, offset, log2_size: ring.log2_size, event })
    }

    /// Writes the header of an empty ring.
    pub(super) fn clear(&self, regions: &[Region]) {
        let region = &regions[self.region];
        region.write(self.offset, &COOKIE.to_ne_bytes());
        for field in [FLAGS, HEAD, TAIL] {
            region.word(self.offset + field).store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn is_valid(&self, regions: &[Region]) -> bool {
        let mut cookie = [0; 4];
        regions[self.region].read(self.offset, &mut cookie) && cookie == COOKIE.to_ne_bytes()
    }

    #[inline]
    pub(super) fn size(&self) -> u16 {
        1 << self.log2_size
    }

    #[inline]
    pub(super) fn head(&self, regions: &[Region]) -> u16 {
        regions[self.region].word(self.offset + HEAD).load(Ordering::Acquire)
    }

    #[inline]
    pub(super) fn tail(&self, regions: &[Region]) -> u16 {
        regions[self.region].word(self.offset + TAIL).load(Ordering::Acquire)
    }

    #[inline]
    pub(super) fn set_head(&self, regions: &[Region], head: u16) {
        regions[self.region].word(self.offset + HEAD).store(head, Ordering::Release);
    }

    #[inline]
    pub(super) fn set_tail(&self, regions: &[Region], tail: u16) {
        regions[self.region].word(self.offset + TAIL).store(tail, Ordering::Release);
    }

    /// Says whether the receiver, which we are, polls or wants to be woken.
    pub(super) fn set_polled(&self, regions: &[Region], polled: bool) {
        let flags = if polled { POLLED } else { 0 };
        regions[self.region].word(self.offset + FLAGS).store(flags, Ordering::Relaxed);
        // The receiver looks into the ring again after it asked to be woken: one of the two sees the other.
        fence(Ordering::SeqCst);
    }

    /// Wakes the receiver, if it wants to be woken, after frames were put in.
    #[inline]
    pub(super) fn wake(&self, regions: &[Region]) {
        fence(Ordering::SeqCst);
        if regions[self.region].word(self.offset + FLAGS).load(Ordering::Relaxed) & POLLED == 0 {
            self.event.signal();
        }
    }

    #[inline]
    pub(super) fn descriptor(&self, regions: &[Region], index: u16) -> Descriptor {
        let mut bytes = [0; DESCRIPTOR];
        // A ring lies within its region, as was asked when it was made.
        regions[self.region].read(self.place(index), &mut bytes);
        let u16_at = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Descriptor { flags: u16_at(0), region: u16_at(2), len: u32_at(4), offset: u32_at(8) }
    }

    #[inline]
    pub(super) fn set_descriptor(&self, regions: &[Region], index: u16, descriptor: Descriptor) {
        let mut bytes = [0; DESCRIPTOR];
        bytes[..2].copy_from_slice(&descriptor.flags.to_ne_bytes());
        bytes[2..4].copy_from_slice(&descriptor.region.to_ne_bytes());
        bytes[4..8].copy_from_slice(&descriptor.len.to_ne_bytes());
        bytes[8..12].copy_from_slice(&descriptor.offset.to_ne_bytes());
        regions[self.region].write(self.place(index), &bytes);
    }

    #[inline]
    fn place(&self, index: u16) -> usize {
        self.offset + HEADER + usize::from(index & (self.size() - 1)) * DESCRIPTOR
    }
}
