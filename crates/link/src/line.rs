use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::{Count, Frame, Time};

/// The frames on their way.
///
/// Frames that keep their order lie in queues; only those that are free to overtake cost a heap.
#[derive(Debug)]
pub(crate) struct Line<F> {
    behind: VecDeque<Flight<F>>,
    early: VecDeque<Flight<F>>,
    free: BinaryHeap<Reverse<Flight<F>>>,
    /// When the last of all arrives.
    latest: Time,
    sequence: u64,
    count: Count,
}

/// Where a frame stands among those on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind all others: it arrives no earlier than they.
    Behind,
    /// Before those that did not skip the delay.
    Early,
    /// Wherever its time puts it.
    Free,
}

/// A frame on its way.
#[derive(Debug)]
struct Flight<F> {
    due: Time,
    /// Decides between frames that are due at the same time.
    sequence: u64,
    frame: F,
}

impl<F: Frame> Line<F> {
    pub(crate) fn new() -> Self {
        Self {
            behind: VecDeque::new(),
            early: VecDeque::new(),
            free: BinaryHeap::new(),
            latest: 0,
            sequence: 0,
            count: Count::default(),
        }
    }

    /// Puts a frame on its way, and returns whether it overtakes another.
    pub(crate) fn push(&mut self, frame: F, due: Time, place: Place) -> bool {
        self.count += Count::of(&frame);
        let overtakes = due < self.latest && place != Place::Behind;
        let due = if place == Place::Behind { due.max(self.latest) } else { due };
        self.latest = self.latest.max(due);
        let flight = Flight { due, sequence: self.sequence, frame };
        self.sequence += 1;
        match place {
            Place::Behind => self.behind.push_back(flight),
            Place::Early => self.early.push_back(flight),
            Place::Free => self.free.push(Reverse(flight)),
        }
        overtakes
    }

    /// Takes the next frame if it is due, with the time at which it was.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<(F, Time)> {
        let flight = if self.early.is_empty() && self.free.is_empty() {
            self.behind.pop_front_if(|first| first.due <= now)?
        } else {
            self.take_first(now)?
        };
        self.count -= Count::of(&flight.frame);
        Some((flight.frame, flight.due))
    }

    /// Returns when the next frame is due.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.first_keys().into_iter().flatten().min().map(|(due, _)| due)
    }

    pub(crate) fn count(&self) -> Count {
        self.count
    }

    fn take_first(&mut self, now: Time) -> Option<Flight<F>> {
        let keys = self.first_keys();
        let first = keys.into_iter().flatten().min().filter(|(due, _)| *due <= now);
        let [behind, early, _] = keys;
        match first {
            None => None,
            first if first == behind => self.behind.pop_front(),
            first if first == early => self.early.pop_front(),
            _ => self.free.pop().map(|Reverse(flight)| flight),
        }
    }

    /// Returns when the first frame of each kind is due, and which it is.
    fn first_keys(&self) -> [Option<(Time, u64)>; 3] {
        let free = self.free.peek().map(|Reverse(first)| first.key());
        [self.behind.front().map(Flight::key), self.early.front().map(Flight::key), free]
    }
}

impl<F> Flight<F> {
    fn key(&self) -> (Time, u64) {
        (self.due, self.sequence)
    }
}

impl<F> Ord for Flight<F> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl<F> PartialOrd for Flight<F> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<F> PartialEq for Flight<F> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<F> Eq for Flight<F> {}
