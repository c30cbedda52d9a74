//! `wire-delay…`: how exact the delay of a wire in user space is.
//!
//! Frames of 64 bytes go from one node to another over a link with a delay, 1,000 a second, which lets the wire
//! process sleep between them, and 50,000 a second. Sender and receiver are in the nodes' namespaces; a frame's time
//! is from right before the system call that sends it to its arrival in the receiver's kernel, less the median of the
//! same over a plain redirect. The error is the absolute difference from the delay. The wire's share of a core is its
//! processor time while frames are sent.
//!
//! Beside it stand the errors of netem on the same link of the same lab, at 1,000 frames a second, on the stock
//! kernel in user mode (`tools/stock-kernel`). That kernel's time is coarse, and it has no core of its own: the
//! figures say what a user without netem in the machine's own kernel would get there, not what netem can do on
//! hardware.

use super::pair::{Flow, Load, Pair};
use super::stock;
use crate::case::{Case, Figure, Repeat, Sides, Site, Target};
use crate::error::Error;
use crate::stats::Better;

const IDLE: Load = Load { rate: 1000.0, seconds: 5.0, bytes: 64 };
const LOADED: Load = Load { rate: 50_000.0, seconds: 2.0, bytes: 64 };
const RUNS: usize = 5;

const fn figure(name: &'static str, unit: &'static str, target: Target) -> Figure {
    Figure { name, unit, better: Better::Lower, target }
}

/// Of a wire that sleeps while nothing is due.
const DEFAULT: &[Figure] = &[
    figure("p50", "us", Target::Best(20.0)),
    figure("p99", "us", Target::Best(200.0)),
    figure("p99.9", "us", Target::Shown),
    figure("core", "%", Target::Best(10.0)),
    figure("loaded p50", "us", Target::Shown),
    figure("loaded p99", "us", Target::Shown),
    figure("loaded p99.9", "us", Target::Shown),
    figure("loaded core", "%", Target::Shown),
];
/// Of a wire that never sleeps.
const PRECISE: &[Figure] = &[
    figure("p50", "us", Target::Shown),
    figure("p99", "us", Target::Best(30.0)),
    figure("p99.9", "us", Target::Shown),
    figure("core", "%", Target::Shown),
    figure("loaded p50", "us", Target::Shown),
    figure("loaded p99", "us", Target::Shown),
    figure("loaded p99.9", "us", Target::Shown),
    figure("loaded core", "%", Target::Shown),
];

const fn case(
    name: &'static str,
    about: &'static str,
    figures: &'static [Figure],
    open: fn(&Site) -> Result<Box<dyn Sides>, Error>,
) -> Case {
    Case { name, about, figures, repeat: Repeat::PeerOnce(RUNS), privileged: true, open }
}

pub(super) const CASES: &[Case] = &[
    case(
        "wire-delay-1ms",
        "error of a delay of 1 ms, and share of a core, beside netem on the stock kernel in user mode",
        DEFAULT,
        |site| open(site, 1, "user", true),
    ),
    case("wire-delay-10ms", "the same, 10 ms", DEFAULT, |site| open(site, 10, "user", true)),
    case("wire-precise-1ms", "error of a delay of 1 ms at the cost of a core", PRECISE, |site| {
        open(site, 1, "precise", false)
    }),
    case("wire-precise-10ms", "the same, 10 ms", PRECISE, |site| open(site, 10, "precise", false)),
];

struct Delay {
    pair: Pair,
    ms: u32,
    baseline_us: f64,
    netem: bool,
}

fn open(site: &Site, ms: u32, wire: &str, netem: bool) -> Result<Box<dyn Sides>, Error> {
    Ok(Box::new(Delay::open(site, ms, wire, netem)?))
}

/// Measures netem, on a kernel that has it, and prints the quantiles of the error in microseconds.
pub(crate) fn run_netem(site: &Site, ms: u32) -> Result<(), Error> {
    let idle = Delay::open(site, ms, "kernel", false)?.flow(IDLE)?;
    println!("{:?}", quantiles(&idle));
    Ok(())
}

impl Delay {
    fn open(site: &Site, ms: u32, wire: &str, netem: bool) -> Result<Self, Error> {
        let pair = Pair::up(site, "nf", &format!("wire = \"{wire}\""))?;
        let baseline_us = pair.baseline_us()?;
        pair.set(&["--delay", &format!("{ms} ms")])?;
        Ok(Self { pair, ms, baseline_us, netem })
    }

    fn flow(&self, load: Load) -> Result<Flow, Error> {
        let flow = self.pair.flow(load, f64::from(self.ms) * 1000.0 + self.baseline_us)?;
        let (sent, arrived) = (flow.sent.frames, flow.received.frames);
        if arrived != sent {
            return Err(Error::Void(format!("{sent} frames were sent, and {arrived} have come")));
        }
        Ok(flow)
    }
}

impl Sides for Delay {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let mut figures = Vec::new();
        for load in [IDLE, LOADED] {
            let flow = self.flow(load)?;
            figures.extend(quantiles(&flow));
            figures.push(flow.share * 100.0);
        }
        Ok(figures)
    }

    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        if !self.netem {
            return Ok(Vec::new());
        }
        stock::figures(&["netem", &self.ms.to_string()])
    }

    fn peer_version(&self) -> Option<String> {
        self.netem.then(|| "netem, stock kernel in user mode".to_owned())
    }
}

fn quantiles(flow: &Flow) -> [f64; 3] {
    let error = &flow.received.error_us;
    [error.p50, error.p99, error.p99_9]
}
