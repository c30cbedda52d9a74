//! What a running network function says of itself, as JSON on its control socket and as text.

use std::fmt;

use rackless_nf::{Graph, NodeReport, Port, time};
use serde::{Deserialize, Serialize};

use crate::WorkerReport;

/// The environment variable by which a program in a lab knows the lab's name.
const LAB_VARIABLE: &str = "RACKLESS_LAB";

/// The counters of a running network function.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Report {
    /// The lab it runs in, if it runs in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lab: Option<String>,
    /// The function's name.
    pub name: String,
    /// Seconds since it started.
    pub uptime_s: f64,
    /// Packet buffers that are alive.
    pub buffers_in_use: usize,
    /// The nodes of the graph.
    pub nodes: Vec<Node>,
    /// The ports.
    pub ports: Vec<PortReport>,
    /// What leads where, as a graph's text.
    #[serde(default)]
    pub wiring: String,
    /// What each of several workers did; the counters above are their sums.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<WorkerReport>,
}

/// Counters of a node: `received + generated = sent + dropped + held`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Node {
    /// The node's name.
    pub name: String,
    /// Packets it was given.
    pub received: u64,
    /// Packets it made.
    pub generated: u64,
    /// Packets it sent on.
    pub sent: u64,
    /// All drops together.
    pub dropped: u64,
    /// Packets it keeps.
    pub held: u64,
    /// Batches it was called with.
    pub batches: u64,
    /// Packets of the batches whose time was taken, every 64th.
    #[serde(default)]
    pub sampled_packets: u64,
    /// Picoseconds that the node took for them.
    #[serde(default)]
    pub sampled_ps: u64,
    /// Drops by reason.
    pub drops: Vec<Drop>,
    /// What the function counts itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<Counter>,
}

/// A counter that a function keeps itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Counter {
    /// What is counted.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// How many packets were dropped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Drop {
    /// The reason's name.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// Counters of a port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct PortReport {
    /// The port's name.
    pub name: String,
    /// The device string.
    pub device: String,
    /// The hardware address.
    pub mac: String,
    /// The MTU in bytes.
    pub mtu: u16,
    /// Whether frames can pass, where that can change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_up: Option<bool>,
    /// Whether frames to any address are received, where addresses are looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promiscuous: Option<bool>,
    /// Addresses to which frames are received besides the port's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mac_filters: Vec<String>,
    /// Packets that the graph took from the port.
    pub received: u64,
    /// Packets that the port took from the graph.
    pub sent: u64,
    /// Bytes that the port received, without frame check sequences.
    #[serde(default)]
    pub rx_bytes: u64,
    /// Bytes that the port sent, without frame check sequences.
    #[serde(default)]
    pub tx_bytes: u64,
    /// Packets dropped because the port's input is not wired.
    pub unwired: u64,
    /// Packets dropped because the port took no more.
    pub tx_full: u64,
    /// Frames missed because the receive ring was full.
    pub rx_missed: u64,
    /// Frames received that are unusable.
    pub rx_errors: u64,
    /// Frames lost for want of a buffer.
    pub rx_no_buffer: u64,
    /// Frames that the device refused to send.
    pub tx_errors: u64,
    /// Frames whose checksum was completed at rx.
    pub rx_checksum_completed: u64,
    /// What this kind of port counts besides, above 0; what they count may be part of the other counters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<Counter>,
}

impl PortReport {
    /// What can change, in words.
    fn state(&self) -> impl Iterator<Item = String> {
        let link = self.link_up.map(|up| format!("link {}", if up { "up" } else { "down" }));
        let own = self.promiscuous.map(|all| if all { "promiscuous" } else { "not promiscuous" }.to_owned());
        let filters = self.mac_filters.iter().map(|mac| format!("also {mac}"));
        link.into_iter().chain(own).chain(filters)
    }
}

impl Node {
    /// Whether every packet is accounted for.
    pub fn is_balanced(&self) -> bool {
        self.received + self.generated == self.sent + self.dropped + self.held
    }

    /// Nanoseconds that the node takes for a packet, if that was measured.
    pub fn ns_per_packet(&self) -> Option<f64> {
        let ns = self.sampled_ps as f64 / time::NANOSECOND as f64;
        (self.sampled_packets > 0).then(|| ns / self.sampled_packets as f64)
    }

    /// Packets that the node is given at once, on average; `None` before the first.
    pub fn packets_per_batch(&self) -> Option<f64> {
        (self.batches > 0).then(|| self.received as f64 / self.batches as f64)
    }
}

impl From<NodeReport> for Node {
    fn from(report: NodeReport) -> Self {
        let dropped = report.dropped();
        let drop = |drop: rackless_nf::DropCount| Drop { reason: drop.reason.to_owned(), count: drop.count };
        Self {
            name: report.name,
            received: report.received,
            generated: report.generated,
            sent: report.sent,
            dropped,
            held: report.held,
            batches: report.batches,
            sampled_packets: report.sampled_packets,
            sampled_ps: report.sampled_ps,
            drops: report.drops.into_iter().map(drop).collect(),
            counters: report.counters.into_iter().map(|(name, count)| Counter { name, count }).collect(),
        }
    }
}

impl Report {
    pub(crate) fn of(name: &str, uptime_s: f64, graph: &Graph, ports: &[Box<dyn Port>]) -> Self {
        let port = |(edge, port): (rackless_nf::EdgeReport, &dyn Port)| {
            let (info, stats, state) = (port.info(), port.stats(), port.state());
            let above_zero = port.xstats().into_iter().filter(|(_, count)| *count > 0);
            let counters =
                above_zero.map(|(name, count)| Counter { name: name.into_owned(), count }).collect();
            PortReport {
                name: edge.name,
                device: info.device.clone(),
                mac: info.mac.to_string(),
                mtu: info.mtu,
                link_up: state.link_up,
                promiscuous: state.promiscuous,
                mac_filters: state.mac_filters.iter().map(ToString::to_string).collect(),
                received: edge.received,
                sent: edge.sent,
                rx_bytes: stats.rx_bytes,
                tx_bytes: stats.tx_bytes,
                unwired: edge.unwired,
                tx_full: edge.tx_full,
                rx_missed: stats.rx_missed,
                rx_errors: stats.rx_errors,
                rx_no_buffer: stats.rx_no_buffer,
                tx_errors: stats.tx_errors,
                rx_checksum_completed: stats.rx_checksum_completed,
                counters,
            }
        };
        Self {
            lab: std::env::var(LAB_VARIABLE).ok(),
            name: name.to_owned(),
            uptime_s,
            buffers_in_use: graph.buffers_in_use(),
            nodes: graph.nodes().into_iter().map(Node::from).collect(),
            ports: graph.edges().into_iter().zip(ports.iter().map(AsRef::as_ref)).map(port).collect(),
            wiring: graph.wiring().to_string(),
            workers: Vec::new(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: up {:.1} s, {} buffers in use", self.name, self.uptime_s, self.buffers_in_use)?;
        for port in &self.ports {
            write!(f, "  port {} ({}, {}, MTU {}", port.name, port.device, port.mac, port.mtu)?;
            port.state().try_for_each(|state| write!(f, ", {state}"))?;
            write!(f, "): received {}, sent {}", port.received, port.sent)?;
            let troubles = [
                ("dropped: input not wired", port.unwired),
                ("dropped: transmit queue full", port.tx_full),
                ("missed: receive ring full", port.rx_missed),
                ("unusable", port.rx_errors),
                ("missed: no buffer", port.rx_no_buffer),
                ("refused by the device", port.tx_errors),
            ];
            for (what, count) in troubles.into_iter().filter(|(_, count)| *count > 0) {
                write!(f, ", {count} {what}")?;
            }
            writeln!(f)?;
            port.counters
                .iter()
                .try_for_each(|counter| writeln!(f, "    {:>8} {}", counter.count, counter.name))?;
        }
        for node in &self.nodes {
            node.fmt(f)?;
        }
        self.workers.iter().try_for_each(|worker| worker.fmt(f))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  node {}: received {} + generated {} = sent {} + dropped {} + held {}",
            self.name, self.received, self.generated, self.sent, self.dropped, self.held
        )?;
        if let Some(size) = self.packets_per_batch() {
            write!(f, "    {size:.1} packets a batch")?;
            self.ns_per_packet().map_or(Ok(()), |ns| write!(f, ", {ns:.1} ns a packet"))?;
            writeln!(f)?;
        }
        for drop in &self.drops {
            writeln!(f, "    {:>8} dropped: {}", drop.count, drop.reason)?;
        }
        for counter in &self.counters {
            writeln!(f, "    {:>8} {}", counter.count, counter.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_shows_what_can_change_and_what_it_counts_besides() {
        let port = PortReport {
            name: "a".to_owned(),
            device: "null:".to_owned(),
            mac: "02:00:00:00:00:01".to_owned(),
            mtu: 1500,
            ..PortReport::default()
        };
        let shown = |port: PortReport| {
            let report = Report {
                lab: None,
                name: "x".to_owned(),
                uptime_s: 1.0,
                buffers_in_use: 0,
                nodes: Vec::new(),
                ports: vec![port],
                wiring: String::new(),
                workers: Vec::new(),
            };
            report.to_string().lines().skip(1).collect::<Vec<_>>().join("\n")
        };
        let plain = "  port a (null:, 02:00:00:00:00:01, MTU 1500): received 0, sent 0";
        assert_eq!(shown(port.clone()), plain);
        let counters = vec![Counter { name: "the peer came".to_owned(), count: 2 }];
        let mac_filters = vec!["02:00:00:00:00:05".to_owned()];
        let (link_up, promiscuous) = (Some(true), Some(false));
        let all = PortReport { counters, mac_filters, link_up, promiscuous, ..port };
        let says = "MTU 1500, link up, not promiscuous, also 02:00:00:00:00:05): received 0, sent 0\n           2 the peer came";
        assert_eq!(shown(all), format!("  port a (null:, 02:00:00:00:00:01, {says}"));
    }

    #[test]
    fn a_node_shows_its_time_once_it_was_taken() {
        let node = Node { name: "nat".to_owned(), received: 640, sent: 640, batches: 20, ..Node::default() };
        let line = "  node nat: received 640 + generated 0 = sent 640 + dropped 0 + held 0\n";
        assert_eq!(node.to_string(), format!("{line}    32.0 packets a batch\n"));
        let timed = Node { sampled_packets: 32, sampled_ps: 400_000, ..node };
        assert_eq!(timed.to_string(), format!("{line}    32.0 packets a batch, 12.5 ns a packet\n"));
        let idle = Node { received: 0, sent: 0, batches: 0, ..Node::default() };
        assert_eq!(idle.to_string().lines().count(), 1);
    }
}
