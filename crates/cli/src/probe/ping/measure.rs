//! How many echo requests are answered, and how soon.

use std::time::{Duration, Instant};

use rackless_topology::model::Bounds;
use rackless_topology::units;

use super::super::{Attempt, SILENCE, Target};
use super::name_some;
use super::wire::Echo;

/// The time between two requests to a target: a hundred a second disturb no path that carries anything.
const INTERVAL: Duration = Duration::from_millis(10);

/// What is wanted of each target.
pub(in crate::probe) struct Wanted {
    pub(in crate::probe) count: u32,
    pub(in crate::probe) rtt: Bounds<units::Duration>,
    pub(in crate::probe) loss: Bounds<units::Probability>,
}

/// The requests to one target.
struct Series<'a> {
    target: &'a Target,
    sent: Vec<Instant>,
    /// The round-trip time of each request that was answered.
    times: Vec<Option<Duration>>,
}

/// Sends all requests, and compares what comes of them with what is wanted.
pub(in crate::probe) fn measure(targets: &[Target], wanted: &Wanted) -> Attempt {
    let echo = match Echo::open(targets.iter().map(|target| target.address)) {
        Ok(echo) => echo,
        Err(errno) => return Attempt::Failed(format!("cannot open a raw socket: {}", errno.desc())),
    };
    let series = |target| Series { target, sent: Vec::new(), times: Vec::new() };
    let mut all: Vec<Series<'_>> = targets.iter().map(series).collect();
    let begin = Instant::now();
    for number in 0..wanted.count {
        for (place, series) in all.iter_mut().enumerate() {
            series.ask(&echo, place as u16, number);
        }
        let next = begin + INTERVAL * (number + 1);
        while Instant::now() < next {
            listen(&echo, &mut all, next);
        }
    }
    let longest = wanted.rtt.at_most.map_or(Duration::ZERO, Duration::from);
    let end = Instant::now() + SILENCE.max(longest * 2);
    while Instant::now() < end && all.iter().any(|series| series.times.contains(&None)) {
        listen(&echo, &mut all, end);
    }
    let wrong: Vec<String> =
        all.iter().filter(|series| !series.is_as(wanted)).map(|series| series.describe()).collect();
    if wrong.is_empty() {
        let described: Vec<String> = all.iter().map(Series::describe).collect();
        return Attempt::Held(name_some(&described));
    }
    Attempt::Failed(name_some(&wrong))
}

/// Notes the answers that come next, until `limit`.
fn listen(echo: &Echo, all: &mut [Series<'_>], limit: Instant) {
    for (heard, _) in echo.listen(limit) {
        let series = all.get_mut(usize::from(heard.sequence));
        if let (Ok(number), Some(series)) = (heard.answer, series) {
            series.note(number as usize);
        }
    }
}

impl Series<'_> {
    fn ask(&mut self, echo: &Echo, place: u16, number: u32) {
        self.sent.push(Instant::now());
        self.times.push(None);
        let _ = echo.send(self.target.address, place, number); // what could not be sent is lost
    }

    fn note(&mut self, number: usize) {
        if let (Some(sent), Some(time @ None)) = (self.sent.get(number), self.times.get_mut(number)) {
            *time = Some(sent.elapsed());
        }
    }

    fn is_as(&self, wanted: &Wanted) -> bool {
        let rtt =
            wanted.rtt.is_any() || self.median().is_some_and(|median| wanted.rtt.contain(&precise(median)));
        rtt && wanted.loss.contain(&self.loss())
    }

    fn lost(&self) -> usize {
        self.times.iter().filter(|time| time.is_none()).count()
    }

    fn loss(&self) -> units::Probability {
        let ratio = self.lost() as f64 / self.times.len() as f64;
        units::Probability::from_ratio(ratio).unwrap_or(units::Probability::ALL)
    }

    /// Gives the median of the round-trip times: one late answer on a busy machine does not move it.
    fn median(&self) -> Option<Duration> {
        let mut times: Vec<Duration> = self.times.iter().copied().flatten().collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }

    fn describe(&self) -> String {
        let (lost, all) = (self.lost(), self.times.len());
        let median = self.median().map_or_else(String::new, |median| {
            format!(", median round trip {:.3} ms", median.as_secs_f64() * 1e3)
        });
        format!("{}: {lost} of {all} lost{median}", self.target.name)
    }
}

fn precise(time: Duration) -> units::Duration {
    units::Duration::from_ps(u64::try_from(time.as_nanos()).map_or(u64::MAX, |ns| ns.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_median_are_those_of_all_requests() {
        let target = Target { name: "h2".into(), address: [127, 0, 0, 1].into() };
        let now = Instant::now();
        let times: Vec<_> = (1..=19).map(|ms| Some(Duration::from_millis(ms))).chain([None]).collect();
        let series = Series { target: &target, sent: vec![now; 20], times };
        assert_eq!(series.describe(), "h2: 1 of 20 lost, median round trip 10.000 ms");
        let wanted = |rtt: &str, loss: &str| Wanted {
            count: 20,
            rtt: Bounds { at_least: None, at_most: Some(rtt.parse().expect("a time")) },
            loss: Bounds { at_least: None, at_most: Some(loss.parse().expect("a loss")) },
        };
        assert!(series.is_as(&wanted("10 ms", "5 %")));
        assert!(!series.is_as(&wanted("9 ms", "5 %")) && !series.is_as(&wanted("10 ms", "4.9 %")));
    }
}
