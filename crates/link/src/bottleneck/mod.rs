//! The bottleneck of a direction: a queue and a transmitter.

mod backlog;
mod codel;
mod opportunities;
mod red;
mod transmitter;

use self::backlog::Backlog;
use self::codel::Control;
use self::red::{Detection, Fate};
use self::transmitter::Transmitter;
use crate::conditions::{Conditions, Limit, Queue};
use crate::random::{Random, Stream};
use crate::{Count, Counters, DropReason, Frame, Time};

/// A queue and the transmitter that empties it.
#[derive(Debug)]
pub(crate) struct Bottleneck<F> {
    backlog: Backlog<F>,
    limit: Limit,
    discipline: Discipline,
    transmitter: Transmitter,
    /// What RED chooses by; it outlives a change of the discipline.
    random: Random,
}

/// How the queue is managed beyond its limit.
#[derive(Debug)]
enum Discipline {
    DropTail,
    Red(Detection),
    CoDel(Control),
}

/// A frame whose last bit leaves the transmitter at a time.
pub(crate) type Sent<F> = (F, Time);

impl<F: Frame> Bottleneck<F> {
    pub(crate) fn new(conditions: &Conditions, seed: u64, now: Time) -> Self {
        Self {
            backlog: Backlog::new(),
            limit: limit(conditions),
            discipline: Discipline::new(conditions, now),
            transmitter: Transmitter::new(conditions, now),
            random: Random::new(seed, Stream::Red),
        }
    }

    /// Takes other conditions. What waits goes on waiting, even beyond a smaller limit.
    pub(crate) fn change(&mut self, conditions: &Conditions, now: Time) {
        self.limit = limit(conditions);
        self.discipline = Discipline::new(conditions, now);
        self.transmitter.change(conditions, now);
    }

    /// Takes a frame, and gives it back at once if it need not wait.
    ///
    /// [`Bottleneck::send`] has returned `None` for `now`.
    pub(crate) fn offer(&mut self, mut frame: F, now: Time, counters: &mut Counters) -> Option<Sent<F>> {
        let at_once = self.backlog.is_empty() && self.transmitter.opening(now) <= now;
        let fits = at_once || self.backlog.has_room(&frame, self.limit);
        if let Discipline::Red(detection) = &mut self.discipline {
            match detection.arrive(self.backlog.count().bytes, now, &mut self.random) {
                Fate::Keep => {}
                Fate::Mark if fits && detection.ecn && frame.mark_ce() => {
                    counters.marked += Count::of(&frame)
                }
                Fate::Mark | Fate::Drop => {
                    counters.drop_frame(frame, DropReason::Red);
                    return None;
                }
            }
        }
        if !fits {
            counters.drop_frame(frame, DropReason::QueueFull);
            return None;
        }
        if at_once && !matches!(self.discipline, Discipline::CoDel(_)) {
            let sent = self.transmitter.send(&frame, now);
            return Some((frame, sent));
        }
        self.backlog.push(frame, now);
        self.send(now, counters)
    }

    /// Sends the first waiting frame if that can be begun by `now`.
    pub(crate) fn send(&mut self, now: Time, counters: &mut Counters) -> Option<Sent<F>> {
        let start = self.next_start().filter(|&start| start <= now)?;
        let frame = match &mut self.discipline {
            Discipline::CoDel(control) => control.pop(&mut self.backlog, start, counters)?,
            _ => self.backlog.pop()?.frame,
        };
        if let Discipline::Red(detection) = &mut self.discipline
            && self.backlog.is_empty()
        {
            detection.idle(start);
        }
        let sent = self.transmitter.send(&frame, start);
        Some((frame, sent))
    }

    /// Returns when the first waiting frame can be begun.
    pub(crate) fn next_start(&self) -> Option<Time> {
        self.backlog.first_arrived().map(|arrived| self.transmitter.opening(arrived))
    }

    pub(crate) fn waiting(&self) -> Count {
        self.backlog.count()
    }
}

fn limit(conditions: &Conditions) -> Limit {
    let unbound = conditions.rate.is_none() && conditions.trace.is_none();
    // Without a bottleneck a frame waits only for those that a former one let wait.
    let default = || if unbound { Limit::Frames(u64::MAX) } else { conditions.default_limit() };
    conditions.limit.unwrap_or_else(default)
}

impl Discipline {
    fn new(conditions: &Conditions, now: Time) -> Self {
        match &conditions.queue {
            Queue::DropTail => Self::DropTail,
            Queue::Red(red) => Self::Red(Detection::new(red, conditions, now)),
            Queue::CoDel(codel) => Self::CoDel(Control::new(codel)),
        }
    }
}
