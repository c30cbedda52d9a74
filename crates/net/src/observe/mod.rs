//! What a running lab's kernel knows of it: interfaces, queues, counters, processes.

mod dump;
mod process;
mod stack;

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{SystemTime, UNIX_EPOCH};

use rackless_topology::model::{Kind, Link, LinkState};
use rackless_topology::{NodeId, Topology};
use serde::{Deserialize, Serialize};

use crate::control::LinkStatus;
use crate::error::Error;
use crate::fabric::{Carrier, Fabric, LinkCounters};
use crate::namespace::Namespace;
use crate::shared::{Shared, lock};

/// What the reasons begin with that are queues of the kernel.
const QUEUE: &str = "queue ";

/// The reason of frames that come faster than a wire in user space takes them.
const WIRE_FULL: &str = "wire_full";

/// A lab at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Observation {
    /// When it was seen, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// The nodes, in the order of the lab file.
    pub nodes: Vec<NodeObservation>,
    /// The links, in the order of the lab file.
    pub links: Vec<LinkObservation>,
}

/// A node at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeObservation {
    /// Its name.
    pub name: String,
    /// Its interfaces, the loopback included; a switch's are ports of its bridge, seen from the bridge.
    pub interfaces: Vec<InterfaceObservation>,
    /// What its kernel has dropped, by reason, such as `IpOutNoRoutes`; only what is not zero.
    pub stack: BTreeMap<String, u64>,
    /// Its processes.
    pub processes: Vec<ProcessObservation>,
}

/// An interface at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceObservation {
    /// Its name.
    pub name: String,
    /// Its index in its namespace.
    pub index: u32,
    /// Whether it was brought up.
    pub up: bool,
    /// Whether it has a carrier.
    pub carrier: bool,
    /// Packets and bytes that came in and went out, and what was dropped.
    pub counters: Counters,
    /// The queues of what goes out that have dropped something, by kind, such as `netem`.
    pub queue_drops: BTreeMap<String, u64>,
}

/// What an interface has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Packets that came in.
    pub rx_packets: u64,
    /// Bytes that came in.
    pub rx_bytes: u64,
    /// Packets that came in and were dropped.
    pub rx_dropped: u64,
    /// Packets that came in and were wrong.
    pub rx_errors: u64,
    /// Packets that went out.
    pub tx_packets: u64,
    /// Bytes that went out.
    pub tx_bytes: u64,
    /// Packets that should have gone out and were dropped.
    pub tx_dropped: u64,
    /// Packets that could not go out.
    pub tx_errors: u64,
}

/// A process of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessObservation {
    /// Its number.
    pub pid: i32,
    /// Its name.
    pub name: String,
    /// The time it had a CPU, in milliseconds.
    pub cpu_ms: u64,
    /// The memory it uses, in bytes.
    pub memory: u64,
}

/// A link at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LinkObservation {
    /// Its two ends, as `node:interface`.
    pub ends: [String; 2],
    /// Its state.
    pub state: LinkState,
    /// The largest packet that it carries in bytes.
    pub mtu: u32,
    /// What carries its frames; what passes in memory no kernel counts.
    pub carrier: Carrier,
    /// What passed from the first end to the second, and from the second to the first.
    pub directions: [Direction; 2],
}

/// What passed a link in one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direction {
    /// Packets that the sending node put on the link.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets that were dropped on the way, by reason; only what is not zero.
    pub drops: BTreeMap<String, u64>,
}

/// Looks at all of a lab, whose fabric stays as it is meanwhile.
pub(crate) fn observe(shared: &Shared, fabric: &mut Fabric) -> Result<Observation, Error> {
    let status = shared.links_of(fabric);
    let topology = &*shared.topology();
    let ports = fabric.namespace().within(dump::interfaces)?;
    let processes = process::by_namespace(shared.init.pid());
    let ids = (0..topology.nodes.len()).map(NodeId);
    let nodes = ids.map(|id| match (fabric.node(&topology[id].name), topology[id].kind) {
        (Some(namespace), _) => node(topology, id, namespace, &processes),
        (None, Kind::Process) => Ok(beside(shared, &topology[id].name)),
        (None, _) => Ok(switch(topology, id, fabric, &ports)),
    });
    let nodes = nodes.collect::<Result<_, _>>()?;
    let links = topology.links.iter().zip(status).enumerate();
    let links = links.map(|(place, (link, LinkStatus { ends, state, carrier, counters, .. }))| {
        let indices = [fabric.port(place, 0), fabric.port(place, 1)];
        let mut directions = directions(topology, link, indices, &ports, counters.as_ref());
        for (direction, tap) in directions.iter_mut().zip(fabric.taps(place).into_iter().flatten()) {
            direction.add_refused(ports.iter().find(|port| port.index == tap));
        }
        LinkObservation { ends, state, mtu: link.mtu, carrier, directions }
    });
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unix_ns = u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX);
    Ok(Observation { unix_ns, nodes, links: links.collect() })
}

/// Gives the processes in the network namespace that a descriptor holds.
pub(crate) fn processes_in(namespace: RawFd) -> Vec<i32> {
    process::by_namespace(0).of(namespace).into_iter().map(|process| process.pid).collect()
}

/// Gives the processes that a process has started and that have not ended.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn node(
    topology: &Topology,
    id: NodeId,
    namespace: &Namespace,
    processes: &process::ByNamespace,
) -> Result<NodeObservation, Error> {
    let muted = topology[id].kind == Kind::Nf;
    let (interfaces, stack) = namespace.within(|| Ok((dump::interfaces()?, stack::drops(muted))))?;
    let descriptor = namespace.try_clone()?;
    Ok(NodeObservation {
        name: topology[id].name.clone(),
        interfaces,
        stack,
        processes: processes.of(descriptor.as_raw_fd()),
    })
}

/// A program beside the network has a process and nothing else that is its own.
fn beside(shared: &Shared, node: &str) -> NodeObservation {
    let programs = lock(&shared.programs);
    let running = programs.iter().filter(|((at, _), state)| at == node && state.ended.is_none());
    let pids: Vec<i32> = running.map(|(_, state)| state.pid).collect();
    drop(programs);
    NodeObservation {
        name: node.to_owned(),
        interfaces: Vec::new(),
        stack: BTreeMap::new(),
        processes: pids.into_iter().filter_map(process::one).collect(),
    }
}

/// A switch has no namespace of its own: its interfaces are ports of the fabric, by their names on the switch.
fn switch(
    topology: &Topology,
    id: NodeId,
    fabric: &Fabric,
    ports: &[InterfaceObservation],
) -> NodeObservation {
    let of_link = |(place, link): (usize, &Link)| {
        let side = link.ends.iter().position(|end| end.node == id)?;
        let index = fabric.port(place, side)?;
        let port = ports.iter().find(|port| port.index == index)?;
        let name = topology.interface(link.ends[side]).name.clone();
        Some(InterfaceObservation { name, ..port.clone() })
    };
    let interfaces = topology.links.iter().enumerate().filter_map(of_link).collect();
    let name = topology[id].name.clone();
    NodeObservation { name, interfaces, stack: BTreeMap::new(), processes: Vec::new() }
}

/// What passed in both directions, by the counters of the ports in the fabric, and of what carries frames between them
/// where it counts itself.
fn directions(
    topology: &Topology,
    link: &Link,
    indices: [Option<u32>; 2],
    ports: &[InterfaceObservation],
    counters: Option<&[LinkCounters; 2]>,
) -> [Direction; 2] {
    let mut directions = at_ports(topology, link, indices, ports);
    let is_trunk = link.ends.iter().all(|end| topology[end.node].kind == Kind::Switch);
    for (direction, counters) in directions.iter_mut().zip(counters.into_iter().flatten()) {
        direction.add(counters);
        if let (true, LinkCounters::Wire(counters)) = (is_trunk, counters) {
            // The wire's TAPs have taken the places of the ports in the bridges.
            direction.packets += counters.offered.frames;
            direction.bytes += counters.offered.bytes;
        }
    }
    directions
}

fn at_ports(
    topology: &Topology,
    link: &Link,
    indices: [Option<u32>; 2],
    ports: &[InterfaceObservation],
) -> [Direction; 2] {
    let port = |index: Option<u32>| ports.iter().find(|port| Some(port.index) == index);
    let [first, second] = indices.map(port);
    let is_switch = |side: usize| topology[link.ends[side].node].kind == Kind::Switch;
    if is_switch(0) && is_switch(1) {
        // What leaves a switch by one port arrives at the other.
        return [Direction::new(second, first), Direction::new(first, second)];
    }
    if indices[0] != indices[1] {
        return [Direction::new(first, second), Direction::new(second, first)];
    }
    // The one port is that of the node at the other end of the switch.
    let (from_node, to_node) = (Direction::new(first, None), Direction::new(None, first));
    if is_switch(0) { [to_node, from_node] } else { [from_node, to_node] }
}

impl Direction {
    /// Frames come in at one port and go out at another, of which there may be one only.
    fn new(input: Option<&InterfaceObservation>, output: Option<&InterfaceObservation>) -> Self {
        let mut direction = Self::default();
        if let Some(InterfaceObservation { counters, .. }) = output {
            (direction.packets, direction.bytes) = (counters.tx_packets, counters.tx_bytes);
        }
        if let Some(InterfaceObservation { counters, .. }) = input {
            (direction.packets, direction.bytes) = (counters.rx_packets, counters.rx_bytes);
        }
        let input = input
            .map(|port| [("rx_dropped", port.counters.rx_dropped), ("rx_errors", port.counters.rx_errors)]);
        let queues = output.into_iter().flat_map(|port| &port.queue_drops);
        let queues = queues.map(|(kind, count)| (format!("{QUEUE}{kind}"), *count));
        let output = output
            .map(|port| [("tx_dropped", port.counters.tx_dropped), ("tx_errors", port.counters.tx_errors)]);
        let counted =
            input.into_iter().chain(output).flatten().map(|(reason, count)| (reason.to_owned(), count));
        direction.drops = counted.chain(queues).filter(|(_, count)| *count > 0).collect();
        direction
    }

    /// Adds what found no room before a wire that was busy or gone.
    fn add_refused(&mut self, tap: Option<&InterfaceObservation>) {
        let refused =
            |tap: &InterfaceObservation| tap.counters.tx_dropped + tap.queue_drops.values().sum::<u64>();
        let refused = tap.map_or(0, refused);
        if refused > 0 {
            self.drops.insert(WIRE_FULL.to_owned(), refused);
        }
    }

    /// Adds what a carrier dropped, by its own reasons; it knows better than the queues that it is made of.
    fn add(&mut self, counters: &LinkCounters) {
        self.drops.retain(|reason, _| !reason.starts_with(QUEUE));
        self.drops.extend(counters.dropped_frames());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(rx_packets: u64, tx_dropped: u64) -> InterfaceObservation {
        InterfaceObservation {
            name: String::new(),
            index: 2,
            up: true,
            carrier: true,
            counters: Counters { rx_packets, tx_dropped, ..Counters::default() },
            queue_drops: BTreeMap::from([("netem".to_owned(), 3)]),
        }
    }

    #[test]
    fn what_a_wire_does_not_take_is_a_drop_of_its_own() {
        let mut direction = Direction::default();
        direction.add_refused(None);
        assert!(direction.drops.is_empty());
        direction.add_refused(Some(&port(0, 5)));
        assert_eq!(direction.drops, BTreeMap::from([("wire_full".to_owned(), 8)]));
    }

    #[test]
    fn what_leaves_one_switch_arrives_at_the_other() {
        let lab =
            "[node.s1]\nkind = \"switch\"\n[node.s2]\nkind = \"switch\"\n[[link]]\nends = [\"s1\", \"s2\"]\n";
        let topology = Topology::parse("lab.toml", lab).expect("a lab");
        let ports = [port(1, 0), InterfaceObservation { index: 3, ..port(9, 0) }];
        let directions = at_ports(&topology, &topology.links[0], [Some(2), Some(3)], &ports);
        assert_eq!(directions.map(|direction| direction.packets), [9, 1]);
    }

    #[test]
    fn a_direction_counts_what_comes_in_and_what_is_lost_on_the_way_out() {
        let direction = Direction::new(Some(&port(10, 5)), Some(&port(20, 7)));
        assert_eq!(direction.packets, 10);
        let drops = [("queue netem".to_owned(), 3), ("tx_dropped".to_owned(), 7)];
        assert_eq!(direction.drops, BTreeMap::from(drops));
    }
}
