//! Reports of several workers, added up.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::report::{Counter, Drop, Node, PortReport, Report};

/// What one of several workers did.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct WorkerReport {
    /// Its number, from 0 on.
    pub worker: usize,
    /// The core that it is pinned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<usize>,
    /// Packets on their way to it from other workers.
    pub waiting: usize,
    /// Packet buffers of its pool that are alive.
    pub buffers_in_use: usize,
    /// The nodes of its graph.
    pub nodes: Vec<Node>,
    /// Its ports; what a device counts is told by the worker that has it.
    pub ports: Vec<PortReport>,
}

impl Report {
    /// Says that these are the counters of one of several workers.
    pub(crate) fn of_worker(mut self, worker: usize, core: Option<usize>, waiting: usize) -> Self {
        let (nodes, ports, buffers_in_use) = (self.nodes.clone(), self.ports.clone(), self.buffers_in_use);
        self.workers = vec![WorkerReport { worker, core, waiting, buffers_in_use, nodes, ports }];
        self
    }

    /// Adds up the reports of all workers; `None` for none.
    pub(crate) fn sum(reports: Vec<Self>) -> Option<Self> {
        reports.into_iter().reduce(|mut sum, other| {
            sum.uptime_s = sum.uptime_s.max(other.uptime_s);
            sum.buffers_in_use += other.buffers_in_use;
            // All workers have the same graph.
            sum.nodes.iter_mut().zip(&other.nodes).for_each(|(sum, node)| sum.add(node));
            sum.ports.iter_mut().zip(&other.ports).for_each(|(sum, port)| sum.add(port));
            sum.workers.extend(other.workers);
            sum
        })
    }
}

impl Node {
    fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.generated += other.generated;
        self.sent += other.sent;
        self.dropped += other.dropped;
        self.held += other.held;
        self.batches += other.batches;
        self.sampled_packets += other.sampled_packets;
        self.sampled_ps += other.sampled_ps;
        for drop in &other.drops {
            match self.drops.iter_mut().find(|known| known.reason == drop.reason) {
                Some(known) => known.count += drop.count,
                None => self.drops.push(Drop { reason: drop.reason.clone(), count: drop.count }),
            }
        }
        add_counters(&mut self.counters, &other.counters);
    }
}

impl PortReport {
    fn add(&mut self, other: &Self) {
        // Of a device with one queue, one worker knows.
        self.link_up = self.link_up.or(other.link_up);
        self.promiscuous = self.promiscuous.or(other.promiscuous);
        if self.mac_filters.is_empty() {
            self.mac_filters = other.mac_filters.clone();
        }
        self.received += other.received;
        self.sent += other.sent;
        self.rx_bytes += other.rx_bytes;
        self.tx_bytes += other.tx_bytes;
        self.unwired += other.unwired;
        self.tx_full += other.tx_full;
        self.rx_missed += other.rx_missed;
        self.rx_errors += other.rx_errors;
        self.rx_no_buffer += other.rx_no_buffer;
        self.tx_errors += other.tx_errors;
        self.rx_checksum_completed += other.rx_checksum_completed;
        add_counters(&mut self.counters, &other.counters);
    }
}

fn add_counters(sum: &mut Vec<Counter>, other: &[Counter]) {
    for counter in other {
        match sum.iter_mut().find(|known| known.name == counter.name) {
            Some(known) => known.count += counter.count,
            None => sum.push(counter.clone()),
        }
    }
}

impl fmt::Display for WorkerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  worker {}", self.worker)?;
        self.core.iter().try_for_each(|core| write!(f, " on core {core}"))?;
        let count = |of: fn(&PortReport) -> u64| self.ports.iter().map(of).sum::<u64>();
        let (received, sent) = (count(|port| port.received), count(|port| port.sent));
        let node = |of: fn(&Node) -> u64| self.nodes.iter().map(of).sum::<u64>();
        let (dropped, held) = (node(|node| node.dropped), node(|node| node.held));
        writeln!(
            f,
            ": received {received}, sent {sent}, dropped {dropped}, held {held}, {} on their way",
            self.waiting
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::tests::report;

    #[test]
    fn the_sum_has_all_counters_and_each_worker() {
        let (mut one, mut two) = (report(), report());
        one.nodes[0].drops = vec![Drop { reason: "a".to_owned(), count: 1 }];
        two.nodes[0].drops =
            vec![Drop { reason: "b".to_owned(), count: 2 }, Drop { reason: "a".to_owned(), count: 4 }];
        two.uptime_s = one.uptime_s + 1.0;
        let sum = Report::sum(vec![one.clone().of_worker(0, None, 0), two.clone().of_worker(1, Some(3), 5)]);
        let sum = sum.unwrap();
        assert_eq!(sum.uptime_s, two.uptime_s);
        assert_eq!(sum.nodes[0].received, 2 * one.nodes[0].received);
        let drops: Vec<_> =
            sum.nodes[0].drops.iter().map(|drop| (drop.reason.as_str(), drop.count)).collect();
        assert_eq!(drops, [("a", 5), ("b", 2)]);
        assert_eq!(sum.ports[0].rx_bytes, 2 * one.ports[0].rx_bytes);
        assert_eq!((sum.workers[0].nodes.clone(), sum.workers[1].nodes.clone()), (one.nodes, two.nodes));
        assert!(
            sum.workers[1].to_string().starts_with("  worker 1 on core 3: received "),
            "{}",
            sum.workers[1]
        );
        assert!(sum.workers[1].to_string().ends_with(", 5 on their way\n"));
        assert_eq!(Report::sum(Vec::new()), None);
    }
}
