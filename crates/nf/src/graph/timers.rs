//! Timers of all nodes of a graph, earliest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::Time;

/// A queue of timers; equal times expire in the order they were set.
#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Time, u64, usize, u64)>>,
    set: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Time, node: usize, token: u64) {
        self.heap.push(Reverse((at, self.set, node, token)));
        self.set += 1;
    }

    /// The node and token of the earliest timer that is due.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<(usize, u64)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, _, node, token))| (node, token))
    }

    /// When the earliest timer expires.
    #[inline]
    pub(crate) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }
}
