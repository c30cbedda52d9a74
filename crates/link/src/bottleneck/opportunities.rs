use std::sync::Arc;

use super::transmitter::packet_bytes;
use crate::conditions::Trace;
use crate::{Frame, Time};

/// A trace that is being played.
///
/// A frame uses only opportunities that come after it: one that comes at the same moment is gone.
#[derive(Debug)]
pub(super) struct Opportunities {
    trace: Arc<Trace>,
    /// When nothing else is being sent.
    not_before: Time,
    current: Opportunity,
}

#[derive(Debug, Clone, Copy)]
struct Opportunity {
    /// Where this pass through the trace started.
    pass: Time,
    /// Its place in the trace.
    index: usize,
    at: Time,
    /// Bytes that it still carries.
    left: u64,
}

const PS_PER_MS: u64 = 1_000_000_000;

impl Opportunities {
    /// Starts a trace at `now`, behind what is being sent until `not_before`.
    pub(super) fn new(trace: Arc<Trace>, now: Time, not_before: Time) -> Self {
        let current = opportunity(&trace, now, 0);
        Self { trace, not_before, current }
    }

    /// Returns when the first opportunity comes for a frame that arrived then.
    pub(super) fn opening(&self, arrived: Time) -> Time {
        self.first_after(arrived.max(self.not_before)).at
    }

    /// Uses opportunities from `start`, an opening, for a frame, and returns when the last of them came.
    pub(super) fn send<F: Frame>(&mut self, frame: &F, start: Time) -> Time {
        let overhead = u64::from(Trace::OVERHEAD_BYTES) * u64::from(frame.segments());
        let mut bytes = packet_bytes(frame) + overhead;
        // Those at `start` itself are the frame's.
        self.current = self.first_after(start.saturating_sub(1));
        while bytes > self.current.left {
            bytes -= self.current.left;
            self.current = self.following(self.current);
        }
        self.current.left -= bytes;
        self.current.at
    }

    fn first_after(&self, time: Time) -> Opportunity {
        if self.current.left > 0 && self.current.at > time {
            return self.current;
        }
        let next = self.following(self.current);
        if next.at > time { next } else { self.search(time) }
    }

    fn following(&self, current: Opportunity) -> Opportunity {
        if current.index + 1 < self.trace.opportunities_ms().len() {
            opportunity(&self.trace, current.pass, current.index + 1)
        } else {
            opportunity(&self.trace, current.pass.saturating_add(self.length()), 0)
        }
    }

    /// Finds the first opportunity after a time that the current one and its successor do not outlast.
    fn search(&self, time: Time) -> Opportunity {
        let elapsed = time - self.current.pass;
        let within_ms = elapsed % self.length() / PS_PER_MS;
        // The last opportunity is at the length itself, so there is one behind every moment of a pass.
        let index = self.trace.opportunities_ms().partition_point(|&ms| ms <= within_ms);
        opportunity(&self.trace, time - elapsed % self.length(), index)
    }

    fn length(&self) -> Time {
        self.trace.length_ms() * PS_PER_MS
    }
}

fn opportunity(trace: &Trace, pass: Time, index: usize) -> Opportunity {
    let at = pass.saturating_add(trace.opportunities_ms()[index] * PS_PER_MS);
    Opportunity { pass, index, at, left: Trace::OPPORTUNITY_BYTES.into() }
}
