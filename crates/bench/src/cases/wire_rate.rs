//! `wire-rate`: how exact the rate of a wire in user space is.
//!
//! More full frames are offered than the link may carry. What arrives, in bytes of frames as interface counters count
//! them (which is what `rate` is about), is counted from the first arrival to the last, by the kernel's times.

use super::pair::{Load, Pair};
use crate::case::{Case, Figure, Repeat, Sides, Target};
use crate::error::Error;
use crate::stats::Better;

const fn figure(name: &'static str) -> Figure {
    Figure { name, unit: "%", better: Better::Lower, target: Target::Best(1.0) }
}

pub(super) const CASES: &[Case] = &[Case {
    name: "wire-rate",
    about: "error of what a link with a rate delivers when more is offered",
    figures: &[figure("1 Mbit/s"), figure("10 Mbit/s"), figure("100 Mbit/s"), figure("1 Gbit/s")],
    repeat: Repeat::PeerOnce(3),
    privileged: true,
    open: |site| Ok(Box::new(Rate(Pair::up(site, "nf", "wire = \"user\"")?))),
}];

/// How much more is offered than carried; at 1 Gbit/s a core makes not much more.
const OFFERED: f64 = 1.25;
const FRAME: usize = 1514;

struct Rate(Pair);

impl Sides for Rate {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        CASES[0].figures.iter().map(|figure| self.error(figure.name)).collect()
    }
}

impl Rate {
    /// Gives the error in percent.
    fn error(&self, rate: &str) -> Result<f64, Error> {
        let parsed: rackless_topology::units::Rate =
            rate.parse().map_err(|error| Error::Void(format!("{rate}: {error}")))?;
        let bits = parsed.as_bits_per_second() as f64;
        self.0.set(&["--rate", rate])?;
        let load = Load { rate: OFFERED * bits / 8.0 / FRAME as f64, seconds: 3.0, bytes: FRAME };
        let flow = self.0.flow(load, 0.0)?;
        let (sent, arrived) = (flow.sent.frames, flow.received.frames);
        if arrived >= sent {
            return Err(Error::Void(format!("all {sent} frames passed a link of {rate}")));
        }
        Ok((flow.received.bits_per_second / bits - 1.0).abs() * 100.0)
    }
}
