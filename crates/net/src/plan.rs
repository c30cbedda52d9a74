//! What is to be made in the kernel: a topology with every name and index in the fabric settled.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use rackless_topology::Topology;
use rackless_topology::model::{End, Kind, Link, Medium, Node};

use crate::switch::{Bridges, Growth};

/// The first index of a node's interfaces; the loopback is 1.
const FIRST_INTERFACE: u32 = 2;
/// The first index of interfaces that a node gets while it runs, behind those that the kernel gives to what the node
/// has made itself.
const LATER_INTERFACE: u32 = 1 << 16;
/// The index of a way out of the lab, behind those of all interfaces that a node may ever get.
pub(crate) const UPLINK_INDEX: u32 = 1 << 20;
/// The longest name of an interface in bytes (`IFNAMSIZ` less the final zero).
const NAME_MAX: usize = 15;

/// Everything one lab consists of in the kernel.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// All nodes with a network namespace.
    pub(crate) nodes: Vec<NodePlan>,
    /// What switches need besides what they have: bridges, and cables between those of one switch.
    pub(crate) growth: Growth,
    /// All links, in the order of [`Topology::links`].
    pub(crate) links: Vec<LinkPlan>,
}

/// What a lab has already, and keeps.
#[derive(Default)]
pub(crate) struct Kept<'a> {
    /// Nodes by name.
    pub(crate) nodes: HashMap<&'a str, &'a NodePlan>,
    /// Links by their places in the wanted topology.
    pub(crate) links: HashMap<usize, &'a LinkPlan>,
}

/// What a node's kernel does with packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Sends and receives for itself.
    Host,
    /// Forwards as well.
    Router,
    /// Nothing at all: the frames belong to a program.
    Muted,
}

/// A node with its own network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodePlan {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) interfaces: Vec<InterfacePlan>,
    /// The index behind all that were given to its interfaces.
    pub(crate) next_interface: u32,
    pub(crate) loopback: Vec<IpNet>,
    pub(crate) routes: Vec<RoutePlan>,
    pub(crate) sysctl: Vec<(String, String)>,
}

/// An interface of a node, and the port in the fabric at the other end of its veth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InterfacePlan {
    pub(crate) name: String,
    pub(crate) index: u32,
    pub(crate) mac: [u8; 6],
    pub(crate) mtu: u32,
    pub(crate) addresses: Vec<IpNet>,
    pub(crate) link_local: Ipv6Addr,
    pub(crate) offload: bool,
    pub(crate) port: Port,
}

/// A static route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoutePlan {
    pub(crate) prefix: IpNet,
    pub(crate) via: Option<IpAddr>,
    pub(crate) index: u32,
}

/// An interface in the fabric namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) index: u32,
    /// The index of the bridge it belongs to from birth.
    pub(crate) bridge: Option<u32>,
}

/// A kernel bridge in the fabric namespace.
#[derive(Debug)]
pub(crate) struct SwitchPlan {
    pub(crate) name: String,
    pub(crate) index: u32,
    pub(crate) mtu: u32,
    /// The priority in the spanning tree; `None`: the bridge takes no part in it.
    pub(crate) stp: Option<u16>,
}

/// A link as the fabric sees it, in the order of [`Topology::links`].
#[derive(Debug, Clone)]
pub(crate) struct LinkPlan {
    pub(crate) label: String,
    pub(crate) mtu: u32,
    pub(crate) offload: bool,
    pub(crate) kind: LinkKind,
}

/// What a link joins.
#[derive(Debug, Clone)]
pub(crate) enum LinkKind {
    /// Two nodes: their ports are joined by a redirect, or by a bridge of index `spare`.
    Cable { ports: [Port; 2], spare: Port },
    /// A node and a switch: the node's port is in the bridge.
    Drop {
        port: Port,
        /// Whether the switch is the link's first end.
        switch_first: bool,
    },
    /// Two switches: a veth with both ends in the fabric.
    Trunk { ports: [Port; 2] },
    /// Two NFs whose programs share memory: the kernel has nothing of it.
    Memory,
}

impl LinkPlan {
    /// Whether the first port is at the link's second end.
    pub(crate) fn is_reversed(&self) -> bool {
        matches!(self.kind, LinkKind::Drop { switch_first: true, .. })
    }

    /// Gives the ends of the link at nodes with a network of their own, and the ports behind them.
    fn node_ports(&self, link: &Link) -> Vec<(End, &Port)> {
        let [a, b] = link.ends;
        match &self.kind {
            LinkKind::Cable { ports: [first, second], .. } => vec![(a, first), (b, second)],
            LinkKind::Drop { port, switch_first } => vec![(if *switch_first { b } else { a }, port)],
            LinkKind::Trunk { .. } | LinkKind::Memory => Vec::new(),
        }
    }

    /// Gives the fabric's ports of this link: two, one where the other end is a switch, or none in memory.
    pub(crate) fn ports(&self) -> &[Port] {
        match &self.kind {
            LinkKind::Cable { ports, .. } | LinkKind::Trunk { ports } => ports,
            LinkKind::Drop { port, .. } => std::slice::from_ref(port),
            LinkKind::Memory => &[],
        }
    }
}

/// Settles names and indexes, of a lab that is to be made and of what is to change in it later.
pub(crate) struct Planner {
    numbers: Numbers,
    switches: HashMap<String, Bridges>,
    /// The place of the next switch among the lab's switches.
    order: u16,
}

impl Planner {
    /// Makes the planner of a lab of which nothing is there.
    pub(crate) fn new() -> Self {
        Self { numbers: Numbers::new(), switches: HashMap::new(), order: 0 }
    }

    /// Settles names and indexes for all that `topology` describes; what is kept has its own.
    pub(crate) fn plan(&mut self, topology: &Topology, kept: &Kept<'_>) -> Plan {
        let mut plan = Plan::default();
        for node in topology.nodes.iter().filter(|node| node.kind == Kind::Switch) {
            if !self.switches.contains_key(&node.name) {
                let bridges = Bridges::new(node, self.order, &mut self.numbers, &mut plan.growth);
                self.switches.insert(node.name.clone(), bridges);
                self.order = self.order.saturating_add(1);
            }
        }
        let mut node_ports: Vec<Vec<Planned>> = vec![Vec::new(); topology.nodes.len()];
        for (place, link) in topology.links.iter().enumerate() {
            let planned = match kept.links.get(&place) {
                Some(kept) => (*kept).clone(),
                None => self.link(topology, link, &mut plan.growth),
            };
            for (end, port) in planned.node_ports(link) {
                node_ports[end.node.0].push((end.interface, port.clone()));
            }
            plan.links.push(planned);
        }
        for (node, ports) in topology.nodes.iter().zip(node_ports) {
            if let Some(role) = role(node.kind) {
                let kept = kept.nodes.get(node.name.as_str()).copied();
                plan.nodes.push(plan_node(node, role, ports, kept));
            }
        }
        plan
    }

    fn link(&mut self, topology: &Topology, link: &Link, growth: &mut Growth) -> LinkPlan {
        if link.medium == Medium::Memif {
            let label = topology.link_name(link).to_string();
            return LinkPlan { label, mtu: link.mtu, offload: link.offload, kind: LinkKind::Memory };
        }
        let [a, b] = link.ends;
        let name = |end: End| format!("{}.{}", topology[end.node].name, topology.interface(end).name);
        let mut bridge = |end: End| {
            let switch = self.switches.get_mut(&topology[end.node].name)?;
            Some(switch.next_port(&mut self.numbers, growth))
        };
        let inside = [bridge(a), bridge(b)];
        let numbers = &mut self.numbers;
        let kind = match inside {
            [None, None] => {
                let ports = [numbers.port(name(a), None), numbers.port(name(b), None)];
                let spare = numbers.port(format!("join+{}", numbers.next), None);
                LinkKind::Cable { ports, spare }
            }
            [None, bridge] => LinkKind::Drop { port: numbers.port(name(a), bridge), switch_first: false },
            [bridge, None] => LinkKind::Drop { port: numbers.port(name(b), bridge), switch_first: true },
            [one, other] => {
                LinkKind::Trunk { ports: [numbers.port(name(a), one), numbers.port(name(b), other)] }
            }
        };
        let label = topology.link_name(link).to_string();
        LinkPlan { label, mtu: link.mtu, offload: link.offload, kind }
    }

    /// Gives the next index, for an interface that no plan has.
    pub(crate) fn next_index(&mut self) -> u32 {
        self.numbers.next += 1;
        self.numbers.next - 1
    }

    /// Notes that a link has gone.
    pub(crate) fn forget_link(&mut self, link: &LinkPlan) {
        for bridge in link.ports().iter().filter_map(|port| port.bridge) {
            for switch in self.switches.values_mut() {
                switch.forget_port(bridge);
            }
        }
    }

    /// Gives the switches by name.
    pub(crate) fn switches(&self) -> impl Iterator<Item = (&String, &Bridges)> {
        self.switches.iter()
    }

    /// Forgets the switches that have gone.
    pub(crate) fn forget_switches(&mut self, is_gone: impl Fn(&str) -> bool) {
        self.switches.retain(|name, _| !is_gone(name));
    }

    /// Forgets bridges that could not be made; gives their indexes.
    pub(crate) fn shrink(&mut self, growth: &Growth) -> Vec<u32> {
        let indexes: Vec<u32> = growth.bridges.iter().map(|bridge| bridge.index).collect();
        self.switches.retain(|_, switch| switch.shrink(&indexes));
        indexes
    }
}

/// Gives the indexes of the fabric's interfaces, one after the other.
pub(crate) struct Numbers {
    next: u32,
}

impl Numbers {
    pub(crate) fn new() -> Self {
        Self { next: FIRST_INTERFACE }
    }

    /// Gives a port the next index, and the wanted name if it is short enough.
    pub(crate) fn port(&mut self, name: String, bridge: Option<u32>) -> Port {
        let index = self.next;
        self.next += 1;
        // A name of the lab file has no '+', so that this one cannot be another's.
        let name = if name.len() <= NAME_MAX { name } else { format!("port+{index}") };
        Port { name, index, bridge }
    }

    /// Gives the index that the next port will have.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }
}

/// The place of an interface in its node, and the port that was planned for it.
type Planned = (usize, Port);

fn plan_node(node: &Node, role: Role, mut ports: Vec<Planned>, kept: Option<&NodePlan>) -> NodePlan {
    ports.sort_by_key(|(place, _)| *place);
    let mut next = kept.map_or(FIRST_INTERFACE, |kept| kept.next_interface);
    let first = if kept.is_some() { LATER_INTERFACE } else { FIRST_INTERFACE };
    let mut indexes = HashMap::new();
    let mut interfaces = Vec::with_capacity(ports.len());
    for (place, port) in ports {
        let interface = &node.interfaces[place];
        let same = kept.and_then(|kept| kept.interfaces.iter().find(|other| other.port == port));
        let index = same.map_or(next.max(first), |same| same.index);
        next = next.max(index + 1);
        indexes.insert(place, index);
        interfaces.push(InterfacePlan {
            name: interface.name.clone(),
            index,
            mac: interface.mac.0,
            mtu: interface.mtu,
            addresses: interface.addresses.clone(),
            link_local: interface.link_local(),
            offload: interface.offload,
            port,
        });
    }
    let routes = node.routes.iter().map(|route| RoutePlan {
        prefix: route.prefix,
        via: route.via,
        index: indexes[&route.interface],
    });
    NodePlan {
        name: node.name.clone(),
        role,
        routes: routes.collect(),
        interfaces,
        next_interface: next,
        loopback: node.loopback.clone(),
        sysctl: node.sysctl.clone().into_iter().collect(),
    }
}

fn role(kind: Kind) -> Option<Role> {
    match kind {
        Kind::Host => Some(Role::Host),
        Kind::Router | Kind::Nat => Some(Role::Router),
        Kind::Nf => Some(Role::Muted),
        Kind::Switch | Kind::Process => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_without_offload_leaves_the_others_theirs() {
        let lab = "[node.a]\ninterface.eth0.offload = false\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\n";
        let lab = Topology::parse("lab.toml", lab).expect("a lab");
        let plan = Planner::new().plan(&lab, &Kept::default());
        let offloads: Vec<bool> = plan.nodes.iter().map(|node| node.interfaces[0].offload).collect();
        assert_eq!(offloads, [false, true]);
    }
}
