//! The automatic plan: Ethernet addresses for all interfaces, and IP addresses for hosts that have none.
//!
//! - A **segment** is a link, or all links that switches join.
//! - If the lab is one segment, its hosts get `10.0.0.N/8` as in Mininet, and `fd00::N/64`, N counting from 1 in
//!   the order of the nodes.
//! - If it has several, those with a host that needs addresses count K from 1 in the order of the links, and have
//!   `10.K.0.0/16` and `fd00:0:0:K::/64`. A K whose subnets overlap addresses given elsewhere is left out.
//! - An N whose address the file gives to another interface of the segment is left out.
//! - A host that says what an interface's addresses are, even none, and every router and NF, gets no others.
//! - A **MAC** is `02` and 40 bits of a hash of the names of node and interface: it stays the same when other
//!   nodes come and go.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rackless_packet::MacAddr;

use crate::model::{End, Kind, Link, NodeId, Topology};

/// The MAC of an interface that has no MAC yet.
pub(crate) const UNPLANNED: MacAddr = MacAddr::ZERO;

/// The automatic plan has no addresses left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exhausted {
    #[error(
        "no subnet is left of the 255 of the automatic plan, for {0} segments with hosts without addresses"
    )]
    Segments(usize),
    #[error("the automatic plan numbers 65534 hosts of a segment, and this lab has {0}")]
    Hosts(usize),
}

/// Gives every interface a MAC, and hosts their addresses, but for the nodes that say what theirs are.
pub(crate) fn apply(topology: &mut Topology, said: &HashSet<NodeId>) -> Result<(), Exhausted> {
    assign_macs(topology);
    assign_addresses(topology, said)
}

/// Returns the segment of every end: a number that two ends share if a frame gets from one to the other through
/// links and switches.
pub(crate) fn segments(kinds: &[Kind], links: &[Link]) -> HashMap<End, usize> {
    // A segment is named by its first link; links at the same switch are joined.
    let mut parent: Vec<usize> = (0..links.len()).collect();
    let mut at_switch: HashMap<usize, usize> = HashMap::new();
    for (index, link) in links.iter().enumerate() {
        for end in link.ends.iter().filter(|end| kinds[end.node.0] == Kind::Switch) {
            let other = *at_switch.entry(end.node.0).or_insert(index);
            let (a, b) = (root(&mut parent, index), root(&mut parent, other));
            parent[a.max(b)] = a.min(b);
        }
    }
    let mut segments = HashMap::new();
    for (index, link) in links.iter().enumerate() {
        let segment = root(&mut parent, index);
        segments.extend(link.ends.map(|end| (end, segment)));
    }
    segments
}

fn root(parent: &mut [usize], mut index: usize) -> usize {
    while parent[index] != index {
        parent[index] = parent[parent[index]];
        index = parent[index];
    }
    index
}

fn assign_macs(topology: &mut Topology) {
    let given = topology.nodes.iter().flat_map(|node| &node.interfaces).map(|interface| interface.mac);
    let mut taken: HashSet<MacAddr> = given.filter(|mac| *mac != UNPLANNED).collect();
    for node in &mut topology.nodes {
        for interface in node.interfaces.iter_mut().filter(|interface| interface.mac == UNPLANNED) {
            // 40 bits and at most some 100,000 interfaces: the second attempt is rare, the third not seen.
            let mut attempt = 0;
            interface.mac = derive_mac(&node.name, &interface.name, attempt);
            while !taken.insert(interface.mac) {
                attempt += 1;
                interface.mac = derive_mac(&node.name, &interface.name, attempt);
            }
        }
    }
}

/// Returns a locally administered address: 40 bits of the FNV-1a hash of the names.
pub(crate) fn derive_mac(node: &str, interface: &str, attempt: u32) -> MacAddr {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let bytes = node.bytes().chain([b':']).chain(interface.bytes()).chain(attempt.to_be_bytes());
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    // The low bits of FNV-1a change most slowly with the last bytes: fold the high ones in.
    let [_, _, _, a, b, c, d, e] = (hash ^ (hash >> 40)).to_be_bytes();
    MacAddr([0x02, a, b, c, d, e])
}

fn assign_addresses(topology: &mut Topology, said: &HashSet<NodeId>) -> Result<(), Exhausted> {
    let kinds: Vec<Kind> = topology.nodes.iter().map(|node| node.kind).collect();
    let segments = segments(&kinds, &topology.links);
    let mut given: Vec<(usize, IpNet)> = Vec::new();
    let mut wanted: BTreeMap<usize, Vec<End>> = BTreeMap::new();
    for (node_index, node) in topology.nodes.iter().enumerate() {
        let automatic = node.kind == Kind::Host && !said.contains(&NodeId(node_index));
        for (index, interface) in node.interfaces.iter().enumerate() {
            let end = End { node: NodeId(node_index), interface: index };
            let Some(segment) = segments.get(&end) else { continue };
            given.extend(interface.addresses.iter().map(|net| (*segment, *net)));
            if automatic {
                wanted.entry(*segment).or_default().push(end);
            }
        }
    }
    let flat = segments.values().collect::<HashSet<_>>().len() == 1;
    let mut numbers = if flat { 0..=0 } else { 1..=u8::MAX };
    let count = wanted.len();
    for (segment, ends) in wanted {
        let number = numbers.find(|number| is_free(*number, segment, &given));
        let number = number.ok_or(Exhausted::Segments(count))?;
        let used: HashSet<IpAddr> =
            given.iter().filter(|(other, _)| *other == segment).map(|(_, net)| net.addr()).collect();
        // The last number of all is left out: 10.K.255.255 is a broadcast address.
        let hosts = (1..u16::MAX).map(|host| planned(number, host));
        let free = hosts.filter(|nets| !nets.iter().any(|net| used.contains(&net.addr())));
        let free: Vec<_> = free.take(ends.len()).collect();
        if free.len() < ends.len() {
            return Err(Exhausted::Hosts(ends.len()));
        }
        for (end, nets) in ends.into_iter().zip(free) {
            topology.nodes[end.node.0].interfaces[end.interface].addresses = nets.into();
        }
    }
    Ok(())
}

/// Returns whether no other segment has an address given that overlaps the subnets with this number.
fn is_free(number: u8, segment: usize, given: &[(usize, IpNet)]) -> bool {
    let overlap = |a: &IpNet, b: &IpNet| a.contains(&b.addr()) || b.contains(&a.addr());
    let subnets = planned(number, 1);
    !given.iter().any(|(other, net)| *other != segment && subnets.iter().any(|subnet| overlap(subnet, net)))
}

/// Returns the v4 and v6 address of a host; segment 0 is that of a flat lab.
fn planned(segment: u8, host: u16) -> [IpNet; 2] {
    let [high, low] = host.to_be_bytes();
    let length = if segment == 0 { 8 } else { 16 };
    let v4 = Ipv4Addr::new(10, segment, high, low);
    let v6 = Ipv6Addr::new(0xfd00, 0, 0, segment.into(), 0, 0, 0, host);
    [IpNet::V4(Ipv4Net::new_assert(v4, length)), IpNet::V6(Ipv6Net::new_assert(v6, 64))]
}
