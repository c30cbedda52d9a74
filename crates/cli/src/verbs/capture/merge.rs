//! Frames of several taps in the order of their time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rackless_net::Frame;

/// A frame that was taken from a tap.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Taken {
    /// First, so that frames are ordered by it.
    pub(super) time_ns: u64,
    /// In which order frames of the same time came.
    number: u64,
    /// Which tap it is from.
    pub(super) tap: usize,
    pub(super) from_node: bool,
    pub(super) original_len: u32,
    pub(super) checksum_missing: bool,
    pub(super) bytes: Vec<u8>,
}

/// Keeps frames until none that is older can come any more.
#[derive(Default)]
pub(super) struct Merge {
    waiting: BinaryHeap<Reverse<Taken>>,
    count: u64,
}

impl Merge {
    pub(super) fn add(&mut self, tap: usize, frame: &Frame<'_>) {
        self.count += 1;
        self.waiting.push(Reverse(Taken {
            time_ns: frame.time_ns,
            number: self.count,
            tap,
            from_node: frame.from_node,
            original_len: frame.original_len,
            checksum_missing: frame.checksum_missing,
            bytes: frame.bytes.to_vec(),
        }));
    }

    /// Gives the oldest frame if it is not younger than `time_ns`.
    pub(super) fn next(&mut self, time_ns: u64) -> Option<Taken> {
        self.waiting.peek().filter(|Reverse(oldest)| oldest.time_ns <= time_ns)?;
        self.waiting.pop().map(|Reverse(oldest)| oldest)
    }

    /// Whether frames are kept.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_leave_in_the_order_of_their_time_and_not_before_it() {
        let mut merge = Merge::default();
        for (tap, time_ns) in [(0, 30), (0, 50), (1, 20), (1, 30), (1, 60)] {
            let frame = Frame {
                time_ns,
                from_node: true,
                bytes: (&[][..]).into(),
                original_len: 0,
                checksum_missing: false,
            };
            merge.add(tap, &frame);
        }
        let mut until = |time_ns| {
            std::iter::from_fn(|| merge.next(time_ns))
                .map(|frame| (frame.tap, frame.time_ns))
                .collect::<Vec<_>>()
        };
        assert_eq!(until(50), [(1, 20), (0, 30), (1, 30), (0, 50)]);
        assert_eq!(until(u64::MAX), [(1, 60)]);
    }
}
