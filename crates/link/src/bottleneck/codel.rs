use super::backlog::{Backlog, Waiting};
use crate::conditions::CoDel;
use crate::{Count, Counters, DropReason, FULL_FRAME, Frame, Time};

/// The state of Controlled Delay. RFC 8289, section 5; the names are its.
#[derive(Debug)]
pub(super) struct Control {
    target: Time,
    interval: Time,
    ecn: bool,
    /// When waits have been too long for an interval.
    first_above_time: Option<Time>,
    dropping: bool,
    drop_next: Time,
    /// Drops since dropping began.
    count: u64,
    /// `count` when dropping last began.
    last_count: u64,
}

/// Dropping that begins again within this many intervals goes on where it ended. RFC 8289, section 5.4.
const RECENT_INTERVALS: u64 = 16;

impl Control {
    pub(super) fn new(codel: &CoDel) -> Self {
        Self {
            target: codel.target.as_ps(),
            interval: codel.interval.as_ps(),
            ecn: codel.ecn,
            first_above_time: None,
            dropping: false,
            drop_next: 0,
            count: 0,
            last_count: 0,
        }
    }

    /// Takes the first frame that is to be sent, and drops those before it that shall make room.
    pub(super) fn pop<F: Frame>(
        &mut self,
        backlog: &mut Backlog<F>,
        now: Time,
        counters: &mut Counters,
    ) -> Option<F> {
        while let Some(waiting) = backlog.pop() {
            let late = self.is_late(waiting.arrived, backlog, now);
            let Waiting { mut frame, .. } = waiting;
            if !late {
                self.dropping = false;
                return Some(frame);
            }
            if !self.is_turn(now) {
                return Some(frame);
            }
            if self.ecn && frame.mark_ce() {
                counters.marked += Count::of(&frame);
                return Some(frame);
            }
            counters.drop_frame(frame, DropReason::CoDel);
        }
        self.dropping = false;
        self.first_above_time = None;
        None
    }

    /// Returns whether waits have been above the target for an interval, with the frame that was just taken.
    fn is_late<F: Frame>(&mut self, arrived: Time, backlog: &Backlog<F>, now: Time) -> bool {
        // A queue of less than a full frame cannot be kept shorter.
        if now.saturating_sub(arrived) < self.target || backlog.count().bytes <= FULL_FRAME {
            self.first_above_time = None;
            return false;
        }
        let first_above_time = *self.first_above_time.get_or_insert(now.saturating_add(self.interval));
        now >= first_above_time
    }

    /// Returns whether a late frame is to be dropped, and if so says when the next one is.
    fn is_turn(&mut self, now: Time) -> bool {
        if !self.dropping {
            let since = self.count.saturating_sub(self.last_count);
            let recent = now.saturating_sub(self.drop_next) < self.interval.saturating_mul(RECENT_INTERVALS);
            self.dropping = true;
            self.count = if recent && since > 1 { since } else { 1 };
            self.last_count = self.count;
            self.drop_next = self.control_law(now);
            return true;
        }
        let turn = now >= self.drop_next;
        if turn {
            self.count += 1;
            self.drop_next = self.control_law(self.drop_next);
        }
        turn
    }

    /// Drops come ever closer, by the square root of their number, so that TCP slows down linearly.
    fn control_law(&self, time: Time) -> Time {
        // IEEE 754 rounds both operations the same everywhere.
        let step = self.interval as f64 / (self.count as f64).sqrt();
        time.saturating_add(step as Time)
    }
}
