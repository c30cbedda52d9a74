//! The transmitter that plays a trace.

use std::sync::Arc;

use proptest::prelude::*;
use rackless_link::{Conditions, Direction, Limit, Time, Trace};

use crate::probe::{MS, Probe, cases, conditions, drain, send};

/// Returns when each packet is delivered, by walking through all opportunities from the first.
fn walk(trace: &[u64], packets: &[(Time, usize)]) -> Vec<Time> {
    let length = trace.last().unwrap();
    let mut delivered = Vec::new();
    let mut left_of_first = None;
    for pass in 0.. {
        for ms in trace {
            let at = (pass * length + ms) * MS;
            let mut room = 1504;
            while room > 0 {
                let Some(&(arrived, len)) = packets.get(delivered.len()) else { return delivered };
                if arrived >= at {
                    break;
                }
                let left = left_of_first.unwrap_or(len - 14 + 4);
                let used = room.min(left);
                room -= used;
                left_of_first = (left > used).then(|| left - used);
                if left == used {
                    delivered.push(at);
                }
            }
        }
    }
    unreachable!("a trace repeats for ever")
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn packets_use_the_opportunities_that_come_after_them(
        gaps_ms in prop::collection::vec(0..20u64, 1..30),
        packets in prop::collection::vec((0..30_000_000_000u64, any::<bool>(), 14..5_000usize), 1..40),
    ) {
        let mut times: Vec<u64> = gaps_ms.iter().scan(0, |sum, gap| { *sum += gap; Some(*sum) }).collect();
        *times.last_mut().unwrap() += 1;
        // Half of them arrive at the very moment of an opportunity.
        let packets: Vec<(Time, usize)> = packets.iter().scan(0, |now, &(gap, whole, len)| {
            *now += gap;
            if whole {
                *now -= *now % MS;
            }
            Some((*now, len))
        }).collect();
        let conditions = Conditions {
            trace: Some(Arc::new(Trace::new(times.clone()).unwrap())),
            limit: Some(Limit::Frames(1_000)),
            ..Conditions::default()
        };
        let mut direction = Direction::new(&conditions, 0, 0);
        for (id, &(at, len)) in packets.iter().enumerate() {
            direction.offer(Probe::new(id, len), at);
        }
        let delivered: Vec<Time> = drain(&mut direction).iter().map(|(_, due)| *due).collect();
        prop_assert_eq!(delivered, walk(&times, &packets));
    }
}

#[test]
fn a_full_packet_takes_one_opportunity() {
    let mut direction = Direction::new(&conditions("trace = [2, 3, 3, 10]"), 0, MS);
    (0..5).for_each(|id| direction.offer(Probe::new(id, 1514), MS));
    let times: Vec<Time> = drain(&mut direction).iter().map(|(_, due)| *due / MS).collect();
    // It starts with the direction, and again after its last line.
    assert_eq!(times, [3, 4, 4, 11, 13]);
}

#[test]
fn a_long_silence_costs_no_time_to_skip() {
    let hour = 3_600_000 * MS;
    let arrived = send("trace = [1]", 0, 5, hour);
    assert!(arrived.iter().all(|(probe, due)| *due == probe.id as Time * hour + MS));
}

#[test]
fn the_end_of_time_is_reached_without_an_overflow() {
    let mut direction = Direction::new(&conditions("trace = [1, 18446744073]"), 0, u64::MAX - 10);
    direction.offer(Probe::new(0, 60), u64::MAX - 9);
    assert_eq!(direction.take_due(u64::MAX).map(|(_, due)| due), Some(u64::MAX));
}
