//! `wire-swap`: frames that are lost when a wire is put into a link and taken out, over and over, under traffic.
//!
//! 10,000 frames a second pass while the link changes between a redirect and a delay of 1 ms. Beside it stands the
//! same link without a change, whose longest gap between two arrivals is that of a busy machine.

use super::pair::{Load, Pair, Received, Sent, parse};
use crate::case::{Case, Figure, Repeat, Sides, Target};
use crate::error::Error;
use crate::process::Program;
use crate::stats::Better;

pub(super) const CASES: &[Case] = &[Case {
    name: "wire-swap",
    about: "frames lost and the longest gap while a wire is put in and taken out 20 times, beside the same without",
    figures: &[
        Figure { name: "lost", unit: "frames", better: Better::Lower, target: Target::Every(0.0) },
        Figure { name: "longest gap", unit: "ms", better: Better::Lower, target: Target::Shown },
    ],
    repeat: Repeat::PeerOnce(5),
    privileged: true,
    open: |site| Ok(Box::new(Swap(Pair::up(site, "nf", "wire = \"user\"")?))),
}];

const LOAD: Load = Load { rate: 10_000.0, seconds: 3.0, bytes: 64 };
const SWAPS: usize = 20;

struct Swap(Pair);

impl Sides for Swap {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        self.measure(|pair| {
            for swap in 0..SWAPS {
                pair.set(if swap.is_multiple_of(2) { &["--delay", "1 ms"] } else { &[] })?;
            }
            Ok(())
        })
    }

    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        self.measure(|_| Ok(()))
    }

    fn peer_version(&self) -> Option<String> {
        Some("no change".to_owned())
    }
}

impl Swap {
    /// Gives frames lost, and the longest gap in milliseconds.
    fn measure(&self, change: impl FnOnce(&Pair) -> Result<(), Error>) -> Result<Vec<f64>, Error> {
        let mut receiver = self.0.receive(0.0)?;
        let mut sender = Program::start(&mut self.0.sender(LOAD))?;
        change(&self.0)?;
        let sent: Sent = parse("timed_frames", &sender.expect("frames")?)?;
        let received: Received = parse("timed_frames", &receiver.expect("frames")?)?;
        Ok(vec![sent.frames as f64 - received.frames as f64, received.longest_gap_us / 1000.0])
    }
}
