//! Loss, doubles and damage.

use rackless_link::{Direction, DropReason, Time};

use crate::probe::{Probe, assert_near, assert_share, conditions, drain, send};

const COUNT: usize = 100_000;

/// Enough that the number of bursts is no matter of luck.
const BURSTY_COUNT: usize = 2_000_000;

/// Says for each frame whether it was lost.
fn lost(text: &str, seed: u64) -> Vec<bool> {
    lost_of(COUNT, text, seed)
}

fn lost_of(count: usize, text: &str, seed: u64) -> Vec<bool> {
    let mut direction = Direction::new(&conditions(text), seed, 0);
    let mut lost = vec![true; count];
    for id in 0..count {
        direction.offer(Probe::new(id, 1000), id as Time);
        while let Some((probe, _)) = direction.take_due(id as Time) {
            lost[probe.id] = false;
        }
    }
    drain(&mut direction).into_iter().for_each(|(probe, _)| lost[probe.id] = false);
    lost
}

fn hits(flags: &[bool]) -> usize {
    flags.iter().filter(|&&flag| flag).count()
}

/// Returns how many pairs of neighbours are both set.
fn pairs(flags: &[bool]) -> usize {
    flags.windows(2).filter(|pair| pair[0] && pair[1]).count()
}

/// Returns the mean length of a run of set flags.
fn mean_run(flags: &[bool]) -> f64 {
    let starts = flags.windows(2).filter(|pair| !pair[0] && pair[1]).count() + usize::from(flags[0]);
    hits(flags) as f64 / starts as f64
}

#[test]
fn frames_are_lost_as_often_as_said() {
    for (seed, percent) in [(1, 0.1), (2, 1.0), (3, 33.0), (4, 99.0)] {
        let lost = lost(&format!("loss = \"{percent} %\""), seed);
        assert_share(hits(&lost), COUNT, percent / 100.0, 1.0);
        assert_share(pairs(&lost), COUNT, (percent / 100.0).powi(2), 2.0);
    }
    assert_eq!(hits(&lost("loss = \"0 %\"", 1)), 0);
    assert_eq!(hits(&lost("loss = \"100 %\"", 1)), COUNT);
}

#[test]
fn correlation_leaves_the_loss_as_it_is_and_joins_neighbours() {
    for (seed, percent, correlation) in [(1, 0.3, 0.25), (2, 10.0, 0.5), (3, 50.0, 0.9)] {
        let text = format!(
            "loss = {{ probability = \"{percent} %\", correlation = \"{} %\" }}",
            correlation * 100.0
        );
        let lost = lost(&text, seed);
        let (share, after_loss) = (percent / 100.0, correlation + (1.0 - correlation) * percent / 100.0);
        // Runs of one fate make the sample as good as one of this many times fewer frames.
        let runs: f64 = (1.0 + correlation) / (1.0 - correlation);
        assert_share(hits(&lost), COUNT, share, runs.sqrt());
        assert_share(pairs(&lost), hits(&lost), after_loss, runs.sqrt());
    }
}

#[test]
fn bursts_are_as_frequent_and_as_long_as_gilbert_says() {
    for (seed, p, r) in [(1, 1.0, 25.0), (2, 5.0, 50.0), (3, 0.5, 10.0)] {
        let lost = lost_of(BURSTY_COUNT, &format!("loss = {{ p = \"{p} %\", r = \"{r} %\" }}"), seed);
        let (share, length) = (p / (p + r), 100.0 / r);
        assert_near(hits(&lost) as f64 / BURSTY_COUNT as f64, share, share * 0.06);
        assert_near(mean_run(&lost), length, length * 0.05);
    }
}

#[test]
fn each_state_loses_as_elliott_says() {
    let text = "loss = { p = \"2 %\", r = \"8 %\", loss_good = \"1 %\", loss_bad = \"60 %\" }";
    let lost = lost_of(BURSTY_COUNT, text, 9);
    let share = 0.8 * 0.01 + 0.2 * 0.6;
    assert_near(hits(&lost) as f64 / BURSTY_COUNT as f64, share, share * 0.04);
    // The state stays for the next frame: bad behind a loss in a bad state, but for 8 %.
    let bad_behind = 0.2 * 0.6 / share * 0.92 + 0.8 * 0.01 / share * 0.02;
    let after_loss = bad_behind * 0.6 + (1.0 - bad_behind) * 0.01;
    assert_near(pairs(&lost) as f64 / hits(&lost) as f64, after_loss, after_loss * 0.04);
}

#[test]
fn a_double_comes_right_behind_its_frame_at_the_same_time() {
    let arrived = send("duplicate = \"5 %\"\ndelay = \"1 ms\"", 1, COUNT, 10);
    let doubles = arrived.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert_eq!(arrived.len(), COUNT + doubles);
    assert_share(doubles, COUNT, 0.05, 1.0);
}

#[test]
fn a_lost_frame_has_no_double() {
    let mut direction = Direction::new(&conditions("duplicate = \"100 %\"\nloss = \"40 %\""), 1, 0);
    (0..1_000).for_each(|id| direction.offer(Probe::new(id, 60), id as Time));
    let arrived = drain(&mut direction);
    let counters = direction.counters();
    assert_eq!(arrived.len() as u64, 2 * counters.duplicated.frames);
    assert_eq!(counters.duplicated.frames + counters.dropped.of(DropReason::Loss).frames, 1_000);
}

#[test]
fn damage_flips_exactly_one_bit_and_any() {
    let mut direction = Direction::new(&conditions("corrupt = \"100 %\""), 3, 0);
    let mut hit = [false; 8 * 64];
    for _ in 0..20_000 {
        direction.offer(vec![0; 64], 0);
        let (frame, _) = direction.take_due(0).unwrap();
        let bits: Vec<usize> =
            (0..hit.len()).filter(|bit| frame[bit / 8] >> (7 - bit % 8) & 1 == 1).collect();
        assert_eq!(bits.len(), 1);
        hit[bits[0]] = true;
    }
    assert!(hit.iter().all(|&hit| hit));
    assert_eq!(direction.counters().corrupted.frames, 20_000);
}

#[test]
fn frames_are_damaged_as_often_as_said_and_doubles_on_their_own() {
    let arrived = send("corrupt = \"10 %\"\nduplicate = \"100 %\"", 5, COUNT, 0);
    let damaged: Vec<bool> = arrived.iter().map(|(probe, _)| !probe.flipped.is_empty()).collect();
    assert_share(hits(&damaged), 2 * COUNT, 0.1, 1.0);
    let both = damaged.chunks(2).filter(|pair| pair[0] && pair[1]).count();
    assert_share(both, COUNT, 0.01, 1.0);
}

#[test]
fn one_fault_does_not_change_what_another_does() {
    let alone = lost("loss = \"10 %\"", 8);
    let text =
        "loss = \"10 %\"\nduplicate = \"10 %\"\ncorrupt = \"20 %\"\ndelay = \"1 ms\"\njitter = \"1 ms\"";
    assert_eq!(lost(text, 8), alone);
    assert_ne!(lost("loss = \"10 %\"", 9), alone);
}
