//! Functions that are replaced while their graph runs.

use std::collections::VecDeque;

use rackless_nf::{
    Context, Fate, GraphBuilder, Harness, Nf, Outcome, Packet, Reason, State, Succession, Verdict, time,
};

rackless_nf::drop_reasons! {
    enum DelayDrop {
        Bad = "bad",
    }
}

/// Gives every packet back after a while; a successor takes those that wait.
struct Delay {
    queue: VecDeque<Packet>,
    by: u64,
    /// Whether it takes and gives what it knows.
    knows: bool,
}

impl Delay {
    fn new(by: u64) -> Self {
        Self { queue: VecDeque::new(), by, knows: true }
    }

    fn alone() -> Self {
        Self { knows: false, ..Self::new(time::MILLISECOND) }
    }
}

impl Nf for Delay {
    fn packet(&mut self, packet: &mut Packet, _: &mut Context<'_>) -> Outcome {
        if packet.data() == b"bad" { Err(DelayDrop::Bad.into()) } else { Ok(Verdict::Hold(0)) }
    }

    fn hold(&mut self, packet: Packet, _: u32, cx: &mut Context<'_>) {
        self.queue.push_back(packet);
        cx.after(self.by, 0);
    }

    fn timer(&mut self, _: u64, cx: &mut Context<'_>) {
        let packet = self.queue.pop_front().expect("a packet for each timer");
        cx.emit(0, packet);
    }

    fn hand_over(&mut self, _: &mut Context<'_>) -> Option<State> {
        self.knows.then(|| Box::new(std::mem::take(&mut self.queue)) as State)
    }

    fn take_over(&mut self, state: State, cx: &mut Context<'_>) -> Result<(), State> {
        if !self.knows {
            return Err(state);
        }
        let queue = state.downcast::<VecDeque<Packet>>()?;
        queue.into_iter().for_each(|packet| self.hold(packet, 0, cx));
        Ok(())
    }

    fn drop_reasons(&self) -> &'static [&'static str] {
        DelayDrop::NAMES
    }
}

fn lab(nf: impl Nf + 'static) -> Harness {
    let graph = GraphBuilder::new().node("delay", nf).wire("rx:a -> delay -> tx:b").expect("wiring");
    Harness::new(graph, &["a", "b"]).expect("a graph")
}

#[test]
fn a_successor_goes_on_with_the_packets_that_were_held() {
    let mut lab = lab(Delay::new(time::SECOND));
    lab.send("a", b"one");
    lab.send("a", b"bad");
    let succession = lab.swap("delay", Delay::new(time::MILLISECOND)).unwrap();
    assert_eq!(succession, Succession { node: "delay".into(), fate: Fate::TakenOver, dropped: 0 });
    lab.send("a", b"two");
    assert_eq!(lab.nodes()[0].held, 2);
    lab.advance(time::MILLISECOND);
    assert_eq!(lab.received("b"), [b"one", b"two"]);
    // The timer that was set before is not its successor's.
    lab.advance(2 * time::SECOND);
    assert_eq!((lab.nodes()[0].received, lab.nodes()[0].sent, lab.drops("delay", "bad")), (3, 2, 1));
}

#[test]
fn packets_that_nobody_takes_are_dropped_by_name() {
    for (old, new) in [(Delay::alone(), Delay::new(1)), (Delay::new(1), Delay::alone())] {
        let mut lab = lab(old);
        lab.send("a", b"one");
        lab.send("a", b"two");
        let succession = lab.swap("delay", new).unwrap();
        assert_eq!((succession.fate, succession.dropped), (Fate::Anew, 2));
        assert_eq!((lab.drops("delay", "function replaced"), lab.nodes()[0].held), (2, 0));
        lab.send("a", b"three");
        lab.advance(time::MILLISECOND);
        assert_eq!(lab.received("b"), [b"three"]);
    }
}

#[test]
fn another_function_has_the_counters_and_reasons_of_its_own() {
    let mut lab = lab(Delay::new(1));
    lab.send("a", b"bad");
    lab.send("a", b"held");
    let refuse = |_: &mut Packet, _: &mut Context<'_>| -> Outcome { Err(Reason(Reason::OWN)) };
    let succession = lab.swap("delay", refuse).unwrap();
    assert_eq!((succession.fate, succession.dropped), (Fate::Anew, 1));
    lab.send("a", b"any");
    let drops: Vec<_> = lab.nodes()[0].drops.iter().map(|drop| (drop.reason, drop.count)).collect();
    assert_eq!(drops, [("function replaced", 1), ("unnamed", 1), ("bad", 1)]);
}

/// A function with one output that must be wired.
struct Narrow;

impl Nf for Narrow {
    fn packet(&mut self, _: &mut Packet, _: &mut Context<'_>) -> Outcome {
        Ok(Verdict::Out(0))
    }

    fn outputs(&self) -> Option<usize> {
        Some(2)
    }
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let mut lab = lab(Delay::new(time::MILLISECOND));
    lab.send("a", b"one");
    let wrong = lab.swap("delay", Narrow).unwrap_err().to_string();
    assert_eq!(wrong, "line 1: delay[1] leads nowhere; 'delay' has 2 outputs, and each must be wired");
    let unknown = lab.swap("nat", Narrow).unwrap_err().to_string();
    assert_eq!(unknown, "no node 'nat'; there are: delay");
    let circle = GraphBuilder::new().node("delay", Delay::alone()).wire("rx:a -> delay -> tx:z").unwrap();
    assert_eq!(lab.replace(circle).unwrap_err().to_string(), "line 1: no port 'z'; there are: a, b");
    lab.advance(time::MILLISECOND);
    assert_eq!(lab.received("b"), [b"one"]);
}

#[test]
fn a_whole_graph_is_replaced_and_nodes_of_the_same_name_go_on() {
    let pass = |_: &mut Packet, _: &mut Context<'_>| -> Outcome { Ok(Verdict::Out(0)) };
    let graph = GraphBuilder::new().node("old", pass).node("delay", Delay::new(time::SECOND));
    let graph = graph.wire("rx:a -> old -> delay -> tx:b").unwrap();
    let mut lab = Harness::new(graph, &["a", "b"]).unwrap();
    lab.send("a", b"one");
    let next = GraphBuilder::new().node("delay", Delay::new(time::MILLISECOND)).node("new", pass);
    let successions = lab.replace(next.wire("rx:a -> delay -> new -> tx:a").unwrap()).unwrap();
    let fates: Vec<_> = successions.iter().map(|one| (one.node.as_str(), one.fate, one.dropped)).collect();
    assert_eq!(fates, [("delay", Fate::TakenOver, 0), ("new", Fate::Anew, 0), ("old", Fate::Gone, 0)]);
    lab.advance(time::MILLISECOND);
    assert_eq!(lab.received("a"), [b"one"]);
    lab.send("a", b"two");
    lab.advance(time::MILLISECOND);
    assert_eq!(lab.received("a"), [b"two"]);
    let delay = lab.nodes().into_iter().find(|node| node.name == "delay").unwrap();
    assert_eq!((delay.received, delay.sent), (2, 2));
}

#[test]
fn a_function_that_panics_while_it_hands_over_hands_nothing_over() {
    struct Clings(Vec<Packet>);
    impl Nf for Clings {
        fn packet(&mut self, _: &mut Packet, _: &mut Context<'_>) -> Outcome {
            Ok(Verdict::Hold(0))
        }
        fn hold(&mut self, packet: Packet, _: u32, _: &mut Context<'_>) {
            self.0.push(packet);
        }
        fn hand_over(&mut self, _: &mut Context<'_>) -> Option<State> {
            panic!("never")
        }
    }
    let mut lab = lab(Clings(Vec::new()));
    lab.send("a", b"one");
    let succession = lab.swap("delay", Delay::new(1)).unwrap();
    assert_eq!((succession.fate, succession.dropped), (Fate::Anew, 1));
}
