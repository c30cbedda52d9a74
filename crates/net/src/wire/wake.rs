//! How late a sleeper wakes, and so when a frame came that woke it.
//!
//! A TAP does not tell when a frame came. A process that slept sees it as late as it wakes, 30 to 100 us, and would
//! add that to every delay. The same process knows how late it wakes when a timer ends its sleep, and takes the usual
//! lateness off.

/// No wake-up counts for more, in picoseconds: a late one beyond that is an accident and not the usual.
const MOST: u64 = 150_000_000;
/// The shortest and the longest time before a frame is due at which a sleep ends.
const MARGIN: [u64; 2] = [20_000_000, 100_000_000];

/// What is known of wake-ups, in picoseconds.
pub(super) struct WakeUp {
    /// The usual lateness.
    usual: u64,
    /// The usual distance of a lateness from the usual one.
    spread: u64,
    /// When the last sleep began, if it was ended by a frame and the frame is not read yet.
    asleep_since: Option<u64>,
}

/// Dates what is read in one pass over the TAPs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    /// If a frame has ended a sleep: when that began, and how late it is usually seen.
    late: Option<(u64, u64)>,
}

impl WakeUp {
    pub(super) fn new() -> Self {
        Self { usual: 0, spread: MARGIN[1], asleep_since: None }
    }

    /// Learns from a sleep that began at `since` and ended at `woken`, by a timer set to `wanted` or by a frame.
    pub(super) fn woken(&mut self, since: u64, wanted: Option<u64>, woken: u64) {
        match wanted {
            Some(wanted) => {
                let late = woken.saturating_sub(wanted).min(MOST);
                // The means over about eight wake-ups.
                self.spread = self.spread - self.spread / 8 + late.abs_diff(self.usual) / 8;
                self.usual = self.usual - self.usual / 8 + late / 8;
                self.asleep_since = None;
            }
            None => self.asleep_since = Some(since),
        }
    }

    /// Gives the time before a frame is due at which a sleep shall end, so that few wake-ups come too late for it.
    pub(super) fn margin(&self) -> u64 {
        (self.usual + 2 * self.spread).clamp(MARGIN[0], MARGIN[1])
    }

    /// Begins to read what there is.
    pub(super) fn pass(&mut self) -> Pass {
        Pass { late: self.asleep_since.take().map(|since| (since, self.usual)) }
    }
}

impl Pass {
    /// Gives the time at which a frame came that was read just before `now`: never a later frame's.
    pub(super) fn arrival(self, now: u64) -> u64 {
        self.late.map_or(now, |(since, usual)| now.saturating_sub(usual).max(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_woke_is_dated_back_by_the_usual_lateness() {
        let mut wake = WakeUp::new();
        for _ in 0..100 {
            wake.woken(0, Some(1_000_000), 51_000_000);
        }
        assert_eq!(wake.pass().arrival(60_000_000), 60_000_000, "a timer's wake-up dates nothing back");
        wake.woken(60_000_000, None, 200_000_000);
        let arrival = wake.pass().arrival(200_000_000);
        assert!((149_000_000..152_000_000).contains(&arrival), "{arrival}");
        assert_eq!(wake.pass().arrival(300_000_000), 300_000_000, "once");
        wake.woken(190_000_000, None, 200_000_000);
        assert_eq!(wake.pass().arrival(200_000_000), 190_000_000, "not before the sleep began");
    }

    #[test]
    fn the_margin_follows_the_wake_ups() {
        let mut wake = WakeUp::new();
        assert_eq!(wake.margin(), MARGIN[1], "nothing is known yet");
        for _ in 0..100 {
            wake.woken(0, Some(0), 30_000_000);
        }
        assert!((30_000_000..33_000_000).contains(&wake.margin()), "{}", wake.margin());
        for late in [0, 60_000_000].into_iter().cycle().take(100) {
            wake.woken(0, Some(0), late);
        }
        assert!(wake.margin() > 80_000_000, "{}", wake.margin());
    }
}
