//! Follows packets through a graph.

use std::collections::HashMap;

use rackless_packet::filter::Filter;

use super::path::{NoteChange, PacketTrace, TraceEvent, TraceStep};
use super::{At, Watcher};
use crate::{Outcome, Packet, Reason, Verdict};

/// Copies that are followed: a graph may make more of them than anybody reads.
const MOST_COPIES: u64 = 4096;

/// Follows packets until each has left.
pub(super) struct Tracer {
    filter: Filter,
    /// Packets that may still begin.
    left: u64,
    /// Copies that may still begin.
    copies_left: u64,
    begun: u64,
    /// Packets in the graph, by the address of their buffer.
    live: HashMap<usize, Live>,
    sink: Box<dyn FnMut(PacketTrace) + Send>,
}

/// A packet in the graph.
struct Live {
    trace: PacketTrace,
    /// The frame and the notes as they were seen last.
    frame: Vec<u8>,
    notes: [u64; Packet::NOTES],
    /// The input of the node that it is at.
    input: Option<u8>,
    /// The node that has it in its hands.
    inside: Option<usize>,
    /// Whether a port is being given it.
    is_leaving: bool,
}

impl Tracer {
    pub(super) fn new(filter: Filter, count: u64, sink: Box<dyn FnMut(PacketTrace) + Send>) -> Self {
        Self { filter, left: count, copies_left: MOST_COPIES, begun: 0, live: HashMap::new(), sink }
    }

    /// Begins a trace if the packet is one to follow.
    fn begin(&mut self, at: &At<'_>, place: String, event: TraceEvent, packet: &mut Packet) {
        if self.left > 0 && self.filter.matches(packet.data()) {
            self.left -= 1;
            self.insert(at, place, event, packet, None);
        }
    }

    fn insert(
        &mut self,
        at: &At<'_>,
        place: String,
        event: TraceEvent,
        packet: &mut Packet,
        copy_of: Option<u64>,
    ) {
        self.end(at, packet.address(), "", TraceEvent::Lost);
        packet.set_traced();
        self.begun += 1;
        let frame = packet.data().to_vec();
        let step = TraceStep { time: at.time, place, input: None, event, frame: None, notes: Vec::new() };
        let trace = PacketTrace {
            number: self.begun,
            copy_of,
            frame: frame.clone(),
            steps: vec![step],
            has_left: false,
        };
        let (notes, inside) = (notes(packet), None);
        self.live
            .insert(packet.address(), Live { trace, frame, notes, input: None, inside, is_leaving: false });
    }

    fn live(&mut self, packet: &Packet) -> Option<&mut Live> {
        if packet.is_traced() { self.live.get_mut(&packet.address()) } else { None }
    }

    /// Adds the last step of a packet's trace, and gives the trace away.
    fn end(&mut self, at: &At<'_>, address: usize, place: &str, event: TraceEvent) {
        if let Some(mut live) = self.live.remove(&address) {
            live.step(at, place, event, None);
            live.trace.has_left = true;
            (self.sink)(live.trace);
        }
    }

    /// Adds a step, and ends the trace if it is the last one.
    fn step(&mut self, at: &At<'_>, place: &str, event: TraceEvent, packet: &Packet) {
        let is_last = matches!(event, TraceEvent::Dropped { .. });
        let Some(live) = self.live(packet) else { return };
        live.step(at, place, event, Some(packet));
        if is_last && let Some(mut live) = self.live.remove(&packet.address()) {
            live.trace.has_left = true;
            (self.sink)(live.trace);
        }
    }
}

impl Live {
    fn step(&mut self, at: &At<'_>, place: &str, event: TraceEvent, packet: Option<&Packet>) {
        let mut step = TraceStep {
            time: at.time,
            place: place.to_owned(),
            input: self.input,
            event,
            frame: None,
            notes: Vec::new(),
        };
        if let Some(packet) = packet {
            if packet.data() != self.frame {
                self.frame = packet.data().to_vec();
                step.frame = Some(self.frame.clone());
            }
            let now = notes(packet);
            let changed = (0..Packet::NOTES).filter(|&slot| now[slot] != self.notes[slot]);
            let change = |slot| NoteChange { slot, before: self.notes[slot], after: now[slot] };
            step.notes = changed.map(change).collect();
            self.notes = now;
        }
        self.trace.steps.push(step);
    }
}

impl Watcher for Tracer {
    fn received(&mut self, at: &At<'_>, port: usize, packets: &mut [Packet]) {
        if self.left == 0 {
            return;
        }
        let port = &at.places.ports[port];
        for packet in packets {
            self.begin(at, format!("rx:{}", port.name), TraceEvent::Received, packet);
            if !port.is_wired {
                let place = format!("rx:{}", port.name);
                self.step(at, &place, TraceEvent::Dropped { reason: UNWIRED }, packet);
            }
        }
    }

    fn enter(&mut self, at: &At<'_>, node: usize, input: u8, packets: &[Packet]) {
        let input = (at.places.nodes[node].inputs > 1).then_some(input);
        for packet in packets {
            if let Some(live) = self.live(packet) {
                (live.input, live.inside) = (input, Some(node));
            }
        }
    }

    fn leave(&mut self, at: &At<'_>, node: usize, packets: &[Packet], outcomes: &[Outcome]) {
        for (packet, outcome) in packets.iter().zip(outcomes) {
            let Some(live) = self.live(packet) else { continue };
            let event = match *outcome {
                Ok(Verdict::Hold(_)) => TraceEvent::Held,
                Ok(Verdict::Out(output)) => {
                    live.inside = None;
                    match at.places.target(node, output) {
                        Some(to) => TraceEvent::Out { output, to: to.to_owned() },
                        None => TraceEvent::Dropped { reason: at.places.reason(node, Reason::NO_OUTPUT) },
                    }
                }
                Err(reason) => TraceEvent::Dropped { reason: at.places.reason(node, reason) },
            };
            self.step(at, &at.places.nodes[node].name, event, packet);
        }
    }

    fn emitted(&mut self, at: &At<'_>, node: usize, output: u8, packet: &mut Packet, was_held: bool) {
        let place = &at.places.nodes[node].name;
        if self.live(packet).is_none() && !was_held {
            self.begin(at, place.clone(), TraceEvent::Generated, packet);
        }
        let Some(live) = self.live(packet) else { return };
        live.inside = None;
        let to = at.places.target(node, output).map(str::to_owned);
        let event = match to {
            Some(to) if was_held => TraceEvent::Released { output, to },
            Some(to) => TraceEvent::Out { output, to },
            None => TraceEvent::Dropped { reason: at.places.reason(node, Reason::NO_OUTPUT) },
        };
        self.step(at, place, event, packet);
    }

    fn copied(&mut self, at: &At<'_>, node: usize, original: &Packet, copy: &mut Packet) {
        let Some(number) = self.live(original).map(|live| live.trace.number) else { return };
        if self.copies_left > 0 {
            self.copies_left -= 1;
            let place = at.places.nodes[node].name.clone();
            self.insert(at, place, TraceEvent::Copied, copy, Some(number));
            if let Some(live) = self.live(copy) {
                live.inside = Some(node);
            }
        }
    }

    fn kept(&mut self, at: &At<'_>, node: usize, packet: &mut Packet) {
        let place = &at.places.nodes[node].name;
        if self.live(packet).is_none() {
            self.begin(at, place.clone(), TraceEvent::Generated, packet);
        }
        if let Some(live) = self.live(packet) {
            live.inside = Some(node);
            self.step(at, place, TraceEvent::Held, packet);
        }
    }

    fn dropped(&mut self, at: &At<'_>, node: usize, packet: &Packet, reason: Reason) {
        let reason = at.places.reason(node, reason);
        self.step(at, &at.places.nodes[node].name, TraceEvent::Dropped { reason }, packet);
    }

    fn sending(&mut self, _: &At<'_>, _: usize, packets: &[Packet]) {
        for packet in packets {
            if let Some(live) = self.live(packet) {
                (live.input, live.is_leaving) = (None, true);
            }
        }
    }

    fn sent(&mut self, at: &At<'_>, port: usize, refused: &[Packet]) {
        let place = format!("tx:{}", at.places.ports[port].name);
        for packet in refused {
            self.step(at, &place, TraceEvent::Dropped { reason: TX_FULL }, packet);
        }
        let mut gone: Vec<(u64, usize)> = self
            .live
            .iter()
            .filter(|(_, live)| live.is_leaving)
            .map(|(address, live)| (live.trace.number, *address))
            .collect();
        gone.sort_unstable();
        for (_, address) in gone {
            self.end(at, address, &place, TraceEvent::Sent);
        }
    }

    fn lost(&mut self, at: &At<'_>, node: usize, packets: &[Packet], reason: Reason) {
        let reason = at.places.reason(node, reason);
        let left = packets.iter().map(Packet::address);
        let inside = self.live.iter().filter(|(_, live)| live.inside == Some(node));
        let lost: Vec<usize> = left.chain(inside.map(|(address, _)| *address)).collect();
        for address in lost {
            self.end(at, address, &at.places.nodes[node].name, TraceEvent::Dropped { reason });
        }
    }

    fn is_done(&self) -> bool {
        self.left == 0 && self.live.is_empty()
    }

    fn finish(mut self: Box<Self>) {
        let mut left: Vec<PacketTrace> = self.live.drain().map(|(_, live)| live.trace).collect();
        left.sort_unstable_by_key(|trace| trace.number);
        left.into_iter().for_each(self.sink);
    }
}

/// What a port's edge of the graph says of packets that it drops.
pub(super) const UNWIRED: &str = "input not wired";
pub(super) const TX_FULL: &str = "transmit queue full";

fn notes(packet: &Packet) -> [u64; Packet::NOTES] {
    std::array::from_fn(|slot| packet.note(slot))
}
