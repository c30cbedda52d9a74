//! `graph`: what the graph itself takes of a packet, in one process, beside the calibration loop.
//!
//! A source fills buffers of a pool with a valid frame of 64 bytes, in bursts of 64; nodes that only say "output 0" pass
//! them on; the sink counts them and gives them back. One node, nine in a row, and one that drops all by name: what the
//! further eight take, and what a drop takes more than being sent.

use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use rackless_nf::{
    Allocator as _, Context, Graph, GraphBuilder, Outcome, Packet, Pool, Port, PortInfo, PortStats, Reason,
    Verdict,
};
use rackless_packet::MacAddr;
use rackless_packet::build::Build;

use super::CORES;
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

/// Nodes of the long chain, and those that it has more than the short one.
const LONG: usize = 9;
const FURTHER: usize = LONG - 1;
/// Turns of a graph that are timed at once, and how often: the best counts.
const TURNS: usize = 20_000;
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
            let one = per_packet(chain(1)?)?;
            let many = per_packet(chain(LONG)?)?;
            let dropped = per_packet(graph(GraphBuilder::new().node("drop", drop_it), "rx:a -> drop")?)?;
            Ok(vec![one, (many - one) / FURTHER as f64, dropped - one])
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

fn pass(_: &mut Packet, _: &mut Context<'_>) -> Outcome {
    Ok(Verdict::Out(0))
}

fn drop_it(_: &mut Packet, _: &mut Context<'_>) -> Outcome {
    Err(Reason::POLICY)
}

fn chain(length: usize) -> Result<Graph, Error> {
    let names: Vec<String> = (0..length).map(|place| format!("n{place}")).collect();
    let builder = names.iter().fold(GraphBuilder::new(), |builder, name| builder.node(name, pass));
    graph(builder, &format!("rx:a -> {} -> tx:a", names.join(" -> ")))
}

fn graph(builder: GraphBuilder, wiring: &str) -> Result<Graph, Error> {
    let failed = |error: rackless_nf::GraphError| Error::Make { what: "a graph", source: error.into() };
    let builder = builder.wire(wiring).map_err(failed)?;
    builder.build(vec![Line::info()], Box::new(Pool::new(1024, Pool::ROOM)), 0).map_err(failed)
}

/// Gives the processor time of a packet in nanoseconds: the best of some rounds.
fn per_packet(mut graph: Graph) -> Result<f64, Error> {
    let mut ports: Vec<Box<dyn Port>> = vec![Box::new(Line::new()?)];
    let mut best = f64::INFINITY;
    for _ in 0..=ROUNDS {
        let start = thread_time()?;
        let received: usize = (0..TURNS).map(|turn| graph.turn(&mut ports, turn as u64).received).sum();
        best = best.min((thread_time()? - start).as_nanos() as f64 / received as f64);
    }
    Ok(best)
}

fn thread_time() -> Result<Duration, Error> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    time.map(Duration::from).map_err(Error::system("read the thread's processor time"))
}

/// Source and sink.
struct Line {
    pool: Pool,
    info: PortInfo,
    frame: Vec<u8>,
    stats: PortStats,
}

impl Line {
    fn new() -> Result<Self, Error> {
        let frame = Build::ethernet(MacAddr([2, 0, 0, 0, 0, 3]), MacAddr([2, 0, 0, 0, 0, 1]))
            .ipv4([198, 18, 0, 1].into(), [198, 19, 0, 1].into())
            .udp(1024, 9)
            .payload(&[0; 22])
            .to_vec()
            .map_err(|error| Error::Make { what: "a frame", source: error.into() })?;
        Ok(Self { pool: Pool::new(1024, Pool::ROOM), info: Self::info(), frame, stats: PortStats::default() })
    }

    fn info() -> PortInfo {
        PortInfo {
            name: "a".to_owned(),
            device: "line".to_owned(),
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            mtu: 1500,
        }
    }
}

impl Port for Line {
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        let start = into.len();
        let received = self.pool.alloc_burst(into, max);
        for packet in &mut into[start..] {
            if let Ok(data) = packet.append(self.frame.len()) {
                data.copy_from_slice(&self.frame);
            }
        }
        self.stats.rx_packets += received as u64;
        received
    }

    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
        let sent = packets.len();
        self.stats.tx_packets += sent as u64;
        Packet::free_burst(packets);
        sent
    }

    fn info(&self) -> &PortInfo {
        &self.info
    }

    fn stats(&self) -> PortStats {
        self.stats
    }
}
