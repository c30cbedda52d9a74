//! A node that panics: every packet is accounted for, other nodes go on, and the node is made anew.

use rackless_nf::{
    Call, Context, Crash, Graph, GraphBuilder, Harness, MemoryPort, Nf, NodeReport, Outcome, Packet, Pool,
    Port, Reason, Verdict, time,
};

/// Does what a frame's first byte says, and panics where it says so.
#[derive(Default)]
struct Fragile {
    held: Vec<Packet>,
    start: bool,
}

impl Nf for Fragile {
    fn packet(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        match packet.data()[0] {
            b'p' => panic!("fell over {}", "p"),
            b'e' => {
                let extra = cx.alloc_with(b"extra")?;
                cx.emit(0, extra);
                Ok(Verdict::Out(0))
            }
            b'h' => Ok(Verdict::Hold(0)),
            b'H' => Ok(Verdict::Hold(1)),
            b't' => {
                cx.after(time::MILLISECOND, 1);
                Ok(Verdict::Out(0))
            }
            b'd' => Err(Reason::POLICY),
            _ => Ok(Verdict::Out(0)),
        }
    }

    fn hold(&mut self, packet: Packet, key: u32, _: &mut Context<'_>) {
        assert_eq!(key, 0, "no place");
        self.held.push(packet);
    }

    fn start(&mut self, _: &mut Context<'_>) {
        assert!(!self.start, "no start");
    }

    fn timer(&mut self, _: u64, _: &mut Context<'_>) {
        drop(self.held.pop());
        panic!("no time");
    }
}

/// A graph of a fragile node between ports `a` and `b`, and a sound one beside it.
struct Bench {
    graph: Graph,
    ports: Vec<Box<dyn Port>>,
    handles: Vec<MemoryPort>,
}

impl Bench {
    fn new(fragile: Fragile) -> Self {
        let sound = |_: &mut Packet, _: &mut Context<'_>| Ok(Verdict::Out(0));
        let graph = GraphBuilder::new().node("fragile", fragile).node("sound", sound);
        let graph = graph.wire("rx:a -> fragile -> tx:b; rx:b -> sound -> tx:a").expect("right wiring");
        let graph = graph.remade_by("fragile", || Some(Box::new(Fragile::default())));
        let pool = Pool::new(256, Pool::ROOM);
        let port = |(index, name): (usize, &&str)| MemoryPort::new(name, Harness::mac(index), pool.clone());
        let handles: Vec<MemoryPort> = ["a", "b"].iter().enumerate().map(port).collect();
        let infos = handles.iter().map(|port| port.info().clone()).collect();
        let graph = graph.build(infos, Box::new(pool.clone()), 7).expect("the ports are there");
        let ports = handles.iter().map(|port| Box::new(port.clone()) as Box<dyn Port>).collect();
        Self { graph, ports, handles }
    }

    /// Gives the fragile node one batch.
    fn batch(&mut self, frames: &[&str]) -> Vec<Crash> {
        frames.iter().for_each(|frame| self.handles[0].push(frame.as_bytes()));
        self.graph.turn(&mut self.ports, 0);
        self.graph.take_crashes()
    }

    fn fragile(&self) -> NodeReport {
        let report = self.graph.nodes().into_iter().find(|node| node.name == "fragile");
        let report = report.expect("the node is there");
        assert!(report.is_balanced(), "{report}");
        assert_eq!(self.graph.buffers_in_use() as u64, report.held, "{report}");
        report
    }

    fn panicked(&self) -> u64 {
        let drops = self.fragile().drops;
        drops.iter().find(|drop| drop.reason == "panic").map_or(0, |drop| drop.count)
    }
}

#[test]
fn a_panic_in_a_batch_drops_what_the_node_had_and_keeps_the_frames() {
    let mut bench = Bench::new(Fragile::default());
    assert_eq!(bench.batch(&["h1", "h2", "x"]), []);
    assert_eq!(bench.fragile().held, 2);

    let crashes = bench.batch(&["x1", "e", "p", "x2"]);
    let [crash] = crashes.as_slice() else { panic!("{crashes:?}") };
    assert_eq!(
        (crash.node.as_str(), crash.call, crash.culprit, crash.seed),
        ("fragile", Call::Batch, Some(2), 7)
    );
    assert_eq!(crash.to_string(), "node 'fragile' panicked at a batch, packet 3 of 4: fell over p");
    let frames: Vec<&[u8]> = crash.frames.iter().map(|frame| frame.data.as_slice()).collect();
    assert_eq!(frames, [&b"x1"[..], b"e", b"p", b"x2"]);
    // Four of the batch, one emitted, two held.
    assert_eq!(bench.panicked(), 7);
    assert_eq!(bench.fragile().held, 0);

    assert_eq!(bench.batch(&["x"]), [], "a node panics once");
    assert_eq!(bench.panicked(), 8);
    bench.handles[1].push(b"other");
    bench.batch(&[]);
    assert_eq!(bench.handles[0].take_sent(), [b"other"]);
}

#[test]
fn a_panic_over_a_packet_to_hold_drops_what_comes_behind_it() {
    let mut bench = Bench::new(Fragile::default());
    let crashes = bench.batch(&["x1", "d", "H", "x2", "d"]);
    assert_eq!(crashes[0].call, Call::Hold);
    assert_eq!(crashes[0].culprit, None);
    assert_eq!(crashes[0].frames.iter().map(|frame| &frame.data[..]).collect::<Vec<_>>(), [&b"x2"[..], b"d"]);
    assert_eq!(bench.handles[1].take_sent(), [b"x1"]);
    assert_eq!(bench.panicked(), 3);
    assert_eq!(bench.fragile().dropped(), 4);
}

#[test]
fn a_node_that_is_made_anew_starts_without_the_timers_of_the_one_before() {
    let mut bench = Bench::new(Fragile { start: true, ..Fragile::default() });
    assert_eq!(bench.graph.next_timer(), Some(0));
    assert_eq!(bench.batch(&["x"])[0].call, Call::Start);
    assert_eq!(bench.graph.next_timer(), None);

    assert!(bench.graph.remake("fragile"));
    assert_eq!(bench.graph.next_timer(), Some(0), "it wants to start");
    assert_eq!(bench.batch(&["h", "t", "t", "x"]), []);
    assert_eq!(bench.handles[1].take_sent(), [&b"t"[..], b"t", b"x"]);
    assert_eq!(bench.graph.next_timer(), Some(time::MILLISECOND));
    bench.graph.turn(&mut bench.ports, time::MILLISECOND);
    let crashes = bench.graph.take_crashes();
    assert_eq!(crashes.iter().map(|crash| crash.call).collect::<Vec<_>>(), [Call::Timer]);
    assert_eq!(bench.graph.next_timer(), None, "the other timer went with its node");
    assert_eq!(bench.panicked(), 2);
    assert_eq!(bench.graph.not_remade(), Some("sound"));
    assert!(!bench.graph.remake("sound"));
    bench.fragile();
}

#[test]
fn a_packet_without_an_outcome_is_dropped_by_name() {
    struct Silent;
    impl Nf for Silent {
        fn packet(&mut self, _: &mut Packet, _: &mut Context<'_>) -> Outcome {
            Ok(Verdict::Out(0))
        }
        fn batch(&mut self, _: &mut [Packet], _: &mut [Outcome], _: &mut Context<'_>) {}
    }
    let mut lab = Harness::new(GraphBuilder::new().node("silent", Silent), &["a"]).unwrap();
    lab.send("a", b"x");
    assert_eq!(lab.drops("silent", "no outcome"), 1);
}
