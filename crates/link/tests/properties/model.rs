//! What is true of a direction under any conditions.

use proptest::prelude::*;
use rackless_link::{Conditions, Direction, Time};

use crate::conditions::any_conditions;
use crate::probe::{MS, Probe, SECOND, cases, conditions, drain};

/// Something that happens to a direction, a time after what happened before.
#[derive(Debug, Clone)]
enum Step {
    Offer(usize),
    Take,
    Change(Box<Conditions>),
}

fn steps() -> impl Strategy<Value = Vec<(Time, Step)>> {
    let step = prop_oneof![
        20 => (60..1_600usize).prop_map(Step::Offer),
        6 => Just(Step::Take),
        1 => any_conditions().prop_map(|conditions| Step::Change(Box::new(conditions))),
    ];
    let gap = prop_oneof![2 => Just(0), 4 => 0..2 * MS, 1 => 0..100 * MS];
    prop::collection::vec((gap, step), 1..120)
}

fn probe(id: usize, len: usize) -> Probe {
    Probe { ect: id.is_multiple_of(2), segments: 1 + u32::from(id.is_multiple_of(7)), ..Probe::new(id, len) }
}

fn assert_balance(direction: &Direction<Probe>) -> Result<(), TestCaseError> {
    let counters = direction.counters();
    let mut made = counters.offered;
    made += counters.duplicated;
    let mut found = counters.delivered;
    found += counters.dropped.total();
    found += direction.held();
    prop_assert_eq!(made, found);
    Ok(())
}

/// What came out, and the direction as it was left.
type Outcome = (Vec<(Probe, Time)>, Direction<Probe>);

/// Goes through the steps, and takes what is due at each `Take`, or else at the end alone.
fn run(start: &Conditions, steps: &[(Time, Step)], takes: bool) -> Outcome {
    let mut direction = Direction::new(start, 3, 0);
    let (mut now, mut arrived) = (0, Vec::new());
    for (id, (gap, step)) in steps.iter().enumerate() {
        now += gap;
        match step {
            Step::Offer(len) => direction.offer(probe(id, *len), now),
            Step::Take if takes => arrived.extend(std::iter::from_fn(|| direction.take_due(now))),
            Step::Take => {}
            Step::Change(conditions) => direction.change(conditions, now),
        }
    }
    arrived.extend(std::iter::from_fn(|| direction.take_due(now)));
    arrived.extend(drain(&mut direction));
    (arrived, direction)
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn frames_are_delivered_dropped_or_held(start in any_conditions(), steps in steps()) {
        let mut direction = Direction::new(&start, 3, 0);
        let mut now = 0;
        for (id, (gap, step)) in steps.iter().enumerate() {
            now += gap;
            match step {
                Step::Offer(len) => direction.offer(probe(id, *len), now),
                Step::Take => { direction.take_due(now); }
                Step::Change(conditions) => direction.change(conditions, now),
            }
            assert_balance(&direction)?;
        }
        drain(&mut direction);
        assert_balance(&direction)?;
        prop_assert_eq!(direction.in_flight().frames, 0);
    }

    #[test]
    fn what_comes_out_does_not_depend_on_when_it_is_asked_for(start in any_conditions(), steps in steps()) {
        let (often, a) = run(&start, &steps, true);
        let (once, b) = run(&start, &steps, false);
        prop_assert_eq!(often, once);
        prop_assert_eq!(a.counters(), b.counters());
    }

    #[test]
    fn nothing_is_due_before_it_is_said_and_never_early(start in any_conditions(), steps in steps()) {
        let mut direction = Direction::new(&start, 3, 0);
        let (mut now, mut last) = (0, 0);
        for (id, (gap, step)) in steps.iter().enumerate() {
            now += gap;
            match step {
                Step::Offer(len) => direction.offer(probe(id, *len), now),
                Step::Change(conditions) => direction.change(conditions, now),
                Step::Take => {
                    let said = direction.next_due();
                    let taken = direction.take_due(now);
                    prop_assert!(taken.is_none() || said.is_some_and(|said| said <= now));
                    if let Some((_, due)) = taken {
                        prop_assert!(said <= Some(due) && due <= now && due >= last);
                        last = due;
                    }
                    // Asked again and again, the answer is later than now.
                    while direction.take_due(now).inspect(|(_, due)| last = *due).is_some() {}
                    prop_assert!(direction.next_due().is_none_or(|due| due > now));
                }
            }
        }
    }

    #[test]
    fn order_is_kept_unless_it_is_asked_otherwise(start in any_conditions(), steps in steps()) {
        let orderly = |conditions: &Conditions| {
            let mut conditions = conditions.clone();
            conditions.reorder = None;
            conditions.jitter.iter_mut().for_each(|jitter| jitter.overtake = false);
            conditions
        };
        let steps: Vec<_> = steps.into_iter().map(|(gap, step)| match step {
            Step::Change(conditions) => (gap, Step::Change(Box::new(orderly(&conditions)))),
            step => (gap, step),
        }).collect();
        let (arrived, direction) = run(&orderly(&start), &steps, true);
        prop_assert!(arrived.is_sorted_by_key(|(probe, _)| probe.id));
        prop_assert!(arrived.is_sorted_by_key(|(_, due)| *due));
        prop_assert_eq!(direction.counters().reordered.frames, 0);
    }
}

#[test]
fn the_seed_decides() {
    let text =
        "delay = \"5 ms\"\njitter = \"5 ms\"\nloss = \"10 %\"\nduplicate = \"10 %\"\ncorrupt = \"10 %\"";
    let run = |seed| crate::probe::send(text, seed, 1_000, MS);
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_change_keeps_what_is_on_its_way_and_behind_it_what_follows() {
    let mut direction = Direction::new(&conditions("delay = \"100 ms\""), 0, 0);
    direction.offer(Probe::new(0, 1000), 0);
    direction.change(&conditions("delay = \"1 ms\""), 10 * MS);
    direction.offer(Probe::new(1, 1000), 20 * MS);
    direction.offer(Probe::new(2, 1000), 150 * MS);
    let times: Vec<_> = drain(&mut direction).iter().map(|(probe, due)| (probe.id, due / MS)).collect();
    assert_eq!(times, [(0, 100), (1, 100), (2, 151)]);
}

#[test]
fn a_change_of_the_rate_holds_for_what_waits() {
    let mut direction = Direction::new(&conditions("rate = \"8 Mbit/s\""), 0, 0);
    (0..4).for_each(|id| direction.offer(Probe::new(id, 1000), 0));
    direction.change(&conditions("rate = \"4 Mbit/s\""), MS / 2);
    assert_eq!(direction.take_due(MS).map(|(_, due)| due), Some(MS));
    assert_eq!(direction.take_due(3 * MS).map(|(_, due)| due), Some(3 * MS));
    // The third is being sent until 5 ms; without a rate the fourth leaves with it.
    direction.change(&Conditions::default(), 4 * MS);
    assert_eq!(drain(&mut direction).iter().map(|(_, due)| *due).collect::<Vec<_>>(), [5 * MS, 5 * MS]);
}

#[test]
fn what_waits_for_a_trace_is_not_sent_in_the_past() {
    let mut direction = Direction::new(&conditions("trace = [5000]"), 0, 0);
    direction.offer(Probe::new(0, 1000), 0);
    direction.change(&conditions("rate = \"8 Mbit/s\""), SECOND);
    assert_eq!(drain(&mut direction)[0].1, SECOND + MS);
}

#[test]
fn counters_are_written_by_name() {
    let mut direction = Direction::new(&conditions("mtu = 500"), 0, 0);
    direction.offer(Probe::new(0, 1000), 0);
    let json = serde_json::to_value(direction.counters()).unwrap();
    assert_eq!(json["offered"]["bytes"], 1000);
    assert_eq!(json["dropped"]["mtu"]["frames"], 1);
    assert_eq!(json["dropped"]["codel"]["frames"], 0);
}
