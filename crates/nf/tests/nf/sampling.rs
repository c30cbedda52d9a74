//! The time that nodes take, by a clock that is given.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rackless_nf::{Context, GraphBuilder, Harness, MemoryPort, Packet, Pool, Port, Verdict};

#[test]
fn the_time_of_every_64th_batch_is_taken() {
    let clock = Arc::new(AtomicU64::new(0));
    let ticks = clock.clone();
    // Takes 10 ps a packet.
    let slow = move |_: &mut Packet, _: &mut Context<'_>| {
        ticks.fetch_add(10, Ordering::Relaxed);
        Ok(Verdict::Out(0))
    };
    let pool = Pool::new(16, Pool::ROOM);
    let port = MemoryPort::new("a", Harness::mac(0), pool.clone());
    let graph = GraphBuilder::new().node("slow", slow);
    let mut graph = graph.build(vec![port.info().clone()], Box::new(pool), 0).expect("one node fits");
    graph.sample_by(move || clock.load(Ordering::Relaxed));
    let mut ports = [Box::new(port.clone()) as Box<dyn Port>];
    let mut sampled_after = |batches: u64| {
        for _ in 0..batches {
            [b"one", b"two"].iter().for_each(|frame| port.push(*frame));
            graph.turn(&mut ports, 0);
        }
        let node = &graph.nodes()[0];
        (node.sampled_packets, node.sampled_ps)
    };
    assert_eq!(sampled_after(63), (0, 0));
    assert_eq!(sampled_after(1), (2, 20));
    assert_eq!(sampled_after(128), (6, 60));
}
