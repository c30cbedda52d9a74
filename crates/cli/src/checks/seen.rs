//! Packets that pass an interface, seen where its cable begins.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rackless_net::{Client, Tap};
use rackless_packet::filter::Filter;

use crate::failure::Failure;
use crate::probe::Finding;

/// How many packets must pass, and for how long they are waited for.
pub(super) struct Wanted {
    pub(super) count: u32,
    pub(super) within: Duration,
    /// Whether so many shall not pass.
    pub(super) fails: bool,
}

/// A tap that sees packets.
pub(super) struct Watch {
    tap: Tap,
    filter: Filter,
    wanted: Wanted,
    deadline: Instant,
}

impl Watch {
    /// Begins to watch an interface, `node:interface`.
    pub(super) fn begin(lab: &str, end: &str, filter: Filter, wanted: Wanted) -> Result<Self, Failure> {
        let (node, interface) = end.split_once(':').unwrap_or((end, ""));
        let tap = Tap::open(&mut Client::connect(Some(lab))?, node, interface)?;
        let deadline = Instant::now() + wanted.within;
        Ok(Self { tap, filter, wanted, deadline })
    }

    /// Watches until enough packets have passed or the time is over.
    pub(super) fn run(mut self) -> Result<Finding, Failure> {
        let mut passed = 0_u32;
        let mut all = 0_u64;
        // The kernel may keep a frame back for a moment.
        let limit = self.deadline + Tap::DELAY;
        while passed < self.wanted.count
            && let Some(left) = limit.checked_duration_since(Instant::now())
        {
            let mut ready = [PollFd::new(self.tap.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ready, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Failure::cannot(format!("cannot wait for packets: {errno}"))),
            }
            self.tap.read(|frame| {
                all += 1;
                passed += u32::from(self.filter.matches_cut(&frame.bytes, frame.original_len));
            });
        }
        let missed = match self.tap.take_missed()? {
            0 => String::new(),
            missed => format!(", and {missed} that came too fast were not looked at"),
        };
        let found = format!("{passed} such packets among {all}{missed}");
        Ok(Finding { ok: (passed >= self.wanted.count) != self.wanted.fails, attempts: 1, found })
    }
}
