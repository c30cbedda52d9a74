//! Where packets come into a graph and leave it: the graph's side of its ports.

use super::{Graph, Target};
use crate::{Packet, Port, PortInfo, Time};

/// The graph's side of a port.
#[derive(Default)]
pub(crate) struct PortEdge {
    pub(crate) rx: Option<Target>,
    pub(super) tx: Vec<Packet>,
    received: u64,
    sent: u64,
    unwired: u64,
    tx_full: u64,
}

/// What a port's edge of the graph did: `received` came from the port; of what nodes sent there, `sent` went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeReport {
    /// The port's name.
    pub name: String,
    /// Packets that the graph took from the port.
    pub received: u64,
    /// Packets that the port took from the graph.
    pub sent: u64,
    /// Received packets dropped because the port's `rx:` is not wired.
    pub unwired: u64,
    /// Packets dropped because the port took no more.
    pub tx_full: u64,
}

impl Graph {
    /// What happened at the ports.
    pub fn edges(&self) -> Vec<EdgeReport> {
        let report = |(edge, port): (&PortEdge, &PortInfo)| EdgeReport {
            name: port.name.clone(),
            received: edge.received,
            sent: edge.sent,
            unwired: edge.unwired,
            tx_full: edge.tx_full,
        };
        self.edges.iter().zip(&self.core.ports).map(report).collect()
    }

    pub(super) fn receive(&mut self, index: usize, port: &mut dyn Port, now: Time) -> usize {
        let mut packets = std::mem::take(&mut self.scratch.rx);
        let received = port.rx_burst(&mut packets, Self::BURST);
        for packet in &mut packets {
            packet.set_in_port(index as u16);
            packet.set_rx_time(now);
        }
        if let Some(recorder) = &mut self.recorder
            && received > 0
        {
            recorder(index, &packets, now);
        }
        if let Some(watch) = &mut self.core.watch
            && received > 0
        {
            watch.received(now, index, &mut packets);
        }
        let edge = &mut self.edges[index];
        edge.received += received as u64;
        match edge.rx {
            Some(target) => self.queue(target).append(&mut packets),
            None => {
                edge.unwired += received as u64;
                Packet::free_burst(&mut packets);
            }
        }
        self.scratch.rx = packets;
        received
    }

    pub(super) fn send(&mut self, index: usize, port: &mut dyn Port, now: Time) -> usize {
        let edge = &mut self.edges[index];
        let mut watch = self.core.watch.as_mut().filter(|_| !edge.tx.is_empty());
        if let Some(watch) = &mut watch {
            watch.sending(now, index, &edge.tx);
        }
        let mut sent = 0;
        while !edge.tx.is_empty() {
            match port.tx_burst(&mut edge.tx) {
                0 => break,
                n => sent += n,
            }
        }
        port.flush();
        if let Some(watch) = &mut watch {
            watch.sent(now, index, &edge.tx);
        }
        edge.sent += sent as u64;
        edge.tx_full += edge.tx.len() as u64;
        Packet::free_burst(&mut edge.tx);
        sent
    }
}
