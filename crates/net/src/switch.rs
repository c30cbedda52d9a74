//! A switch as kernel bridges: one, or a row of several that trunks join when it has many ports.

use rackless_topology::model::{DEFAULT_MTU, Node};

use crate::plan::{LinkKind, LinkPlan, Numbers, Port, SwitchPlan};

/// The most ports of a bridge.
///
/// A bridge could have 1,023 (`BR_PORT_BITS`). But it passes a broadcast to all its ports at once, and a CPU takes
/// no more than 1,000 frames at once (`net.core.netdev_max_backlog`); the rest it drops. In a row of bridges no more
/// than two pass a broadcast on at the same time.
const BRIDGE_PORTS: usize = 500;

/// The bridges of one switch, each with a trunk to the next; a further one is there when all others are full.
pub(crate) struct Bridges {
    name: String,
    mtu: u32,
    stp: Option<u16>,
    bridges: Vec<Bridge>,
    trunks: Vec<[u32; 2]>,
}

struct Bridge {
    index: u32,
    /// The ports it has towards nodes and other switches.
    ports: usize,
}

/// What a switch needs besides what it has.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    pub(crate) bridges: Vec<SwitchPlan>,
    /// The trunks between the bridges, which are no links of the topology.
    pub(crate) trunks: Vec<LinkPlan>,
}

impl Bridges {
    /// Plans the first bridge; `order` is the switch's place among the lab's switches, in which they become roots of
    /// the spanning tree, so that the tree is the same every time.
    pub(crate) fn new(switch: &Node, order: u16, numbers: &mut Numbers, growth: &mut Growth) -> Self {
        let mtu = switch.interfaces.iter().map(|interface| interface.mtu).min().unwrap_or(DEFAULT_MTU);
        let stp = switch.stp.then_some(order);
        let mut new = Self { name: switch.name.clone(), mtu, stp, bridges: Vec::new(), trunks: Vec::new() };
        new.grow(numbers, growth);
        new
    }

    /// Gives the index of the bridge that has room for the switch's next port.
    pub(crate) fn next_port(&mut self, numbers: &mut Numbers, growth: &mut Growth) -> u32 {
        // Each has a trunk to the one before, but for the first, and one to that behind it.
        let room = |place: usize| BRIDGE_PORTS - if place == 0 { 1 } else { 2 };
        let free = self.bridges.iter().enumerate().position(|(place, bridge)| bridge.ports < room(place));
        if free.is_none() {
            self.grow(numbers, growth);
        }
        let place = free.unwrap_or(self.bridges.len() - 1);
        self.bridges[place].ports += 1;
        self.bridges[place].index
    }

    /// Notes that a port of a bridge has gone.
    pub(crate) fn forget_port(&mut self, index: u32) {
        if let Some(bridge) = self.bridges.iter_mut().find(|bridge| bridge.index == index) {
            bridge.ports = bridge.ports.saturating_sub(1);
        }
    }

    /// Gives the indexes of all that the switch consists of: removing them removes it.
    pub(crate) fn parts(&self) -> impl Iterator<Item = u32> {
        let trunks = self.trunks.iter().map(|[near, _]| *near); // the other end goes with this one
        trunks.chain(self.bridges.iter().map(|bridge| bridge.index))
    }

    /// Forgets bridges, the last ones; says whether any is left. With a bridge go its trunks.
    pub(crate) fn shrink(&mut self, indexes: &[u32]) -> bool {
        self.bridges.retain(|bridge| !indexes.contains(&bridge.index));
        self.trunks.truncate(self.bridges.len().saturating_sub(1));
        !self.bridges.is_empty()
    }

    fn grow(&mut self, numbers: &mut Numbers, growth: &mut Growth) {
        let place = self.bridges.len();
        // A name of the lab file has no '+', so that this one cannot be another's.
        let name = if place == 0 { self.name.clone() } else { format!("{}+{place}", self.name) };
        let Port { name, index, .. } = numbers.port(name, None);
        growth.bridges.push(SwitchPlan { name, index, mtu: self.mtu, stp: self.stp });
        if let Some(last) = self.bridges.last() {
            let mut end = |bridge| numbers.port(format!("trunk+{}", numbers.next()), Some(bridge));
            let ports = [end(last.index), end(index)];
            self.trunks.push([ports[0].index, ports[1].index]);
            let label = format!("bridges of {}", self.name);
            let kind = LinkKind::Trunk { ports };
            growth.trunks.push(LinkPlan { label, mtu: self.mtu, offload: true, kind });
        }
        self.bridges.push(Bridge { index, ports: 0 });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rackless_topology::Topology;

    use super::*;

    /// Plans the bridges of a switch, and gives the number of ports each of them has, those of trunks included.
    fn ports_of_bridges(ports: usize) -> Vec<usize> {
        let lab = Topology::shape("single,1").expect("a lab");
        let (mut numbers, mut growth) = (Numbers::new(), Growth::default());
        let mut bridges = Bridges::new(&lab.nodes[0], 0, &mut numbers, &mut growth);
        let given: Vec<u32> = (0..ports).map(|_| bridges.next_port(&mut numbers, &mut growth)).collect();
        let trunks =
            growth.trunks.iter().flat_map(|trunk| trunk.ports().iter().filter_map(|port| port.bridge));
        let mut count = BTreeMap::new();
        for bridge in trunks.chain(given) {
            *count.entry(bridge).or_default() += 1;
        }
        count.into_values().collect()
    }

    #[test]
    fn a_switch_is_one_bridge_until_that_is_full() {
        assert_eq!(ports_of_bridges(1), [1]);
        assert_eq!(ports_of_bridges(499), [499]);
        assert_eq!(ports_of_bridges(500), [500, 2]);
        assert_eq!(ports_of_bridges(1100), [500, 500, 104]);
    }

    #[test]
    fn no_bridge_of_the_largest_switch_is_overfull() {
        let ports = ports_of_bridges(59_999);
        assert!(ports.iter().all(|ports| *ports <= BRIDGE_PORTS), "{ports:?}");
    }

    #[test]
    fn a_port_that_goes_makes_room() {
        let lab = Topology::shape("single,1").expect("a lab");
        let (mut numbers, mut growth) = (Numbers::new(), Growth::default());
        let mut bridges = Bridges::new(&lab.nodes[0], 0, &mut numbers, &mut growth);
        let first = bridges.next_port(&mut numbers, &mut growth);
        for _ in 1..499 {
            bridges.next_port(&mut numbers, &mut growth);
        }
        bridges.forget_port(first);
        assert_eq!(bridges.next_port(&mut numbers, &mut growth), first);
        assert_eq!(bridges.parts().count(), 1);
    }
}
