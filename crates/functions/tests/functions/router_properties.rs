//! Whatever comes in: no panic, every packet accounted for, correct checksums stay correct.

use proptest::prelude::*;
use rackless_nf::{GraphBuilder, Harness, time};
use rackless_packet::strategy::{any_frame, arp_frame, frame, malformed};
use rackless_packet::{L3Kind, Layout, checksum};

use crate::lab::{PORTS, config};

const FILE: &str = r#"
[[route]]
prefix = "::/0"
via = ["fd00:b::1", "fd00:b::2", "fe80::1%a"]

[[route]]
prefix = "0.0.0.0/0"
via = ["10.0.2.1"]

[neighbours]
count = 8
queue = 2
"#;

/// What happens to a frame on its way into the test: addresses that mean something to the router.
#[derive(Clone, Debug)]
struct Aim {
    port: usize,
    to_router: bool,
    src: Option<usize>,
    dst: Option<usize>,
    hops: Option<u8>,
    wait_ms: u64,
}

const V6: [&str; 7] =
    ["fd00:a::fe", "fd00:b::fe", "fd00:a::1", "fd00:b::1", "fd00:b::2", "2001:db8::1", "fe80::ff:fe00:1"];
const V4: [[u8; 4]; 7] = [
    [10, 0, 1, 254],
    [10, 0, 2, 254],
    [10, 0, 1, 1],
    [10, 0, 2, 1],
    [10, 0, 2, 9],
    [192, 0, 2, 1],
    [10, 0, 2, 255],
];

fn aim() -> impl Strategy<Value = Aim> {
    let address = || prop::option::weighted(0.7, 0..7_usize);
    let hops = prop::option::weighted(0.3, 0..3_u8);
    (0..2_usize, prop::bool::weighted(0.8), address(), address(), hops, 0..900_u64).prop_map(
        |(port, to_router, src, dst, hops, wait_ms)| Aim { port, to_router, src, dst, hops, wait_ms },
    )
}

/// Writes the addresses into the frame and makes its checksums right if they were.
fn apply(aim: &Aim, frame: &mut [u8]) {
    let was_right = !matches!(checksum::verify(frame), checksum::Verdict::Wrong { .. });
    let layout = Layout::scan(frame);
    if aim.to_router && frame.len() >= 6 {
        frame[..6].copy_from_slice(&Harness::mac(aim.port).0);
    }
    let Some(l3) = layout.l3 else { return };
    let header = &mut frame[usize::from(l3.offset)..];
    let v6 = |index: usize| V6[index].parse::<std::net::Ipv6Addr>().unwrap().octets();
    match l3.kind {
        L3Kind::Ipv6 => {
            aim.src.inspect(|src| header[8..24].copy_from_slice(&v6(*src)));
            aim.dst.inspect(|dst| header[24..40].copy_from_slice(&v6(*dst)));
            aim.hops.inspect(|hops| header[7] = *hops);
        }
        L3Kind::Ipv4 => {
            aim.src.inspect(|src| header[12..16].copy_from_slice(&V4[*src]));
            aim.dst.inspect(|dst| header[16..20].copy_from_slice(&V4[*dst]));
            aim.hops.inspect(|hops| header[8] = *hops);
        }
        L3Kind::Arp => {
            aim.src.inspect(|src| header[14..18].copy_from_slice(&V4[*src]));
            aim.dst.inspect(|dst| header[24..28].copy_from_slice(&V4[*dst]));
        }
    }
    if was_right {
        let _ = checksum::fill(frame);
    }
}

fn run(frames: Vec<(Vec<u8>, Aim)>) -> Vec<Vec<u8>> {
    let router = rackless_functions::Router::new(config(FILE)).unwrap();
    let mut lab = Harness::new(GraphBuilder::new().node("router", router), &PORTS).unwrap();
    let mut out = Vec::new();
    for (mut frame, aim) in frames {
        apply(&aim, &mut frame);
        lab.send(PORTS[aim.port], &frame);
        lab.advance(aim.wait_ms * time::MILLISECOND);
        out.extend(lab.received("a"));
        out.extend(lab.received("b"));
    }
    lab.advance(10 * time::SECOND);
    assert_eq!(lab.nodes()[0].held, 0, "who waits is sent or dropped in the end");
    out.extend(lab.received("a"));
    out.extend(lab.received("b"));
    out
}

proptest! {
    #[test]
    fn well_formed_frames_are_accounted_for_and_keep_correct_checksums(
        frames in prop::collection::vec((prop_oneof![3 => frame(), 1 => arp_frame()], aim()), 1..20),
    ) {
        for frame in run(frames) {
            prop_assert!(Layout::scan(&frame).l3.is_some());
        }
    }

    #[test]
    fn frames_of_any_bytes_are_accounted_for(
        frames in prop::collection::vec((prop_oneof![any_frame(), malformed()], aim()), 1..20),
    ) {
        run(frames);
    }

    #[test]
    fn the_same_frames_give_the_same_frames(
        frames in prop::collection::vec((frame(), aim()), 1..12),
    ) {
        prop_assert_eq!(run(frames.clone()), run(frames));
    }
}
