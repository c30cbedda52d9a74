//! What is live becomes what is wanted: the interfaces of a whole lab, or of what changes in one that runs.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use nix::errno::Errno;
use rackless_link::Conditions;
use rackless_topology::model::{LinkState, Wire};
use rackless_topology::{Diff, Topology};

use super::make::{new_interface, new_trunk};
use super::shaping::Shaping;
use super::{Fabric, FabricLink, FabricNode, is_missing};
use crate::error::Error;
use crate::init::Init;
use crate::join::{self, Join, Way};
use crate::message;
use crate::namespace::Namespace;
use crate::netlink::{Netlink, Request};
use crate::node;
use crate::plan::{Kept, LinkKind, LinkPlan, NodePlan, Plan};
use crate::sys;
use crate::watch::LinkWatch;

/// How long new ports are waited for; the kernel is said to need up to a second when it is busy.
const PORT_PATIENCE: Duration = Duration::from_secs(2);

/// What stays of a lab, by name; all else goes.
#[derive(Default)]
pub(crate) struct Keep {
    nodes: HashSet<String>,
    /// By their names, which are their labels.
    links: HashSet<String>,
}

impl Keep {
    /// Gives what a change of the lab keeps.
    pub(crate) fn of(diff: &Diff, wanted: &Topology) -> Self {
        let nodes = diff.nodes.kept.iter().map(|(_, id, _)| wanted[*id].name.clone());
        let links =
            diff.links.kept.iter().map(|(_, place, _)| wanted.link_name(&wanted.links[*place]).to_string());
        Self { nodes: nodes.collect(), links: links.collect() }
    }

    /// Whether a node stays.
    pub(crate) fn has_node(&self, name: &str) -> bool {
        self.nodes.contains(name)
    }
}

/// What is made by one change of a lab.
struct Fresh {
    nodes: HashSet<String>,
    /// By their places.
    links: Vec<usize>,
}

/// A node that is to be configured: its record's place, what it had before, and a socket in its namespace.
type Unconfigured = (usize, Option<NodePlan>, Netlink);

impl Fabric {
    /// Removes what is not to be kept, and makes what is wanted and not there; on return all of it is usable.
    ///
    /// Links are in the wanted `states`, those beyond them up. The calling thread is left in the fabric's namespace. After
    /// an error nothing is there of what was to come, and another call may bring back what went.
    pub(crate) fn converge(
        &mut self,
        wanted: &Topology,
        states: &[LinkState],
        keep: &Keep,
        init: &Init,
    ) -> Result<(), Error> {
        self.remove_all_but(keep)?;
        let links = wanted.links.iter().enumerate();
        let places: HashMap<String, usize> =
            links.map(|(place, link)| (wanted.link_name(link).to_string(), place)).collect();
        let kept = std::mem::take(&mut self.links).into_iter();
        let mut kept: HashMap<usize, FabricLink> =
            kept.filter_map(|link| Some((*places.get(&link.plan.label)?, link))).collect();
        let has = Kept {
            nodes: self.nodes.iter().map(|node| (node.plan.name.as_str(), &node.plan)).collect(),
            links: kept.iter().map(|(place, link)| (*place, &link.plan)).collect(),
        };
        let plan = self.planner.plan(wanted, &has);
        let is_new = |node: &&NodePlan| !has.nodes.contains_key(node.name.as_str());
        let fresh = Fresh {
            nodes: plan.nodes.iter().filter(is_new).map(|node| node.name.clone()).collect(),
            links: (0..plan.links.len()).filter(|place| !kept.contains_key(place)).collect(),
        };
        let links = plan.links.iter().enumerate();
        self.links = links.map(|(place, plan)| kept.remove(&place).unwrap_or_else(|| plan.into())).collect();
        let made = self
            .make_interfaces(&plan, &fresh)
            .and_then(|unconfigured| {
                self.join_cables(&fresh)?;
                self.configure_nodes(unconfigured)
            })
            .and_then(|()| self.shape(wanted, states, init));
        self.namespace.enter()?;
        if made.is_err() {
            self.remove_again(&plan, &fresh);
        }
        made
    }

    /// Removes nodes and links that are not to be kept.
    fn remove_all_but(&mut self, keep: &Keep) -> Result<(), Error> {
        let is_kept = |link: &FabricLink| keep.links.contains(&link.plan.label);
        let gone: Vec<&FabricLink> = self.links.iter().filter(|link| !is_kept(link)).collect();
        let mut requests: Vec<Request> = gone
            .iter()
            .flat_map(|link| match &link.shaping {
                Some(Shaping::Kernel(wire)) => wire.remove(&link.plan.label),
                _ => Vec::new(),
            })
            .collect();
        let links: Vec<u32> = gone.iter().flat_map(|link| self.parts(&link.plan)).collect();
        let switches = self.planner.switches().filter(|(name, _)| !keep.nodes.contains(*name));
        requests.extend(remove(links.into_iter().chain(switches.flat_map(|(_, switch)| switch.parts()))));
        self.take_away(requests)?;
        for link in self.links.extract_if(.., |link| !is_kept(link)) {
            self.planner.forget_link(&link.plan);
            if let Some(Shaping::User { cable, .. }) = link.shaping {
                self.wires.remove(cable);
            }
        }
        self.planner.forget_switches(|name| !keep.nodes.contains(name));
        self.nodes.retain(|node| keep.nodes.contains(&node.plan.name));
        Ok(())
    }

    /// Removes things of which some may have gone: with its end of a veth, a node's root removes the port behind it.
    fn take_away(&mut self, requests: Vec<Request>) -> Result<(), Error> {
        if self.netlink.send(requests.clone()).is_ok() {
            return Ok(());
        }
        requests.into_iter().try_for_each(|request| match self.netlink.send(vec![request]) {
            Err(Error::Kernel { source, .. }) if is_gone(&source.error) => Ok(()),
            result => result,
        })
    }

    /// Gives the indexes of the interfaces with which a link goes.
    fn parts(&self, link: &LinkPlan) -> Vec<u32> {
        match &link.kind {
            LinkKind::Trunk { ports: [first, _] } => vec![first.index], // and with it the other end
            LinkKind::Drop { port, .. } => vec![port.index],
            LinkKind::Memory => Vec::new(),
            LinkKind::Cable { ports: [a, b], spare } => {
                let bridge = (self.join == Join::Bridge).then_some(spare.index);
                [a.index, b.index].into_iter().chain(bridge).collect()
            }
        }
    }

    /// Makes the interfaces of new nodes and links; gives the nodes that are to be configured.
    ///
    /// When this returns, the new ports pass frames on. The kernel lets a port do so a moment after both ends of its
    /// veth are up (`net/core/link_watch.c`); what a node says before that is lost, and counted as dropped.
    fn make_interfaces(&mut self, plan: &Plan, fresh: &Fresh) -> Result<Vec<Unconfigured>, Error> {
        let mut unconfigured = self.make_nodes(plan)?;
        self.netlink.send(self.requests(plan, fresh))?;
        let watch = self.namespace.within(LinkWatch::open)?;
        for (place, before, socket) in &mut unconfigured {
            let node = &self.nodes[*place];
            node::raise(&node.plan, before.as_ref(), &node.namespace, socket)?;
            let old = before.iter().flat_map(|node| &node.interfaces).map(|at| at.port.index);
            let old: HashSet<u32> = old.collect();
            let interfaces = node.plan.interfaces.iter();
            for interface in interfaces.filter(|at| !at.offload && !old.contains(&at.port.index)) {
                sys::offload_off(socket, &interface.name)?;
                sys::offload_off(&self.netlink, &interface.port.name)?;
            }
        }
        for link in fresh.links.iter().map(|place| &plan.links[*place]).filter(|link| !link.offload) {
            if let LinkKind::Trunk { ports } = &link.kind {
                ports.iter().try_for_each(|port| sys::offload_off(&self.netlink, &port.name))?;
            }
        }
        let links = fresh.links.iter().map(|place| &plan.links[*place]).chain(&plan.growth.trunks);
        let ports = links.flat_map(LinkPlan::ports).map(|port| port.index).collect();
        watch.await_up(ports, &mut self.netlink, PORT_PATIENCE)?; // one that is late loses frames, and no more
        Ok(unconfigured)
    }

    fn configure_nodes(&self, unconfigured: Vec<Unconfigured>) -> Result<(), Error> {
        unconfigured.into_iter().try_for_each(|(place, before, mut socket)| {
            node::configure(&self.nodes[place].plan, before.as_ref(), &mut socket)
        })
    }

    /// Makes the namespaces that are missing, and brings the nodes into the plan's order; gives those to be configured.
    fn make_nodes(&mut self, plan: &Plan) -> Result<Vec<Unconfigured>, Error> {
        let places: HashMap<&str, usize> =
            self.nodes.iter().enumerate().map(|(place, node)| (node.plan.name.as_str(), place)).collect();
        let mut unconfigured = Vec::with_capacity(plan.nodes.len());
        let mut made = HashMap::new();
        for (place, node) in plan.nodes.iter().enumerate() {
            match places.get(node.name.as_str()).map(|live| &self.nodes[*live]) {
                Some(live) if live.plan == *node => {}
                Some(live) => {
                    let socket = live.namespace.within(Netlink::open)?;
                    unconfigured.push((place, Some(live.plan.clone()), socket));
                }
                None => {
                    let namespace = Namespace::create()?;
                    node::set_role(node)?;
                    unconfigured.push((place, None, Netlink::open()?));
                    made.insert(place, namespace);
                }
            }
        }
        let live = self.nodes.drain(..).map(|node| (node.plan.name, node.namespace));
        let mut live: HashMap<String, Namespace> = live.collect();
        let nodes = plan.nodes.iter().enumerate().filter_map(|(place, plan)| {
            let namespace = made.remove(&place).or_else(|| live.remove(&plan.name))?;
            Some(FabricNode { namespace, plan: plan.clone() })
        });
        self.nodes = nodes.collect();
        Ok(unconfigured)
    }

    /// Gives what makes all interfaces that are missing.
    fn requests(&self, plan: &Plan, fresh: &Fresh) -> Vec<Request> {
        let switches = plan.growth.bridges.iter().map(|switch| {
            let message = message::new_switch(&switch.name, switch.index, switch.mtu, switch.stp);
            Request::create(message, "create switch", &switch.name)
        });
        let links = fresh.links.iter().map(|place| &plan.links[*place]);
        let trunks = plan.growth.trunks.iter().chain(links.clone()).flat_map(new_trunk);
        let ports: HashSet<u32> = links.flat_map(LinkPlan::ports).map(|port| port.index).collect();
        let interfaces = self.nodes.iter().flat_map(|node| {
            let interfaces = node.plan.interfaces.iter().filter(|at| ports.contains(&at.port.index));
            interfaces.map(|interface| new_interface(&node.plan, interface, &node.namespace))
        });
        switches.chain(trunks).chain(interfaces).collect()
    }

    /// Joins the new cables, by bridges if this kernel has no redirect and none was asked for.
    fn join_cables(&mut self, fresh: &Fresh) -> Result<(), Error> {
        let all = |join: Join, links: &[FabricLink]| {
            let links = fresh.links.iter().map(|place| &links[*place].plan);
            let cables = links.filter(|link| matches!(link.kind, LinkKind::Cable { .. }));
            let requests = cables.flat_map(|link| {
                let prepared = join::prepare(link, join).into_iter();
                prepared.chain(join::connect(link, Way::Straight(join)))
            });
            requests.collect()
        };
        let is_first = fresh.links.len() == self.links.len();
        match self.netlink.send(all(self.join, &self.links)) {
            Err(Error::Kernel { source, .. })
                if is_first
                    && self.join == Join::Redirect
                    && Join::may_change()
                    && is_missing(&source.error) =>
            {
                self.join = Join::Bridge;
                self.netlink.send(all(Join::Bridge, &self.links))
            }
            result => result,
        }
    }

    /// Gives all links the conditions and the state that they shall have.
    fn shape(&mut self, wanted: &Topology, states: &[LinkState], init: &Init) -> Result<(), Error> {
        for (place, link) in wanted.links.iter().enumerate() {
            let record = &mut self.links[place];
            let same_wire = std::mem::replace(&mut record.wire, link.wire) == link.wire;
            if !same_wire || record.conditions != link.conditions {
                self.set_conditions(place, link.conditions.clone(), init)?;
            }
            self.set_state(place, states.get(place).copied().unwrap_or(LinkState::Up))?;
        }
        Ok(())
    }

    /// Removes what was made by a change that failed.
    fn remove_again(&mut self, plan: &Plan, fresh: &Fresh) {
        let made: Vec<FabricLink> = self
            .links
            .extract_if(.., |link| {
                fresh.links.iter().any(|place| plan.links[*place].label == link.plan.label)
            })
            .collect();
        for link in &made {
            self.planner.forget_link(&link.plan);
            match &link.shaping {
                Some(Shaping::User { cable, .. }) => self.wires.remove(*cable),
                Some(Shaping::Kernel(wire)) => {
                    let _ = self.netlink.send(wire.remove(&link.plan.label)); // the first error counts
                }
                None => {}
            }
        }
        let mut indexes: Vec<u32> = made.iter().flat_map(|link| self.parts(&link.plan)).collect();
        indexes.extend(self.planner.shrink(&plan.growth));
        for index in indexes {
            for request in remove([index]) {
                let _ = self.netlink.send(vec![request]); // it may not have been made
            }
        }
        self.nodes.retain(|node| !fresh.nodes.contains(&node.plan.name));
    }
}

impl From<&LinkPlan> for FabricLink {
    /// Makes the record of a link that is not there yet.
    fn from(plan: &LinkPlan) -> Self {
        let conditions = <[Conditions; 2]>::default();
        Self {
            plan: plan.clone(),
            state: LinkState::Up,
            conditions,
            wire: Wire::Auto,
            shaping: None,
            leaving: None,
        }
    }
}

/// Whether an interface, or what was at it, is not there.
fn is_gone(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::ENODEV | Errno::ENOENT | Errno::EINVAL))
}

/// Gives what removes interfaces, all in one go.
fn remove(indexes: impl IntoIterator<Item = u32>) -> Vec<Request> {
    let mut requests: Vec<Request> = indexes
        .into_iter()
        .map(|index| Request::change(message::give_up(index), "give up interface", index.to_string()))
        .collect();
    if !requests.is_empty() {
        requests.push(Request::change(message::delete_given_up(), "remove", "interfaces"));
    }
    requests
}
