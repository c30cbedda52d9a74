//! What the disciplines count of frames that pass them.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::stock::on_a_stock_kernel;
use super::{INDEX, interface, of, send};
use crate::disciplines::{self, Dropped, KernelCounters};
use crate::message;
use crate::netem::{Egress, NetemParameters};
use crate::netlink::{Netlink, Request};

/// Makes an interface that says nothing by itself.
fn silent_interface() -> Netlink {
    let mut netlink = interface();
    crate::node::silence_ipv6().expect("no IPv6");
    let address = message::new_address(INDEX, &"10.0.0.1/24".parse().expect("an address"));
    send(&mut netlink, vec![Request::create(address, "give", "an address")], "an address");
    netlink
}

/// Sends frames of 1,000 bytes.
fn flood(frames: usize) {
    let socket = UdpSocket::bind("10.0.0.1:0").expect("a socket");
    for _ in 0..frames {
        // What a discipline drops at once may be told to the sender.
        let _ = socket.send_to(&[0; 1000 - 14 - 20 - 8], "10.0.0.2:9");
    }
}

fn counters(netlink: &mut Netlink) -> KernelCounters {
    disciplines::read(netlink).expect("disciplines")[&INDEX].counters().expect("a root")
}

fn dropped(kind: &str, frames: u64) -> BTreeMap<String, Dropped> {
    BTreeMap::from([(kind.to_owned(), Dropped { frames })])
}

#[test]
fn privileged_a_frame_is_held_delivered_or_dropped_and_counted_once() {
    on_a_stock_kernel("privileged_a_frame_is_held_delivered_or_dropped_and_counted_once", || {
        let mut netlink = silent_interface();
        let short = NetemParameters { limit: 3, ..of(r#"{"delay": "100 s"}"#).netem };
        for (egress, delivered, held, dropped) in [
            (of(r#"{"corrupt": "1 %"}"#), 10, 0, BTreeMap::new()),
            (of(r#"{"delay": "100 s"}"#), 0, 10, BTreeMap::new()),
            (of(r#"{"loss": "100 %"}"#), 0, 0, dropped("netem", 10)),
            (of(r#"{"loss": "100 %", "rate": "1 Mbit/s", "queue": "codel"}"#), 0, 0, dropped("netem", 10)),
            (of(r#"{"delay": "100 s", "rate": "1 Mbit/s", "queue": "codel"}"#), 0, 10, BTreeMap::new()),
            (Egress { netem: short, shaper: None }, 0, 3, dropped("netem", 7)),
        ] {
            send(&mut netlink, egress.create(INDEX, ""), "create");
            flood(10);
            let found = counters(&mut netlink);
            assert_eq!((found.delivered.frames, found.held.frames), (delivered, held), "{egress:?}");
            assert_eq!(found.delivered.bytes + found.held.bytes, 1000 * (delivered + held), "{egress:?}");
            assert_eq!(found.dropped, dropped, "{egress:?}");
            send(&mut netlink, vec![Egress::remove(INDEX, "")], "remove");
        }
    });
}

#[test]
fn privileged_what_a_managed_queue_drops_is_its_own() {
    on_a_stock_kernel("privileged_what_a_managed_queue_drops_is_its_own", || {
        let mut netlink = silent_interface();
        for (queue, kind) in [
            (r#""codel""#, "codel"),
            (r#"{"kind": "red", "min": "2 kB", "max": "4 kB", "probability": "50 %"}"#, "red"),
        ] {
            let text = format!(r#"{{"rate": "1 Mbit/s", "limit": "5 frames", "queue": {queue}}}"#);
            let egress = of(&text);
            // netem has room for what the queue has not.
            let egress = Egress { netem: NetemParameters { limit: 1000, ..egress.netem }, ..egress };
            send(&mut netlink, egress.create(INDEX, ""), &text);
            flood(40);
            let deadline = Instant::now() + Duration::from_secs(30);
            let found = loop {
                let found = counters(&mut netlink);
                if found.held.frames == 0 {
                    break found;
                }
                assert!(Instant::now() < deadline, "{text}: {found:?}");
                std::thread::yield_now();
            };
            let lost = found.dropped.get(kind).copied().unwrap_or_default().frames;
            assert!(lost > 0 && found.dropped == dropped(kind, lost), "{text}: {found:?}");
            assert_eq!(found.delivered.frames + lost, 40, "{text}: {found:?}");
            send(&mut netlink, vec![Egress::remove(INDEX, "")], &text);
        }
    });
}

#[test]
fn privileged_frames_under_way_stay_when_conditions_change() {
    on_a_stock_kernel("privileged_frames_under_way_stay_when_conditions_change", || {
        let mut netlink = silent_interface();
        for shaper in ["", r#", "rate": "1 Mbit/s", "queue": "codel""#] {
            let before = of(&format!(r#"{{"delay": "100 s"{shaper}}}"#));
            let after = of(&format!(r#"{{"delay": "200 s", "loss": "100 %"{shaper}}}"#));
            send(&mut netlink, before.create(INDEX, ""), "create");
            flood(4);
            send(&mut netlink, after.change(&before, INDEX, ""), "change");
            flood(3);
            let found = counters(&mut netlink);
            assert_eq!((found.held.frames, found.dropped), (4, dropped("netem", 3)), "{shaper}");
            send(&mut netlink, vec![Egress::remove(INDEX, "")], "remove");
        }
    });
}
