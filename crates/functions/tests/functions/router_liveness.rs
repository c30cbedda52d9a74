//! Routes use their first live next hop.

use rackless_nf::{Time, time};

use crate::lab::{Lab, PORTS, host_mac, question, udp};

const FILE: &str = r#"
[[route]]
prefix = "2001:db8:feed::/48"
via = ["fd00:b::1", "fd00:b::2"]

[[route]]
prefix = "192.0.2.0/24"
via = ["10.0.2.1", "10.0.2.2"]
"#;

const FLOWS: [(&str, &str); 2] = [("fd00:a::1", "2001:db8:feed::1"), ("10.0.1.1", "192.0.2.1")];

/// A lab with a near and a far server, both up and known.
fn lab() -> (Lab, usize, usize) {
    let mut lab = Lab::new(FILE);
    let near = lab.host("b", 1, &["fd00:b::1", "10.0.2.1"]);
    let far = lab.host("b", 2, &["fd00:b::2", "10.0.2.2"]);
    lab.host("a", 9, &["fd00:a::1", "10.0.1.1"]);
    lab.run(10 * time::MILLISECOND);
    (lab, near, far)
}

/// Sends a packet each millisecond until one goes to `number`; how long that took.
fn time_until(lab: &mut Lab, flow: (&str, &str), number: u8) -> Time {
    let start = lab.harness.now();
    loop {
        let frame = udp(9, 0, flow.0, flow.1);
        let out = lab.send("a", &frame);
        if out.iter().any(|(port, frame)| *port == "b" && frame[..6] == host_mac(number).0) {
            return lab.harness.now() - start;
        }
        assert!(lab.harness.now() - start < 5 * time::SECOND, "no packet goes to {number}");
        lab.run(time::MILLISECOND);
    }
}

#[test]
fn when_the_near_server_dies_the_far_one_takes_over_within_800_ms_and_the_near_one_comes_back() {
    for flow in FLOWS {
        for offset in [0, 50, 120, 199] {
            let (mut lab, near, _) = lab();
            lab.run(offset * time::MILLISECOND);
            assert_eq!(time_until(&mut lab, flow, 1), 0);
            lab.hosts[near].up = false;
            let took = time_until(&mut lab, flow, 2);
            let range = 590 * time::MILLISECOND..=800 * time::MILLISECOND;
            assert!(range.contains(&took), "{flow:?} took {} ms", took / time::MILLISECOND);
            lab.hosts[near].up = true;
            assert!(time_until(&mut lab, flow, 1) <= 200 * time::MILLISECOND);
        }
    }
}

#[test]
fn without_a_live_next_hop_the_sender_is_told() {
    for (index, flow) in FLOWS.into_iter().enumerate() {
        let (mut lab, near, far) = lab();
        lab.hosts[near].up = false;
        lab.hosts[far].up = false;
        lab.run(time::SECOND);
        let out = lab.send("a", &udp(9, 0, flow.0, flow.1));
        assert_eq!(lab.drops("next hops dead"), 1);
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].0, "a");
        let icmp = if index == 0 { &out[0].1[54..56] } else { &out[0].1[34..36] };
        assert_eq!(icmp, if index == 0 { [1, 0] } else { [3, 0] });
    }
}

#[test]
fn before_the_first_answer_packets_wait_for_it() {
    for flow in FLOWS {
        let mut lab = Lab::new(FILE);
        // Nobody answers the first question.
        for port in PORTS {
            lab.harness.received(port);
        }
        assert!(lab.send("a", &udp(9, 0, flow.0, flow.1)).is_empty());
        assert_eq!(lab.harness.nodes()[0].held, 1);
        lab.host("b", 2, &["fd00:b::2", "10.0.2.2"]);
        let out = lab.run(time::SECOND);
        assert_eq!(out.len(), 1, "when the first is found dead, its packets go to the second");
        assert_eq!(out[0].1[..6], host_mac(2).0);
        assert_eq!(lab.harness.nodes()[0].held, 0);
    }
}

#[test]
fn packets_that_wait_for_hops_that_never_answer_are_dropped_by_name() {
    let mut lab = Lab::new(FILE);
    lab.host("a", 9, &["fd00:a::1", "10.0.1.1"]);
    lab.send("a", &udp(9, 0, FLOWS[0].0, FLOWS[0].1));
    let out = lab.run(time::SECOND);
    assert_eq!(lab.drops("next hops dead"), 1);
    assert_eq!(out.len(), 1, "and the sender is told");
}

#[test]
fn a_live_next_hop_is_asked_alone_and_a_silent_one_by_everybodys_address() {
    let (mut lab, near, _) = lab();
    lab.run(400 * time::MILLISECOND);
    lab.hosts[near].up = false;
    let mut unicast = 0;
    let mut multicast = 0;
    for _ in 0..100 {
        lab.harness.advance(10 * time::MILLISECOND);
        for frame in lab.harness.received("b") {
            let Some(asked) = question(&frame) else { continue };
            match asked.dst.is_multicast() {
                true => multicast += 1,
                false => unicast += 1,
            }
        }
    }
    assert!(unicast >= 4 && multicast >= 12, "{unicast} {multicast}");
}

#[test]
fn a_server_with_a_new_mac_address_is_found_by_the_second_probe() {
    let (mut lab, near, _) = lab();
    lab.hosts[near].mac = host_mac(77);
    let took = time_until(&mut lab, FLOWS[0], 77);
    assert!(took <= 400 * time::MILLISECOND, "{} ms", took / time::MILLISECOND);
}

#[test]
fn probing_is_configurable() {
    let file = format!("{FILE}\n[probe]\nevery = '20 ms'\nmisses = 2");
    let mut lab = Lab::new(&file);
    let near = lab.host("b", 1, &["fd00:b::1"]);
    lab.host("b", 2, &["fd00:b::2"]);
    lab.run(10 * time::MILLISECOND);
    assert_eq!(time_until(&mut lab, FLOWS[0], 1), 0);
    lab.hosts[near].up = false;
    assert!(time_until(&mut lab, FLOWS[0], 2) <= 60 * time::MILLISECOND);
}

#[test]
fn a_link_local_next_hop_is_found_on_its_interface() {
    let mut lab = Lab::new("[[route]]\nprefix = '::/0'\nvia = ['fe80::1%b']");
    lab.host("b", 3, &["fe80::1"]);
    lab.run(10 * time::MILLISECOND);
    let out = lab.send("a", &udp(9, 0, "fd00:a::1", "2001:db8::1"));
    assert_eq!((out[0].0, &out[0].1[..6]), ("b", &host_mac(3).0[..]));
}
