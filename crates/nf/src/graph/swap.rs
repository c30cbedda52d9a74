//! Functions that are replaced while their graph runs, between two turns, with what they know.

use super::crash::{Call, caught};
use super::error::{Error, Mistake};
use super::timers::Timers;
use super::wiring::Declared;
use super::{Graph, Node, context};
use crate::{Allocator, Context, GraphBuilder, Nf, Packet, Reason, State, Time};

/// What became of a node when its function was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    /// The node's name.
    pub node: String,
    /// What became of what its function knew.
    pub fate: Fate,
    /// How many of the packets that it held were dropped, by [`Reason::REPLACED`].
    pub dropped: u64,
}

/// What became of what a function knew when it was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its successor took it.
    TakenOver,
    /// It knew nothing that outlives it, or its successor did not take it: that begins anew.
    Anew,
    /// The node is not in the new graph.
    Gone,
}

/// A function that goes: what it hands over, and what its drops are called.
struct Predecessor {
    state: Option<State>,
    reasons: &'static [&'static str],
}

impl Graph {
    /// Replaces the function of a node between two turns. The new one starts, and takes over what the old one hands over
    /// ([`Nf::hand_over`]); the counters of the node go on.
    ///
    /// # Errors
    /// When there is no such node, or the wiring names inputs or outputs that the new function does not have; then nothing
    /// has changed.
    pub fn swap(&mut self, node: &str, nf: Box<dyn Nf>) -> Result<Succession, Error> {
        let known = || self.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = self.nodes.iter().position(|known| known.name == node);
        let unknown = || Mistake::UnknownNode { name: node.to_owned(), known: known() }.at(None);
        let index = found.ok_or_else(unknown)?;
        self.fits(index, nf.as_ref())?;
        let now = self.present();
        let predecessor = self.part_from(index, now);
        self.core.timers = std::mem::take(&mut self.core.timers).without(index);
        self.put(index, nf);
        let succession = self.succeed(index, predecessor, now);
        self.watch_again(true);
        Ok(succession)
    }

    /// Replaces all functions, and the wiring, between two turns. A node of the same name takes over what the old one hands
    /// over, and its counters; the counters of a node that is not in the new graph are gone.
    ///
    /// # Errors
    /// What is wrong with the new graph at these ports; then nothing has changed.
    pub fn replace(&mut self, graph: GraphBuilder) -> Result<Vec<Succession>, Error> {
        let next = graph.build(self.core.ports.clone(), Box::new(NoBuffers), self.seed)?;
        let now = self.present();
        let is_same = is_same_shape(self, &next);
        let predecessors: Vec<_> = (0..self.nodes.len()).map(|index| self.part_from(index, now)).collect();
        self.core.timers = Timers::default();
        let old = std::mem::replace(&mut self.nodes, next.nodes);
        self.wiring = next.wiring;
        for (edge, new) in self.edges.iter_mut().zip(next.edges) {
            edge.rx = new.rx;
        }
        let mut gone = Vec::new();
        let mut parted: Vec<Option<Predecessor>> = self.nodes.iter().map(|_| None).collect();
        for (node, predecessor) in old.into_iter().zip(predecessors) {
            match self.nodes.iter().position(|new| new.name == node.name) {
                Some(index) => {
                    self.nodes[index].inherit(node);
                    parted[index] = Some(predecessor);
                }
                None => {
                    let dropped = node.counters.held + node.waiting();
                    gone.push(Succession { node: node.name.clone(), fate: Fate::Gone, dropped });
                    let _ = caught(|| drop(node));
                }
            }
        }
        self.watch_again(is_same);
        let none = || Predecessor { state: None, reasons: &[] };
        let successions = parted
            .into_iter()
            .enumerate()
            .map(|(index, one)| self.succeed(index, one.unwrap_or_else(none), now));
        let mut successions: Vec<Succession> = successions.collect();
        successions.extend(gone);
        Ok(successions)
    }

    /// The time by the clock, or of the last turn.
    fn present(&self) -> Time {
        self.clock.as_ref().map_or(self.now, |clock| clock().max(self.now))
    }

    /// Whether a function fits the wiring at a node's place.
    fn fits(&self, index: usize, nf: &dyn Nf) -> Result<(), Error> {
        let declared = |(at, node): (usize, &Node)| {
            let nf = if at == index { nf } else { node.nf.as_ref() };
            (node.name.clone(), nf.inputs(), nf.outputs())
        };
        let facts: Vec<_> = self.nodes.iter().enumerate().map(declared).collect();
        let facts = facts.iter().map(|(name, inputs, outputs)| Declared {
            name,
            origin: None,
            inputs: *inputs,
            outputs: *outputs,
        });
        let ports: Vec<&str> = self.core.ports.iter().map(|port| port.name.as_str()).collect();
        self.wiring.check(&facts.collect::<Vec<_>>(), Some(&ports)).map(drop)
    }

    /// Has the function of a node hand over what it knows.
    fn part_from(&mut self, index: usize, now: Time) -> Predecessor {
        let mut scratch = std::mem::take(&mut self.scratch);
        let node = &mut self.nodes[index];
        let mut predecessor = Predecessor { state: None, reasons: &[] };
        if node.started {
            let mut cx = context!(node, self.core, scratch.emitted, now, index, 0);
            // A panic here is worth no more than that nothing is handed over.
            let _ = caught(|| predecessor.state = node.nf.hand_over(&mut cx));
        }
        let _ = caught(|| predecessor.reasons = node.nf.drop_reasons());
        node.counters.drop(Reason::REPLACED, scratch.emitted.len() as u64);
        scratch.emitted.clear();
        self.scratch = scratch;
        predecessor
    }

    /// Puts a function in the place of another one, which goes with all that it did not hand over.
    fn put(&mut self, index: usize, nf: Box<dyn Nf>) {
        let dead = std::mem::replace(&mut self.nodes[index].nf, nf);
        let _ = caught(|| drop(dead));
    }

    /// Starts the function that has come to a node, with what the last one handed over.
    fn succeed(&mut self, index: usize, predecessor: Predecessor, now: Time) -> Succession {
        let Predecessor { state, reasons } = predecessor;
        let node = &mut self.nodes[index];
        if node.nf.drop_reasons() != reasons {
            node.counters.settle(reasons);
        }
        let (held, name) = (node.counters.held, node.name.clone());
        let mut succession = Succession { node: name, fate: Fate::Anew, dropped: 0 };
        if !self.started {
            return succession; // it starts with all others, and nothing was held yet
        }
        node.started = true;
        let mut refused = None;
        let (crashes, had_state) = (self.crashes.len(), state.is_some());
        self.call(index, now, Call::Start, |nf, cx| {
            nf.start(cx);
            refused = state.and_then(|state| nf.take_over(state, cx).err());
        });
        if self.crashes.len() > crashes {
            return succession; // all that was held is counted by the panic
        }
        if had_state && refused.is_none() {
            succession.fate = Fate::TakenOver;
            return succession;
        }
        if let Some(watch) = &mut self.core.watch {
            watch.lost(now, index, &[], Reason::REPLACED);
        }
        let _ = caught(|| drop(refused));
        succession.dropped = held;
        let counters = &mut self.nodes[index].counters;
        counters.held -= held;
        counters.drop(Reason::REPLACED, held);
        succession
    }
}

impl Node {
    /// Takes the counters and the waiting packets of the node that was here before.
    fn inherit(&mut self, mut old: Node) {
        std::mem::swap(&mut self.counters, &mut old.counters);
        // Between turns packets wait only for a node whose neighbour was replaced just before.
        for (number, packets) in old.inputs.iter_mut().enumerate() {
            match self.inputs.get_mut(number) {
                Some(input) => input.append(packets),
                None => {
                    self.counters.received += packets.len() as u64;
                    self.counters.drop(Reason::REPLACED, packets.len() as u64);
                    Packet::free_burst(packets);
                }
            }
        }
        let _ = caught(|| drop(old));
    }

    fn waiting(&self) -> u64 {
        self.inputs.iter().map(|input| input.len() as u64).sum()
    }
}

/// Whether all nodes and wires of two graphs have the same places.
fn is_same_shape(one: &Graph, other: &Graph) -> bool {
    let names = one.nodes.iter().map(|node| &node.name);
    names.eq(other.nodes.iter().map(|node| &node.name)) && one.wiring.to_string() == other.wiring.to_string()
}

/// Stands for the allocator of a graph that only lends its parts.
struct NoBuffers;

impl Allocator for NoBuffers {
    fn alloc(&self) -> Option<Packet> {
        None
    }

    fn in_use(&self) -> usize {
        0
    }
}
