//! Tests of network functions in memory and virtual time, with invariants that come for free.

mod port;

use std::sync::{Arc, Mutex, PoisonError};

use rackless_packet::checksum::{self, Verdict};
use rackless_packet::filter::Filter;
use rackless_packet::{MacAddr, dissect};

use crate::{
    Crash, Graph, GraphBuilder, GraphError, Nf, NodeReport, PacketTrace, Pool, Port, Reason, Succession,
    Time, TraceEvent, WatchId,
};

pub use port::MemoryPort;

/// A graph between ports in memory, in virtual time.
///
/// After every step it checks what must hold for any network function and panics otherwise: no node has panicked, or the
/// packet that made it is shown; received + generated = sent + drops + held at every node; no buffer alive but the held
/// ones; as long as every frame sent in had correct checksums, so has every frame that comes out. The panic shows the
/// path of the packets that passed the graph in the step, or of those that the node at fault had.
///
/// Ports have the MAC addresses `02:00:00:00:00:01`, `…:02` and so on, in the order of their names.
pub struct Harness {
    graph: Graph,
    ports: Vec<Box<dyn Port>>,
    handles: Vec<MemoryPort>,
    now: Time,
    checksums_matter: bool,
    trace: WatchId,
    /// The traces of packets that left the graph in this step.
    traced: Arc<Mutex<Vec<PacketTrace>>>,
}

impl Harness {
    /// Buffers of the harness: more than any test holds at once.
    const BUFFERS: usize = 4096;

    /// Paths of packets that a failure shows: more would hide the first.
    const PATHS: usize = 8;

    /// Builds the graph with ports of these names and runs its first turn at time 0.
    ///
    /// # Errors
    /// What is wrong with the wiring.
    pub fn new(graph: GraphBuilder, ports: &[&str]) -> Result<Self, GraphError> {
        Self::with_seed(graph, ports, 0)
    }

    /// As [`Harness::new`], with a seed for the nodes' random numbers.
    ///
    /// # Errors
    /// What is wrong with the wiring.
    pub fn with_seed(graph: GraphBuilder, ports: &[&str], seed: u64) -> Result<Self, GraphError> {
        let pool = Pool::new(Self::BUFFERS, Pool::ROOM);
        let port = |(index, name): (usize, &&str)| MemoryPort::new(name, Self::mac(index), pool.clone());
        let handles: Vec<MemoryPort> = ports.iter().enumerate().map(port).collect();
        let infos = handles.iter().map(|port| port.info.clone()).collect();
        let mut graph = graph.build(infos, Box::new(pool.clone()), seed)?;
        let traced = Arc::<Mutex<Vec<PacketTrace>>>::default();
        let trace = graph.trace(&Filter::default(), u64::MAX, sink(&traced));
        let ports = handles.iter().map(|port| Box::new(port.clone()) as Box<dyn Port>).collect();
        let mut harness = Self { graph, ports, handles, now: 0, checksums_matter: true, trace, traced };
        harness.turn();
        Ok(harness)
    }

    /// The MAC address of the port with this index.
    pub fn mac(index: usize) -> MacAddr {
        let [high, low] = (index as u16 + 1).to_be_bytes();
        MacAddr([2, 0, 0, 0, high, low])
    }

    /// Sends a frame into a port and runs the graph.
    ///
    /// # Panics
    /// When there is no such port, or an invariant does not hold.
    pub fn send(&mut self, port: &str, frame: &[u8]) {
        self.checksums_matter &= !matches!(checksum::verify(frame), Verdict::Wrong { .. });
        self.port(port).push(frame);
        self.turn();
    }

    /// Replaces the function of a node, as [`Graph::swap`] does.
    ///
    /// # Errors
    /// What is wrong with the function at this place; then nothing has changed.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub fn swap(&mut self, node: &str, nf: impl Nf + 'static) -> Result<Succession, GraphError> {
        let succession = self.graph.swap(node, Box::new(nf))?;
        self.turn();
        Ok(succession)
    }

    /// Replaces the whole graph, as [`Graph::replace`] does.
    ///
    /// # Errors
    /// What is wrong with the graph; then nothing has changed.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub fn replace(&mut self, graph: GraphBuilder) -> Result<Vec<Succession>, GraphError> {
        let successions = self.graph.replace(graph)?;
        self.graph.unwatch(self.trace);
        self.trace = self.graph.trace(&Filter::default(), u64::MAX, sink(&self.traced));
        self.turn();
        Ok(successions)
    }

    /// Lets virtual time pass, stopping at every timer on the way.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub fn advance(&mut self, time: Time) {
        let end = self.now + time;
        while let Some(at) = self.graph.next_timer().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.turn();
        }
        self.now = end;
        self.turn();
    }

    /// Takes the frames that were sent out of a port since the last call.
    ///
    /// # Panics
    /// When there is no such port.
    pub fn received(&mut self, port: &str) -> Vec<Vec<u8>> {
        self.port(port).take_sent()
    }

    /// The virtual time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// What each node did.
    pub fn nodes(&self) -> Vec<NodeReport> {
        self.graph.nodes()
    }

    /// How many packets a node dropped for a reason with this name.
    pub fn drops(&self, node: &str, reason: &str) -> u64 {
        let nodes = self.graph.nodes();
        let drops = nodes.iter().filter(|report| report.name == node).flat_map(|report| &report.drops);
        drops.filter(|drop| drop.reason == reason).map(|drop| drop.count).sum()
    }

    fn port(&self, name: &str) -> &MemoryPort {
        let known = || self.handles.iter().map(|port| port.info.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = self.handles.iter().find(|port| port.info.name == name);
        found.unwrap_or_else(|| panic!("no port '{name}' in the harness; there are: {}", known()))
    }

    fn turn(&mut self) {
        while self.graph.turn(&mut self.ports, self.now).received > 0 {}
        if let Some(crash) = self.graph.take_crashes().first() {
            let node = crash.node.clone();
            panic!("{}{}", told(crash), self.paths(|trace| trace.was_lost_at(&node)));
        }
        if let Err(fault) = self.check() {
            panic!("{fault}{}", self.paths(|_| true));
        }
        self.traced.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What is wrong with the graph's packets, if something is.
    fn check(&self) -> Result<(), String> {
        let nodes = self.graph.nodes();
        if let Some(node) = nodes.iter().find(|node| !node.is_balanced()) {
            return Err(format!("packets are unaccounted for at {node}"));
        }
        let held: u64 = nodes.iter().map(|node| node.held).sum();
        let alive = self.graph.buffers_in_use() as u64;
        if alive != held {
            return Err(format!(
                "{alive} buffers alive and {held} packets held: a packet leaked, or a held one is gone"
            ));
        }
        let mut wrong = None;
        for port in self.handles.iter().filter(|_| self.checksums_matter) {
            port.each_sent(|frame| {
                let verdict = checksum::verify(frame);
                if matches!(verdict, Verdict::Wrong { .. }) {
                    wrong.get_or_insert(format!("a frame sent out of '{}': {verdict}", port.info.name));
                }
            });
        }
        wrong.map_or(Ok(()), Err)
    }

    /// The paths of some packets of this step, those still in the graph included.
    fn paths(&mut self, wanted: impl Fn(&PacketTrace) -> bool) -> String {
        self.graph.unwatch(self.trace);
        let traced = self.traced.lock().unwrap_or_else(PoisonError::into_inner);
        let paths = traced.iter().filter(|trace| wanted(trace)).take(Self::PATHS);
        paths.map(|trace| format!("\n{trace}")).collect()
    }
}

impl PacketTrace {
    /// Whether its last step is a panic of this node.
    fn was_lost_at(&self, node: &str) -> bool {
        let panic = Reason::PANIC.framework_name();
        self.steps.last().is_some_and(|step| {
            matches!(step.event, TraceEvent::Dropped { reason } if Some(reason) == panic)
                && step.place == node
        })
    }
}

/// Collects traces.
fn sink(traced: &Arc<Mutex<Vec<PacketTrace>>>) -> impl FnMut(PacketTrace) + Send + 'static {
    let traced = Arc::clone(traced);
    move |trace| traced.lock().unwrap_or_else(PoisonError::into_inner).push(trace)
}

/// All that is needed to see a panic again.
fn told(crash: &Crash) -> String {
    let told = format!("{crash}\nseed {}, time {} ps", crash.seed, crash.time);
    let Some(frame) = crash.culprit.and_then(|culprit| crash.frames.get(culprit)) else { return told };
    let (detail, hexdump) = (dissect::detail(&frame.data), dissect::hexdump(&frame.data));
    format!("{told}, port {}\n{detail}{hexdump}", frame.port)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::Harness;
    use crate::{Context, GraphBuilder, Nf, Outcome, Packet, Reason, Verdict, time};

    /// Gives every packet back after a millisecond, and sends a tick each.
    #[derive(Default)]
    struct Delay {
        queue: VecDeque<Packet>,
    }

    impl Nf for Delay {
        fn packet(&mut self, packet: &mut Packet, _: &mut Context<'_>) -> Outcome {
            match packet.data() {
                b"drop" => Err(Reason::POLICY),
                _ => Ok(Verdict::Hold(0)),
            }
        }

        fn hold(&mut self, packet: Packet, _: u32, cx: &mut Context<'_>) {
            self.queue.push_back(packet);
            cx.after(time::MILLISECOND, 0);
        }

        fn timer(&mut self, _: u64, cx: &mut Context<'_>) {
            let packet = self.queue.pop_front().unwrap();
            cx.emit(0, packet);
            let tick = cx.alloc_with(b"tick").unwrap();
            cx.emit(1, tick);
        }
    }

    #[test]
    fn held_packets_come_back_in_virtual_time_and_everything_is_counted() {
        let graph = GraphBuilder::new().node("delay", Delay::default());
        let mut lab =
            Harness::new(graph.wire("rx:a -> delay -> tx:b; delay[1] -> tx:a").unwrap(), &["a", "b"])
                .unwrap();
        lab.send("a", b"one");
        lab.send("a", b"drop");
        assert!(lab.received("b").is_empty());
        assert_eq!(lab.nodes()[0].held, 1);
        lab.advance(time::MILLISECOND);
        assert_eq!(lab.received("b"), [b"one"]);
        assert_eq!(lab.received("a"), [b"tick"]);
        let report = &lab.nodes()[0];
        assert_eq!((report.received, report.generated, report.sent, report.held), (2, 1, 2, 0));
        assert_eq!(lab.drops("delay", "policy"), 1);
    }

    #[test]
    #[should_panic(expected = "a packet leaked, or a held one is gone")]
    fn a_function_that_forgets_a_held_packet_is_caught() {
        struct Forgets;
        impl Nf for Forgets {
            fn packet(&mut self, _: &mut Packet, _: &mut Context<'_>) -> Outcome {
                Ok(Verdict::Hold(0))
            }
            fn hold(&mut self, _: Packet, _: u32, _: &mut Context<'_>) {}
        }
        Harness::new(GraphBuilder::new().node("forgets", Forgets), &["a"]).unwrap().send("a", b"x");
    }

    #[test]
    #[should_panic(expected = "node 'fragile' panicked at a batch, packet 1 of 1: index out of bounds: \
                               the len is 3 but the index is 5\nseed 7, time 0 ps, port 1\n")]
    fn a_panic_is_told_with_its_packet_and_the_seed() {
        let fragile = |packet: &mut Packet, _: &mut Context<'_>| Ok(Verdict::Out(packet.data()[5]));
        let graph = GraphBuilder::new().node("fragile", fragile);
        Harness::with_seed(graph, &["a", "b"], 7).unwrap().send("b", b"abc");
    }

    #[test]
    fn an_output_without_a_wire_drops_by_name() {
        let stray = |_: &mut Packet, _: &mut Context<'_>| Ok(Verdict::Out(7));
        let mut lab = Harness::new(GraphBuilder::new().node("stray", stray), &["a"]).unwrap();
        lab.send("a", b"x");
        assert_eq!(lab.drops("stray", "output not wired"), 1);
    }

    #[test]
    fn a_node_knows_the_ports_it_stands_at() {
        let mirror = |packet: &mut Packet, cx: &mut Context<'_>| {
            let name = cx.interface(cx.input()).map_or("none", |port| port.name.as_str());
            packet.set_data(name.as_bytes())?;
            Ok(Verdict::Out(cx.input()))
        };
        let pass = |_: &mut Packet, _: &mut Context<'_>| Ok(Verdict::Out(0));
        let graph = GraphBuilder::new().node("pass", pass).node("mirror", mirror);
        let wires =
            "rx:b -> mirror -> tx:b; rx:a -> pass -> [1]mirror[1] -> tx:a; rx:c -> [2]mirror[2] -> tx:d";
        let mut lab = Harness::new(graph.wire(wires).unwrap(), &["a", "b", "c", "d"]).unwrap();
        for (from, to, name) in [("a", "a", "a"), ("b", "b", "b"), ("c", "d", "none")] {
            lab.send(from, b"?");
            assert_eq!(lab.received(to), [name.as_bytes()]);
        }
    }

    #[test]
    fn wiring_mistakes_are_named() {
        let pass = || |_: &mut Packet, _: &mut Context<'_>| Ok(Verdict::Out(0));
        let build = |wires: &str| {
            let graph = GraphBuilder::new().node("x", pass()).node("y", pass());
            Harness::new(graph.wire(wires).unwrap(), &["a", "b"]).err().unwrap().to_string()
        };
        assert_eq!(build("rx:a -> z"), "line 1: no node 'z'; there are: x, y");
        assert_eq!(build("rx:a -> x\n rx:c -> y"), "line 2: no port 'c'; there are: a, b");
        assert_eq!(build("rx:a -> x -> tx:b"), "nothing leads to 'y'");
        assert_eq!(
            build(""),
            "a graph of 2 nodes needs wiring; only a single node is attached to all ports by itself"
        );
    }
}
