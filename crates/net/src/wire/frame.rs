//! A frame in the hands of a wire: bytes as a TAP gives and takes them, in a buffer that is used again.

use rackless_link::{Frame, ethernet};

use crate::sys::VNET_HEADER;

/// The longest frame that a TAP gives: a joined one has up to 64 KiB behind its Ethernet header and VLAN tags.
const LONGEST: usize = VNET_HEADER + 65_536 + 32;
/// The size of the buffer that a short frame moves to, so that frames on a long cable do not take 64 KiB each.
const SHORT: usize = 2048;
/// Buffers of each size that are kept for later.
const KEPT_SHORT: usize = 1024;
const KEPT_LONG: usize = 64;

/// Offsets in `struct virtio_net_hdr`.
const GSO_TYPE: usize = 1;
const HEADER_LEN: usize = 2;
const GSO_SIZE: usize = 4;

/// A frame behind its virtio-net header.
#[derive(Debug)]
pub(super) struct WireFrame {
    /// Of one of the two sizes, so that it can be used again as it is.
    buffer: Vec<u8>,
    length: usize,
}

/// Buffers for frames.
pub(super) struct Buffers {
    /// What the next frame is read into.
    scratch: Vec<u8>,
    short: Vec<Vec<u8>>,
    long: Vec<Vec<u8>>,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self { scratch: vec![0; LONGEST], short: Vec::new(), long: Vec::new() }
    }

    /// Makes a frame of what `read` puts into a buffer; `None` if it has nothing, or less than a frame.
    pub(super) fn frame(&mut self, read: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<WireFrame> {
        let length = read(&mut self.scratch)?;
        if length < VNET_HEADER + ethernet::HEADER_LEN {
            return None;
        }
        if length > SHORT {
            let fresh = self.long.pop().unwrap_or_else(|| vec![0; LONGEST]);
            return Some(WireFrame { buffer: std::mem::replace(&mut self.scratch, fresh), length });
        }
        let mut buffer = self.short.pop().unwrap_or_else(|| vec![0; SHORT]);
        buffer[..length].copy_from_slice(&self.scratch[..length]);
        Some(WireFrame { buffer, length })
    }

    /// Takes the buffer of a frame back.
    pub(super) fn recycle(&mut self, frame: WireFrame) {
        let (pool, kept) = match frame.buffer.len() {
            SHORT => (&mut self.short, KEPT_SHORT),
            _ => (&mut self.long, KEPT_LONG),
        };
        if pool.len() < kept {
            pool.push(frame.buffer);
        }
    }
}

impl WireFrame {
    /// Gives what a TAP takes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    fn frame(&self) -> &[u8] {
        &self.buffer[VNET_HEADER..self.length]
    }

    fn frame_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[VNET_HEADER..self.length]
    }

    fn u16_at(&self, at: usize) -> usize {
        usize::from(u16::from_ne_bytes([self.buffer[at], self.buffer[at + 1]]))
    }

    /// Gives the bytes before the payload and of the payload of each segment, if it is a joined frame.
    fn segmentation(&self) -> Option<(usize, usize)> {
        let (headers, payload) = (self.u16_at(HEADER_LEN), self.u16_at(GSO_SIZE));
        (self.buffer[GSO_TYPE] != 0 && payload > 0 && headers < self.bytes_len())
            .then_some((headers, payload))
    }

    fn bytes_len(&self) -> usize {
        self.length - VNET_HEADER
    }
}

impl Frame for WireFrame {
    fn len(&self) -> usize {
        match self.segmentation() {
            None => self.bytes_len(),
            Some((headers, _)) => self.bytes_len() + (self.segments() as usize - 1) * headers,
        }
    }

    fn duplicate(&self) -> Option<Self> {
        Some(Self { buffer: self.buffer.clone(), length: self.length })
    }

    fn flip_bit(&mut self, bit: usize) {
        ethernet::flip_bit(self.frame_mut(), bit);
    }

    fn mark_ce(&mut self) -> bool {
        ethernet::mark_ce(self.frame_mut())
    }

    fn header_len(&self) -> usize {
        ethernet::header_len(self.frame())
    }

    fn segments(&self) -> u32 {
        self.segmentation()
            .map_or(1, |(headers, payload)| (self.bytes_len() - headers).div_ceil(payload) as u32)
    }

    fn longest_segment(&self) -> usize {
        self.segmentation().map_or(self.bytes_len(), |(headers, payload)| headers + payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of `payload` bytes behind 54 bytes of headers, to be cut into segments of 1,448 bytes.
    fn joined(payload: usize) -> WireFrame {
        let mut bytes = vec![0; VNET_HEADER + 54 + payload];
        bytes[GSO_TYPE] = 1;
        bytes[HEADER_LEN..HEADER_LEN + 2].copy_from_slice(&54_u16.to_ne_bytes());
        bytes[GSO_SIZE..GSO_SIZE + 2].copy_from_slice(&1448_u16.to_ne_bytes());
        let length = bytes.len();
        WireFrame { buffer: bytes, length }
    }

    #[test]
    fn a_joined_frame_counts_as_its_segments() {
        let frame = joined(3000);
        assert_eq!((frame.segments(), frame.len(), frame.longest_segment()), (3, 3000 + 3 * 54, 1502));
        let plain = WireFrame { buffer: vec![0; SHORT], length: VNET_HEADER + 60 };
        assert_eq!((plain.segments(), plain.len(), plain.longest_segment()), (1, 60, 60));
    }

    #[test]
    fn short_frames_use_their_buffers_again_and_long_ones_keep_theirs() {
        let mut buffers = Buffers::new();
        let fill = |bytes: &mut [u8]| {
            bytes[..100].fill(7);
            Some(100)
        };
        let frame = buffers.frame(fill).expect("a frame");
        assert_eq!(frame.as_bytes(), [7; 100]);
        let place = frame.as_bytes().as_ptr();
        buffers.recycle(frame);
        assert_eq!(buffers.frame(|_| Some(50)).expect("a frame").as_bytes().as_ptr(), place);
        let long = buffers.frame(|_| Some(60_000)).expect("a frame");
        assert_eq!(long.as_bytes().len(), 60_000);
        buffers.recycle(long);
        assert!(buffers.frame(|_| Some(VNET_HEADER)).is_none() && buffers.frame(|_| None).is_none());
    }
}
