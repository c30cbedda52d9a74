//! Runs the checks of a lab: several at a time, each inside its nodes.

mod execute;
mod expected;
mod junit;
mod report;
mod seen;
mod throughput;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rackless_topology::model::{Check, Probe, Target};
use rackless_topology::{NodeId, Topology};

use crate::failure::Failure;
use crate::probe;

pub(crate) use junit::junit;
pub(crate) use report::{Report, line};

/// How many probes run at once: enough that waits overlap, few enough that a small machine is not swamped.
const AT_ONCE: usize = 16;

/// What came of a check.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) ok: bool,
    /// From the start of its first probe to the end of its last.
    pub(crate) time: Duration,
    pub(crate) nodes: Vec<NodeOutcome>,
}

/// What came of a check on one of its nodes.
pub(crate) struct NodeOutcome {
    pub(crate) node: String,
    pub(crate) ok: bool,
    pub(crate) time: Duration,
    pub(crate) attempts: u32,
    /// What was found last.
    pub(crate) found: String,
    pub(crate) expected: String,
}

/// One check on one of its nodes.
struct Job<'a> {
    check: usize,
    node: usize,
    lab: &'a str,
    topology: &'a Topology,
    directory: &'a Path,
}

/// A probe that has ended.
struct Done {
    check: usize,
    node: usize,
    started: Instant,
    outcome: NodeOutcome,
}

/// Runs all checks of a running lab; gives each outcome to `each`, in the order of the lab file.
///
/// All taps see packets before the first probe starts, so that what one check sends another can see. Measurements
/// come last, one by one: other traffic would disturb them.
pub(crate) fn run(
    lab: &str,
    topology: &Topology,
    directory: &Path,
    mut each: impl FnMut(&Outcome) -> Result<(), Failure>,
) -> Result<Vec<Outcome>, Failure> {
    let of_check = |check: usize| {
        (0..topology.checks[check].on.len()).map(move |node| Job { check, node, lab, topology, directory })
    };
    let jobs: Vec<Job<'_>> = (0..topology.checks.len()).flat_map(of_check).collect();
    let (watching, jobs): (Vec<_>, Vec<_>) = jobs.into_iter().partition(Job::is_watching);
    let (measuring, probing): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|job| job.check().probe.is_measurement());
    let next = AtomicUsize::new(0);
    let (sender, done) = mpsc::channel();
    std::thread::scope(|scope| {
        for job in watching {
            let watch = job.watch();
            let sender = sender.clone();
            scope.spawn(move || {
                let _ = sender.send(job.done(Instant::now(), watch.and_then(seen::Watch::run)));
            });
        }
        let work = |jobs: &[Job<'_>], next: &AtomicUsize, sender: &mpsc::Sender<Done>| {
            while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                if sender.send(job.run()).is_err() {
                    return; // the report cannot be written any more
                }
            }
        };
        let probing = Arc::new(probing);
        let workers: Vec<_> = (0..AT_ONCE.min(probing.len()))
            .map(|_| {
                let (sender, next, probing) = (sender.clone(), &next, Arc::clone(&probing));
                scope.spawn(move || work(&probing, next, &sender))
            })
            .collect();
        scope.spawn(move || {
            workers.into_iter().for_each(|worker| drop(worker.join()));
            work(&measuring, &AtomicUsize::new(0), &sender);
        });
        collect(&topology.checks, &done, &mut each)
    })
}

/// Puts what the workers found in the order of the lab file.
fn collect(
    checks: &[Check],
    done: &mpsc::Receiver<Done>,
    each: &mut impl FnMut(&Outcome) -> Result<(), Failure>,
) -> Result<Vec<Outcome>, Failure> {
    let mut found: Vec<Vec<Done>> = checks.iter().map(|_| Vec::new()).collect();
    let mut outcomes = Vec::new();
    for result in done {
        let check = result.check;
        found[check].push(result);
        while let Some(check) = checks.get(outcomes.len())
            && found[outcomes.len()].len() == check.on.len()
        {
            let outcome = outcome(check, std::mem::take(&mut found[outcomes.len()]));
            each(&outcome)?;
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

fn outcome(check: &Check, mut found: Vec<Done>) -> Outcome {
    found.sort_by_key(|done| done.node);
    let begin = found.iter().map(|done| done.started).min();
    let end = found.iter().map(|done| done.started + done.outcome.time).max();
    let time = begin.zip(end).map_or(Duration::ZERO, |(begin, end)| end - begin);
    let nodes: Vec<NodeOutcome> = found.into_iter().map(|done| done.outcome).collect();
    Outcome { name: check.name.clone(), ok: nodes.iter().all(|node| node.ok), time, nodes }
}

impl Job<'_> {
    fn check(&self) -> &Check {
        &self.topology.checks[self.check]
    }

    /// Whether packets are looked at, from outside of the nodes.
    fn is_watching(&self) -> bool {
        matches!(self.check().probe, Probe::Seen { .. })
    }

    /// Begins to look at packets.
    fn watch(&self) -> Result<seen::Watch, Failure> {
        let check = self.check();
        let Probe::Seen { end, filter, count } = &check.probe else { unreachable!("it is watching") };
        let wanted = seen::Wanted { count: *count, within: check.within.into(), fails: check.fails };
        seen::Watch::begin(self.lab, &self.topology.end_name(*end).to_string(), filter.clone(), wanted)
    }

    fn run(&self) -> Done {
        let started = Instant::now();
        self.done(started, self.try_run(self.check(), self.check().on[self.node]))
    }

    fn done(&self, started: Instant, finding: Result<probe::Finding, Failure>) -> Done {
        let check = self.check();
        let finding = finding.unwrap_or_else(|failure| probe::Finding {
            ok: false,
            attempts: 0,
            found: failure.to_string(),
        });
        let outcome = NodeOutcome {
            node: self.topology[check.on[self.node]].name.clone(),
            ok: finding.ok,
            time: started.elapsed(),
            attempts: finding.attempts,
            found: finding.found,
            expected: expected::of(self.topology, check),
        };
        Done { check: self.check, node: self.node, started, outcome }
    }

    fn try_run(&self, check: &Check, id: NodeId) -> Result<probe::Finding, Failure> {
        let node = &self.topology[id].name;
        let probe = match &check.probe {
            Probe::Run { command, expect } => {
                let argv = command.argv().into_iter().map(str::to_owned).collect();
                let command = execute::Command { lab: self.lab, node, argv, directory: self.directory };
                return command.until(expect.as_deref(), check.within.into(), check.fails);
            }
            Probe::Throughput { to, time, udp, rate } => {
                let (target, to) = (to.node.expect("it is received on a node"), to.address);
                let path = throughput::Path { lab: self.lab, from: node, to: &self.topology[target].name };
                let measured =
                    throughput::Measured { address: to, time: (*time).into(), udp: *udp, rate: *rate };
                return path.until(&measured, check.within.into());
            }
            Probe::Seen { .. } => return self.watch()?.run(),
            Probe::Ping { targets } => probe::Probe::Ping(self.targets(targets, id)),
            Probe::RoundTrips { targets, count, rtt, loss } => {
                let targets = self.targets(targets, id);
                probe::Probe::RoundTrips { targets, count: *count, rtt: *rtt, loss: *loss }
            }
            Probe::Tcp { address, send, expect } => {
                probe::Probe::Tcp { address: *address, send: send.clone(), expect: expect.clone() }
            }
            Probe::Udp { address, send, expect } => {
                probe::Probe::Udp { address: *address, send: send.clone(), expect: expect.clone() }
            }
            Probe::Http { url, status, expect } => probe::Probe::Http {
                address: url.address,
                path: url.path.clone(),
                status: *status,
                expect: expect.clone(),
            },
        };
        let trial = probe::Trial { probe, within: check.within.into(), fails: check.fails };
        execute::probe(self.lab, node, trial)
    }

    /// Gives the targets of a ping but the node's own.
    fn targets(&self, targets: &[Target], id: NodeId) -> Vec<probe::Target> {
        let name = |target: &Target| match target.node {
            Some(node) => format!("{} ({})", self.topology[node].name, target.address),
            None => target.address.to_string(),
        };
        let others = targets.iter().filter(|target| target.node != Some(id));
        others.map(|target| probe::Target { name: name(target), address: target.address }).collect()
    }
}
