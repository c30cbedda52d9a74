//! A frame that remembers what happened to it, and the ways to send many.

use proptest::test_runner::Config;
use rackless_link::{Conditions, Direction, Frame, Time, ethernet};

pub(crate) const US: Time = 1_000_000;
pub(crate) const MS: Time = 1_000 * US;
pub(crate) const SECOND: Time = 1_000 * MS;

/// A frame without bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) id: usize,
    pub(crate) len: usize,
    /// Whether its transport understands marks.
    pub(crate) ect: bool,
    pub(crate) marked: bool,
    pub(crate) flipped: Vec<usize>,
    pub(crate) segments: u32,
}

impl Probe {
    pub(crate) fn new(id: usize, len: usize) -> Self {
        Self { id, len, ect: false, marked: false, flipped: Vec::new(), segments: 1 }
    }
}

impl Frame for Probe {
    fn len(&self) -> usize {
        self.len
    }

    fn duplicate(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn flip_bit(&mut self, bit: usize) {
        assert!(bit < 8 * self.len);
        self.flipped.push(bit);
    }

    fn mark_ce(&mut self) -> bool {
        self.marked |= self.ect;
        self.marked
    }

    fn segments(&self) -> u32 {
        self.segments
    }

    fn longest_segment(&self) -> usize {
        let headers = ethernet::HEADER_LEN;
        headers + (self.len - headers * self.segments as usize).div_ceil(self.segments as usize)
    }
}

/// Reads conditions from the text of a lab file.
pub(crate) fn conditions(text: &str) -> Conditions {
    let conditions: Conditions = toml::from_str(text).unwrap();
    conditions.check().unwrap();
    conditions
}

/// Offers `count` frames of 1000 bytes, one each `gap`, and returns what arrived with its times.
pub(crate) fn send(text: &str, seed: u64, count: usize, gap: Time) -> Vec<(Probe, Time)> {
    let mut direction = Direction::new(&conditions(text), seed, 0);
    for id in 0..count {
        direction.offer(Probe::new(id, 1000), id as Time * gap);
    }
    drain(&mut direction)
}

/// Takes all that still arrives.
pub(crate) fn drain<F: Frame>(direction: &mut Direction<F>) -> Vec<(F, Time)> {
    let mut arrived = Vec::new();
    while let Some(due) = direction.next_due() {
        arrived.extend(std::iter::from_fn(|| direction.take_due(due)));
    }
    arrived
}

/// Few enough cases for a machine that is shared, and no files left behind.
pub(crate) fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// Checks that a measured number is near what it shall be.
#[track_caller]
pub(crate) fn assert_near(measured: f64, expected: f64, within: f64) {
    assert!((measured - expected).abs() <= within, "{measured} is not within {within} of {expected}");
}

/// Checks that `hits` of `count` are a share, within five standard deviations of a fair draw times `spread`.
#[track_caller]
pub(crate) fn assert_share(hits: usize, count: usize, share: f64, spread: f64) {
    let deviation = (share * (1.0 - share) / count as f64).sqrt();
    assert_near(hits as f64 / count as f64, share, 5.0 * spread * deviation);
}
