//! The path of packets through a graph.

use std::collections::HashMap;
use std::fmt;

use rackless_packet::dissect::{self, Change};
use rackless_packet::filter::Filter;

use super::{At, Watcher};
use crate::{Outcome, Packet, Reason, Time, Verdict, time};

/// The path of one packet through a graph.
///
/// Shown, it is a few lines: the packet, then each place it passed, with what changed there and where it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketTrace {
    /// The trace's number among those of one [`Graph::trace`](crate::Graph::trace), from 1.
    pub number: u64,
    /// The trace of the packet that this one is a copy of.
    pub copy_of: Option<u64>,
    /// The frame when it was first seen.
    pub frame: Vec<u8>,
    /// What happened to it, in order.
    pub steps: Vec<TraceStep>,
    /// Whether it has left the graph; if not, the trace was ended before.
    pub has_left: bool,
}

/// What happened to a packet at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// When, in the graph's time.
    pub time: Time,
    /// Where: a node, `rx:PORT` or `tx:PORT`.
    pub place: String,
    /// The input by which it came to the node, where the node has several.
    pub input: Option<u8>,
    /// What happened.
    pub event: TraceEvent,
    /// The frame after it, if that differs from before.
    pub frame: Option<Vec<u8>>,
    /// Notes that differ from before.
    pub notes: Vec<NoteChange>,
}

/// A note of a packet that a node changed ([`Packet::set_note`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteChange {
    /// The slot.
    pub slot: usize,
    /// The value before.
    pub before: u64,
    /// The value now.
    pub after: u64,
}

/// What happened to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceEvent {
    /// It came by the port.
    Received,
    /// The node made it.
    Generated,
    /// The node copied another packet, which became this one.
    Copied,
    /// It left the node by an output.
    Out {
        /// The output.
        output: u8,
        /// The node or port that the output leads to.
        to: String,
    },
    /// The node keeps it.
    Held,
    /// The node, which kept it, let it go by an output.
    Released {
        /// The output.
        output: u8,
        /// The node or port that the output leads to.
        to: String,
    },
    /// It was dropped.
    Dropped {
        /// The reason's name.
        reason: &'static str,
    },
    /// The port took it.
    Sent,
    /// Its buffer is used for another packet, and nobody said what became of it: a bug of the node.
    Lost,
}

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

impl PacketTrace {
    /// What changed in the frame at a step, by its index.
    pub fn changes(&self, step: usize) -> Vec<Change> {
        let Some(after) = self.steps.get(step).and_then(|step| step.frame.as_deref()) else {
            return Vec::new();
        };
        dissect::changes(self.frame_before(step), after)
    }

    /// The length of the frame after a step, in bytes.
    pub fn len_after(&self, step: usize) -> usize {
        self.frame_before(step + 1).len()
    }

    /// The frame as it came to a step.
    fn frame_before(&self, step: usize) -> &[u8] {
        let earlier = &self.steps[..step.min(self.steps.len())];
        earlier.iter().rev().find_map(|step| step.frame.as_deref()).unwrap_or(&self.frame)
    }
}

impl fmt::Display for TraceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Received => f.write_str("received"),
            Self::Generated => f.write_str("generated"),
            Self::Copied => f.write_str("copied"),
            Self::Out { output, to } => write!(f, "out {output} to {to}"),
            Self::Held => f.write_str("held"),
            Self::Released { output, to } => write!(f, "released, out {output} to {to}"),
            Self::Dropped { reason } => write!(f, "dropped: {reason}"),
            Self::Sent => f.write_str("sent"),
            Self::Lost => f.write_str("lost: its buffer was given back and nobody said why"),
        }
    }
}

impl fmt::Display for PacketTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "packet {}", self.number)?;
        self.copy_of.map_or(Ok(()), |original| write!(f, ", a copy of packet {original}"))?;
        writeln!(f, ", {} bytes: {}", self.frame.len(), dissect::summary(&self.frame))?;
        let start = self.steps.first().map_or(0, |step| step.time);
        let name = |step: &TraceStep| match step.input {
            Some(input) => format!("[{input}]{}", step.place),
            None => step.place.clone(),
        };
        let width = self.steps.iter().map(|step| name(step).chars().count()).max().unwrap_or(0);
        for (index, step) in self.steps.iter().enumerate() {
            let ns = step.time.saturating_sub(start) as f64 / time::NANOSECOND as f64;
            let (name, event) = (name(step), &step.event);
            let before = self.frame_before(index).len();
            let len = Some(self.len_after(index)).filter(|len| *len != before);
            write!(f, "  {:>12}  {name:width$}  {event}", format!("+{ns} ns"))?;
            len.map_or(Ok(()), |len| write!(f, ", {len} bytes"))?;
            writeln!(f)?;
            for change in self.changes(index) {
                writeln!(f, "  {:12}  {:width$}    {change}", "", "")?;
            }
            for NoteChange { slot, before, after } in &step.notes {
                writeln!(f, "  {:12}  {:width$}    note {slot}: {before:#x} → {after:#x}", "", "")?;
            }
        }
        if !self.has_left {
            writeln!(f, "  {:12}  (still in the graph)", "")?;
        }
        Ok(())
    }
}
