//! A copy to each output.

use rackless_nf::{Context, Nf, Outcome, Packet, Verdict};

/// Sends each packet out of output 0, and a copy of it out of every other output.
///
/// The copies have the packet's notes. One that no buffer is left for counts as generated and dropped.
#[derive(Clone, Copy, Debug)]
pub struct Tee {
    outputs: u8,
}

impl Tee {
    /// Makes a tee with this many outputs, of which there is at least one.
    pub fn new(outputs: u8) -> Self {
        Self { outputs: outputs.max(1) }
    }
}

impl Nf for Tee {
    fn packet(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        for output in 1..self.outputs {
            match cx.copy(packet) {
                Ok(copy) => cx.emit(output, copy),
                Err(reason) => cx.drop_unmade(reason),
            }
        }
        Ok(Verdict::Out(0))
    }

    fn outputs(&self) -> Option<usize> {
        Some(self.outputs.into())
    }
}

#[cfg(test)]
mod tests {
    use super::Tee;
    use rackless_nf::{GraphBuilder, Harness, MemoryPort, Pool, Port};

    const WIRES: &str = "rx:a -> tee -> tx:a; tee[1] -> tx:b; tee[2] -> tx:c";

    #[test]
    fn every_output_gets_the_packet() {
        let graph = GraphBuilder::new().node("tee", Tee::new(3)).wire(WIRES).unwrap();
        let mut lab = Harness::new(graph, &["a", "b", "c"]).unwrap();
        lab.send("a", b"one");
        for port in ["a", "b", "c"] {
            assert_eq!(lab.received(port), [b"one"]);
        }
        assert_eq!(lab.nodes()[0].generated, 2);
    }

    #[test]
    fn a_copy_without_a_buffer_is_counted_and_the_packet_goes_on() {
        let pool = Pool::new(2, Pool::ROOM); // one for the packet, one for a copy
        let handles = ["a", "b", "c"].map(|name| MemoryPort::new(name, Harness::mac(0), pool.clone()));
        let mut ports = handles.each_ref().map(|port| Box::new(port.clone()) as Box<dyn Port>);
        let infos = ports.iter().map(|port| port.info().clone()).collect();
        let graph = GraphBuilder::new().node("tee", Tee::new(3)).wire(WIRES).unwrap();
        let mut graph = graph.build(infos, Box::new(pool), 0).unwrap();
        handles[0].push(b"one");
        graph.turn(&mut ports, 0);
        assert_eq!(handles.each_ref().map(|port| port.take_sent().len()), [1, 1, 0]);
        let report = &graph.nodes()[0];
        assert!(report.is_balanced(), "{report}");
        assert_eq!(
            report.drops.iter().map(|drop| (drop.reason, drop.count)).collect::<Vec<_>>(),
            [("no buffer", 1)]
        );
    }
}
