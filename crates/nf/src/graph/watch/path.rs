//! The path of a packet through a graph, and how it is shown.

use std::fmt;

use rackless_packet::dissect::{self, Change};

use crate::{Time, time};

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

/// A note of a packet that a node changed ([`Packet::set_note`](crate::Packet::set_note)).
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
