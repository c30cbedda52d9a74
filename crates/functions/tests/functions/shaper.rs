//! The shaper: its rate, its queue, its order.

use proptest::prelude::*;
use rackless_functions::{Shaper, ShaperConfig};
use rackless_nf::{GraphBuilder, Harness, Time, time};

fn lab(config: &str) -> Harness {
    let shaper = Shaper::new(toml::from_str(config).unwrap());
    Harness::new(GraphBuilder::new().node("shaper", shaper), &["a", "b"]).unwrap()
}

/// When each frame leaves `b`, to the microsecond, over a time.
fn departures(lab: &mut Harness, over: Time) -> Vec<(Time, Vec<u8>)> {
    let end = lab.now() + over;
    let mut seen = Vec::new();
    while lab.now() < end {
        lab.advance(time::MICROSECOND);
        let now = lab.now();
        seen.extend(lab.received("b").into_iter().map(|frame| (now, frame)));
    }
    seen
}

#[test]
fn frames_leave_at_the_rate_to_the_microsecond() {
    let mut lab = lab("rate = '8 Mbit/s'\nburst = '1000 B'");
    for number in 0..10_u8 {
        lab.send("a", &vec![number; 1000]);
    }
    assert_eq!(lab.received("b"), [vec![0; 1000]], "the burst leaves at once");
    let seen = departures(&mut lab, 10 * time::MILLISECOND);
    let expected: Vec<_> =
        (1..10_u8).map(|number| (u64::from(number) * time::MILLISECOND, vec![number; 1000])).collect();
    assert_eq!(seen, expected, "then a frame of 8,000 bits each millisecond, in order");
}

#[test]
fn what_does_not_fit_into_the_queue_is_dropped_from_its_tail() {
    let mut lab = lab("rate = '8 Mbit/s'\nburst = '1000 B'\nqueue = '3000 B'");
    for number in 0..10_u8 {
        lab.send("a", &vec![number; 1000]);
    }
    assert_eq!(lab.drops("shaper", "shaper queue full"), 6);
    assert_eq!(lab.nodes()[0].held, 3);
    lab.advance(time::SECOND);
    let numbers: Vec<u8> = lab.received("b").iter().map(|frame| frame[0]).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    lab.send("a", &[0; 1001]);
    assert_eq!(lab.drops("shaper", "frame longer than the burst"), 1);
}

#[test]
fn directions_do_not_share_a_rate() {
    let mut lab = lab("rate = '8 Mbit/s'\nburst = '1000 B'");
    lab.send("a", &[1; 1000]);
    lab.send("b", &[2; 1000]);
    assert_eq!((lab.received("a").len(), lab.received("b").len()), (1, 1));
}

proptest! {
    #[test]
    fn never_more_than_burst_and_rate_and_never_idle_with_a_queue(
        arrivals in prop::collection::vec((0..2_000_u64, 1..1500_usize), 1..60),
    ) {
        // 1 bit per microsecond and 1,514 bytes of burst.
        let mut lab = lab("rate = '1 Mbit/s'\nburst = '1514 B'\nqueue = '1 MiB'");
        let (mut bits, mut arrived) = (0, 0);
        for (wait_us, len) in arrivals {
            lab.advance(wait_us * time::MICROSECOND);
            lab.send("a", &vec![0; len]);
            arrived += 8 * len as u64;
            bits += lab.received("b").iter().map(|frame| 8 * frame.len() as u64).sum::<u64>();
            let elapsed_us = lab.now() / time::MICROSECOND;
            prop_assert!(bits <= 8 * 1514 + elapsed_us);
            // With a queue, less than a frame's worth of the rate since the start is left unused.
            if lab.nodes()[0].held > 0 {
                prop_assert!(bits + 8 * 1514 > arrived.min(elapsed_us));
            }
        }
        lab.advance(10 * time::SECOND);
        bits += lab.received("b").iter().map(|frame| 8 * frame.len() as u64).sum::<u64>();
        prop_assert_eq!(bits, arrived);
    }
}

#[test]
fn a_shaper_of_one_way_leads_from_its_input_to_its_output() {
    let config: ShaperConfig = toml::from_str("rate = '8 kbit/s'\nburst = '100 B'").unwrap();
    let graph = GraphBuilder::new().node("shaper", Shaper::one_way(config));
    let mut lab = Harness::new(graph.wire("rx:a -> shaper -> tx:b").unwrap(), &["a", "b"]).unwrap();
    lab.send("a", &[1; 100]);
    lab.send("a", &[2; 100]);
    assert_eq!(lab.received("b"), [[1; 100]]);
    lab.advance(100 * time::MILLISECOND);
    assert_eq!(lab.received("b"), [[2; 100]]);
}
