//! Traces and captures of a running function over its control socket.
//!
//! `{"trace": {"filter": "tcp port 80", "count": 20}}` and `{"capture": {"node": "nat", "inputs": true, "outputs": true,
//! "drops": true, "filter": ""}}` answer with a line `{"watching": {"edges": […]}}`, then a [`Line`] for each packet, and
//! `{"end": {"missed": N}}` last. A client ends it by closing its side for writing.

mod client;
pub(crate) mod serve;

use rackless_nf::{Edges, PacketTrace, TraceEvent, time};
use rackless_packet::dissect::{self, Change};
use serde::{Deserialize, Serialize};

pub use client::{Stopper, Watching};

/// Which packets to follow through the graph.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TraceRequest {
    /// Which packets, in tcpdump's language; empty for all.
    #[serde(default)]
    pub filter: String,
    /// How many; their copies are followed, too.
    pub count: u64,
}

/// Which frames to capture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureRequest {
    /// The node of the graph; `None` for the ports of the graph, and all drops.
    pub node: Option<String>,
    /// What comes in.
    #[serde(default)]
    pub inputs: bool,
    /// What goes out.
    #[serde(default)]
    pub outputs: bool,
    /// What is dropped.
    #[serde(default)]
    pub drops: bool,
    /// Which frames, in tcpdump's language; empty for all.
    #[serde(default)]
    pub filter: String,
}

impl CaptureRequest {
    fn edges(&self) -> Edges {
        Edges { inputs: self.inputs, outputs: self.outputs, drops: self.drops }
    }
}

/// A line of the answer to a [`TraceRequest`] or [`CaptureRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// It has begun.
    Watching {
        /// The edges that are captured at; none for a trace.
        edges: Vec<Edge>,
    },
    /// The path of a packet.
    Trace(Trace),
    /// A frame at an edge.
    Frame(Frame),
    /// It has ended.
    End {
        /// Traces and frames that were lost because the client was slow.
        missed: u64,
    },
    /// It cannot begin.
    Error(String),
}

/// An edge that is captured at.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Edge {
    /// `rx:PORT`, `tx:PORT`, `[INPUT]NODE`, `NODE[OUTPUT]`, `NODE drops`, or `drops`.
    pub name: String,
    /// Whether packets go in there.
    pub is_inbound: bool,
}

/// A frame as it was at an edge.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Frame {
    /// The index of the edge.
    pub edge: usize,
    /// When, in nanoseconds since 1970.
    pub time_ns: u64,
    /// Why it was dropped, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<String>,
    /// Its bytes, two hexadecimal digits each.
    pub data: String,
}

/// The path of a packet through the graph.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Trace {
    /// Its number, from 1.
    pub number: u64,
    /// The number of the packet that it is a copy of.
    pub copy_of: Option<u64>,
    /// The packet on one line.
    pub summary: String,
    /// The frame when it was first seen, two hexadecimal digits a byte.
    pub frame: String,
    /// What happened to it, in order.
    pub steps: Vec<Step>,
    /// Whether it has left the graph; if not, the trace was ended before.
    pub has_left: bool,
    /// All of it for people, in several lines.
    pub text: String,
}

/// What happened to a packet at one place.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Step {
    /// When, in nanoseconds since 1970.
    pub time_ns: u64,
    /// The node, `rx:PORT` or `tx:PORT`.
    pub place: String,
    /// The node's input, where it has several.
    pub input: Option<u8>,
    /// `received`, `generated`, `copied`, `out`, `held`, `released`, `dropped`, `sent`, or `lost`.
    pub event: String,
    /// The output, where it left a node.
    pub output: Option<u8>,
    /// Where that led.
    pub to: Option<String>,
    /// Why it was dropped.
    pub reason: Option<String>,
    /// The length of the frame afterwards, in bytes.
    pub len: usize,
    /// What differs from before.
    pub changes: Vec<FieldChange>,
    /// Notes that differ from before.
    pub notes: Vec<NoteChange>,
}

/// A header, a field, or the payload that differs from before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct FieldChange {
    /// The header; `payload` for what lies behind all of them, empty for what is said of the whole frame.
    pub header: String,
    /// The field; `None` when all of the header came or went.
    pub field: Option<String>,
    /// The value before; `None` when it was not there.
    pub before: Option<String>,
    /// The value now; `None` when it is gone.
    pub after: Option<String>,
}

/// A note that differs from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct NoteChange {
    /// The slot.
    pub slot: usize,
    /// The value before.
    pub before: u64,
    /// The value now.
    pub after: u64,
}

impl Trace {
    /// `start_ns` is when the graph's time began, in nanoseconds since 1970.
    fn of(trace: &PacketTrace, start_ns: u64) -> Self {
        Self {
            number: trace.number,
            copy_of: trace.copy_of,
            summary: dissect::summary(&trace.frame).to_string(),
            frame: hex(&trace.frame),
            steps: (0..trace.steps.len()).map(|index| Step::of(trace, index, start_ns)).collect(),
            has_left: trace.has_left,
            text: trace.to_string(),
        }
    }
}

impl Step {
    fn of(trace: &PacketTrace, index: usize, start_ns: u64) -> Self {
        let step = &trace.steps[index];
        let (mut output, mut to, mut reason) = (None, None, None);
        let event = match &step.event {
            TraceEvent::Received => "received",
            TraceEvent::Generated => "generated",
            TraceEvent::Copied => "copied",
            TraceEvent::Held => "held",
            TraceEvent::Sent => "sent",
            TraceEvent::Lost => "lost",
            TraceEvent::Out { output: number, to: name } => {
                (output, to) = (Some(*number), Some(name.clone()));
                "out"
            }
            TraceEvent::Released { output: number, to: name } => {
                (output, to) = (Some(*number), Some(name.clone()));
                "released"
            }
            TraceEvent::Dropped { reason: name } => {
                reason = Some((*name).to_owned());
                "dropped"
            }
        };
        let note = |note: &rackless_nf::NoteChange| {
            let rackless_nf::NoteChange { slot, before, after } = *note;
            NoteChange { slot, before, after }
        };
        Self {
            time_ns: start_ns + step.time / time::NANOSECOND,
            place: step.place.clone(),
            input: step.input,
            event: event.to_owned(),
            output,
            to,
            reason,
            len: trace.len_after(index),
            changes: trace.changes(index).into_iter().map(FieldChange::from).collect(),
            notes: step.notes.iter().map(note).collect(),
        }
    }
}

impl From<Change> for FieldChange {
    fn from(change: Change) -> Self {
        let value = |text: String| Some(text).filter(|text| !text.is_empty());
        match change {
            Change::Added { header } => Self { after: Some(header.clone()), header, ..Self::default() },
            Change::Removed { header } => Self { before: Some(header.clone()), header, ..Self::default() },
            Change::Payload => Self { header: "payload".to_owned(), ..Self::default() },
            Change::Field { header, field, before, after } => {
                Self { header, field: Some(field), before: value(before), after: value(after) }
            }
        }
    }
}

/// Two digits for each byte.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes that the digits say; `None` if they are none.
fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some((char::from(*high).to_digit(16)? << 4 | char::from(*low).to_digit(16)?) as u8),
        _ => None,
    };
    pairs.map(byte).collect()
}

impl Frame {
    /// The frame's bytes; `None` if the text is not what it should be.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        unhex(&self.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_way_as_text() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        assert_eq!((unhex("0"), unhex("0g"), unhex("")), (None, None, Some(vec![])));
    }
}
