//! Frames copied at edges of a graph.

use std::fmt;

use rackless_packet::filter::Filter;

use super::trace::{TX_FULL, UNWIRED};
use super::{At, Places, Watcher};
use crate::{Outcome, Packet, Reason, Time, Verdict};

/// Which kinds of edges to capture at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edges {
    /// What comes in: to a node by its inputs, to a graph by its ports.
    pub inputs: bool,
    /// What goes out: of a node by its outputs, of a graph by its ports.
    pub outputs: bool,
    /// What is dropped.
    pub drops: bool,
}

/// An edge that is captured at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// As in a graph's text: `rx:PORT`, `tx:PORT`, `[INPUT]NODE`, `NODE[OUTPUT]`, and `NODE drops` or `drops`.
    pub name: String,
    /// Whether packets go in there.
    pub is_inbound: bool,
}

/// A frame as it was at an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedFrame {
    /// The index of the edge.
    pub edge: usize,
    /// When, in the graph's time.
    pub time: Time,
    /// Why it was dropped, and by whom.
    pub drop: Option<String>,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// Why nothing can be captured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The graph has no node of the name.
    #[error("no node '{name}' in the graph; there are: {known}")]
    UnknownNode {
        /// The name.
        name: String,
        /// The names of all nodes, and of the ports as `rx:PORT` and `tx:PORT`.
        known: String,
    },
    /// What is named has no such edge.
    #[error("no edge to capture at: {0}")]
    NoEdge(&'static str),
}

/// Copies frames at edges.
pub(super) struct Capture {
    edges: Vec<(Place, Edge)>,
    filter: Filter,
    sink: Box<dyn FnMut(CapturedFrame) + Send>,
    /// What a port is being given, with the address of each packet.
    leaving: Vec<(usize, Vec<u8>)>,
}

/// Where frames are copied, by numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Rx(usize),
    Tx(usize),
    Input(usize, u8),
    Output(usize, u8),
    /// Drops of a node.
    Drops(usize),
    /// Drops of all nodes and ports.
    AllDrops,
}

impl Capture {
    pub(super) fn new(
        places: &Places,
        node: Option<&str>,
        edges: Edges,
        filter: Filter,
        sink: Box<dyn FnMut(CapturedFrame) + Send>,
    ) -> Result<Self, CaptureError> {
        let edges = match node {
            None => of_graph(places, edges),
            Some(name) => of_name(places, name, edges)?,
        };
        match edges.is_empty() {
            true => Err(CaptureError::NoEdge("the node has none of this kind, or no kind was chosen")),
            false => Ok(Self { edges, filter, sink, leaving: Vec::new() }),
        }
    }

    pub(super) fn edges(&self) -> Vec<Edge> {
        self.edges.iter().map(|(_, edge)| edge.clone()).collect()
    }

    fn edge(&self, place: Place) -> Option<usize> {
        self.edges.iter().position(|(other, _)| *other == place)
    }

    fn put(&mut self, at: &At<'_>, edge: usize, drop: Option<String>, data: &[u8]) {
        if self.filter.matches(data) {
            (self.sink)(CapturedFrame { edge, time: at.time, drop, data: data.to_vec() });
        }
    }

    fn put_drop(&mut self, at: &At<'_>, node: usize, reason: Reason, data: &[u8]) {
        let own = self.edge(Place::Drops(node));
        if let Some(edge) = own.or_else(|| self.edge(Place::AllDrops)) {
            let text =
                format!("dropped by {}: {}", at.places.nodes[node].name, at.places.reason(node, reason));
            self.put(at, edge, Some(text), data);
        }
    }

    fn put_output(&mut self, at: &At<'_>, node: usize, output: u8, data: &[u8]) {
        match at.places.target(node, output) {
            Some(_) => {
                if let Some(edge) = self.edge(Place::Output(node, output)) {
                    self.put(at, edge, None, data);
                }
            }
            None => self.put_drop(at, node, Reason::NO_OUTPUT, data),
        }
    }
}

impl Watcher for Capture {
    fn received(&mut self, at: &At<'_>, port: usize, packets: &mut [Packet]) {
        let PortDrop { edge, text } = PortDrop::new(self, at, port, "rx", UNWIRED);
        let rx = self.edge(Place::Rx(port));
        for packet in packets {
            rx.into_iter().for_each(|edge| self.put(at, edge, None, packet.data()));
            if !at.places.ports[port].is_wired {
                edge.into_iter().for_each(|edge| self.put(at, edge, Some(text.clone()), packet.data()));
            }
        }
    }

    fn enter(&mut self, at: &At<'_>, node: usize, input: u8, packets: &[Packet]) {
        if let Some(edge) = self.edge(Place::Input(node, input)) {
            packets.iter().for_each(|packet| self.put(at, edge, None, packet.data()));
        }
    }

    fn leave(&mut self, at: &At<'_>, node: usize, packets: &[Packet], outcomes: &[Outcome]) {
        for (packet, outcome) in packets.iter().zip(outcomes) {
            match *outcome {
                Ok(Verdict::Out(output)) => self.put_output(at, node, output, packet.data()),
                Ok(Verdict::Hold(_)) => {}
                Err(reason) => self.put_drop(at, node, reason, packet.data()),
            }
        }
    }

    fn emitted(&mut self, at: &At<'_>, node: usize, output: u8, packet: &mut Packet, _: bool) {
        self.put_output(at, node, output, packet.data());
    }

    fn copied(&mut self, _: &At<'_>, _: usize, _: &Packet, _: &mut Packet) {}

    fn kept(&mut self, _: &At<'_>, _: usize, _: &mut Packet) {}

    fn dropped(&mut self, at: &At<'_>, node: usize, packet: &Packet, reason: Reason) {
        self.put_drop(at, node, reason, packet.data());
    }

    fn sending(&mut self, _: &At<'_>, port: usize, packets: &[Packet]) {
        if self.edge(Place::Tx(port)).or_else(|| self.edge(Place::AllDrops)).is_some() {
            let passing = packets.iter().filter(|packet| self.filter.matches(packet.data()));
            self.leaving = passing.map(|packet| (packet.address(), packet.data().to_vec())).collect();
        }
    }

    fn sent(&mut self, at: &At<'_>, port: usize, refused: &[Packet]) {
        let PortDrop { edge: drops, text } = PortDrop::new(self, at, port, "tx", TX_FULL);
        let tx = self.edge(Place::Tx(port));
        for (address, data) in std::mem::take(&mut self.leaving) {
            let is_refused = refused.iter().any(|packet| packet.address() == address);
            let (edge, drop) = if is_refused { (drops, Some(text.clone())) } else { (tx, None) };
            if let Some(edge) = edge {
                (self.sink)(CapturedFrame { edge, time: at.time, drop, data });
            }
        }
    }

    fn lost(&mut self, at: &At<'_>, node: usize, packets: &[Packet], reason: Reason) {
        packets.iter().for_each(|packet| self.put_drop(at, node, reason, packet.data()));
    }

    fn is_done(&self) -> bool {
        false
    }

    fn finish(self: Box<Self>) {}
}

/// Where drops at a port go, and what is said of them.
struct PortDrop {
    edge: Option<usize>,
    text: String,
}

impl PortDrop {
    fn new(capture: &Capture, at: &At<'_>, port: usize, side: &str, reason: &str) -> Self {
        let text = format!("dropped at {side}:{}: {reason}", at.places.ports[port].name);
        Self { edge: capture.edge(Place::AllDrops), text }
    }
}

fn of_graph(places: &Places, edges: Edges) -> Vec<(Place, Edge)> {
    let ports = || places.ports.iter().enumerate();
    let mut list = Vec::new();
    if edges.inputs {
        list.extend(ports().map(|(index, port)| edge(Place::Rx(index), format!("rx:{}", port.name), true)));
    }
    if edges.outputs {
        list.extend(ports().map(|(index, port)| edge(Place::Tx(index), format!("tx:{}", port.name), false)));
    }
    if edges.drops {
        list.push(edge(Place::AllDrops, "drops".to_owned(), true));
    }
    list
}

/// The edges of a node, or the one of a port: what is named need not be chosen by its kind.
fn of_name(places: &Places, name: &str, edges: Edges) -> Result<Vec<(Place, Edge)>, CaptureError> {
    if let Some(index) = places.nodes.iter().position(|node| node.name == name) {
        return Ok(of_node(places, index, edges));
    }
    let ports = of_graph(places, Edges { inputs: true, outputs: true, drops: false });
    if let Some(port) = ports.iter().find(|(_, edge)| edge.name == name) {
        return Ok(vec![port.clone()]);
    }
    let nodes = places.nodes.iter().map(|node| node.name.as_str());
    let known: Vec<&str> = nodes.chain(ports.iter().map(|(_, edge)| edge.name.as_str())).collect();
    Err(CaptureError::UnknownNode { name: name.to_owned(), known: known.join(", ") })
}

fn of_node(places: &Places, index: usize, edges: Edges) -> Vec<(Place, Edge)> {
    let node = &places.nodes[index];
    let numbers = |count: usize| (0..count).filter_map(|number| u8::try_from(number).ok());
    let mut list = Vec::new();
    if edges.inputs {
        let input = |number| edge(Place::Input(index, number), format!("[{number}]{}", node.name), true);
        list.extend(numbers(node.inputs).map(input));
    }
    if edges.outputs {
        let output = |number| edge(Place::Output(index, number), format!("{}[{number}]", node.name), false);
        list.extend(numbers(node.outputs.len()).map(output));
    }
    if edges.drops {
        list.push(edge(Place::Drops(index), format!("{} drops", node.name), true));
    }
    list
}

fn edge(place: Place, name: String, is_inbound: bool) -> (Place, Edge) {
    (place, Edge { name, is_inbound })
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
