//! Timers of all nodes of a graph, earliest first: a hierarchical timing wheel.
//!
//! G. Varghese and T. Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 7. Time is cut into ticks, and
//! the digits of a tick's number choose its slot: a timer lies at the level of the highest digit by which its tick
//! differs from the present one, in the slot of that digit. So all timers of a level expire before all of the levels
//! above, and a slot's timers move down when the present reaches the slot's first tick. What is finer than a tick is
//! sorted in a small heap, so expiry is exact. Setting a timer costs a push; each timer moves down a few times at most.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::Time;

/// Bits of a tick: 2^20 ps are about a microsecond, finer than a worker's sleep is.
const TICK_BITS: u32 = 20;
/// Bits of a digit: the slots of a level are the bits of a word.
const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// Levels that hold any tick.
const LEVELS: usize = (Time::BITS - TICK_BITS).div_ceil(DIGIT_BITS) as usize;

/// How many timers are sorted in the heap before the wheel turns: below it, a heap is faster than slots.
const FEW: usize = 16;

/// A queue of timers; equal times expire in the order they were set.
pub(crate) struct Timers {
    /// Timers whose tick the present has reached, and others while there are few.
    sorted: BinaryHeap<Reverse<Timer>>,
    /// Bit `i` of a level tells that its slot `i` has timers.
    occupied: [u64; LEVELS],
    levels: Box<[[Slot; SLOTS]; LEVELS]>,
    /// The present tick: every timer of the levels lies behind it.
    tick: u64,
    /// When the earliest timer expires.
    next: Option<Time>,
    pending: usize,
    set: u64,
    /// Empty; spares the allocation of slots that move down.
    moving: Vec<Timer>,
}

/// Ordered by time, then by when it was set, which no two have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    at: Time,
    set: u64,
    node: usize,
    token: u64,
}

#[derive(Default)]
struct Slot {
    timers: Vec<Timer>,
    earliest: Time,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            sorted: BinaryHeap::new(),
            occupied: [0; LEVELS],
            levels: Box::new(std::array::from_fn(|_| std::array::from_fn(|_| Slot::default()))),
            tick: 0,
            next: None,
            pending: 0,
            set: 0,
            moving: Vec::new(),
        }
    }
}

impl Timers {
    pub(crate) fn set(&mut self, at: Time, node: usize, token: u64) {
        let timer = Timer { at, set: self.set, node, token };
        if self.pending < FEW {
            self.sorted.push(Reverse(timer))
        } else {
            self.place(timer)
        }
        self.set += 1;
        self.pending += 1;
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    /// The node and token of the earliest timer that is due.
    #[inline]
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<(usize, u64)> {
        if self.next? > now {
            return None;
        }
        self.advance(now >> TICK_BITS);
        self.take_first().map(|timer| (timer.node, timer.token))
    }

    /// Time, node and token of the earliest timer.
    pub(crate) fn pop(&mut self) -> Option<(Time, usize, u64)> {
        self.advance(self.next? >> TICK_BITS);
        self.take_first().map(|timer| (timer.at, timer.node, timer.token))
    }

    /// When the earliest timer expires.
    #[inline]
    pub(crate) fn next(&self) -> Option<Time> {
        self.next
    }

    /// Takes the earliest timer, which must be among the sorted ones.
    fn take_first(&mut self) -> Option<Timer> {
        let Reverse(timer) = self.sorted.pop()?;
        self.pending -= 1;
        self.next = self.earliest();
        Some(timer)
    }

    fn place(&mut self, timer: Timer) {
        let tick = timer.at >> TICK_BITS;
        if tick <= self.tick {
            self.sorted.push(Reverse(timer));
            return;
        }
        let level = ((tick ^ self.tick).ilog2() / DIGIT_BITS) as usize;
        let slot = digit(tick, level);
        self.occupied[level] |= 1 << slot;
        let slot = &mut self.levels[level][slot];
        slot.earliest = if slot.timers.is_empty() { timer.at } else { slot.earliest.min(timer.at) };
        slot.timers.push(timer);
    }

    /// Moves the present to a tick, and all timers whose ticks it reaches to where they are sorted.
    fn advance(&mut self, to: u64) {
        while let Some((level, slot)) = self.first_slot() {
            let first = first_tick(self.tick, level, slot);
            if first > to {
                break;
            }
            self.occupied[level] &= !(1 << slot);
            let slot = &mut self.levels[level][slot];
            // Nothing lies before the slot's earliest timer, so that one need not move down level by level.
            self.tick = to.min(slot.earliest >> TICK_BITS);
            let mut moving = std::mem::take(&mut self.moving);
            std::mem::swap(&mut moving, &mut slot.timers);
            moving.drain(..).for_each(|timer| self.place(timer));
            self.moving = moving;
        }
        self.tick = self.tick.max(to);
    }

    fn earliest(&self) -> Option<Time> {
        let sorted = self.sorted.peek().map(|Reverse(timer)| timer.at);
        let in_slot = self.first_slot().map(|(level, slot)| self.levels[level][slot].earliest);
        sorted.into_iter().chain(in_slot).min()
    }

    /// The level and slot of the timers that expire first of those not reached.
    fn first_slot(&self) -> Option<(usize, usize)> {
        let level = self.occupied.iter().position(|slots| *slots != 0)?;
        Some((level, self.occupied[level].trailing_zeros() as usize))
    }
}

/// The digit of a tick that chooses its slot at a level.
fn digit(tick: u64, level: usize) -> usize {
    (tick >> (level as u32 * DIGIT_BITS)) as usize % SLOTS
}

/// The first tick of a slot, seen from a tick before it.
fn first_tick(tick: u64, level: usize, slot: usize) -> u64 {
    let shift = level as u32 * DIGIT_BITS;
    let above = (tick >> shift) & !(SLOTS as u64 - 1);
    (above | slot as u64) << shift
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a wheel must be indistinguishable from.
    #[derive(Default)]
    struct Naive {
        timers: Vec<(Time, u64)>,
    }

    impl Naive {
        fn pop_due(&mut self, now: Time) -> Option<(usize, u64)> {
            // The first of the smallest is the one that was set first.
            let first = (0..self.timers.len()).min_by_key(|&index| self.timers[index].0)?;
            (self.timers[first].0 <= now).then(|| (0, self.timers.remove(first).1))
        }

        fn next(&self) -> Option<Time> {
            self.timers.iter().map(|(at, _)| *at).min()
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// Sets a timer this long from now.
        Set(Time),
        /// Sets a timer at this time, which may have passed.
        SetAt(Time),
        /// Lets this much time pass.
        Advance(Time),
        /// Jumps to the next timer, as a simulator does.
        Jump,
    }

    /// Any size of time, small ones as often as large ones, and edges of ticks and levels.
    fn span() -> impl Strategy<Value = Time> {
        let of_any_size = (0u32..64, any::<u64>()).prop_map(|(bits, random)| random >> bits);
        let edge = (TICK_BITS..64, -1i64..=1).prop_map(|(bit, off)| (1u64 << bit).wrapping_add_signed(off));
        prop_oneof![3 => of_any_size, 1 => edge, 1 => Just(0)]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => span().prop_map(Step::Set),
            1 => span().prop_map(Step::SetAt),
            2 => span().prop_map(Step::Advance),
            2 => Just(Step::Jump),
        ]
    }

    proptest! {
        #[test]
        fn a_wheel_expires_timers_as_a_naive_list_does(steps in prop::collection::vec(step(), 0..200)) {
            let (mut wheel, mut naive, mut now) = (Timers::default(), Naive::default(), 0u64);
            for (token, step) in steps.into_iter().enumerate() {
                let at = match step {
                    Step::Set(delay) => Some(now.saturating_add(delay)),
                    Step::SetAt(at) => Some(at),
                    Step::Advance(delay) => { now = now.saturating_add(delay); None }
                    Step::Jump => { now = naive.next().unwrap_or(now).max(now); None }
                };
                if let Some(at) = at {
                    wheel.set(at, 0, token as u64);
                    naive.timers.push((at, token as u64));
                }
                prop_assert_eq!(wheel.next(), naive.next());
                while at.is_none() {
                    let due = wheel.pop_due(now);
                    prop_assert_eq!(due, naive.pop_due(now));
                    prop_assert_eq!(wheel.next(), naive.next());
                    if due.is_none() { break }
                }
            }
        }
    }

    #[test]
    fn equal_times_expire_in_the_order_they_were_set_at_every_level() {
        for bit in 0..Time::BITS {
            let mut wheel = Timers::default();
            (0..100).for_each(|token| wheel.set(1 << bit, 3, token));
            assert_eq!(wheel.pop_due((1 << bit) - 1), None);
            let due: Vec<_> = std::iter::from_fn(|| wheel.pop_due(1 << bit)).collect();
            assert_eq!(due, (0..100).map(|token| (3, token)).collect::<Vec<_>>());
            assert_eq!(wheel.next(), None);
        }
    }
}
