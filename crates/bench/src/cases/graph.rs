//! `graph`: what the graph itself takes of a packet, in one process, beside the calibration loop.
//!
//! A source fills buffers of a pool with a valid frame of 64 bytes, in bursts of 64; nodes that only say "output 0" pass
//! them on; the sink counts them and gives them back. One node, nine in a row, and one that drops all by name: what the
//! further eight take, and what a drop takes more than being sent.

use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use super::CORES;
use super::line::{Bench, LONG};
use crate::calibration;
use crate::case::{Case, Figure, Repeat, Sides, Site, Target};
use crate::error::Error;
use crate::harness::PAIRS;
use crate::stats::Better;

const fn figure(name: &'static str, target: Target) -> Figure {
    Figure { name, unit: "ns", better: Better::Lower, target }
}

pub(super) const CASES: &[Case] = &[Case {
    name: "graph",
    about: "CPU time per packet of a graph of trivial nodes, beside raw pointers in C",
    figures: &[
        figure("of one node", Target::Shown),
        figure("each further node", Target::Best(5.0)),
        figure("a named drop", Target::Best(3.0)),
    ],
    repeat: Repeat::Pairs(PAIRS),
    privileged: false,
    open: |site| Ok(Box::new(Nodes { site: site.clone() })),
}];

/// Turns of a graph that are timed at once, and how often: the best counts.
const TURNS: u64 = 20_000;
const ROUNDS: usize = 8;

struct Nodes {
    site: Site,
}

impl Sides for Nodes {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let measure = || {
            let mut core = CpuSet::new();
            // Not pinned, where that core is not ours to use.
            let _ = core.set(CORES[1]).and_then(|()| sched_setaffinity(Pid::from_raw(0), &core));
            let [one, many, dropped] = ["node", "nodes", "drop"].map(per_packet);
            let (one, many, dropped) = (one?, many?, dropped?);
            Ok(vec![one, (many - one) / (LONG - 1) as f64, dropped - one])
        };
        std::thread::scope(|scope| {
            scope.spawn(measure).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        Ok(vec![calibration::measure(&self.site)?])
    }

    fn peer_version(&self) -> Option<String> {
        Some("C".to_owned())
    }
}

/// Gives the processor time of a packet in nanoseconds: the best of some rounds.
fn per_packet(name: &str) -> Result<f64, Error> {
    let mut bench = Bench::named(name)?;
    let mut best = f64::INFINITY;
    for _ in 0..=ROUNDS {
        let start = thread_time()?;
        let received = bench.run(TURNS);
        best = best.min((thread_time()? - start).as_nanos() as f64 / received as f64);
    }
    Ok(best)
}

fn thread_time() -> Result<Duration, Error> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    time.map(Duration::from).map_err(Error::system("read the thread's processor time"))
}
