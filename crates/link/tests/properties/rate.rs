//! The transmitter at a rate.

use proptest::prelude::*;
use rackless_link::units::{Rate, Size};
use rackless_link::{Conditions, Direction, Layer, Limit, Time};

use crate::probe::{MS, Probe, SECOND, cases, conditions, drain, send};

fn layer() -> impl Strategy<Value = Layer> {
    prop_oneof![Just(Layer::L1), Just(Layer::L2), Just(Layer::L3)]
}

/// Bytes of a frame that count, by the definition of each layer.
fn counted(layer: Layer, len: usize) -> u128 {
    match layer {
        Layer::L1 => len.max(60) as u128 + 24,
        Layer::L2 => len as u128,
        Layer::L3 => len as u128 - 14,
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn every_frame_of_a_burst_ends_at_the_exact_picosecond(
        layer in layer(), bits in 1..64u32, step in any::<u64>(), lens in prop::collection::vec(14..9_000usize, 1..200),
    ) {
        // Not so slow that the burst takes longer than there is time.
        let rate = (step >> (64 - bits)).max(100_000);
        let conditions = Conditions {
            rate: Some(Rate::from_bits_per_second(rate)),
            layer,
            limit: Some(Limit::Frames(1_000)),
            ..Conditions::default()
        };
        let mut direction = Direction::new(&conditions, 0, 0);
        for (id, &len) in lens.iter().enumerate() {
            direction.offer(Probe::new(id, len), 5);
        }
        let mut bytes = 0;
        for (probe, due) in drain(&mut direction) {
            bytes += counted(layer, probe.len);
            let exact = bytes * 8 * u128::from(SECOND) / u128::from(rate);
            // Very fast rates round no burst to its start: frames of it keep their sum exact.
            prop_assert_eq!(u128::from(due), 5 + exact);
        }
    }
}

#[test]
fn a_rate_is_exact_for_hours() {
    let mut direction = Direction::new(&conditions("rate = \"7 Mbit/s\"\nlimit = \"2 frames\""), 0, 0);
    let mut last = 0;
    for id in 0..1_000_000 {
        direction.offer(Probe::new(id, 1500), last);
        // The transmitter is never idle: each frame comes just as the one before ends.
        let due = direction.next_due().unwrap();
        (_, last) = direction.take_due(due).unwrap();
    }
    // 12,000 bits are 1714285714.285… ps.
    assert_eq!(last, 12_000 * SECOND / 7);
}

#[test]
fn an_idle_transmitter_begins_at_once() {
    let times: Vec<Time> =
        send("rate = \"8 Mbit/s\"", 0, 3, 5 * MS).into_iter().map(|(_, due)| due).collect();
    assert_eq!(times, [MS, 6 * MS, 11 * MS]);
}

#[test]
fn segments_are_sent_as_the_frames_that_they_become() {
    let done = |layer: &str| {
        let text = format!("rate = \"8 Mbit/s\"\nlayer = \"{layer}\"");
        let mut direction = Direction::new(&conditions(&text), 0, 0);
        direction.offer(Probe { segments: 3, ..Probe::new(0, 3_000) }, 0);
        assert_eq!(direction.counters().offered.frames, 3);
        drain(&mut direction)[0].1
    };
    assert_eq!([done("L1"), done("L2"), done("L3")], [3_072_000_000, 3 * MS, 2_958_000_000]);
}

#[test]
fn a_packet_longer_than_the_mtu_is_dropped_by_its_longest_segment() {
    let mut direction = Direction::new(&conditions("mtu = 1500"), 0, 0);
    direction.offer(Probe::new(0, 1514), 0);
    direction.offer(Probe::new(1, 1515), 0);
    direction.offer(Probe { segments: 2, ..Probe::new(2, 3028) }, 0);
    let ids: Vec<usize> = drain(&mut direction).iter().map(|(probe, _)| probe.id).collect();
    assert_eq!(ids, [0, 2]);
    let tagged = [&[0; 12][..], &[0x81, 0, 0, 7, 0x08, 0], &[0; 1500]].concat();
    let mut direction = Direction::new(&conditions("mtu = 1500"), 0, 0);
    direction.offer(tagged, 0);
    assert_eq!(drain(&mut direction).len(), 1);
}

#[test]
fn a_rate_of_zero_sends_nothing_until_it_changes() {
    let stopped = Conditions { rate: Some(Rate::default()), ..Conditions::default() };
    let mut direction = Direction::new(&stopped, 0, 0);
    direction.offer(Probe::new(0, 1000), 0);
    assert_eq!((direction.next_due(), direction.take_due(SECOND)), (None, None));
    direction.change(&conditions("rate = \"8 Mbit/s\""), SECOND);
    assert_eq!(drain(&mut direction)[0].1, SECOND + MS);
}

#[test]
fn frames_of_megabytes_at_exabits_do_not_overflow() {
    let conditions = Conditions {
        rate: Some(Rate::from_bits_per_second(u64::MAX)),
        limit: Some(Limit::Bytes(Size::from_bytes(u64::MAX))),
        ..Conditions::default()
    };
    let mut direction = Direction::new(&conditions, 0, 0);
    (0..4).for_each(|id| direction.offer(Probe::new(id, 1 << 40), 0));
    let exact = (4_u128 << 43) * u128::from(SECOND) / u128::from(u64::MAX);
    assert_eq!(u128::from(drain(&mut direction)[3].1), exact);
}
