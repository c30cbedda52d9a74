//! The kernel's side of a lab: the fabric namespace, the nodes' namespaces, and what joins them.
//!
//! Every interface of a node is a veth whose other end, its port, lies in the fabric from birth. What
//! joins the ports there can change without a node noticing.

mod broken;
mod converge;
mod counters;
mod make;
mod shaping;

use std::os::fd::OwnedFd;
use std::sync::mpsc;

use nix::errno::Errno;
use rackless_link::Conditions;
use rackless_topology::Topology;
use rackless_topology::model::{LinkState, Wire};

use crate::error::Error;
use crate::init::Init;
use crate::join::{self, Join, Way};
use crate::leaving::Leaving;
use crate::message;
use crate::namespace::Namespace;
use crate::netlink::{Netlink, Request};
use crate::node;
use crate::plan::{LinkKind, LinkPlan, NodePlan, Planner};
use crate::wire::Wires;
pub(crate) use converge::Keep;
pub use counters::LinkCounters;
use shaping::{Shaping, wanted_wire};

/// The variable that chooses what joins two nodes: `redirect`, `bridge`, or (unset) what works.
const JOIN_VARIABLE: &str = "RACKLESS_JOIN";

/// What carries the frames of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// A redirect of the kernel.
    Redirect,
    /// A bridge of the kernel.
    Bridge,
    /// Queueing disciplines of the kernel: netem, HTB.
    Kernel,
    /// A wire process of the lab.
    User,
    /// Memory that two programs share.
    Memif,
}

/// The namespaces and interfaces of a lab; they vanish with this value's descriptors at the latest.
pub(crate) struct Fabric {
    namespace: Namespace,
    netlink: Netlink,
    planner: Planner,
    nodes: Vec<FabricNode>,
    links: Vec<FabricLink>,
    join: Join,
    wires: Wires,
    /// What imposes conditions where the link does not say.
    wire: Wire,
    /// Whether the kernel has netem, as far as it was tried.
    kernel_can: Option<bool>,
}

/// A node with a network namespace, and what it was last told.
struct FabricNode {
    namespace: Namespace,
    plan: NodePlan,
}

/// A link and what it was last told.
struct FabricLink {
    plan: LinkPlan,
    state: LinkState,
    /// From the first end to the second, and from the second to the first.
    conditions: [Conditions; 2],
    wire: Wire,
    shaping: Option<Shaping>,
    /// What imposed conditions before, if frames may be in it.
    leaving: Option<Leaving>,
}

impl FabricLink {
    fn way(&self, join: Join) -> Way<'_> {
        match &self.shaping {
            Some(Shaping::User { taps, .. }) => Way::Wire(taps),
            _ => Way::Straight(join),
        }
    }
}

impl Fabric {
    /// Makes everything that `topology` describes; on return all of it is usable.
    ///
    /// The calling thread is left in the fabric's namespace, to which it always may come back: the one
    /// it came from belongs to another user namespace where a lab runs without root.
    ///
    /// Gives also what tells which wire process has died, for [`restart_wire`](Self::restart_wire).
    pub(crate) fn build(topology: &Topology, init: &Init) -> Result<(Self, mpsc::Receiver<usize>), Error> {
        let namespace = Namespace::create()?;
        node::silence_ipv6()?; // the fabric itself says nothing: bridges and ports have no addresses
        let netlink = Netlink::open()?;
        let (wires, died) = Wires::new(namespace.try_clone()?);
        let mut fabric = Self {
            namespace,
            netlink,
            planner: Planner::new(),
            nodes: Vec::new(),
            links: Vec::new(),
            join: Join::wanted()?,
            wires,
            wire: wanted_wire()?,
            kernel_can: None,
        };
        if let Err(error) = fabric.converge(topology, &[], &Keep::default(), init) {
            let _ = fabric.tear_down(); // the first error is the one that counts
            return Err(error);
        }
        Ok((fabric, died))
    }

    /// Takes a link down, silences it or brings it back, with effect on both its ends.
    pub(crate) fn set_state(&mut self, link: usize, state: LinkState) -> Result<(), Error> {
        let FabricLink { plan, state: current, .. } = &self.links[link];
        if *current == state {
            return Ok(());
        }
        let label = plan.label.as_str();
        let mut requests = Vec::new();
        for port in plan.ports() {
            match (*current, state) {
                (LinkState::Down, _) => {
                    requests.push(Request::change(message::set_up(port.index, true), "raise link", label));
                }
                (_, LinkState::Down) => {
                    let down = message::set_up(port.index, false);
                    requests.push(Request::change(down, "take down link", label));
                }
                _ => {}
            }
        }
        let way = self.links[link].way(self.join);
        match state {
            LinkState::Silent => requests.extend(join::disconnect(plan, way)),
            _ if *current == LinkState::Silent => requests.extend(join::connect(plan, way)),
            _ => {}
        }
        self.netlink.send(requests)?;
        self.links[link].state = state;
        Ok(())
    }

    /// Removes every interface of the lab; when this returns, they are gone.
    pub(crate) fn tear_down(&mut self) -> Result<(), Error> {
        let all = Request::change(message::delete_all(), "remove", "the lab's interfaces");
        match self.netlink.send(vec![all]) {
            Err(Error::Kernel { source, .. })
                if source.error.raw_os_error() == Some(Errno::ENODEV as i32) =>
            {
                Ok(()) // there were none
            }
            result => result,
        }
    }

    /// Gives the state of a link.
    pub(crate) fn link_state(&self, link: usize) -> LinkState {
        self.links[link].state
    }

    /// Gives the conditions of a link, in the order of its ends.
    pub(crate) fn conditions(&self, link: usize) -> &[Conditions; 2] {
        &self.links[link].conditions
    }

    /// Says what carries the frames of a link.
    pub(crate) fn carrier(&self, link: usize) -> Carrier {
        let record = &self.links[link];
        match (record.way(self.join), &record.plan.kind) {
            _ if matches!(record.shaping, Some(Shaping::Kernel(_))) => Carrier::Kernel,
            (_, LinkKind::Memory) => Carrier::Memif,
            (Way::Wire(_), _) => Carrier::User,
            (Way::Straight(Join::Redirect), LinkKind::Cable { .. }) => Carrier::Redirect,
            (Way::Straight(_), _) => Carrier::Bridge,
        }
    }

    /// Gives the index of the fabric's port at one end of a link, the first (0) or the second (1).
    ///
    /// The end at a switch has no port of its own: it is its bridge's port towards the node. A link in memory has none.
    pub(crate) fn port(&self, link: usize, side: usize) -> Option<u32> {
        let ports = self.links[link].plan.ports();
        ports.get(side).or(ports.last()).map(|port| port.index)
    }

    /// Gives the namespace of the fabric.
    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Gives the namespace of a node; a switch has none of its own.
    pub(crate) fn node(&self, name: &str) -> Option<&Namespace> {
        self.nodes.iter().find(|node| node.plan.name == name).map(|node| &node.namespace)
    }

    /// Gives a descriptor of a node's namespace.
    pub(crate) fn node_fd(&self, name: &str) -> Option<Result<OwnedFd, Error>> {
        self.node(name).map(Namespace::try_clone)
    }
}

impl Join {
    /// Gives what the environment asks for, or else a redirect.
    fn wanted() -> Result<Self, Error> {
        match std::env::var(JOIN_VARIABLE).as_deref() {
            Err(_) | Ok("" | "redirect") => Ok(Self::Redirect),
            Ok("bridge") => Ok(Self::Bridge),
            Ok(other) => Err(Error::JoinVariable { value: other.to_owned() }),
        }
    }

    /// Whether a kernel without redirects may have bridges in their place.
    fn may_change() -> bool {
        std::env::var(JOIN_VARIABLE).map_or(true, |wish| wish.is_empty())
    }
}

/// Whether the kernel lacks a classifier, an action or a qdisc.
fn is_missing(error: &std::io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::ENOENT | Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT | Errno::EINVAL)
    )
}
