//! The description of a lab, complete and free of contradictions: what the lab file says, with names
//! resolved, defaults filled in, and an address and a MAC for every interface that needs one.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Index;
use std::path::PathBuf;

use ipnet::IpNet;
pub use rackless_link::{Conditions, Patch};
use rackless_packet::MacAddr;
use serde::{Deserialize, Serialize};

mod check;
mod limits;
mod program;

pub use check::{Bounds, Check, Probe, Target, Url};
pub use limits::{Cpus, Limits, ParseCpusError};
pub use program::{Command, Condition, Program, ProgramId, Ready, Restart};

use crate::units::Duration;

/// The MTU of a link that gives none, in bytes: Ethernet's.
pub const DEFAULT_MTU: u32 = 1500;

/// The interface of a node of kind [`Kind::Nat`] that leads out of the lab.
pub const UPLINK: &str = "uplink";

/// The description of a lab: nodes, the links between them, and the checks that must hold.
///
/// It comes from a lab file ([`Topology::parse`]) or from a shape ([`Topology::shape`]).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Topology {
    /// The name of the lab: the key `name`, else the file's name without its extension, else the shape's.
    pub name: String,
    /// The nodes, in the order of the file; nodes of a shape come first.
    pub nodes: Vec<Node>,
    /// The links, in the order of the file; links of a shape come first.
    pub links: Vec<Link>,
    /// The checks, in the order of the file.
    pub checks: Vec<Check>,
    /// What shall happen to links by itself, in the order of the file.
    pub events: Vec<Event>,
}

/// The place of a node in [`Topology::nodes`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// A node of a lab.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// The node's name, unique in the lab: letters, digits, `_` and `-`.
    pub name: String,
    /// What the node is.
    pub kind: Kind,
    /// The interfaces that have a link, in the order in which the links name them; the loopback is not here.
    ///
    /// The interfaces of a switch are ports of a bridge: they have names but no addresses.
    pub interfaces: Vec<Interface>,
    /// Further addresses of the loopback interface `lo`.
    pub loopback: Vec<IpNet>,
    /// The routes that the node's kernel gets besides those of its addresses.
    pub routes: Vec<Route>,
    /// The folder of the cargo package whose executables the programs find in `PATH`; a relative path starts at the lab
    /// file's directory.
    pub package: Option<PathBuf>,
    /// The programs that run on the node, in the order of the file.
    pub programs: Vec<Program>,
    /// Environment variables of all programs on the node.
    pub env: BTreeMap<String, String>,
    /// Sysctls by their dotted names, such as `net.ipv4.ip_forward`.
    pub sysctl: BTreeMap<String, String>,
    /// Files that only the node's programs see, by their absolute paths; none is a folder of another.
    pub files: BTreeMap<PathBuf, FileContent>,
    /// The nodes that must be ready before this node's programs start; free of cycles.
    pub after: Vec<NodeId>,
    /// What all programs of the node may use of the machine.
    pub limits: Limits,
    /// Whether a switch cuts loops of links by the spanning tree protocol (IEEE 802.1D).
    pub stp: bool,
}

/// What a node is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A Linux host.
    #[default]
    Host,
    /// A network function: its interfaces belong to its program, and the kernel behind them is muted.
    Nf,
    /// A Linux host that forwards IPv4 and IPv6.
    Router,
    /// A router that also leads to the network in which the lab was started, by IPv4 and behind an address there.
    ///
    /// Besides the interfaces of its links it has [`UPLINK`].
    Nat,
    /// A learning switch: a kernel bridge.
    Switch,
    /// A program beside the network: it has no interfaces, and the network in which the lab was started.
    Process,
}

/// What is in a file of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileContent {
    /// This text.
    Text(String),
    /// What is in another file when the lab comes up; a relative path starts at the lab file's directory.
    From(PathBuf),
}

/// An interface of a node; the other side of its link is told by [`Topology::links`].
#[derive(Debug, Clone, PartialEq)]
pub struct Interface {
    /// The name inside the node, at most 15 bytes.
    pub name: String,
    /// The Ethernet address: given, or derived from the names of the node and the interface.
    pub mac: MacAddr,
    /// The largest packet in bytes: of the interface, else of its link, else [`DEFAULT_MTU`].
    pub mtu: u32,
    /// Whether it may leave checksums and segmentation to the other side: of the interface, else of its link.
    pub offload: bool,
    /// Addresses with the length of their subnet's prefix; the link-local one is not here.
    pub addresses: Vec<IpNet>,
}

/// A route of a node's kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where it leads; the bits behind the prefix are zero.
    pub prefix: IpNet,
    /// The next hop; `None`: the destinations are on the link itself.
    pub via: Option<IpAddr>,
    /// The interface, as a place in [`Node::interfaces`].
    pub interface: usize,
}

/// A cable between two interfaces.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Link {
    /// Its two ends, as the file orders them.
    pub ends: [End; 2],
    /// The largest packet that it carries in bytes.
    pub mtu: u32,
    /// Whether its interfaces may leave checksums and segmentation to the other side.
    ///
    /// Unless said, it is off where an end is an NF, which must see frames as they are on a wire.
    pub offload: bool,
    /// What the cable does to frames from the first end to the second, and from the second to the first.
    pub conditions: [Conditions; 2],
    /// What imposes the conditions.
    pub wire: Wire,
    /// What the cable is made of.
    pub medium: Medium,
}

/// What a link is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Medium {
    /// A pair of the kernel's interfaces.
    #[default]
    Veth,
    /// Memory that the programs of two NFs share, which no kernel sees: it has no conditions and cannot be captured.
    Memif,
}

/// What imposes the conditions of a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wire {
    /// The kernel where it can, else a process of the lab.
    #[default]
    Auto,
    /// The kernel: netem and HTB.
    Kernel,
    /// A process of the lab, which sleeps while nothing is due.
    User,
    /// A process of the lab that never sleeps while frames are on their way, for exact delays at the cost of a core.
    Precise,
}

/// The state of a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// Frames pass.
    #[default]
    Up,
    /// Both ends have lost their carrier.
    Down,
    /// Both ends have carrier, and every frame is dropped.
    Silent,
}

/// What shall happen to a link by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, counted from the moment when the lab is up.
    pub at: Duration,
    /// After which time it is undone; `None`: never.
    pub lasts: Option<Duration>,
    /// The link, as a place in [`Topology::links`].
    pub link: usize,
    /// What happens.
    pub change: LinkChange,
}

/// A change of a link.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkChange {
    /// The state it gets; `None`: it keeps the one it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<LinkState>,
    /// The conditions that change, from the first end to the second, and from the second to the first.
    #[serde(default)]
    pub conditions: [Patch; 2],
}

/// One end of a link: an interface of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct End {
    /// The node.
    pub node: NodeId,
    /// The interface, as a place in [`Node::interfaces`].
    pub interface: usize,
}

impl Topology {
    /// Returns a node's place by its name.
    pub fn node_id(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.name == name).map(NodeId)
    }

    /// Returns a node by its name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// Returns the interface at an end of a link.
    ///
    /// # Panics
    /// If the end is of another topology.
    pub fn interface(&self, end: End) -> &Interface {
        &self[end.node].interfaces[end.interface]
    }

    /// Returns the text `node:interface` of an end.
    pub fn end_name(&self, end: End) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| write!(f, "{}:{}", self[end.node].name, self.interface(end).name))
    }

    /// Returns the text `node:interface - node:interface` of a link, which tells it from all others.
    pub fn link_name(&self, link: &Link) -> impl fmt::Display + '_ {
        let [a, b] = link.ends;
        fmt::from_fn(move |f| write!(f, "{} - {}", self.end_name(a), self.end_name(b)))
    }

    /// Returns all programs, in the order of the file.
    pub fn program_ids(&self) -> impl Iterator<Item = ProgramId> {
        (0..self.nodes.len()).flat_map(|node| self.programs_of(NodeId(node)))
    }

    /// Returns the programs of a node.
    ///
    /// # Panics
    /// If the node is of another topology.
    pub fn programs_of(&self, node: NodeId) -> impl Iterator<Item = ProgramId> + use<> {
        (0..self[node].programs.len()).map(move |place| ProgramId { node, place })
    }

    /// Returns the text `node:program` of a program; `node` for one without a name.
    pub fn program_name(&self, id: ProgramId) -> String {
        let node = &self[id.node];
        match &self[id].name {
            Some(name) => format!("{}:{name}", node.name),
            None => node.name.clone(),
        }
    }

    /// Returns the link of an interface, as a place in [`Topology::links`].
    pub fn link_of(&self, end: End) -> Option<usize> {
        self.links.iter().position(|link| link.ends.contains(&end))
    }
}

impl Index<NodeId> for Topology {
    type Output = Node;

    fn index(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }
}

impl Index<ProgramId> for Topology {
    type Output = Program;

    fn index(&self, id: ProgramId) -> &Program {
        &self[id.node].programs[id.place]
    }
}

impl Node {
    /// Returns an interface by its name, as a place in [`Node::interfaces`].
    pub fn interface_id(&self, name: &str) -> Option<usize> {
        self.interfaces.iter().position(|interface| interface.name == name)
    }

    /// Iterates over the addresses of the interfaces that have a link.
    pub fn addresses(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.interfaces.iter().flat_map(|interface| interface.addresses.iter().copied())
    }

    /// Returns the first address of a family on an interface that has a link, IPv6 if `v6`.
    pub fn first_address(&self, v6: bool) -> Option<IpAddr> {
        self.addresses().map(|address| address.addr()).find(|address| address.is_ipv6() == v6)
    }
}

impl Interface {
    /// Returns the link-local IPv6 address that the kernel derives from the MAC (RFC 4291, appendix A).
    pub fn link_local(&self) -> Ipv6Addr {
        self.mac.link_local()
    }
}

impl Kind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 6] = [Self::Host, Self::Nf, Self::Router, Self::Nat, Self::Switch, Self::Process];

    /// Returns the word of the lab file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Nf => "nf",
            Self::Router => "router",
            Self::Nat => "nat",
            Self::Switch => "switch",
            Self::Process => "process",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
