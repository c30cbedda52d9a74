use crate::counters::DropReason;
use crate::ethernet;

/// A frame as a cable needs to know it.
///
/// The bytes stay where they are: a handle to a buffer that somebody else owns is a frame too. `Vec<u8>` is one.
///
/// # Examples
/// ```
/// use rackless_link::{Frame, ethernet};
///
/// /// Bytes in a buffer that came with a kernel's segmentation header.
/// struct Super {
///     bytes: Vec<u8>,
///     headers: usize,
///     segment_payload: usize,
/// }
///
/// impl Frame for Super {
///     fn len(&self) -> usize {
///         self.bytes.len() + (self.segments() as usize - 1) * self.headers
///     }
///
///     fn duplicate(&self) -> Option<Self> {
///         Some(Self { bytes: self.bytes.clone(), ..*self })
///     }
///
///     fn flip_bit(&mut self, bit: usize) {
///         ethernet::flip_bit(&mut self.bytes, bit);
///     }
///
///     fn mark_ce(&mut self) -> bool {
///         ethernet::mark_ce(&mut self.bytes)
///     }
///
///     fn segments(&self) -> u32 {
///         (self.bytes.len() - self.headers).div_ceil(self.segment_payload) as u32
///     }
///
///     fn longest_segment(&self) -> usize {
///         self.headers + self.segment_payload
///     }
/// }
/// ```
#[expect(clippy::len_without_is_empty, reason = "no frame is empty")]
pub trait Frame: Sized {
    /// Returns its bytes on the cable, without the checksum. Of a frame that stands for several segments, all
    /// theirs together.
    fn len(&self) -> usize;

    /// Returns a second frame with the same bytes; `None` where there is no memory, and then nothing is duplicated.
    fn duplicate(&self) -> Option<Self>;

    /// Flips a bit, counted from the first of the first byte; `bit` is below `8 * len`.
    fn flip_bit(&mut self, bit: usize);

    /// Marks that it met congestion (CE, RFC 3168) if its transport understands that, and returns whether it bears
    /// the mark now. [`ethernet::mark_ce`] does it for the bytes of a frame.
    fn mark_ce(&mut self) -> bool;

    /// Returns the bytes before the packet; the default is a plain Ethernet header. Asked for only where an MTU,
    /// [`Layer::L3`](crate::Layer::L3) or a trace counts packets. [`ethernet::header_len`] sees VLAN tags.
    fn header_len(&self) -> usize {
        ethernet::HEADER_LEN
    }

    /// Returns how many frames it becomes on the cable, at least 1. They are queued, sent, lost and delivered
    /// together, and counted one by one.
    fn segments(&self) -> u32 {
        1
    }

    /// Returns the bytes of the longest of its segments, for the MTU.
    fn longest_segment(&self) -> usize {
        self.len()
    }

    /// Ends a frame that is dropped; the default only drops the value.
    fn dropped(self, reason: DropReason) {
        let _ = reason;
    }
}

impl Frame for Vec<u8> {
    fn len(&self) -> usize {
        self.len()
    }

    fn duplicate(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn flip_bit(&mut self, bit: usize) {
        ethernet::flip_bit(self, bit);
    }

    fn mark_ce(&mut self) -> bool {
        ethernet::mark_ce(self)
    }

    fn header_len(&self) -> usize {
        ethernet::header_len(self)
    }
}
