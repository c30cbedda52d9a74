//! Functions that are replaced by ones of the same kind with another configuration.

use rackless_functions::{Counter, Nat, NatConfig, Router, Shaper};
use rackless_nf::{Fate, GraphBuilder, Harness, time};
use rackless_packet::MacAddr;
use rackless_packet::build::Build;

use crate::lab::{Lab, config, host_mac, question, udp};

fn router(file: &str) -> Router {
    Router::new(config(file)).unwrap()
}

/// How often the router asked on `b`.
fn questions(lab: &mut Lab) -> usize {
    lab.harness.received("b").iter().filter(|frame| question(frame).is_some()).count()
}

#[test]
fn a_router_knows_its_neighbours_as_before_and_routes_anew() {
    for (src, near, far, net, via) in [
        ("fd00:a::1", "fd00:b::1", "fd00:f::1", "fd00:f::/64", "fd00:b::1"),
        ("10.0.1.1", "10.0.2.1", "10.9.0.1", "10.9.0.0/16", "10.0.2.1"),
    ] {
        let mut lab = Lab::new("");
        lab.host("a", 1, &[src]);
        lab.host("b", 2, &[near]);
        assert_eq!(lab.send("a", &udp(1, 0, src, near)).len(), 1);
        assert_eq!(lab.send("a", &udp(1, 0, src, far)).len(), 1, "the error that there is no route");

        let routes = format!("[[route]]\nprefix = \"{net}\"\nvia = [\"{via}\"]\n");
        let succession = lab.harness.swap("router", router(&routes)).unwrap();
        assert_eq!((succession.fate, succession.dropped), (Fate::TakenOver, 0));
        lab.harness.received("b");
        lab.harness.send("a", &udp(1, 0, src, near));
        let sent = lab.harness.received("b");
        assert_eq!(sent.len(), 1, "the neighbour is known: {src}");
        assert!(question(&sent[0]).is_none() && sent[0][..6] == host_mac(2).0);
        lab.settle();
        let out = lab.run(time::SECOND);
        assert!(out.is_empty(), "{out:?}");
        assert_eq!(lab.send("a", &udp(1, 0, src, far))[0].0, "b", "the new route is used: {src}");

        lab.harness.swap("router", router("")).unwrap();
        assert_eq!(lab.send("a", &udp(1, 0, src, far))[0].0, "a", "and goes with the configuration");
        assert_eq!(lab.drops("no route"), 2);
    }
}

#[test]
fn packets_that_wait_for_a_neighbour_go_on_under_the_new_configuration() {
    for (src, dst) in [("fd00:a::1", "fd00:b::1"), ("10.0.1.1", "10.0.2.1")] {
        let mut lab = Lab::new("");
        lab.harness.send("a", &udp(1, 0, src, dst));
        lab.harness.send("a", &udp(1, 0, src, dst));
        assert_eq!((lab.harness.nodes()[0].held, questions(&mut lab)), (2, 1));
        let succession = lab.harness.swap("router", router("[neighbours]\nqueue = 8")).unwrap();
        assert_eq!((succession.fate, succession.dropped), (Fate::TakenOver, 0));
        assert_eq!(lab.harness.nodes()[0].held, 2);
        lab.host("b", 2, &[dst]);
        let out = lab.run(0);
        assert_eq!(out.iter().map(|(port, _)| *port).collect::<Vec<_>>(), ["b", "b"], "{src}");
        let hops = if src.contains(':') { 21 } else { 22 };
        assert!(out.iter().all(|(_, frame)| frame[hops] == 63), "a hop less, once");
        assert_eq!(lab.harness.nodes()[0].held, 0);
    }
}

#[test]
fn a_next_hop_is_as_live_as_before() {
    let file = "[[route]]\nprefix = \"fd00:f::/64\"\nvia = [\"fd00:b::1\", \"fd00:b::2\"]\n";
    let mut lab = Lab::new(file);
    let first = lab.host("b", 1, &["fd00:b::1"]);
    lab.host("b", 2, &["fd00:b::2"]);
    lab.run(time::SECOND);
    lab.hosts[first].up = false;
    lab.run(time::SECOND);
    lab.harness.swap("router", router(file)).unwrap();
    let out = lab.send("a", &udp(1, 0, "fd00:a::1", "fd00:f::9"));
    assert_eq!(&out[0].1[..6], &host_mac(2).0[..], "the dead one is not tried again");
    lab.hosts[first].up = true;
    lab.run(time::SECOND);
    let out = lab.send("a", &udp(1, 0, "fd00:a::1", "fd00:f::9"));
    assert_eq!(&out[0].1[..6], &host_mac(1).0[..], "and back with its first answer");
}

fn nat(first: u16) -> NatConfig {
    NatConfig { first_port: first, ..NatConfig::new([192, 0, 2, 1].into()) }
}

#[test]
fn bindings_of_a_nat_outlive_its_configuration() {
    let (inside, outside) = (MacAddr([2, 0, 0, 0, 7, 7]), MacAddr([2, 0, 0, 0, 8, 8]));
    let graph = GraphBuilder::new().node("nat", Nat::new(nat(1024)));
    let mut lab = Harness::new(graph, &["lan", "wan"]).unwrap();
    let out = |port: u16| {
        let ip = Build::ethernet(inside, outside).ipv4([10, 0, 0, 5].into(), [198, 51, 100, 7].into());
        ip.udp(port, 80).to_vec().unwrap()
    };
    let back = |port: u16| {
        let ip =
            Build::ethernet(outside, Harness::mac(1)).ipv4([198, 51, 100, 7].into(), [192, 0, 2, 1].into());
        ip.udp(80, port).to_vec().unwrap()
    };
    lab.send("lan", &out(2000));
    lab.send("lan", &out(3000));
    lab.advance(time::SECOND);
    let succession = lab.swap("nat", Nat::new(nat(2500))).unwrap();
    assert_eq!((succession.fate, succession.dropped), (Fate::TakenOver, 0));
    lab.send("wan", &back(3000));
    assert_eq!(lab.received("lan").len(), 1, "the answer finds its way");
    lab.send("wan", &back(2000));
    assert_eq!(lab.drops("nat", "no binding"), 1, "a port that is given out no more");
    lab.advance(301 * time::SECOND);
    lab.send("wan", &back(3000));
    assert_eq!(lab.drops("nat", "no binding"), 2, "its time is over as it would have been");
}

#[test]
fn frames_in_the_queue_of_a_shaper_leave_at_the_new_rate() {
    let shaper = |config: &str| Shaper::new(toml::from_str(config).unwrap());
    let graph = GraphBuilder::new().node("shaper", shaper("rate = '8 kbit/s'\nburst = '1000 B'"));
    let mut lab = Harness::new(graph, &["a", "b"]).unwrap();
    for number in 0..5_u8 {
        lab.send("a", &vec![number; 1000]);
    }
    lab.received("b");
    let new = shaper("rate = '8 Mbit/s'\nburst = '1000 B'\nqueue = '3000 B'");
    let succession = lab.swap("shaper", new).unwrap();
    assert_eq!((succession.fate, succession.dropped), (Fate::TakenOver, 0));
    assert_eq!(lab.drops("shaper", "shaper queue full"), 1, "a shorter queue holds less");
    lab.advance(2 * time::MILLISECOND);
    let left = lab.received("b").iter().map(|frame| frame[0]).collect::<Vec<_>>();
    assert_eq!(left, [1, 2, 3]);
}

#[test]
fn a_counter_counts_on() {
    let graph = GraphBuilder::new().node("count", Counter::default());
    let mut lab = Harness::new(graph, &["a"]).unwrap();
    lab.send("a", &[0; 60]);
    lab.swap("count", Counter::default()).unwrap();
    lab.send("a", &[0; 40]);
    assert_eq!(lab.nodes()[0].counters, [("packets".to_owned(), 2), ("bytes".to_owned(), 100)]);
    // Another function knows nothing of what it hands over.
    let succession = lab.swap("count", Nat::new(nat(1024))).map(drop).unwrap_err().to_string();
    assert!(succession.contains("no"), "{succession}");
}
