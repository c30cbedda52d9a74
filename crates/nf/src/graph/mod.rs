//! The graph: nodes joined by wires, between ports.
//!
//! A graph does no I/O by itself: [`Graph::turn`] is given the ports and the time. One dynamic call per batch and
//! node; nodes run in an order in which each comes after those that feed it, so one pass empties the graph.

pub(crate) mod build;
pub(crate) mod counters;
pub(crate) mod crash;
mod edge;
pub(crate) mod error;
pub(crate) mod swap;
pub(crate) mod timers;
pub(crate) mod watch;
pub(crate) mod wiring;

use std::sync::Arc;

use fastrand::Rng;

use self::counters::{NodeCounters, NodeReport};
use self::crash::{Call, Crash, Maker, Payload, caught};
pub use self::edge::EdgeReport;
pub(crate) use self::edge::PortEdge;
use self::timers::Timers;
use self::watch::Watch;
use self::wiring::Wiring;
use crate::{Allocator, Context, Nf, Outcome, Packet, Port, PortInfo, Reason, Time, Verdict};

/// Lends a node's parts and the shared core to a [`Context`], leaving `node.nf` free to be called with it.
macro_rules! context {
    ($node:expr, $core:expr, $emitted:expr, $now:expr, $index:expr, $input:expr) => {
        Context {
            now: $now,
            node: $index,
            input: $input,
            ports: &$core.ports,
            interfaces: &$node.interfaces,
            allocator: $core.allocator.as_ref(),
            timers: &mut $core.timers,
            rng: &mut $node.rng,
            counters: &mut $node.counters,
            emitted: &mut $emitted,
            watch: &mut $core.watch,
        }
    };
}

use context;

/// Network functions and their wiring, ready to run.
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<PortEdge>,
    pub(crate) core: Core,
    pub(crate) scratch: Scratch,
    pub(crate) started: bool,
    pub(crate) seed: u64,
    pub(crate) crashes: Vec<Crash>,
    pub(crate) clock: Option<Clock>,
    pub(crate) wiring: Wiring,
    pub(crate) recorder: Option<Recorder>,
    /// The time of the last turn.
    pub(crate) now: Time,
}

/// Is shown each burst that a port gave, with the port's index.
pub(crate) type Recorder = Box<dyn FnMut(usize, &[Packet], Time) + Send>;

/// Tells how much time has passed, for the time that nodes take.
pub(crate) type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// What all nodes share.
pub(crate) struct Core {
    pub(crate) ports: Vec<PortInfo>,
    pub(crate) allocator: Box<dyn Allocator>,
    pub(crate) timers: Timers,
    pub(crate) watch: Option<Box<Watch>>,
    /// How many watched so far.
    pub(crate) watched: u64,
}

pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) nf: Box<dyn Nf>,
    pub(crate) maker: Option<Maker>,
    pub(crate) started: bool,
    pub(crate) rng: Rng,
    /// For each input and output of the same number, the port that they stand at.
    pub(crate) interfaces: Vec<Option<usize>>,
    pub(crate) inputs: Vec<Vec<Packet>>,
    pub(crate) outputs: Vec<Option<Target>>,
    pub(crate) counters: NodeCounters,
}

/// Where a wire ends.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    Node { node: usize, input: u8 },
    Port(usize),
}

/// Vectors that live between batches to spare their allocation.
#[derive(Default)]
pub(crate) struct Scratch {
    rx: Vec<Packet>,
    outcomes: Vec<Outcome>,
    emitted: Vec<(u8, Packet)>,
    dropped: Vec<Packet>,
}

/// What one turn of a graph did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Packets received over all ports.
    pub received: usize,
    /// Packets sent over all ports.
    pub sent: usize,
}

impl Graph {
    /// How many packets are taken from a port at once.
    pub const BURST: usize = 64;

    /// Runs one turn at time `now`: takes a burst from each port, runs the timers that are due and all nodes, and
    /// sends what they gave. `ports[i]` is the port that `build` was told of as number `i`.
    pub fn turn(&mut self, ports: &mut [Box<dyn Port>], now: Time) -> Turn {
        let mut turn = Turn::default();
        self.now = now;
        for (index, port) in ports.iter_mut().enumerate() {
            turn.received += self.receive(index, port.as_mut(), now);
        }
        self.run(now);
        for (index, port) in ports.iter_mut().enumerate() {
            turn.sent += self.send(index, port.as_mut(), now);
        }
        if self.core.watch.is_some() {
            self.forget_done();
        }
        turn
    }

    /// Takes the time of every 64th batch of each node by this clock; without one, no time is taken.
    pub fn sample_by(&mut self, clock: impl Fn() -> Time + Send + Sync + 'static) {
        self.clock = Some(Arc::new(clock));
    }

    /// Shows each burst that came by a port to this, with the port's index, before any node sees it.
    pub fn record_by(&mut self, recorder: impl FnMut(usize, &[Packet], Time) + Send + 'static) {
        self.recorder = Some(Box::new(recorder));
    }

    /// When the next timer expires, if any is set. A graph that was never run wants to run at once.
    pub fn next_timer(&self) -> Option<Time> {
        if self.started { self.core.timers.next() } else { Some(0) }
    }

    /// The ports that the graph was built for.
    pub fn ports(&self) -> &[PortInfo] {
        &self.core.ports
    }

    /// What leads where.
    pub fn wiring(&self) -> &Wiring {
        &self.wiring
    }

    /// What each node did, in the order in which packets pass them.
    pub fn nodes(&self) -> Vec<NodeReport> {
        self.nodes.iter().map(|node| node.counters.report(&node.name, node.nf.as_ref())).collect()
    }

    /// How many packets of the worker's pool are alive.
    pub fn buffers_in_use(&self) -> usize {
        self.core.allocator.in_use()
    }

    fn run(&mut self, now: Time) {
        if !self.started {
            self.started = true;
            for node in 0..self.nodes.len() {
                if !std::mem::replace(&mut self.nodes[node].started, true) {
                    self.call(node, now, Call::Start, |nf, cx| nf.start(cx));
                }
            }
        }
        while let Some((node, token)) = self.core.timers.pop_due(now) {
            self.call(node, now, Call::Timer, |nf, cx| nf.timer(token, cx));
        }
        for node in 0..self.nodes.len() {
            for input in 0..self.nodes[node].inputs.len() {
                if !self.nodes[node].inputs[input].is_empty() {
                    self.batch(node, input, now);
                }
            }
        }
    }

    /// Calls a node outside of a batch and passes on what it emitted.
    fn call(
        &mut self,
        index: usize,
        now: Time,
        call: Call,
        what: impl FnOnce(&mut dyn Nf, &mut Context<'_>),
    ) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let node = &mut self.nodes[index];
        let mut cx = context!(node, self.core, scratch.emitted, now, index, 0);
        match caught(|| what(node.nf.as_mut(), &mut cx)) {
            Ok(()) => self.pass_on(index, now, &mut scratch.emitted),
            Err(panic) => self.crashed(index, now, (call, panic), &mut Vec::new(), &mut scratch),
        }
        self.scratch = scratch;
    }

    /// Gives a node the packets that wait at one of its inputs.
    fn batch(&mut self, index: usize, input: usize, now: Time) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let node = &mut self.nodes[index];
        let mut packets = std::mem::take(&mut node.inputs[input]);
        node.counters.received += packets.len() as u64;
        node.counters.batches += 1;
        scratch.outcomes.clear();
        scratch.outcomes.resize(packets.len(), Err(Reason::NO_OUTCOME));
        if let Some(watch) = &mut self.core.watch {
            watch.enter(now, index, input as u8, &packets);
        }
        let clock = self.clock.as_ref().filter(|_| node.counters.is_sample());
        let start = clock.map(|clock| clock());
        let mut cx = context!(node, self.core, scratch.emitted, now, index, input as u8);
        let called = caught(|| node.nf.batch(&mut packets, &mut scratch.outcomes, &mut cx));
        if let (Some(clock), Some(start)) = (clock, start) {
            node.counters.sample(packets.len(), clock().saturating_sub(start));
        }
        let done = called
            .map_err(|panic| (Call::Batch, panic))
            .and_then(|()| self.distribute(index, input as u8, now, &mut packets, &mut scratch));
        match done {
            Ok(()) => self.pass_on(index, now, &mut scratch.emitted),
            Err(panic) => self.crashed(index, now, panic, &mut packets, &mut scratch),
        }
        Packet::free_burst(&mut scratch.dropped);
        self.nodes[index].inputs[input] = packets;
        self.scratch = scratch;
    }

    /// Does with each packet what its outcome says; leaves in `packets` those that it did not come to because the
    /// node panicked.
    fn distribute(
        &mut self,
        index: usize,
        input: u8,
        now: Time,
        packets: &mut Vec<Packet>,
        scratch: &mut Scratch,
    ) -> Result<(), (Call, Payload)> {
        if let Some(watch) = &mut self.core.watch {
            watch.leave(now, index, packets, &scratch.outcomes);
        }
        if let Some(&Ok(Verdict::Out(output))) = scratch.outcomes.first()
            && scratch.outcomes.iter().all(|outcome| *outcome == Ok(Verdict::Out(output)))
            && let Some(target) = self.target(index, output)
        {
            self.nodes[index].counters.sent += packets.len() as u64;
            self.queue(target).append(packets);
            return Ok(());
        }
        let mut left = packets.drain(..);
        for (mut packet, outcome) in left.by_ref().zip(&scratch.outcomes) {
            match *outcome {
                Ok(Verdict::Out(output)) => self.output(index, output, packet, &mut scratch.dropped),
                Ok(Verdict::Hold(key)) => {
                    packet.set_held(true);
                    let node = &mut self.nodes[index];
                    node.counters.held += 1;
                    let mut cx = context!(node, self.core, scratch.emitted, now, index, input);
                    if let Err(panic) = caught(|| node.nf.hold(packet, key, &mut cx)) {
                        let left: Vec<Packet> = left.collect();
                        packets.extend(left);
                        return Err((Call::Hold, panic));
                    }
                }
                Err(reason) => {
                    self.nodes[index].counters.drop(reason, 1);
                    scratch.dropped.push(packet);
                }
            }
        }
        Ok(())
    }

    fn pass_on(&mut self, index: usize, now: Time, emitted: &mut Vec<(u8, Packet)>) {
        if let Some(watch) = &mut self.core.watch {
            watch.emitted(now, index, emitted);
        }
        let mut dropped = Vec::new();
        for (output, packet) in emitted.drain(..) {
            self.output(index, output, packet, &mut dropped);
        }
    }

    /// Puts a packet on the wire of an output, or drops it by name where there is none.
    fn output(&mut self, index: usize, output: u8, packet: Packet, dropped: &mut Vec<Packet>) {
        match self.target(index, output) {
            Some(target) => {
                self.nodes[index].counters.sent += 1;
                self.queue(target).push(packet);
            }
            None => {
                self.nodes[index].counters.drop(Reason::NO_OUTPUT, 1);
                dropped.push(packet);
            }
        }
    }

    #[inline]
    fn target(&self, index: usize, output: u8) -> Option<Target> {
        self.nodes[index].outputs.get(usize::from(output)).copied().flatten()
    }

    #[inline]
    fn queue(&mut self, target: Target) -> &mut Vec<Packet> {
        match target {
            Target::Node { node, input } => &mut self.nodes[node].inputs[usize::from(input)],
            Target::Port(port) => &mut self.edges[port].tx,
        }
    }
}
