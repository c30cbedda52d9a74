use std::collections::VecDeque;

use crate::conditions::Limit;
use crate::{Count, Frame, Time};

/// The frames that wait for the transmitter, in their order.
#[derive(Debug)]
pub(super) struct Backlog<F> {
    waiting: VecDeque<Waiting<F>>,
    count: Count,
}

/// A frame that waits.
#[derive(Debug)]
pub(super) struct Waiting<F> {
    pub(super) frame: F,
    /// Since when.
    pub(super) arrived: Time,
}

impl<F: Frame> Backlog<F> {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::new(), count: Count::default() }
    }

    pub(super) fn push(&mut self, frame: F, arrived: Time) {
        self.count += Count::of(&frame);
        self.waiting.push_back(Waiting { frame, arrived });
    }

    pub(super) fn pop(&mut self) -> Option<Waiting<F>> {
        let first = self.waiting.pop_front()?;
        self.count -= Count::of(&first.frame);
        Some(first)
    }

    /// Returns since when the first frame waits.
    pub(super) fn first_arrived(&self) -> Option<Time> {
        self.waiting.front().map(|first| first.arrived)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn count(&self) -> Count {
        self.count
    }

    /// Returns whether a frame can wait too.
    pub(super) fn has_room(&self, frame: &F, limit: Limit) -> bool {
        let frame = Count::of(frame);
        match limit {
            Limit::Frames(most) => self.count.frames.saturating_add(frame.frames) <= most,
            Limit::Bytes(most) => self.count.bytes.saturating_add(frame.bytes) <= most.as_bytes(),
        }
    }
}
