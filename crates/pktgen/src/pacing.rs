//! Rate control in software: when the next packet of a queue may leave.

/// Nanoseconds of lost time that a queue may catch up with, so that a late wake-up does not lower the mean rate.
const CATCH_UP_NS: f64 = 2e6;

/// Bytes that a frame occupies beyond what the buffer holds: the frame check sequence, which rates count.
const FCS: usize = 4;

/// The departure clock of one transmit queue (or of a whole device).
///
/// Rates are in Mbit/s of frames with their check sequence, without preamble and inter-frame gap, as in MoonGen.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    ns_per_byte: Option<f64>,
    next: f64,
}

impl Pacer {
    /// Sets the rate; zero and below mean unlimited.
    pub(crate) fn set_rate(&mut self, mbit: f64) {
        self.ns_per_byte = (mbit > 0.0 && mbit.is_finite()).then(|| 8_000.0 / mbit);
    }

    /// Whether packets are held back at all.
    pub(crate) fn is_limited(&self) -> bool {
        self.ns_per_byte.is_some()
    }

    /// How many of the frames with these lengths may leave at `now`, and otherwise how many nanoseconds the first
    /// has to wait.
    pub(crate) fn release(&mut self, now: u64, lengths: impl Iterator<Item = usize>) -> Result<usize, u64> {
        let Some(ns_per_byte) = self.ns_per_byte else { return Ok(lengths.count()) };
        let now = now as f64;
        self.next = self.next.max(now - CATCH_UP_NS);
        let mut released = 0;
        for length in lengths {
            if self.next > now {
                break;
            }
            self.next += (length + FCS) as f64 * ns_per_byte;
            released += 1;
        }
        if released == 0 { Err((self.next - now).ceil() as u64) } else { Ok(released) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_in(pacer: &mut Pacer, from: u64, ns: u64, length: usize) -> usize {
        let (mut now, mut sent) = (from, 0);
        while now < from + ns {
            match pacer.release(now, [length].into_iter()) {
                Ok(n) => sent += n,
                Err(wait) => now += wait,
            }
        }
        sent
    }

    #[test]
    fn an_unlimited_queue_releases_everything() {
        assert_eq!(Pacer::default().release(0, [60; 63].into_iter()), Ok(63));
    }

    #[test]
    fn the_rate_counts_the_frame_check_sequence_and_no_framing() {
        let mut pacer = Pacer::default();
        pacer.set_rate(512.0); // 64-byte frames: exactly a million in a second
        let sent = sent_in(&mut pacer, 1_000_000_000, 100_000_000, 60);
        assert!((100_000..=102_001).contains(&sent), "{sent}"); // the first 2 ms may be caught up with
    }

    #[test]
    fn a_long_pause_is_not_caught_up_with() {
        let mut pacer = Pacer::default();
        pacer.set_rate(0.512); // one frame of 64 bytes per millisecond
        assert_eq!(pacer.release(10_000_000_000, [60; 63].into_iter()), Ok(3));
        assert!(pacer.release(10_000_000_000, [60; 63].into_iter()).is_err());
    }
}
