use super::opportunities::Opportunities;
use crate::conditions::{Conditions, Layer};
use crate::{Frame, PS_PER_SECOND, Time};

/// What sends one frame after the other.
#[derive(Debug)]
pub(super) struct Transmitter {
    pace: Pace,
    /// When it has sent the last frame.
    free_at: Time,
}

#[derive(Debug)]
enum Pace {
    /// A frame takes no time.
    Unbound,
    Rate(Clocked),
    Trace(Opportunities),
    /// A rate of zero.
    Never,
}

/// A pace of bits a second.
#[derive(Debug)]
struct Clocked {
    /// Never zero.
    bits_per_second: u64,
    layer: Layer,
    /// What the last frame took beyond whole picoseconds, in parts of 1 / `bits_per_second`: the next pays for it,
    /// so that the rate is exact in the long run.
    owed: u64,
}

/// Bytes around a frame on an Ethernet cable: preamble and start delimiter, checksum, gap. IEEE 802.3, clause 4.
const AROUND_FRAME: u64 = 8 + 4 + 12;

/// Shortest Ethernet frame without its checksum.
const SHORTEST_FRAME: u64 = 60;

impl Transmitter {
    pub(super) fn new(conditions: &Conditions, now: Time) -> Self {
        Self { pace: Pace::new(conditions, now, 0), free_at: 0 }
    }

    /// Takes another pace; what is being sent is sent at the old one.
    pub(super) fn change(&mut self, conditions: &Conditions, now: Time) {
        // What waited for an opportunity that no longer comes is not sent in the past.
        self.free_at = self.free_at.max(now);
        self.pace = Pace::new(conditions, now, self.free_at);
    }

    /// Returns the earliest time at which a frame that arrived then can be begun; [`Time::MAX`] is never.
    pub(super) fn opening(&self, arrived: Time) -> Time {
        match &self.pace {
            Pace::Unbound | Pace::Rate(_) => self.free_at.max(arrived),
            Pace::Trace(opportunities) => opportunities.opening(arrived),
            Pace::Never => Time::MAX,
        }
    }

    /// Sends a frame from `start`, an opening, and returns when its last bit is sent.
    pub(super) fn send<F: Frame>(&mut self, frame: &F, start: Time) -> Time {
        self.free_at = match &mut self.pace {
            Pace::Unbound | Pace::Never => start,
            Pace::Rate(clocked) => start.saturating_add(clocked.time_for(frame)),
            Pace::Trace(opportunities) => opportunities.send(frame, start),
        };
        self.free_at
    }
}

impl Pace {
    fn new(conditions: &Conditions, now: Time, free_at: Time) -> Self {
        match (&conditions.trace, conditions.rate.map(|rate| rate.as_bits_per_second())) {
            (Some(trace), _) => Self::Trace(Opportunities::new(trace.clone(), now, free_at)),
            (None, None) => Self::Unbound,
            (None, Some(0)) => Self::Never,
            (None, Some(bits_per_second)) => {
                Self::Rate(Clocked { bits_per_second, layer: conditions.layer, owed: 0 })
            }
        }
    }
}

impl Clocked {
    fn time_for<F: Frame>(&mut self, frame: &F) -> Time {
        let bits = self.layer.bytes(frame) * 8;
        let whole = bits.checked_mul(PS_PER_SECOND).and_then(|work| work.checked_add(self.owed));
        let Some(work) = whole else { return self.time_for_many(bits) };
        self.owed = work % self.bits_per_second;
        work / self.bits_per_second
    }

    /// The same for frames of megabytes and rates of exabits, for which 64 bits are too few.
    #[cold]
    fn time_for_many(&mut self, bits: u64) -> Time {
        let rate = u128::from(self.bits_per_second);
        let work = u128::from(bits) * u128::from(PS_PER_SECOND) + u128::from(self.owed);
        // A remainder is below the rate, which has 64 bits.
        self.owed = (work % rate) as u64;
        Time::try_from(work / rate).unwrap_or(Time::MAX)
    }
}

impl Layer {
    /// Returns the bytes of a frame that count.
    fn bytes<F: Frame>(self, frame: &F) -> u64 {
        let (len, segments) = (frame.len() as u64, u64::from(frame.segments()));
        match self {
            Self::L1 => len.max(SHORTEST_FRAME) + AROUND_FRAME * segments,
            Self::L2 => len,
            Self::L3 => packet_bytes(frame),
        }
    }
}

/// Returns the bytes of the packets in a frame.
pub(super) fn packet_bytes<F: Frame>(frame: &F) -> u64 {
    let headers = frame.header_len() as u64 * u64::from(frame.segments());
    (frame.len() as u64).saturating_sub(headers)
}
