//! Looking at packets while they pass a graph: traces of their path, captures at its edges.
//!
//! A graph that nobody watches pays one branch a batch. One that is watched calls a hook at each place where a packet
//! comes, changes hands or goes; each watcher does with it what it is for.

mod capture;
mod path;
mod trace;

use super::{Clock, Graph, Target};
use crate::{Outcome, Packet, Reason, Time};

pub use capture::{CaptureError, CapturedFrame, Edge, Edges};
pub use path::{NoteChange, PacketTrace, TraceEvent, TraceStep};

use capture::Capture;
use rackless_packet::filter::Filter;
use trace::Tracer;

/// Tells a trace or capture of a graph from its others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchId(u64);

/// What a watcher does where packets are seen. Every method but the last two may be called between any others; a packet
/// is the same one as before if its [address](Packet::address) is.
trait Watcher: Send {
    /// Packets came by a port; those of a port that is not wired are dropped.
    fn received(&mut self, at: &At<'_>, port: usize, packets: &mut [Packet]);

    /// A node is given packets by one of its inputs.
    fn enter(&mut self, at: &At<'_>, node: usize, input: u8, packets: &[Packet]);

    /// A node has said what becomes of them.
    fn leave(&mut self, at: &At<'_>, node: usize, packets: &[Packet], outcomes: &[Outcome]);

    /// A node emitted a packet: one that it held, or that it made.
    fn emitted(&mut self, at: &At<'_>, node: usize, output: u8, packet: &mut Packet, was_held: bool);

    /// A node copied a packet.
    fn copied(&mut self, at: &At<'_>, node: usize, original: &Packet, copy: &mut Packet);

    /// A node made a packet, and keeps it.
    fn kept(&mut self, at: &At<'_>, node: usize, packet: &mut Packet);

    /// A node dropped a packet that it owned.
    fn dropped(&mut self, at: &At<'_>, node: usize, packet: &Packet, reason: Reason);

    /// A port is given packets.
    fn sending(&mut self, at: &At<'_>, port: usize, packets: &[Packet]);

    /// The port has taken all but these.
    fn sent(&mut self, at: &At<'_>, port: usize, refused: &[Packet]);

    /// A node panicked, or was replaced, with these packets and all that it held.
    fn lost(&mut self, at: &At<'_>, node: usize, packets: &[Packet], reason: Reason);

    /// Whether it has seen all that it was to see.
    fn is_done(&self) -> bool;

    /// Tells what it knows of packets that are still in the graph.
    fn finish(self: Box<Self>);
}

/// Where and when something is seen.
struct At<'a> {
    time: Time,
    places: &'a Places,
}

/// All that watch a graph.
pub(crate) struct Watch {
    watchers: Vec<(WatchId, Box<dyn Watcher>)>,
    places: Places,
    clock: Option<Clock>,
}

/// Calls all watchers, with the time of the clock if there is one: `now` is that of the turn.
macro_rules! each {
    ($watch:expr, $now:expr, |$watcher:ident, $at:ident| $call:expr) => {
        let time = $watch.clock.as_ref().map_or($now, |clock| clock().max($now));
        let $at = At { time, places: &$watch.places };
        for (_, $watcher) in &mut $watch.watchers {
            $call;
        }
    };
}

impl Watch {
    pub(crate) fn received(&mut self, now: Time, port: usize, packets: &mut [Packet]) {
        each!(self, now, |watcher, at| watcher.received(&at, port, packets));
    }

    pub(crate) fn enter(&mut self, now: Time, node: usize, input: u8, packets: &[Packet]) {
        each!(self, now, |watcher, at| watcher.enter(&at, node, input, packets));
    }

    pub(crate) fn leave(&mut self, now: Time, node: usize, packets: &[Packet], outcomes: &[Outcome]) {
        each!(self, now, |watcher, at| watcher.leave(&at, node, packets, outcomes));
    }

    pub(crate) fn emitted(&mut self, now: Time, node: usize, emitted: &mut [(u8, Packet)]) {
        for (output, packet) in emitted {
            let was_held = packet.take_released();
            each!(self, now, |watcher, at| watcher.emitted(&at, node, *output, packet, was_held));
        }
    }

    pub(crate) fn copied(&mut self, now: Time, node: usize, original: &Packet, copy: &mut Packet) {
        each!(self, now, |watcher, at| watcher.copied(&at, node, original, copy));
    }

    pub(crate) fn kept(&mut self, now: Time, node: usize, packet: &mut Packet) {
        each!(self, now, |watcher, at| watcher.kept(&at, node, packet));
    }

    pub(crate) fn dropped(&mut self, now: Time, node: usize, packet: &Packet, reason: Reason) {
        each!(self, now, |watcher, at| watcher.dropped(&at, node, packet, reason));
    }

    pub(crate) fn sending(&mut self, now: Time, port: usize, packets: &[Packet]) {
        each!(self, now, |watcher, at| watcher.sending(&at, port, packets));
    }

    pub(crate) fn sent(&mut self, now: Time, port: usize, refused: &[Packet]) {
        each!(self, now, |watcher, at| watcher.sent(&at, port, refused));
    }

    pub(crate) fn lost(&mut self, now: Time, node: usize, packets: &[Packet], reason: Reason) {
        each!(self, now, |watcher, at| watcher.lost(&at, node, packets, reason));
    }
}

impl Graph {
    /// Follows packets through the graph: the next `count` that pass the filter when they come by a port or when a node
    /// makes them, and their copies. `sink` is given each trace once the packet has left the graph.
    ///
    /// The trace ends by itself when all these packets have left; the sink is dropped then.
    ///
    /// # Examples
    /// ```
    /// use std::sync::mpsc::channel;
    /// use rackless_nf::{Context, GraphBuilder, MemoryPort, Outcome, Packet, Pool, Port, Reason};
    ///
    /// let refuse = |_: &mut Packet, _: &mut Context<'_>| -> Outcome { Err(Reason::POLICY) };
    /// let pool = Pool::new(8, Pool::ROOM);
    /// let wire = MemoryPort::new("a", rackless_packet::MacAddr([2, 0, 0, 0, 0, 1]), pool.clone());
    /// let graph = GraphBuilder::new().node("refuse", refuse);
    /// let mut graph = graph.build(vec![wire.info().clone()], Box::new(pool), 0)?;
    ///
    /// let (traces, traced) = channel();
    /// graph.trace(&"".parse()?, 1, move |trace| drop(traces.send(trace)));
    /// wire.push(b"a frame");
    /// let mut ports: Vec<Box<dyn Port>> = vec![Box::new(wire)];
    /// graph.turn(&mut ports, 0);
    /// assert!(traced.recv()?.to_string().contains("dropped: policy"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trace(
        &mut self,
        filter: &Filter,
        count: u64,
        sink: impl FnMut(PacketTrace) + Send + 'static,
    ) -> WatchId {
        self.watch(Box::new(Tracer::new(filter.clone(), count, Box::new(sink))))
    }

    /// Gives `sink` a copy of each frame that passes the filter at edges of the graph: those of a node, or of the whole
    /// graph, which are its ports. Returns the edges, in the order of [`CapturedFrame::edge`].
    ///
    /// It goes on until [`Graph::unwatch`]. Copying costs the worker; a sink that waits stops it.
    ///
    /// # Errors
    /// When there is no such node, or it has no such edge.
    pub fn capture(
        &mut self,
        node: Option<&str>,
        edges: Edges,
        filter: &Filter,
        sink: impl FnMut(CapturedFrame) + Send + 'static,
    ) -> Result<(WatchId, Vec<Edge>), CaptureError> {
        let capture = Capture::new(&Places::of(self), node, edges, filter.clone(), Box::new(sink))?;
        let edges = capture.edges();
        Ok((self.watch(Box::new(capture)), edges))
    }

    /// Ends a trace or capture. The sink is given the traces of packets that are still in the graph, as they are, and
    /// then dropped. Does nothing if it has ended already.
    pub fn unwatch(&mut self, id: WatchId) {
        let Some(watch) = &mut self.core.watch else { return };
        if let Some(index) = watch.watchers.iter().position(|(other, _)| *other == id) {
            watch.watchers.remove(index).1.finish();
        }
        self.forget_done();
    }

    fn watch(&mut self, watcher: Box<dyn Watcher>) -> WatchId {
        self.core.watched += 1;
        let id = WatchId(self.core.watched);
        let (places, clock) = (Places::of(self), self.clock.clone());
        let new = || Box::new(Watch { watchers: Vec::new(), places, clock });
        self.core.watch.get_or_insert_with(new).watchers.push((id, watcher));
        id
    }

    /// After a change of the graph: watchers go on if all places are where they were, and end if not.
    pub(super) fn watch_again(&mut self, is_same: bool) {
        let places = Places::of(self);
        match &mut self.core.watch {
            Some(watch) if is_same => watch.places = places,
            watch => watch.take().into_iter().flat_map(|watch| watch.watchers).for_each(|(_, w)| w.finish()),
        }
    }

    /// Lets watchers go that have seen all that they were to see.
    pub(super) fn forget_done(&mut self) {
        let Some(watch) = &mut self.core.watch else { return };
        for (_, watcher) in watch.watchers.extract_if(.., |(_, watcher)| watcher.is_done()) {
            watcher.finish();
        }
        if watch.watchers.is_empty() {
            self.core.watch = None;
        }
    }
}

/// The names of a graph's places, by their numbers.
struct Places {
    nodes: Vec<NodePlace>,
    ports: Vec<PortPlace>,
}

struct NodePlace {
    name: String,
    reasons: &'static [&'static str],
    inputs: usize,
    /// The node or port that each output leads to.
    outputs: Vec<Option<String>>,
}

struct PortPlace {
    name: String,
    is_wired: bool,
}

impl Places {
    fn of(graph: &Graph) -> Self {
        let name = |target: Target| match target {
            Target::Node { node, input } if graph.nodes[node].inputs.len() > 1 => {
                format!("[{input}]{}", graph.nodes[node].name)
            }
            Target::Node { node, .. } => graph.nodes[node].name.clone(),
            Target::Port(port) => format!("tx:{}", graph.core.ports[port].name),
        };
        let node = |node: &super::Node| NodePlace {
            name: node.name.clone(),
            reasons: node.nf.drop_reasons(),
            inputs: node.inputs.len(),
            outputs: node.outputs.iter().map(|target| target.map(name)).collect(),
        };
        let ports = graph.core.ports.iter().zip(&graph.edges);
        let port = |(info, edge): (&crate::PortInfo, &super::PortEdge)| PortPlace {
            name: info.name.clone(),
            is_wired: edge.rx.is_some(),
        };
        Self { nodes: graph.nodes.iter().map(node).collect(), ports: ports.map(port).collect() }
    }

    fn reason(&self, node: usize, reason: Reason) -> &'static str {
        reason.name(self.nodes[node].reasons)
    }

    /// Where an output leads, if it is wired.
    fn target(&self, node: usize, output: u8) -> Option<&str> {
        self.nodes[node].outputs.get(usize::from(output))?.as_deref()
    }
}
