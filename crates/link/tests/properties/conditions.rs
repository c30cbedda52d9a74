//! Any conditions, and their texts.

use std::num::NonZeroU32;
use std::sync::Arc;

use proptest::option::of;
use proptest::prelude::*;
use rackless_link::units::{Duration, Probability, Rate, Size};
use rackless_link::{
    Chance, CoDel, Conditions, Distribution, Jitter, Layer, Limit, LossModel, Queue, Red, Reorder, Trace,
};

use crate::probe::{MS, cases};

fn probability() -> impl Strategy<Value = Probability> {
    let often = (0.0..=1.0).prop_map(|ratio| Probability::from_ratio(ratio).unwrap());
    prop_oneof![4 => often, 1 => Just(Probability::NONE), 1 => Just(Probability::ALL)]
}

fn chance() -> impl Strategy<Value = Chance> {
    (probability(), probability()).prop_map(|(probability, correlation)| Chance { probability, correlation })
}

fn duration() -> impl Strategy<Value = Duration> {
    (0..50 * MS).prop_map(Duration::from_ps)
}

fn jitter() -> impl Strategy<Value = Jitter> {
    use Distribution::{Normal, Pareto, ParetoNormal, Uniform};
    let distribution = prop_oneof![Just(Uniform), Just(Normal), Just(Pareto), Just(ParetoNormal)];
    (duration(), distribution, probability(), any::<bool>()).prop_map(
        |(spread, distribution, correlation, overtake)| Jitter {
            spread,
            distribution,
            correlation,
            overtake,
        },
    )
}

fn loss() -> impl Strategy<Value = LossModel> {
    let bursts = (probability(), probability(), probability(), probability());
    prop_oneof![
        chance().prop_map(LossModel::Bernoulli),
        bursts.prop_map(|(p, r, loss_good, loss_bad)| LossModel::GilbertElliott {
            p,
            r,
            loss_good,
            loss_bad
        }),
    ]
}

fn limit() -> impl Strategy<Value = Limit> {
    let bytes = (0..100_000u64).prop_map(|bytes| Limit::Bytes(Size::from_bytes(bytes)));
    prop_oneof![(0..50u64).prop_map(Limit::Frames), bytes]
}

fn queue() -> impl Strategy<Value = Queue> {
    let size = || (0..20_000u64).prop_map(Size::from_bytes);
    let red = (size(), size(), probability(), any::<bool>());
    let codel = (duration(), duration(), any::<bool>());
    prop_oneof![
        Just(Queue::DropTail),
        red.prop_map(|(min, max, probability, ecn)| Queue::Red(Red { min, max, probability, ecn })),
        codel.prop_map(|(target, interval, ecn)| Queue::CoDel(CoDel { target, interval, ecn })),
    ]
}

fn trace() -> impl Strategy<Value = Arc<Trace>> {
    prop::collection::vec(0..50u64, 1..20).prop_map(|mut times| {
        times.sort_unstable();
        times.push(51);
        Arc::new(Trace::new(times).unwrap())
    })
}

fn reorder() -> impl Strategy<Value = Reorder> {
    (chance(), 1..5u32).prop_map(|(chance, gap)| Reorder { chance, gap: NonZeroU32::new(gap).unwrap() })
}

prop_compose! {
    /// Conditions of all kinds, also with contradictions.
    pub(crate) fn any_conditions()(
        rate in of((0..40_000_000u64).prop_map(Rate::from_bits_per_second)),
        layer in prop_oneof![Just(Layer::L1), Just(Layer::L2), Just(Layer::L3)],
        trace in prop::option::weighted(0.2, trace()),
        (limit, queue) in (of(limit()), queue()),
        (delay, jitter) in (duration(), of(jitter())),
        loss in of(loss()),
        (duplicate, reorder, corrupt) in (of(chance()), of(reorder()), of(chance())),
        mtu in of(500..2_000u32),
    ) -> Conditions {
        Conditions { rate, layer, trace, limit, queue, delay, jitter, loss, duplicate, reorder, corrupt, mtu }
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn what_is_written_reads_back(conditions in any_conditions()) {
        let json = serde_json::to_string(&conditions).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Conditions>(&json).unwrap(), &conditions, "{}", json);
        let toml = toml::to_string(&conditions).unwrap();
        prop_assert_eq!(&toml::from_str::<Conditions>(&toml).unwrap(), &conditions, "{}", toml);
    }

    #[test]
    fn any_text_is_a_trace_or_an_error(text in "([0-9]{0,3}\n?){0,6}|.*") {
        if let Ok(trace) = text.parse::<Trace>() {
            let again = trace.opportunities_ms().iter().map(|ms| format!("{ms}\n")).collect::<String>();
            prop_assert_eq!(again.parse(), Ok(trace));
        }
    }

    #[test]
    fn any_text_is_a_limit_or_an_error(text in "[0-9.]{0,9} ?(frames?|kB|B|.{0,3})") {
        if let Ok(limit) = text.parse::<Limit>() {
            prop_assert_eq!(limit.to_string().parse(), Ok(limit));
        }
    }
}
