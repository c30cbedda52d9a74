//! What happened between two looks at a lab.

use rackless_net::{Carrier, Direction, LinkObservation, LinkState, NodeObservation, Observation};
use serde::Serialize;

/// A lab between two looks.
#[derive(Debug, Serialize)]
pub(crate) struct Rates {
    /// How long that was, in seconds.
    pub(crate) time_s: f64,
    pub(crate) links: Vec<LinkRates>,
    pub(crate) nodes: Vec<NodeRates>,
}

/// A link between two looks.
#[derive(Debug, Serialize)]
pub(crate) struct LinkRates {
    pub(crate) ends: [String; 2],
    pub(crate) state: LinkState,
    pub(crate) carrier: Carrier,
    /// From the first end to the second, and back.
    pub(crate) directions: [DirectionRates; 2],
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct DirectionRates {
    pub(crate) packets_per_s: f64,
    pub(crate) bits_per_s: f64,
    pub(crate) drops_per_s: f64,
}

/// A node between two looks.
#[derive(Debug, Serialize)]
pub(crate) struct NodeRates {
    pub(crate) name: String,
    pub(crate) processes: usize,
    /// Share of one CPU that its processes had; more than 100 with several.
    pub(crate) cpu_percent: f64,
    /// The memory its processes use now, in bytes.
    pub(crate) memory: u64,
}

impl Rates {
    /// Compares two looks at the same lab.
    pub(crate) fn between(before: &Observation, now: &Observation) -> Self {
        // The clock may have been set back.
        let time_s = (now.unix_ns.saturating_sub(before.unix_ns).max(1_000_000)) as f64 / 1e9;
        let links = before.links.iter().zip(&now.links);
        let nodes = before.nodes.iter().zip(&now.nodes);
        Self {
            time_s,
            links: links.map(|(before, now)| LinkRates::between(before, now, time_s)).collect(),
            nodes: nodes.map(|(before, now)| NodeRates::between(before, now, time_s)).collect(),
        }
    }
}

impl LinkRates {
    fn between(before: &LinkObservation, now: &LinkObservation, time_s: f64) -> Self {
        let direction =
            |side: usize| DirectionRates::between(&before.directions[side], &now.directions[side], time_s);
        let (ends, directions) = (now.ends.clone(), [direction(0), direction(1)]);
        Self { ends, state: now.state, carrier: now.carrier, directions }
    }
}

impl DirectionRates {
    fn between(before: &Direction, now: &Direction, time_s: f64) -> Self {
        let drops = |direction: &Direction| direction.drops.values().sum::<u64>();
        let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / time_s;
        Self {
            packets_per_s: rate(before.packets, now.packets),
            bits_per_s: rate(before.bytes, now.bytes) * 8.0,
            drops_per_s: rate(drops(before), drops(now)),
        }
    }
}

impl NodeRates {
    fn between(before: &NodeObservation, now: &NodeObservation, time_s: f64) -> Self {
        let cpu_ms = now.processes.iter().map(|process| {
            let earlier = before.processes.iter().find(|earlier| earlier.pid == process.pid);
            process.cpu_ms.saturating_sub(earlier.map_or(0, |earlier| earlier.cpu_ms))
        });
        Self {
            name: now.name.clone(),
            processes: now.processes.len(),
            cpu_percent: cpu_ms.sum::<u64>() as f64 / 10.0 / time_s,
            memory: now.processes.iter().map(|process| process.memory).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rackless_net::ProcessObservation;

    use super::*;

    fn look(unix_ns: u64, packets: u64, drops: u64, cpu_ms: u64) -> Observation {
        let direction =
            Direction { packets, bytes: packets * 100, drops: BTreeMap::from([("x".to_owned(), drops)]) };
        let process = ProcessObservation { pid: 7, name: "sh".into(), cpu_ms, memory: 4096 };
        Observation {
            unix_ns,
            nodes: vec![NodeObservation {
                name: "a".into(),
                interfaces: Vec::new(),
                stack: BTreeMap::new(),
                processes: vec![process],
            }],
            links: vec![LinkObservation {
                ends: ["a:eth0".into(), "b:eth0".into()],
                state: LinkState::Up,
                mtu: 1500,
                carrier: Carrier::Redirect,
                directions: [direction, Direction::default()],
            }],
        }
    }

    #[test]
    fn rates_are_differences_by_the_time_between() {
        let rates = Rates::between(&look(0, 10, 1, 100), &look(2_000_000_000, 30, 5, 600));
        let there = &rates.links[0].directions[0];
        assert_eq!((there.packets_per_s, there.bits_per_s, there.drops_per_s), (10.0, 8000.0, 2.0));
        assert_eq!((rates.nodes[0].cpu_percent, rates.nodes[0].memory), (25.0, 4096));
    }

    #[test]
    fn a_counter_that_starts_anew_gives_no_rate() {
        let rates = Rates::between(&look(5, 10, 0, 9), &look(5, 3, 0, 1));
        assert_eq!(rates.links[0].directions[0].packets_per_s, 0.0);
    }
}
