//! The packet buffer: an owned handle to memory laid out like a DPDK `rte_mbuf`.
//!
//! Every back-end allocates this one layout, so a network function needs no generics over them:
//!
//! ```text
//! | Mbuf (128 bytes) | Meta, notes (128 bytes) | headroom | frame | tailroom |
//! ```
//!
//! `Mbuf` mirrors `struct rte_mbuf` of DPDK 22.11 (`rte_mbuf_core.h`); `Meta` and an NF's own notes lie in its private
//! area. The crate `rackless-dpdk-sys` checks the offsets against the installed headers when it compiles its shim.
#![allow(unsafe_code, reason = "the packet buffer is one of the places that ARCHITECTURE.md names")]

mod mbuf;

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use mbuf::Private;
pub use mbuf::{Mbuf, Meta, PoolOps};

use rackless_packet::Layout;

use crate::{Reason, Time};

/// One frame in one buffer: owned, not `Clone`, given back to its pool when dropped.
///
/// The headers are scanned when the first accessor asks for them and kept until the frame changes its size or
/// its bytes are handed out by [`Packet::data_mut`]. Header accessors are in [`crate::Packet`]'s other methods
/// (`ipv6`, `ipv6_mut`, …).
#[repr(transparent)]
pub struct Packet {
    mbuf: NonNull<Mbuf>,
    // The lazy scan writes through a shared reference, so a packet is not `Sync`.
    not_sync: PhantomData<UnsafeCell<Mbuf>>,
}

// SAFETY: a packet owns its buffer alone, and pools take buffers back from any thread.
unsafe impl Send for Packet {}

impl Packet {
    /// Takes ownership of a buffer.
    ///
    /// # Safety
    /// `mbuf` is a live, unaliased, single-segment buffer with the layout of this module, a private area of at least
    /// [`Meta::SIZE`] bytes and an initialised [`Meta`] in it, whose `data_off + data_len` lies within `buf_len`.
    #[inline]
    pub unsafe fn from_raw(mbuf: NonNull<Mbuf>) -> Self {
        Self { mbuf, not_sync: PhantomData }
    }

    /// Gives up ownership of the buffer, which is then the caller's to free.
    #[inline]
    pub fn into_raw(self) -> NonNull<Mbuf> {
        let mbuf = self.mbuf;
        std::mem::forget(self);
        mbuf
    }

    /// Frees a burst of packets with one call per run of packets of the same kind of pool.
    pub fn free_burst(packets: &mut Vec<Packet>) {
        let mut rest = packets.as_slice();
        while let Some(first) = rest.first() {
            let ops = first.meta().ops;
            let run = rest.iter().take_while(|packet| std::ptr::eq(packet.meta().ops, ops)).count();
            let (head, tail) = rest.split_at(run);
            // SAFETY: `Packet` is a transparent pointer (asserted below); the packets of the run are live, share
            // `ops`, and are forgotten by `set_len` below before anybody could use them again.
            unsafe { (ops.free_burst)(std::slice::from_raw_parts(head.as_ptr().cast(), run)) };
            rest = tail;
        }
        // SAFETY: every element was given back above and must not be dropped again.
        unsafe { packets.set_len(0) };
    }

    /// Replaces the frame by `bytes`, with the headroom that the pool was made with where they fit.
    ///
    /// # Errors
    /// [`Reason::NO_TAILROOM`] when the buffer is smaller than `bytes`; the packet is left as it was.
    pub fn set_data(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let buf_len = usize::from(self.mbuf().buf_len);
        let headroom = Self::HEADROOM.min(buf_len);
        let start = if headroom + bytes.len() <= buf_len { headroom } else { 0 };
        if bytes.len() > buf_len {
            return Err(Reason::NO_TAILROOM);
        }
        self.set_bounds(start, bytes.len());
        self.data_mut().copy_from_slice(bytes);
        Ok(())
    }

    /// Grows the frame at its front by `n` bytes, taken from the headroom, and gives the new bytes.
    ///
    /// # Errors
    /// [`Reason::NO_HEADROOM`]
    pub fn push(&mut self, n: usize) -> Result<&mut [u8], Reason> {
        let (start, len) = self.bounds();
        let start = start.checked_sub(n).ok_or(Reason::NO_HEADROOM)?;
        self.set_bounds(start, len + n);
        Ok(&mut self.data_mut()[..n])
    }

    /// Cuts `n` bytes off the front of the frame.
    ///
    /// # Errors
    /// [`Reason::MALFORMED`] when the frame is shorter.
    pub fn pull(&mut self, n: usize) -> Result<(), Reason> {
        let (start, len) = self.bounds();
        let len = len.checked_sub(n).ok_or(Reason::MALFORMED)?;
        self.set_bounds(start + n, len);
        Ok(())
    }

    /// Grows the frame at its end by `n` bytes and gives the new bytes, whose content is what the buffer held.
    ///
    /// # Errors
    /// [`Reason::NO_TAILROOM`]
    pub fn append(&mut self, n: usize) -> Result<&mut [u8], Reason> {
        if n > self.tailroom() {
            return Err(Reason::NO_TAILROOM);
        }
        let (start, len) = self.bounds();
        self.set_bounds(start, len + n);
        Ok(&mut self.data_mut()[len..])
    }

    /// Cuts the frame to at most `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        let (start, old) = self.bounds();
        self.set_bounds(start, len.min(old));
    }

    /// The bytes of the frame, to be changed; the headers are scanned anew afterwards.
    #[inline]
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.meta_mut().flags &= !Meta::SCANNED;
        self.bytes_mut()
    }

    /// Sets the port that the frame came in by, as an index into the graph's ports.
    #[inline]
    pub fn set_in_port(&mut self, port: u16) {
        self.meta_mut().in_port = port;
    }

    /// Sets the time at which the frame was received.
    #[inline]
    pub fn set_rx_time(&mut self, time: Time) {
        self.meta_mut().rx_time = time;
    }

    /// Makes a note in a slot, which goes with the packet through the graph: what a function found out about it and a
    /// later one needs, such as its flow or its rank. Notes are gone when the packet leaves by a port or is dropped.
    ///
    /// # Panics
    /// If `slot` is not below [`Packet::NOTES`].
    #[inline]
    pub fn set_note(&mut self, slot: usize, note: u64) {
        assert!(slot < Self::NOTES, "a packet has {} notes", Self::NOTES);
        // SAFETY: the private area holds a `Private` (`from_raw`), and `&mut self` makes the access exclusive.
        unsafe { (*self.private()).notes[slot].write(note) };
        self.meta_mut().noted |= 1 << slot;
    }

    /// The note in a slot, 0 if none was made.
    ///
    /// # Panics
    /// If `slot` is not below [`Packet::NOTES`].
    #[inline]
    pub fn note(&self, slot: usize) -> u64 {
        assert!(slot < Self::NOTES, "a packet has {} notes", Self::NOTES);
        if self.meta().noted & 1 << slot == 0 {
            return 0;
        }
        // SAFETY: the private area holds a `Private`, and the bit says that the note was written.
        unsafe { (*self.private()).notes[slot].assume_init() }
    }

    /// The bytes of the frame.
    #[inline]
    pub fn data(&self) -> &[u8] {
        let (start, len) = self.bounds();
        // SAFETY: the bounds lie in the data area (`from_raw`, `set_bounds`), which we own.
        unsafe { std::slice::from_raw_parts(self.mbuf().buf_addr.add(start), len) }
    }

    /// Length of the frame in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.bounds().1
    }

    /// Whether the frame has no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Free bytes before the frame.
    pub fn headroom(&self) -> usize {
        self.bounds().0
    }

    /// Free bytes behind the frame.
    pub fn tailroom(&self) -> usize {
        let (start, len) = self.bounds();
        usize::from(self.mbuf().buf_len) - start - len
    }

    /// The port that the frame came in by, as an index into the graph's ports.
    #[inline]
    pub fn in_port(&self) -> u16 {
        self.meta().in_port
    }

    /// When the frame was received.
    #[inline]
    pub fn rx_time(&self) -> Time {
        self.meta().rx_time
    }

    /// What headers the frame has and where, scanned at most once per change of the frame.
    #[inline]
    pub fn layout(&self) -> Layout {
        if self.meta().flags & Meta::SCANNED == 0 {
            self.scan();
        }
        self.meta().layout
    }

    /// Whether the buffer belongs to a pool with these operations.
    #[inline]
    pub fn is_from(&self, ops: &'static PoolOps) -> bool {
        std::ptr::eq(self.meta().ops, ops)
    }

    /// Headroom of a fresh packet in bytes: DPDK's default, room for several tunnel headers.
    pub const HEADROOM: usize = 128;

    /// How many notes a packet has room for ([`Packet::set_note`]).
    pub const NOTES: usize = 8;

    #[inline]
    pub(crate) fn set_held(&mut self, held: bool) {
        let flags = &mut self.meta_mut().flags;
        *flags = if held { *flags | Meta::HELD } else { *flags & !Meta::HELD };
    }

    #[inline]
    pub(crate) fn is_held(&self) -> bool {
        self.meta().flags & Meta::HELD != 0
    }

    /// Says that a held packet is let go, until somebody [asks](Packet::take_released).
    #[inline]
    pub(crate) fn release(&mut self) {
        let flags = &mut self.meta_mut().flags;
        *flags = *flags & !Meta::HELD | Meta::RELEASED;
    }

    pub(crate) fn take_released(&mut self) -> bool {
        let flags = &mut self.meta_mut().flags;
        let released = *flags & Meta::RELEASED != 0;
        *flags &= !Meta::RELEASED;
        released
    }

    pub(crate) fn set_traced(&mut self) {
        self.meta_mut().flags |= Meta::TRACED;
    }

    #[inline]
    pub(crate) fn is_traced(&self) -> bool {
        self.meta().flags & Meta::TRACED != 0
    }

    /// What tells the packet from all others as long as it lives.
    #[inline]
    pub(crate) fn address(&self) -> usize {
        self.mbuf.as_ptr().addr()
    }

    /// The frame's bytes for a change that keeps the layout.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let (start, len) = self.bounds();
        // SAFETY: as in `data`, and `&mut self` makes the borrow exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.mbuf().buf_addr.add(start), len) }
    }

    #[inline(never)]
    fn scan(&self) {
        let frame = self.data();
        // SAFETY: a packet is not `Sync` and `layout` is handed out by value, so nobody else looks at the private
        // area during this write; the frame lies in the data area behind it.
        unsafe {
            let meta = self.mbuf.add(1).cast::<Meta>().as_ptr();
            let meta = &mut *meta;
            meta.layout.scan_into(frame);
            meta.flags |= Meta::SCANNED;
        }
    }

    #[inline]
    fn bounds(&self) -> (usize, usize) {
        (usize::from(self.mbuf().data_off), usize::from(self.mbuf().data_len))
    }

    #[inline]
    fn set_bounds(&mut self, start: usize, len: usize) {
        debug_assert!(start + len <= usize::from(self.mbuf().buf_len));
        // SAFETY: we own the buffer; both values fit, for they lie within `buf_len`, a `u16`.
        let mbuf = unsafe { self.mbuf.as_mut() };
        mbuf.data_off = start as u16;
        mbuf.data_len = len as u16;
        mbuf.pkt_len = len as u32;
        self.meta_mut().flags &= !Meta::SCANNED;
    }

    #[inline]
    fn private(&self) -> *mut Private {
        // SAFETY: the private area follows the header, in the same allocation.
        unsafe { self.mbuf.add(1).cast().as_ptr() }
    }

    #[inline]
    fn mbuf(&self) -> &Mbuf {
        // SAFETY: we own the buffer, and it lives until we free it.
        unsafe { self.mbuf.as_ref() }
    }

    #[inline]
    fn meta(&self) -> &Meta {
        // SAFETY: the private area follows the header and is initialised (`from_raw`).
        unsafe { self.mbuf.add(1).cast::<Meta>().as_ref() }
    }

    #[inline]
    fn meta_mut(&mut self) -> &mut Meta {
        // SAFETY: as in `meta`, and `&mut self` makes the borrow exclusive.
        unsafe { self.mbuf.add(1).cast::<Meta>().as_mut() }
    }
}

// `free_burst` reads a slice of packets as a slice of pointers.
const _: () = assert!(size_of::<Packet>() == size_of::<NonNull<Mbuf>>());

impl Drop for Packet {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the buffer is live and ours, and nobody uses it afterwards.
        unsafe { (self.meta().ops.free)(self.mbuf) }
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packet({} bytes, port {})", self.len(), self.in_port())
    }
}
