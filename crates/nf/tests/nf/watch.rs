//! Traces and captures of a graph.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rackless_nf::{
    CaptureError, CapturedFrame, Context, Edges, Graph, GraphBuilder, Harness, MemoryPort, Nf, Outcome,
    Packet, PacketTrace, Pool, Port, Reason, TraceEvent, Verdict, time,
};
use rackless_packet::build::Build;
use rackless_packet::filter::Filter;

/// Drops what a port sends to UDP port 9, keeps what is for port 7 for a millisecond, lets the rest go with a note.
#[derive(Default)]
struct Sort {
    kept: VecDeque<Packet>,
}

impl Nf for Sort {
    fn packet(&mut self, packet: &mut Packet, _: &mut Context<'_>) -> Outcome {
        let (_, udp) = packet.ipv4_l4_mut()?;
        match udp[3] {
            9 => Err(Reason::POLICY),
            7 => Ok(Verdict::Hold(0)),
            13 => panic!("no luck"),
            _ => {
                packet.ethernet_mut()?.swap();
                packet.set_note(2, 5);
                Ok(Verdict::Out(0))
            }
        }
    }

    fn hold(&mut self, packet: Packet, _: u32, cx: &mut Context<'_>) {
        self.kept.push_back(packet);
        cx.after(time::MILLISECOND, 0);
    }

    fn timer(&mut self, _: u64, cx: &mut Context<'_>) {
        let mut packet = self.kept.pop_front().expect("a kept packet");
        packet.ethernet_mut().expect("Ethernet").swap();
        cx.emit(0, packet);
        let made = cx.alloc_with(&udp(99)).expect("a buffer");
        cx.emit(1, made);
    }
}

/// Sends a packet on, and a copy after it.
fn twice(packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
    let copy = cx.copy(packet)?;
    cx.emit(1, copy);
    Ok(Verdict::Out(0))
}

const WIRES: &str = "rx:a -> sort -> twice -> tx:b; twice[1] -> tx:c; sort[1] -> tx:a";

fn udp(port: u16) -> Vec<u8> {
    let link = Build::ethernet(Harness::mac(7), Harness::mac(0));
    link.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).udp(4000, port).to_vec().expect("a frame")
}

fn filter(text: &str) -> Filter {
    text.parse().expect("a filter")
}

/// A graph and its ports.
struct Lab {
    graph: Graph,
    wires: Vec<MemoryPort>,
    ports: Vec<Box<dyn Port>>,
}

impl Lab {
    fn new() -> Self {
        let pool = Pool::new(64, Pool::ROOM);
        let wires = ["a", "b", "c"].map(|name| MemoryPort::new(name, Harness::mac(0), pool.clone())).to_vec();
        let infos = wires.iter().map(|wire| wire.info().clone()).collect();
        let graph = GraphBuilder::new().node("sort", Sort::default()).node("twice", twice);
        let graph = graph.wire(WIRES).expect("wiring").build(infos, Box::new(pool), 0).expect("a graph");
        let ports = wires.iter().map(|wire| Box::new(wire.clone()) as Box<dyn Port>).collect();
        Self { graph, wires, ports }
    }

    fn trace(&mut self, text: &str, count: u64) -> Arc<Mutex<Vec<PacketTrace>>> {
        let traces = Arc::<Mutex<Vec<PacketTrace>>>::default();
        let sink = Arc::clone(&traces);
        self.graph.trace(&filter(text), count, move |trace| sink.lock().expect("no panic").push(trace));
        traces
    }

    fn send(&mut self, port: u16) {
        self.wires[0].push(&udp(port));
        self.run(0);
    }

    fn run(&mut self, now: u64) {
        self.graph.turn(&mut self.ports, now);
        assert!(self.graph.nodes().iter().all(|node| node.is_balanced()));
    }
}

fn events(trace: &PacketTrace) -> Vec<String> {
    trace.steps.iter().map(|step| format!("{} {}", step.place, step.event)).collect()
}

#[test]
fn the_path_of_a_packet_and_of_its_copy_is_told() {
    let mut lab = Lab::new();
    let traces = lab.trace("udp port 1", 2);
    lab.send(2);
    lab.send(1);
    let traces = traces.lock().unwrap();
    let [packet, copy] = traces.as_slice() else { panic!("{traces:?}") };
    assert_eq!(events(packet), ["rx:a received", "sort out 0 to twice", "twice out 0 to tx:b", "tx:b sent"]);
    assert_eq!(events(copy), ["twice copied", "twice out 1 to tx:c", "tx:c sent"]);
    assert_eq!((packet.copy_of, copy.copy_of), (None, Some(packet.number)));
    let changes: Vec<String> = packet.changes(1).iter().map(ToString::to_string).collect();
    assert_eq!(changes[0], "Ethernet dst: 02:00:00:00:00:01 → 02:00:00:00:00:08");
    assert_eq!(packet.steps[1].notes[0].slot, 2);
    assert_eq!(packet.frame, udp(1));
    let shown = packet.to_string();
    assert!(shown.contains("note 2: 0x0 → 0x5"), "{shown}");
    assert!(shown.contains(" sort   out 0 to twice\n"), "{shown}");
}

#[test]
fn a_held_packet_continues_its_trace_and_what_is_generated_has_its_own() {
    let mut lab = Lab::new();
    let traces = lab.trace("udp", 2);
    lab.send(7);
    assert!(traces.lock().unwrap().is_empty());
    lab.run(time::MILLISECOND);
    let traces = traces.lock().unwrap();
    let held = traces.iter().find(|trace| trace.frame == udp(7) && trace.copy_of.is_none()).unwrap();
    assert_eq!(
        events(held),
        ["rx:a received", "sort held", "sort released, out 0 to twice", "twice out 0 to tx:b", "tx:b sent"]
    );
    assert_eq!(held.steps[2].time - held.steps[1].time, time::MILLISECOND);
    assert_eq!(held.changes(2).len(), 2);
    let made = traces.iter().find(|trace| trace.frame == udp(99)).unwrap();
    assert_eq!(events(made), ["sort generated", "sort out 1 to tx:a", "tx:a sent"]);
    assert_eq!(traces.len(), 3, "the copy of the held one is the third");
}

#[test]
fn a_trace_ends_by_itself_or_shows_what_is_still_there() {
    let mut lab = Lab::new();
    let traces = lab.trace("", 1);
    lab.send(9);
    lab.send(9);
    assert_eq!(events(&traces.lock().unwrap()[0]), ["rx:a received", "sort dropped: policy"]);
    assert_eq!((traces.lock().unwrap().len(), Arc::strong_count(&traces)), (1, 1), "the sink is gone");

    let (sender, traced) = std::sync::mpsc::channel();
    let id = lab.graph.trace(&filter(""), 5, move |trace| sender.send(trace).unwrap());
    lab.send(7);
    lab.graph.unwatch(id);
    let trace = traced.recv().unwrap();
    assert_eq!((trace.has_left, events(&trace)), (false, vec!["rx:a received".into(), "sort held".into()]));
    assert!(trace.to_string().ends_with("(still in the graph)\n"));
    assert!(traced.recv().is_err(), "the sink is gone");
}

#[test]
fn packets_of_a_node_that_panics_end_their_traces_there() {
    let mut lab = Lab::new();
    let traces = lab.trace("", 3);
    lab.send(7);
    for port in [1, 13, 2] {
        lab.wires[0].push(&udp(port));
    }
    lab.run(0);
    let traces = traces.lock().unwrap();
    let ends: Vec<&TraceEvent> = traces.iter().map(|trace| &trace.steps.last().unwrap().event).collect();
    assert_eq!(ends, [&TraceEvent::Dropped { reason: "panic" }; 3]);
}

#[test]
#[should_panic(expected = "  sort  dropped: panic")]
fn the_harness_shows_the_path_of_a_packet_that_made_a_node_panic() {
    let graph = GraphBuilder::new().node("sort", Sort::default()).node("twice", twice);
    Harness::new(graph.wire(WIRES).unwrap(), &["a", "b", "c"]).unwrap().send("a", &udp(13));
}

fn capture(lab: &mut Lab, node: Option<&str>, edges: Edges) -> (Vec<String>, Arc<Mutex<Vec<CapturedFrame>>>) {
    let frames = Arc::<Mutex<Vec<CapturedFrame>>>::default();
    let sink = Arc::clone(&frames);
    let put = move |frame| sink.lock().expect("no panic").push(frame);
    let (_, edges) = lab.graph.capture(node, edges, &filter("udp"), put).expect("edges");
    (edges.iter().map(ToString::to_string).collect(), frames)
}

#[test]
fn frames_are_captured_at_ports_with_the_reasons_of_drops() {
    let mut lab = Lab::new();
    let all = Edges { inputs: true, outputs: true, drops: true };
    let (edges, frames) = capture(&mut lab, None, all);
    assert_eq!(edges, ["rx:a", "rx:b", "rx:c", "tx:a", "tx:b", "tx:c", "drops"]);
    lab.send(1);
    lab.send(9);
    lab.wires[1].push(&udp(3));
    lab.run(0);
    let frames = frames.lock().unwrap();
    let seen: Vec<_> = frames.iter().map(|frame| (&*edges[frame.edge], frame.drop.as_deref())).collect();
    assert_eq!(
        seen,
        [
            ("rx:a", None),
            ("tx:b", None),
            ("tx:c", None),
            ("rx:a", None),
            ("drops", Some("dropped by sort: policy")),
            ("rx:b", None),
            ("drops", Some("dropped at rx:b: input not wired")),
        ]
    );
    assert_eq!(frames[4].data, udp(9));
}

#[test]
fn frames_are_captured_at_the_edges_of_a_node() {
    let mut lab = Lab::new();
    let (edges, frames) = capture(&mut lab, Some("sort"), Edges { inputs: true, outputs: true, drops: true });
    assert_eq!(edges, ["[0]sort", "sort[0]", "sort[1]", "sort drops"]);
    let (only, drops) = capture(&mut lab, Some("sort"), Edges { drops: true, ..Edges::default() });
    assert_eq!(only, ["sort drops"]);
    lab.send(9);
    lab.send(7);
    lab.run(time::MILLISECOND);
    let frames = frames.lock().unwrap();
    let seen: Vec<_> = frames.iter().map(|frame| &*edges[frame.edge]).collect();
    assert_eq!(seen, ["[0]sort", "sort drops", "[0]sort", "sort[0]", "sort[1]"]);
    assert_eq!(drops.lock().unwrap().len(), 1);

    let unknown = lab.graph.capture(Some("nat"), Edges::default(), &filter(""), |_| ()).unwrap_err();
    let known = "sort, twice, rx:a, rx:b, rx:c, tx:a, tx:b, tx:c";
    assert_eq!(unknown.to_string(), format!("no node 'nat' in the graph; there are: {known}"));
    let (port, _) = capture(&mut lab, Some("tx:b"), Edges::default());
    assert_eq!(port, ["tx:b"]);
    let none = lab.graph.capture(Some("sort"), Edges::default(), &filter(""), |_| ()).unwrap_err();
    assert!(matches!(none, CaptureError::NoEdge(_)));
}

#[test]
fn a_port_that_refuses_packets_is_told_of() {
    /// Takes one packet a burst, and no more.
    struct Narrow(MemoryPort, bool);
    impl Port for Narrow {
        fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
            self.1 = true;
            self.0.rx_burst(into, max)
        }
        fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
            if !std::mem::take(&mut self.1) {
                return 0;
            }
            self.0.tx_burst(&mut packets.drain(..1).collect())
        }
        fn info(&self) -> &rackless_nf::PortInfo {
            self.0.info()
        }
        fn stats(&self) -> rackless_nf::PortStats {
            self.0.stats()
        }
    }
    let mut lab = Lab::new();
    lab.ports[1] = Box::new(Narrow(lab.wires[1].clone(), false));
    let traces = lab.trace("", 2);
    let (edges, frames) = capture(&mut lab, None, Edges { outputs: true, drops: true, ..Edges::default() });
    lab.wires[0].push(&udp(1));
    lab.send(2);
    let traces = traces.lock().unwrap();
    let end = |port| events(traces.iter().find(|t| t.frame[37] == port && t.copy_of.is_none()).unwrap());
    assert_eq!(end(1).last().unwrap(), "tx:b sent");
    assert_eq!(end(2).last().unwrap(), "tx:b dropped: transmit queue full");
    let frames = frames.lock().unwrap();
    let dropped: Vec<_> = frames.iter().filter(|frame| edges[frame.edge] == "drops").collect();
    assert_eq!(dropped.len(), 1);
    assert_eq!(dropped[0].drop.as_deref(), Some("dropped at tx:b: transmit queue full"));
}
