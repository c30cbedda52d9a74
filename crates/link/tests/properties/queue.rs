//! Limits, RED and CoDel.

use proptest::prelude::*;
use rackless_link::{Conditions, Count, Counters, Direction, DropReason, Limit, Time};

use crate::probe::{MS, Probe, SECOND, assert_near, cases, conditions, drain};

/// Returns how many frames were dropped for a reason.
fn dropped(counters: &Counters, reason: DropReason) -> u64 {
    counters.dropped.of(reason).frames
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_queue_holds_its_limit_beside_the_frame_that_is_sent(limit in 0..100u64, burst in 1..200u64) {
        let conditions = Conditions { limit: Some(Limit::Frames(limit)), ..conditions("rate = \"8 Mbit/s\"") };
        let mut direction = Direction::new(&conditions, 0, 0);
        (0..burst).for_each(|id| direction.offer(Probe::new(id as usize, 1000), 0));
        let kept = burst.min(limit + 1);
        prop_assert_eq!(direction.queued().frames, kept - 1);
        prop_assert_eq!(dropped(direction.counters(), DropReason::QueueFull), burst - kept);
        // The last are dropped, and each that leaves makes room.
        let ids: Vec<usize> = drain(&mut direction).iter().map(|(probe, _)| probe.id).collect();
        prop_assert_eq!(ids, (0..kept as usize).collect::<Vec<_>>());
    }

    #[test]
    fn a_queue_never_holds_more_bytes_than_its_limit(
        limit in 0..20_000u64, lens in prop::collection::vec(60..1514usize, 1..100),
    ) {
        let text = format!("rate = \"1 Mbit/s\"\nlimit = \"{limit} B\"");
        let mut direction = Direction::new(&conditions(&text), 0, 0);
        let mut waiting = 0;
        for (id, &len) in lens.iter().enumerate() {
            direction.offer(Probe::new(id, len), 0);
            if id > 0 && waiting + len as u64 <= limit {
                waiting += len as u64;
            }
            prop_assert_eq!(direction.queued().bytes, waiting);
        }
    }
}

#[test]
fn room_comes_back_as_frames_are_sent() {
    let mut direction = Direction::new(&conditions("rate = \"8 Mbit/s\"\nlimit = \"1 frame\""), 0, 0);
    direction.offer(Probe::new(0, 1000), 0);
    direction.offer(Probe::new(1, 1000), 0);
    direction.offer(Probe::new(2, 1000), MS - 1);
    direction.offer(Probe::new(3, 1000), MS);
    let ids: Vec<usize> = drain(&mut direction).iter().map(|(probe, _)| probe.id).collect();
    assert_eq!(ids, [0, 1, 3]);
}

/// Keeps `waiting_bytes` in the queue for a long time, and returns what share of the frames was not chosen, and what
/// became of the rest, once the mean has settled.
fn under_standing_queue(text: &str, waiting_bytes: u64, ect: bool) -> (f64, f64, Counters) {
    let mut direction = Direction::new(&conditions(text), 11, 0);
    let run = |direction: &mut Direction<Probe>, rounds: std::ops::Range<u64>| {
        for round in rounds {
            while direction.take_due(round * MS).is_some() {}
            for id in 0..1_000 {
                if direction.queued().bytes >= waiting_bytes {
                    break;
                }
                direction.offer(Probe { ect, ..Probe::new(id, 1000) }, round * MS);
            }
        }
    };
    run(&mut direction, 0..20_000);
    let settled = *direction.counters();
    run(&mut direction, 20_000..60_000);
    let counters = *direction.counters();
    let offered = (counters.offered.frames - settled.offered.frames) as f64;
    let red = (dropped(&counters, DropReason::Red) - dropped(&settled, DropReason::Red)) as f64;
    let marked = (counters.marked.frames - settled.marked.frames) as f64;
    (red / offered, marked / offered, counters)
}

/// Twenty to sixty frames of 1000 bytes, each sent in 1 ms.
const RED: &str = "rate = \"8 Mbit/s\"\nlimit = \"1000 frames\"\n\
                   queue = { kind = \"red\", min = \"20 kB\", max = \"60 kB\", probability = \"10 %\"";

#[test]
fn red_drops_nothing_below_its_minimum() {
    let (red, _, counters) = under_standing_queue(&format!("{RED} }}"), 15_000, false);
    assert_eq!((red, dropped(&counters, DropReason::QueueFull)), (0.0, 0));
}

/// Returns the share of frames that RED chooses by a chance: gaps between them are uniform from 1 to 1 / chance.
fn chosen(chance: f64) -> f64 {
    let mean_gap: f64 = (0..).map(|kept| 1.0 - f64::from(kept) * chance).take_while(|&left| left > 0.0).sum();
    1.0 / mean_gap
}

#[test]
fn red_drops_by_the_mean_of_its_queue() {
    // The mean is what a frame finds: one less than is kept.
    for (waiting, chance) in [(31_000, 0.025), (41_000, 0.05), (51_000, 0.075), (91_000, 0.1 + 0.9 * 0.5)] {
        let (red, marked, _) = under_standing_queue(&format!("{RED} }}"), waiting, true);
        assert_near(red, chosen(chance), chosen(chance) * 0.04);
        assert_eq!(marked, 0.0);
    }
}

#[test]
fn red_marks_instead_up_to_its_maximum_where_the_transport_understands() {
    let text = format!("{RED}, ecn = true }}");
    let (red, marked, _) = under_standing_queue(&text, 41_000, true);
    assert_eq!(red, 0.0);
    assert_near(marked, chosen(0.05), 0.004);
    let (red, marked, _) = under_standing_queue(&text, 91_000, true);
    assert!(red > 0.5 && marked == 0.0);
    let (red, marked, _) = under_standing_queue(&text, 41_000, false);
    assert!(red > 0.08 && marked == 0.0);
}

#[test]
fn red_lets_a_burst_pass_and_forgets_while_idle() {
    let mut direction = Direction::new(&conditions(&format!("{RED} }}")), 1, 0);
    (0..100).for_each(|id| direction.offer(Probe::new(id, 1000), 0));
    assert_eq!(dropped(direction.counters(), DropReason::Red), 0);
    // The mean would rise with every burst, but for the idle time between.
    for burst in 1..50 {
        (0..100).for_each(|id| direction.offer(Probe::new(id, 1000), burst * 10 * SECOND));
    }
    assert_eq!(dropped(direction.counters(), DropReason::Red), 0);
}

const CODEL: &str = "rate = \"8 Mbit/s\"\nlimit = \"100000 frames\"\nqueue";

/// Offers frames that take 1 ms each, one each `gap`, and returns the times of drops.
fn codel_drops(direction: &mut Direction<Probe>, gap: Time, from: Time, to: Time) -> Vec<Time> {
    let mut drops = Vec::new();
    let mut seen = dropped(direction.counters(), DropReason::CoDel);
    for now in (from..to).step_by(gap as usize) {
        direction.offer(Probe::new(0, 1000), now);
        while direction.take_due(now).is_some() {}
        let dropped = dropped(direction.counters(), DropReason::CoDel);
        drops.extend((seen..dropped).map(|_| now));
        seen = dropped;
    }
    drops
}

#[test]
fn codel_leaves_a_queue_alone_that_drains_in_time() {
    let mut direction = Direction::new(&conditions(&format!("{CODEL} = \"codel\"")), 0, 0);
    assert_eq!(codel_drops(&mut direction, MS, 0, 10 * SECOND), [0; 0]);
    // Bursts of 50 ms with time to drain wait longer than the target, but not for an interval.
    for burst in 0..20 {
        let start = 10 * SECOND + burst * 200 * MS;
        (0..50).for_each(|id| direction.offer(Probe::new(id, 1000), start));
        direction.take_due(start + 100 * MS);
    }
    drain(&mut direction);
    assert_eq!(dropped(direction.counters(), DropReason::CoDel), 0);
}

#[test]
fn no_more_is_held_than_the_bound_and_what_comes_later_passes() {
    for (most, held) in [
        (Count { frames: 10, bytes: u64::MAX }, 10),
        (Count { frames: u64::MAX, bytes: 4_500 }, 5), // it is asked before a frame of 1,000 bytes comes
    ] {
        let mut direction = Direction::new(&conditions("delay = \"1 s\""), 0, 0).bounded(most);
        (0..100).for_each(|id| direction.offer(Probe::new(id, 1000), 0));
        assert_eq!(
            (direction.held().frames, dropped(direction.counters(), DropReason::Overflow)),
            (held, 100 - held)
        );
        assert_eq!(drain(&mut direction).len() as u64, held);
        direction.offer(Probe::new(100, 1000), SECOND);
        assert_eq!(drain(&mut direction).len(), 1);
    }
}

#[test]
fn codel_drops_after_an_interval_and_then_ever_faster() {
    let mut direction = Direction::new(&conditions(&format!("{CODEL} = \"codel\"")), 0, 0);
    let drops = codel_drops(&mut direction, MS / 2, 0, 2 * SECOND);
    // Two frames a ms wait: the target of 5 ms is passed at 10 ms, and 100 ms later the first is dropped.
    assert_near(drops[0] as f64 / MS as f64, 110.0, 3.0);
    for (count, pair) in drops.windows(2).enumerate().take(40) {
        let gap = (pair[1] - pair[0]) as f64 / MS as f64;
        assert_near(gap, 100.0 / (count as f64 + 1.0).sqrt(), 1.5);
    }
}

#[test]
fn codel_stops_when_the_queue_is_short_and_goes_on_where_it_ended() {
    let mut direction = Direction::new(&conditions(&format!("{CODEL} = \"codel\"")), 0, 0);
    let before = codel_drops(&mut direction, MS / 2, 0, SECOND);
    let drained = drain(&mut direction).last().unwrap().1;
    assert_eq!(codel_drops(&mut direction, MS, drained, drained + 500 * MS), [0; 0]);
    let again = codel_drops(&mut direction, MS / 2, drained + 500 * MS, drained + SECOND);
    // The gap after the first drop is that of the count it had reached, not a whole interval.
    assert!(again[1] - again[0] < 100 * MS / 2, "{before:?} {again:?}");
}

#[test]
fn codel_marks_instead_where_the_transport_understands() {
    let text = format!("{CODEL} = {{ kind = \"codel\", ecn = true }}");
    let mut direction = Direction::new(&conditions(&text), 0, 0);
    for id in 0..4_000 {
        direction.offer(Probe { ect: id % 2 == 0, ..Probe::new(id, 1000) }, id as Time * MS / 2);
    }
    let arrived = drain(&mut direction);
    let marked = arrived.iter().filter(|(probe, _)| probe.marked).count() as u64;
    assert!(marked > 10 && direction.counters().marked.frames == marked);
    let dropped = dropped(direction.counters(), DropReason::CoDel);
    assert!(dropped > 10 && arrived.len() as u64 + dropped == 4_000);
}
