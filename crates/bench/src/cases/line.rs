//! Graphs in this process, with frames from nowhere: what is measured is the graph and nothing else.

use rackless_functions::{MacSwap, Router};
use rackless_nf::{
    Allocator as _, Context, Graph, GraphBuilder, Outcome, Packet, Pool, Port, PortInfo, PortStats, Reason,
    Verdict,
};
use rackless_packet::MacAddr;
use rackless_packet::build::Build;

use crate::error::Error;
use crate::templates::{self, Side};

/// Nodes of the long chain.
pub(super) const LONG: usize = 9;
/// Buffers of each pool.
const BUFFERS: usize = 4096;

/// A graph and its ports.
pub(super) struct Bench {
    graph: Graph,
    ports: Vec<Box<dyn Port>>,
    turns: u64,
}

type Make = fn() -> Result<Bench, Error>;

/// What is measured, by the name that the program takes for it.
pub(super) const SUBJECTS: [(&str, Make); 5] = [
    ("node", || chain(1)),
    ("nodes", || chain(LONG)),
    ("drop", || one_port(GraphBuilder::new().node("drop", drop_it), "rx:a -> drop")),
    ("macswap", || one_port(GraphBuilder::new().node("macswap", MacSwap), "rx:a -> macswap -> tx:a")),
    ("router", router),
];

impl Bench {
    /// Makes what this name stands for.
    pub(super) fn named(name: &str) -> Result<Self, Error> {
        let made = SUBJECTS.iter().find(|(known, _)| *known == name).map(|(_, make)| make());
        made.unwrap_or_else(|| Err(Error::Void(format!("there is nothing named '{name}' to measure"))))
    }

    /// Runs so many turns, and gives how many packets were received.
    pub(super) fn run(&mut self, turns: u64) -> usize {
        let all = self.turns..self.turns + turns;
        self.turns = all.end;
        all.map(|turn| self.graph.turn(&mut self.ports, turn).received).sum()
    }

    fn make(builder: GraphBuilder, ports: Vec<Line>) -> Result<Self, Error> {
        let infos = ports.iter().map(|port| port.info.clone()).collect();
        let graph = builder.build(infos, Box::new(Pool::new(BUFFERS, Pool::ROOM)), 0).map_err(failed)?;
        let ports = ports.into_iter().map(|port| Box::new(port) as _).collect();
        Ok(Self { graph, ports, turns: 0 })
    }
}

fn failed(error: rackless_nf::GraphError) -> Error {
    Error::Make { what: "a graph", source: error.into() }
}

fn pass(_: &mut Packet, _: &mut Context<'_>) -> Outcome {
    Ok(Verdict::Out(0))
}

fn drop_it(_: &mut Packet, _: &mut Context<'_>) -> Outcome {
    Err(Reason::POLICY)
}

fn chain(length: usize) -> Result<Bench, Error> {
    let names: Vec<String> = (0..length).map(|place| format!("n{place}")).collect();
    let builder = names.iter().fold(GraphBuilder::new(), |builder, name| builder.node(name, pass));
    one_port(builder, &format!("rx:a -> {} -> tx:a", names.join(" -> ")))
}

fn one_port(builder: GraphBuilder, wiring: &str) -> Result<Bench, Error> {
    let frame = Build::ethernet(MacAddr([2, 0, 0, 0, 0, 3]), MacAddr([2, 0, 0, 0, 0, 1]))
        .ipv4([198, 18, 0, 1].into(), [198, 19, 0, 1].into())
        .udp(1024, 9)
        .payload(&[0; 22])
        .to_vec()
        .map_err(|error| Error::Make { what: "a frame", source: error.into() })?;
    Bench::make(builder.wire(wiring).map_err(failed)?, vec![Line::new("a", vec![frame])])
}

/// The router of the case `router`, on the same frames.
fn router() -> Result<Bench, Error> {
    let router = Router::new(templates::config())
        .map_err(|error| Error::Make { what: "a router", source: error.into() })?;
    let port = |side: Side| match templates::frames(side) {
        Ok(frames) => Ok(Line::new(side.name(), frames)),
        Err(error) => Err(Error::Make { what: "a frame", source: error.into() }),
    };
    let ports = Side::BOTH.into_iter().map(port).collect::<Result<_, _>>()?;
    Bench::make(GraphBuilder::new().node("router", router), ports)
}

/// A source, which gives its frames over and over, and a sink.
struct Line {
    pool: Pool,
    info: PortInfo,
    frames: Vec<Vec<u8>>,
    next: usize,
    stats: PortStats,
}

impl Line {
    fn new(name: &str, frames: Vec<Vec<u8>>) -> Self {
        let (device, mac) = ("line".to_owned(), MacAddr([2, 0, 0, 0, 0, 1]));
        let info = PortInfo { name: name.to_owned(), device, mac, mtu: 1500 };
        Self { pool: Pool::new(BUFFERS, Pool::ROOM), info, frames, next: 0, stats: PortStats::default() }
    }
}

impl Port for Line {
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        let start = into.len();
        let received = self.pool.alloc_burst(into, max);
        for packet in &mut into[start..] {
            let frame = &self.frames[self.next];
            self.next = if self.next + 1 < self.frames.len() { self.next + 1 } else { 0 };
            if let Ok(data) = packet.append(frame.len()) {
                data.copy_from_slice(frame);
            }
        }
        self.stats.rx_packets += received as u64;
        received
    }

    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
        let sent = packets.len();
        self.stats.tx_packets += sent as u64;
        Packet::free_burst(packets);
        sent
    }

    fn info(&self) -> &PortInfo {
        &self.info
    }

    fn stats(&self) -> PortStats {
        self.stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_measured_moves_packets() {
        for (name, make) in SUBJECTS {
            let mut bench = make().unwrap();
            let received = bench.run(100);
            assert!(received >= 6400, "{name}: {received}");
            let nodes = bench.graph.nodes();
            assert!(nodes.iter().all(|node| node.is_balanced() && node.received > 0), "{name}: {nodes:?}");
            let sent = bench.ports.iter().map(|port| port.stats().tx_packets).sum::<u64>();
            assert_eq!(sent == 0, name == "drop", "{name}: {sent}");
        }
    }
}
