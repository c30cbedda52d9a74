//! Delay, jitter and order.

use rackless_link::{Direction, Time};

use crate::probe::{MS, Probe, SECOND, US, assert_near, assert_share, conditions, drain, send};

const COUNT: usize = 100_000;

/// Returns the delays of frames so far apart that none waits for another, in ms.
fn delays(jitter: &str, seed: u64) -> Vec<f64> {
    let arrived = send(&format!("delay = \"100 ms\"\njitter = {jitter}"), seed, COUNT, SECOND);
    assert_eq!(arrived.len(), COUNT);
    arrived.iter().map(|(probe, due)| (due - probe.id as Time * SECOND) as f64 / MS as f64).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

/// Returns the share of values up to a bound.
fn up_to(values: &[f64], bound: f64) -> f64 {
    values.iter().filter(|&&value| value <= bound).count() as f64 / values.len() as f64
}

#[test]
fn a_delay_is_exact() {
    for (probe, due) in send("delay = \"12345 ps\"", 1, 100, 7) {
        assert_eq!(due, probe.id as Time * 7 + 12_345);
    }
}

#[test]
fn uniform_jitter_fills_its_width_alike() {
    let delays = delays("\"2 ms\"", 1);
    assert_near(mean(&delays), 100.0, 0.02);
    assert_near(deviation(&delays), 2.0 / 3_f64.sqrt(), 0.01);
    assert_eq!((up_to(&delays, 97.999), up_to(&delays, 102.0)), (0.0, 1.0));
    for (bound, share) in [(98.4, 0.1), (99.0, 0.25), (100.0, 0.5), (101.0, 0.75), (101.6, 0.9)] {
        assert_near(up_to(&delays, bound), share, 0.01);
    }
}

#[test]
fn normal_jitter_is_the_bell_curve() {
    let delays = delays("{ spread = \"2 ms\", distribution = \"normal\" }", 2);
    assert_near(mean(&delays), 100.0, 0.03);
    assert_near(deviation(&delays), 2.0, 0.03);
    // The cumulative normal distribution at whole and half deviations.
    for (bound, share) in
        [(96.0, 0.02275), (98.0, 0.15866), (99.0, 0.30854), (101.0, 0.69146), (104.0, 0.97725)]
    {
        assert_near(up_to(&delays, bound), share, 0.01);
    }
}

#[test]
fn pareto_jitter_has_the_tail_of_shape_three() {
    let delays = delays("{ spread = \"2 ms\", distribution = \"pareto\" }", 3);
    assert_near(mean(&delays), 100.0, 0.03);
    assert_near(deviation(&delays), 2.0, 0.1);
    // A value x of the distribution from 1 lies here, and 1 - 1 / x^3 are below it.
    let place = |x: f64| 100.0 + 2.0 * (x - 1.498_046_875) * 1.259_026_967;
    assert_eq!(up_to(&delays, place(0.999)), 0.0);
    for x in [1.1_f64, 1.5, 2.0, 4.0, 8.0] {
        assert_near(up_to(&delays, place(x)), 1.0 - x.powi(-3), 0.005);
    }
    assert_eq!(up_to(&delays, place(16.001)), 1.0);
}

#[test]
fn pareto_normal_jitter_has_its_spread_and_leans_late() {
    let delays = delays("{ spread = \"2 ms\", distribution = \"pareto-normal\" }", 4);
    assert_near(mean(&delays), 100.0, 0.03);
    assert_near(deviation(&delays), 2.0, 0.1);
    assert!(up_to(&delays, 100.0) > 0.6);
}

#[test]
fn correlated_jitter_keeps_its_distribution() {
    let delays = delays("{ spread = \"2 ms\", correlation = \"75 %\" }", 5);
    let (mean, deviation) = (mean(&delays), deviation(&delays));
    assert_near(mean, 100.0, 0.06);
    assert_near(deviation, 2.0 / 3_f64.sqrt(), 0.03);
    let products: f64 = delays.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    assert_near(products / COUNT as f64 / deviation.powi(2), 0.75, 0.02);
}

#[test]
fn a_delay_is_never_below_zero() {
    let arrived = send("delay = \"1 ms\"\njitter = \"50 ms\"", 1, 1_000, SECOND);
    assert!(arrived.iter().all(|(probe, due)| *due >= probe.id as Time * SECOND));
    assert!(arrived.iter().any(|(probe, due)| *due == probe.id as Time * SECOND));
}

#[test]
fn jitter_keeps_the_order() {
    let arrived = send("delay = \"10 ms\"\njitter = \"10 ms\"", 6, COUNT, 10 * US);
    assert!(arrived.iter().enumerate().all(|(index, (probe, _))| probe.id == index));
    assert!(arrived.is_sorted_by_key(|(_, due)| *due));
}

#[test]
fn jitter_lets_frames_overtake_where_that_is_asked() {
    let text = "delay = \"10 ms\"\njitter = { spread = \"10 ms\", overtake = true }";
    let mut direction = Direction::new(&conditions(text), 6, 0);
    (0..COUNT).for_each(|id| direction.offer(Probe::new(id, 60), id as Time * 10 * US));
    let arrived = drain(&mut direction);
    assert!(arrived.is_sorted_by_key(|(_, due)| *due));
    let mut latest = vec![0; COUNT];
    arrived.iter().for_each(|(probe, due)| latest[probe.id] = *due);
    let overtaking = (1..COUNT).filter(|&id| latest[id] < *latest[..id].iter().max().unwrap()).count();
    assert_eq!(direction.counters().reordered.frames, overtaking as u64);
    assert!(overtaking > COUNT / 2);
}

#[test]
fn reordered_frames_skip_the_delay_as_often_as_said() {
    let arrived = send("delay = \"10 ms\"\nreorder = \"25 %\"", 7, COUNT, 10 * US);
    let sent = |probe: &Probe| probe.id as Time * 10 * US;
    let early = arrived.iter().filter(|(probe, due)| *due == sent(probe)).count();
    let normal = arrived.iter().filter(|(probe, due)| *due == sent(probe) + 10 * MS).count();
    assert_eq!(early + normal, COUNT);
    assert_share(early, COUNT, 0.25, 1.0);
}

#[test]
fn every_fifth_frame_is_reordered_with_a_gap_of_five() {
    let text = "delay = \"10 ms\"\nreorder = { probability = \"100 %\", gap = 5 }";
    let mut direction = Direction::new(&conditions(text), 7, 0);
    (0..100).for_each(|id| direction.offer(Probe::new(id, 60), id as Time * US));
    let arrived = drain(&mut direction);
    let ids: Vec<usize> = arrived.iter().map(|(probe, _)| probe.id).collect();
    let expected = (0..100).filter(|id| id % 5 == 4).chain((0..100).filter(|id| id % 5 != 4));
    assert_eq!(ids, expected.collect::<Vec<_>>());
    assert_eq!(direction.counters().reordered.frames, 20);
}

#[test]
fn a_reordered_frame_still_takes_its_time_at_the_transmitter() {
    // 1000 bytes take 1 ms.
    let arrived = send(
        "rate = \"8 Mbit/s\"\ndelay = \"10 ms\"\nreorder = { probability = \"100 %\", gap = 2 }",
        1,
        2,
        0,
    );
    let times: Vec<_> = arrived.iter().map(|(probe, due)| (probe.id, *due)).collect();
    assert_eq!(times, [(1, 2 * MS), (0, 11 * MS)]);
}
