//! What a lab and its clients say to each other: one JSON text per line.

use std::path::PathBuf;

use rackless_link::Conditions;
use rackless_topology::Change;
use rackless_topology::model::{LinkChange, LinkState};
use rackless_topology::units::Size;
use serde::{Deserialize, Serialize};

use crate::cgroup::Usage;
use crate::converge::Source;
use crate::fabric::{Carrier, LinkCounters};
use crate::history::Record;
use crate::init::Ended;
use crate::lab::Packages;
use crate::observe::Observation;

/// What a client asks of a lab; descriptors travel with the first byte of the line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Tell what is there: [`Reply::Status`].
    Status,
    /// Start a program with the three streams sent along: [`Reply::Started`], later [`Reply::Ended`].
    Exec(Exec),
    /// Send a signal to the program that this connection started. No reply.
    Signal(i32),
    /// Tell what programs wrote, `node` or `node:program`: [`Reply::Log`] until [`Reply::Done`].
    Logs { programs: String, follow: bool },
    /// End programs and start them again: [`Reply::Done`] when they are ready.
    Restart { programs: String },
    /// Change a link: [`Reply::Done`].
    Link { node: String, interface: String, change: LinkChange },
    /// Open a packet socket on the fabric's side of an interface: [`Reply::Done`] with its descriptor.
    Tap { node: String, interface: String },
    /// Give the network namespace of a node, or of the fabric: [`Reply::Done`] with its descriptor.
    Namespace { node: Option<String> },
    /// Tell what happens from now on: [`Reply::Event`] until the lab ends.
    Subscribe,
    /// Tell what has happened: [`Reply::Record`] until [`Reply::Done`]; with `follow`, until the lab ends.
    History { follow: bool },
    /// Make the lab another, whose packages are built there, or (`dry`) only tell what would change:
    /// [`Reply::Changes`].
    Converge {
        source: Source,
        dry: bool,
        #[serde(default)]
        packages: Packages,
    },
    /// Drop all frames between groups of nodes, or (`None`) let all pass again that are dropped: [`Reply::Links`].
    Part { groups: Option<String> },
    /// Look at all of the lab: [`Reply::Observation`].
    Observe,
    /// End the lab: [`Reply::Done`] when all of it is gone.
    Down,
}

/// A program to be run on a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exec {
    /// The node.
    pub node: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The environment; the lab adds its own variables and the node's.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub directory: PathBuf,
    /// Whether standard input is a terminal that the program controls.
    pub terminal: bool,
}

/// What a lab answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Status(Box<Status>),
    Started {
        pid: i32,
    },
    Ended(Ended),
    Log {
        bytes: Vec<u8>,
    },
    Event(Event),
    Record(Record),
    Observation(Box<(Status, Observation)>),
    Changes {
        changes: Vec<Change>,
        /// The entries that the lab needs of the tables of neighbours, where it needs more than before.
        neighbours: [usize; 2],
    },
    Links(Vec<[String; 2]>),
    Done,
    Error {
        message: String,
        hint: Option<String>,
        failed: bool,
    },
}

/// Something that happened in a running lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// A node's program started.
    Started {
        /// The node.
        node: String,
        /// The name of the program; `None` for the one program of a node that gives it no name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<String>,
        /// The program's process.
        pid: i32,
    },
    /// A program of a node is ready.
    Ready {
        /// The node.
        node: String,
        /// The name of the program; `None` for the one program of a node that gives it no name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<String>,
    },
    /// A node's program ended.
    Ended {
        /// The node.
        node: String,
        /// The name of the program; `None` for the one program of a node that gives it no name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<String>,
        /// How.
        ended: Ended,
        /// The last lines it wrote, if it failed.
        output: String,
    },
    /// A node's program has ended and will be started again.
    Restarting {
        /// The node.
        node: String,
        /// The name of the program; `None` for the one program of a node that gives it no name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<String>,
        /// The pause before that, in milliseconds.
        pause_ms: u64,
    },
    /// A node's program could not be started again, or is not ready in time.
    Failed {
        /// The node.
        node: String,
        /// The name of the program; `None` for the one program of a node that gives it no name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<String>,
        /// Why.
        message: String,
    },
    /// All of the lab is up.
    Up {
        /// The lab.
        lab: String,
        /// The number of nodes.
        nodes: usize,
        /// The number of links.
        links: usize,
        /// The time it took, in milliseconds.
        took_ms: u64,
        /// What the user should know of this machine.
        warnings: Vec<Warning>,
    },
    /// A process of a node was killed because the node's memory was used up.
    OutOfMemory {
        /// The node.
        node: String,
        /// The node's limit.
        limit: Size,
    },
    /// A link changed.
    Link {
        /// Its two ends, as `node:interface`.
        ends: [String; 2],
        /// Its state now.
        state: LinkState,
        /// Its conditions now, from the first end to the second.
        tx: Box<Conditions>,
        /// Its conditions now, from the second end to the first.
        rx: Box<Conditions>,
    },
    /// The lab was changed to what its file says now.
    Changed {
        /// What changed, one line each.
        changes: Vec<String>,
    },
    /// A wire process died; it was started again, and the frames on their way are lost.
    WireDied {
        /// Why it could not be started again; `None`: it was.
        error: Option<String>,
    },
    /// Something that was to happen by itself could not be done.
    EventFailed {
        /// The two ends of the link.
        ends: [String; 2],
        /// Why.
        error: String,
    },
    /// The lab is being removed.
    Stopping,
}

/// Something that may harm a lab that is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What.
    pub message: String,
    /// What may help.
    pub hint: String,
}

/// A running lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// Its name.
    pub lab: String,
    /// Its process.
    pub pid: i32,
    /// The lab file it was made from; a lab made from a shape has none.
    pub file: Option<PathBuf>,
    /// The shape it was made from, as it was given.
    pub shape: Option<String>,
    /// Whether all programs have started and are ready.
    pub up: bool,
    /// The folder of the lab.
    pub folder: PathBuf,
    /// Its nodes, in the order of the lab file.
    pub nodes: Vec<NodeStatus>,
    /// Its links, in the order of the lab file.
    pub links: Vec<LinkStatus>,
}

/// A node of a running lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Its kind, in the lab file's word.
    pub kind: String,
    /// The state of its programs, in the order of the lab file.
    pub programs: Vec<ProgramStatus>,
    /// What limits its programs; `None`: nothing.
    pub limits: Option<LimitsStatus>,
    /// The interfaces that have a link.
    pub interfaces: Vec<InterfaceStatus>,
}

/// The limits of a node's programs, and what they have used of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LimitsStatus {
    /// The time on CPUs: 0.5 is half of one CPU.
    pub cpus: Option<f64>,
    /// The memory in bytes.
    pub memory: Option<u64>,
    /// What they have used.
    pub used: Usage,
}

/// A program of a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProgramStatus {
    /// Its name; `None` for the one program of a node that gives it no name.
    pub name: Option<String>,
    /// Its command, in one line.
    pub command: String,
    /// Its process, while it runs.
    pub pid: Option<i32>,
    /// Whether it has been found ready.
    pub ready: bool,
    /// How it ended, if it did.
    pub ended: Option<Ended>,
    /// How often it was started again.
    pub restarts: u32,
}

/// An interface of a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InterfaceStatus {
    /// Its name inside the node.
    pub name: String,
    /// Its Ethernet address.
    pub mac: String,
    /// The largest packet in bytes.
    pub mtu: u32,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<String>,
    /// The link-local IPv6 address that belongs to its MAC.
    pub link_local: String,
    /// What opens it as a port, if it is not an interface of the kernel but memory shared with another program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// A link of a running lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LinkStatus {
    /// Its two ends, as `node:interface`.
    pub ends: [String; 2],
    /// Its state.
    pub state: LinkState,
    /// What carries its frames.
    pub carrier: Carrier,
    /// What happens to frames from the first end to the second.
    pub tx: Conditions,
    /// What happens to frames from the second end to the first.
    pub rx: Conditions,
    /// What a wire or disciplines did in both directions since they were put in, `tx` first; `None` without.
    pub counters: Option<[LinkCounters; 2]>,
}
