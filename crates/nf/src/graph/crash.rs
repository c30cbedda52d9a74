//! What becomes of a node that panics: its packets are counted, a stand-in drops what comes, the frames are kept.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Graph, Scratch};
use crate::graph::timers::Timers;
use crate::{Context, Nf, Outcome, Packet, Reason, Time};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Makes a node anew, or `None` when that is not possible any more.
pub(crate) type Maker = Box<dyn FnMut() -> Option<Box<dyn Nf>> + Send>;

/// A panic of a node, with copies of the frames it was at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// The node's name.
    pub node: String,
    /// What the node was called for.
    pub call: Call,
    /// What the panic said.
    pub message: String,
    /// When, in the graph's time.
    pub time: Time,
    /// The seed that the graph was built with.
    pub seed: u64,
    /// The frames of the batch that had not left the node, as they were when it panicked: those before
    /// [`Crash::culprit`] may be changed. Empty for a call without packets.
    pub frames: Vec<CrashFrame>,
    /// Which of the frames the node was at; `None` if that is not known, as in [`Call::Hold`], whose packet is gone.
    pub culprit: Option<usize>,
}

/// A frame of a batch that made a node panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashFrame {
    /// The index of the port it was received on.
    pub port: u16,
    /// When it was received.
    pub rx_time: Time,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// A method of [`Nf`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Nf::start`]
    Start,
    /// [`Nf::packet`] or [`Nf::batch`]
    Batch,
    /// [`Nf::hold`]
    Hold,
    /// [`Nf::timer`]
    Timer,
}

/// Calls a node; its panic ends here.
#[inline]
pub(super) fn caught(call: impl FnOnce()) -> Result<(), Payload> {
    // What the call leaves half done is the node's, which is thrown away, and what it emitted, which is dropped.
    catch_unwind(AssertUnwindSafe(call))
}

impl Graph {
    /// Takes what is known of the nodes that panicked since the last call. Such a node drops all it gets until it is
    /// [made anew](Graph::remake).
    pub fn take_crashes(&mut self) -> Vec<Crash> {
        std::mem::take(&mut self.crashes)
    }

    /// Makes a node anew; it starts at the next turn. Returns whether it could be made.
    pub fn remake(&mut self, node: &str) -> bool {
        let Some(node) = self.nodes.iter_mut().find(|known| known.name == node) else { return false };
        let mut made = None;
        let made_it = caught(|| made = node.maker.as_mut().and_then(|make| make()));
        match (made_it, made) {
            (Ok(()), Some(nf)) => {
                node.nf = nf;
                node.started = false;
                self.started = false;
                true
            }
            _ => false,
        }
    }

    /// The first node that cannot be made anew, if there is one.
    pub fn not_remade(&self) -> Option<&str> {
        self.nodes.iter().find(|node| node.maker.is_none()).map(|node| node.name.as_str())
    }

    /// Counts all that a node had as dropped by its panic, and puts a stand-in in its place.
    pub(super) fn crashed(
        &mut self,
        index: usize,
        now: Time,
        (call, panic): (Call, Payload),
        packets: &mut Vec<Packet>,
        scratch: &mut Scratch,
    ) {
        let undecided = || scratch.outcomes.iter().position(|outcome| *outcome == Err(Reason::NO_OUTCOME));
        self.crashes.push(Crash {
            node: self.nodes[index].name.clone(),
            call,
            message: message(panic.as_ref()),
            time: now,
            seed: self.seed,
            frames: packets.iter().map(CrashFrame::of).collect(),
            culprit: undecided().filter(|position| call == Call::Batch && *position < packets.len()),
        });
        if let Some(watch) = &mut self.core.watch {
            watch.lost(now, index, packets, Reason::PANIC);
        }
        let node = &mut self.nodes[index];
        let lost = packets.len() as u64 + scratch.emitted.len() as u64 + node.counters.held;
        node.counters.drop(Reason::PANIC, lost);
        node.counters.held = 0;
        Packet::free_burst(packets);
        scratch.emitted.clear();
        node.bury();
        self.core.timers = std::mem::take(&mut self.core.timers).without(index);
    }
}

impl super::Node {
    /// Drops the function, with the packets it holds, for one that drops everything.
    fn bury(&mut self) {
        let mut names: &'static [&'static str] = &[];
        // What has panicked once may do so again.
        let _ = caught(|| names = self.nf.drop_reasons());
        let dead = std::mem::replace(&mut self.nf, Box::new(StandIn { names }));
        let _ = caught(|| drop(dead));
    }
}

impl Timers {
    /// All timers but those of one node.
    pub(super) fn without(mut self, node: usize) -> Self {
        let mut rest = Self::default();
        while let Some((at, of, token)) = self.pop() {
            if of != node {
                rest.set(at, of, token);
            }
        }
        rest
    }
}

/// Stands where a node has panicked.
struct StandIn {
    /// The names of the reasons that the node counted by.
    names: &'static [&'static str],
}

impl Nf for StandIn {
    fn packet(&mut self, _: &mut Packet, _: &mut Context<'_>) -> Outcome {
        Err(Reason::PANIC)
    }

    fn drop_reasons(&self) -> &'static [&'static str] {
        self.names
    }
}

impl CrashFrame {
    fn of(packet: &Packet) -> Self {
        Self { port: packet.in_port(), rx_time: packet.rx_time(), data: packet.data().to_vec() }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a value that is no text").to_owned()
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "its start",
            Self::Batch => "a batch",
            Self::Hold => "a packet to hold",
            Self::Timer => "a timer",
        })
    }
}

/// One line, whatever the panic said.
impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node '{}' panicked at {}", self.node, self.call)?;
        if let Some(culprit) = self.culprit {
            write!(f, ", packet {} of {}", culprit + 1, self.frames.len())?;
        }
        // An assertion speaks in several lines.
        for (index, line) in self.message.lines().enumerate() {
            write!(f, "{} {}", if index == 0 { ":" } else { "," }, line.trim())?;
        }
        Ok(())
    }
}
