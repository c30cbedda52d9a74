use crate::bottleneck::{Bottleneck, Sent};
use crate::cable::Cable;
use crate::conditions::Conditions;
use crate::line::Line;
use crate::{Count, Counters, DropReason, Frame, Time};

/// One direction of a link: frames go in with a time, and come out with a time.
///
/// A frame meets the [`Conditions`] in this order:
///
/// 1. the MTU: what is longer is dropped;
/// 2. the queue: its limit, and RED as the frame arrives or CoDel as it leaves;
/// 3. the transmitter: a rate or a trace sends one frame after the other;
/// 4. the way: the frame gets lost, or has a double; each is corrupted, or not;
/// 5. the delay: skipped by the reordered, varied by jitter.
///
/// So a frame that gets lost has taken its time at the transmitter, as on a cable and in the air, and a double comes
/// without another transmission. (netem loses and doubles before its queue, which then sees other traffic than the
/// sender made.) Order is kept unless `reorder` or [`overtake`](crate::Jitter::overtake) asks otherwise.
///
/// Times given to its methods shall not decrease; then what comes out, and when, depends on the frames, their times,
/// the conditions and the seed alone: not on how often it is asked, nor on how many frames come at once. Of a departure
/// and an arrival at the queue at the same time, the departure is first.
///
/// Nothing is allocated once its queues have grown to what the traffic needs, except for doubles.
///
/// # Examples
/// ```
/// use rackless_link::{Conditions, Direction};
///
/// const MS: u64 = 1_000_000_000;
/// let conditions = Conditions {
///     rate: Some("12 Mbit/s".parse()?),
///     delay: "10 ms".parse()?,
///     ..Conditions::default()
/// };
/// let mut direction = Direction::new(&conditions, 1, 0);
/// direction.offer(vec![1; 1500], 0);
/// direction.offer(vec![2; 1500], 0);
///
/// // A frame takes 1 ms at that rate.
/// assert_eq!(direction.next_due(), Some(11 * MS));
/// assert_eq!(direction.take_due(11 * MS), Some((vec![1; 1500], 11 * MS)));
/// assert_eq!(direction.take_due(20 * MS), Some((vec![2; 1500], 12 * MS)));
/// assert_eq!(direction.counters().delivered.frames, 2);
/// # Ok::<(), rackless_link::units::ParseUnitError>(())
/// ```
#[derive(Debug)]
pub struct Direction<F> {
    mtu: Option<u32>,
    bottleneck: Bottleneck<F>,
    cable: Cable,
    line: Line<F>,
    counters: Counters,
    /// The most frames and bytes that it holds.
    most: Count,
}

impl<F: Frame> Direction<F> {
    /// Makes a direction without frames, whose trace starts at `now`.
    ///
    /// The two directions of a link need different seeds, or the same frames get lost on both.
    pub fn new(conditions: &Conditions, seed: u64, now: Time) -> Self {
        Self {
            mtu: conditions.mtu,
            bottleneck: Bottleneck::new(conditions, seed, now),
            cable: Cable::new(conditions, seed),
            line: Line::new(),
            counters: Counters::default(),
            most: Count { frames: u64::MAX, bytes: u64::MAX },
        }
    }

    /// Lets it hold no more than so much: a frame that comes then is dropped.
    ///
    /// This bounds the memory of who carries the frames, and is no property of a link: what is due and has not been
    /// [taken](Self::take_due) counts, too.
    #[must_use]
    pub fn bounded(mut self, most: Count) -> Self {
        self.most = most;
        self
    }

    /// Gives it a frame that arrives at the bottleneck now.
    pub fn offer(&mut self, frame: F, now: Time) {
        self.counters.offered += Count::of(&frame);
        if let Some(mtu) = self.mtu
            && frame.longest_segment() > frame.header_len() + mtu as usize
        {
            return self.counters.drop_frame(frame, DropReason::Mtu);
        }
        self.advance(now);
        let held = self.held();
        if held.frames >= self.most.frames || held.bytes >= self.most.bytes {
            return self.counters.drop_frame(frame, DropReason::Overflow);
        }
        if let Some(sent) = self.bottleneck.offer(frame, now, &mut self.counters) {
            self.depart(sent);
        }
    }

    /// Takes the next frame that is due by `now`, with the time at which it was due; call it until it returns `None`.
    pub fn take_due(&mut self, now: Time) -> Option<(F, Time)> {
        self.advance(now);
        let (frame, due) = self.line.take_due(now)?;
        self.counters.delivered += Count::of(&frame);
        Some((frame, due))
    }

    /// Takes other conditions from `now` on, and keeps all frames.
    ///
    /// Frames that wait are sent under the new conditions. The frame that is being sent and those on their way arrive
    /// when they would have; later ones do not overtake them even if the new delay is shorter. A trace starts anew.
    /// Random numbers go on, the states of loss models and queues start again.
    pub fn change(&mut self, conditions: &Conditions, now: Time) {
        self.advance(now);
        self.mtu = conditions.mtu;
        self.bottleneck.change(conditions, now);
        self.cable.change(conditions);
    }

    /// Returns when to ask [`take_due`](Self::take_due) next: it returns nothing before.
    ///
    /// `None` while it holds no frame that will ever arrive. The answer may change with every `offer`, `take_due` and
    /// `change`. It may be too early, where a frame still waits that may be dropped or overtake; then `take_due`
    /// returns nothing, and the next answer is later.
    pub fn next_due(&self) -> Option<Time> {
        let due = self.line.next_due();
        if due.is_some() && !self.cable.reorders() {
            return due; // what still waits arrives behind it
        }
        let start = self.bottleneck.next_start().filter(|&start| start < Time::MAX);
        due.into_iter().chain(start).min()
    }

    /// Returns what it did since it was made.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns what waits for the transmitter, as of the last call that had a time.
    pub fn queued(&self) -> Count {
        self.bottleneck.waiting()
    }

    /// Returns what is being sent or on its way, as of the last call that had a time.
    pub fn in_flight(&self) -> Count {
        self.line.count()
    }

    /// Returns all frames that it holds: those that wait and those in flight.
    pub fn held(&self) -> Count {
        let mut held = self.queued();
        held += self.in_flight();
        held
    }

    /// Sends what can be begun by `now`.
    fn advance(&mut self, now: Time) {
        while let Some(sent) = self.bottleneck.send(now, &mut self.counters) {
            self.depart(sent);
        }
    }

    /// Puts a frame on its way when its last bit is sent.
    fn depart(&mut self, (frame, sent): Sent<F>) {
        if self.cable.loses() {
            return self.counters.drop_frame(frame, DropReason::Loss);
        }
        let double = if self.cable.doubles() { frame.duplicate() } else { None };
        self.carry(frame, sent);
        if let Some(double) = double {
            self.counters.duplicated += Count::of(&double);
            self.carry(double, sent);
        }
    }

    fn carry(&mut self, mut frame: F, sent: Time) {
        let count = Count::of(&frame);
        if self.cable.corrupts(&mut frame) {
            self.counters.corrupted += count;
        }
        let (due, place) = self.cable.carry(sent);
        if self.line.push(frame, due, place) {
            self.counters.reordered += count;
        }
    }
}
