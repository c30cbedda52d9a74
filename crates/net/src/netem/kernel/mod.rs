//! What the kernel makes of our messages, tried on a stock kernel.

mod counted;
mod read;
mod stock;

use netlink_packet_route::link::InfoKind;

use super::Egress;
use crate::message;
use crate::namespace::Namespace;
use crate::netlink::{Netlink, Request};
use stock::on_a_stock_kernel;

/// The interface that carries the disciplines.
const INDEX: u32 = 2;

/// Conditions of which each is another tree, or a part of one that a change must take back.
const CONDITIONS: [&str; 15] = [
    r#"{"delay": "10 ms"}"#,
    r#"{"delay": "400 s", "loss": "1 %"}"#,
    r#"{"delay": "5 ms", "jitter": {"spread": "1 ms", "overtake": true, "distribution": "normal"}}"#,
    r#"{"delay": "5 ms", "jitter": {"spread": "2 ms", "overtake": true}}"#,
    r#"{"loss": {"p": "1 %", "r": "20 %", "loss_good": "0.1 %", "loss_bad": "90 %"}}"#,
    r#"{"rate": "8 Mbit/s", "layer": "L1", "limit": "100 frames"}"#,
    r#"{"rate": "100 Gbit/s", "layer": "L3", "delay": "1 ms"}"#,
    r#"{"duplicate": "3 %", "corrupt": "2 %"}"#,
    r#"{"delay": "5 ms", "reorder": {"probability": "50 %", "gap": 3}}"#,
    r#"{"rate": "8 Mbit/s", "queue": "codel"}"#,
    r#"{"rate": "8 Mbit/s", "queue": {"kind": "codel", "target": "20 ms", "interval": "300 ms", "ecn": true}}"#,
    r#"{"rate": "100 Gbit/s", "layer": "L1", "queue": "codel", "delay": "3 ms", "duplicate": "1 %"}"#,
    r#"{"rate": "8 Mbit/s", "queue": {"kind": "red", "min": "30 kB", "max": "90 kB"}, "duplicate": "1 %"}"#,
    r#"{"rate": "50 Mbit/s", "queue": {"kind": "red", "min": "9 kB", "max": "30 kB", "probability": "2 %", "ecn": true}}"#,
    r#"{"rate": "9 kbit/s", "limit": "3 MB", "queue": {"kind": "red", "min": "1 MB", "max": "2 MB"}, "loss": "50 %"}"#,
];

fn of(conditions: &str) -> Egress {
    Egress::of(&serde_json::from_str(conditions).expect("conditions")).expect("what the kernel can")
}

/// Makes an interface in a namespace of the calling thread's own.
fn interface() -> Netlink {
    Namespace::create().expect("a namespace");
    let mut netlink = Netlink::open().expect("a socket");
    let dummy = message::new_interface("d", INDEX, 1500, InfoKind::Dummy);
    netlink.send(vec![Request::create(dummy, "make", "an interface")]).expect("an interface");
    netlink
}

#[track_caller]
fn send(netlink: &mut Netlink, requests: Vec<Request>, what: &str) {
    netlink.send(requests).unwrap_or_else(|error| panic!("{what}: {}", error.chain()));
}

#[track_caller]
fn assert_is(netlink: &mut Netlink, asked: &Egress, what: &str) {
    let tree = read::tree(netlink, INDEX);
    assert_eq!(read::egress(&tree, asked), *asked, "{what}");
}

#[test]
fn privileged_the_kernel_has_what_was_asked() {
    on_a_stock_kernel("privileged_the_kernel_has_what_was_asked", || {
        let mut netlink = interface();
        for conditions in CONDITIONS {
            let egress = of(conditions);
            send(&mut netlink, egress.create(INDEX, ""), conditions);
            assert_is(&mut netlink, &egress, conditions);
            send(&mut netlink, vec![Egress::remove(INDEX, "")], conditions);
            let left = read::tree(&mut netlink, INDEX);
            assert!(left.iter().all(|told| told.kind == "noqueue"), "{conditions}: {left:?}");
        }
    });
}

#[test]
fn privileged_any_conditions_become_any_others() {
    on_a_stock_kernel("privileged_any_conditions_become_any_others", || {
        let mut netlink = interface();
        let all = CONDITIONS.map(of);
        for (from, before) in CONDITIONS.iter().zip(&all) {
            for (to, after) in CONDITIONS.iter().zip(&all) {
                let what = format!("{from} -> {to}");
                send(&mut netlink, before.create(INDEX, ""), &what);
                send(&mut netlink, after.change(before, INDEX, ""), &what);
                assert_is(&mut netlink, after, &what);
                send(&mut netlink, vec![Egress::remove(INDEX, "")], &what);
            }
        }
    });
}

#[test]
fn privileged_times_rates_and_limits_are_the_kernels_own_numbers() {
    on_a_stock_kernel("privileged_times_rates_and_limits_are_the_kernels_own_numbers", || {
        let mut netlink = interface();
        let text = r#"{"delay": "10 ms", "rate": "100 Gbit/s", "limit": "50 frames", "loss": "50 %"}"#;
        send(&mut netlink, of(text).create(INDEX, ""), text);
        let found = read::egress(&read::tree(&mut netlink, INDEX), &of(text)).netem;
        assert_eq!((found.latency_ns, found.rate), (10_000_000, 12_500_000_000));
        assert_eq!(found.loss, super::Loss::Random(1 << 31));
        // 10 ms at that rate are 82,563 full frames.
        assert_eq!(found.limit, 50 + 82_563);
    });
}
