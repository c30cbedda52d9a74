//! `rackless drops`: what a lab has dropped, where, and why.

use std::io::Read;
use std::os::fd::AsFd;
use std::process::ExitCode;

use rackless_net::{Client, InterfaceObservation, NodeObservation, Observation};
use rackless_runtime::Report;
use serde::Serialize;

use super::exec;
use super::lab::LabArg;
use crate::failure::Failure;
use crate::output;

/// Show what a lab has dropped, where, and why
#[derive(clap::Args)]
#[command(after_help = "\
Asked are the interfaces and queues of all nodes and links, the kernels of the nodes, and the network functions, whose
drops have names. What is zero is not shown. A link that the kernel shapes drops by netem, red or codel; netem does not
tell whether by chance or for want of room. What a busy wire process does not take is wire_full.

Examples:
  rackless drops
  rackless drops demo --json

With --json: an array of {place, kind: interface|queue|kernel|link|function, reason, count}.")]
pub(crate) struct Args {
    #[command(flatten)]
    lab: LabArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Packets that were dropped at one place for one reason.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Drops {
    /// An interface, a node, a link, or a node and a part of its function.
    place: String,
    kind: &'static str,
    reason: String,
    count: u64,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let mut client = Client::connect(args.lab.name())?;
    let (status, seen) = client.inspect()?;
    let is_switch = |name: &str| status.nodes.iter().any(|node| node.name == name && node.kind == "switch");
    let mut all = observed(&seen, is_switch);
    for node in status.nodes.iter().filter(|node| node.kind == "nf") {
        let runs = node.programs.iter().any(|program| program.pid.is_some());
        if let Some(report) = runs.then(|| ask(&status.lab, &node.name)).transpose()?.flatten() {
            all.extend(of_function(&node.name, &report));
        }
    }
    if args.json {
        output::json(&all)?;
    } else if all.is_empty() {
        eprintln!("nothing was dropped in lab {}", status.lab);
    } else {
        let title = ["PLACE", "BY", "REASON", "COUNT"].map(str::to_owned).to_vec();
        let row =
            |drops: Drops| vec![drops.place, drops.kind.to_owned(), drops.reason, drops.count.to_string()];
        let rows: Vec<_> = std::iter::once(title).chain(all.into_iter().map(row)).collect();
        output::line(&output::table(&rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists what the kernel has counted, each packet once.
///
/// The interfaces of a switch are the ports of its links, and are listed as those.
fn observed(seen: &Observation, is_switch: impl Fn(&str) -> bool) -> Vec<Drops> {
    let mut all = Vec::new();
    for node in seen.nodes.iter().filter(|node| !is_switch(&node.name)) {
        let interfaces = node.interfaces.iter();
        let of_interfaces: Vec<_> =
            interfaces.flat_map(|interface| of_interface(&node.name, interface)).collect();
        let of_kernel = of_kernel(node, &of_interfaces);
        all.extend(of_interfaces);
        all.extend(of_kernel);
    }
    let links = of_links(seen, &all);
    all.extend(links);
    all
}

/// Lists what the kernel of a node has given up.
///
/// It counts as discarded also what it gave to an interface or a queue that refused it.
fn of_kernel(node: &NodeObservation, listed: &[Drops]) -> Vec<Drops> {
    let refused = listed.iter().filter(|drops| drops.kind == "queue" || drops.reason == "tx_dropped");
    let mut refused: u64 = refused.map(|drops| drops.count).sum();
    let counted = node.stack.iter().map(|(reason, count)| {
        let elsewhere = if reason.ends_with("OutDiscards") { refused.min(*count) } else { 0 };
        refused -= elsewhere;
        Drops { place: node.name.clone(), kind: "kernel", reason: reason.clone(), count: count - elsewhere }
    });
    counted.filter(|drops| drops.count > 0).collect()
}

/// Lists what links have lost.
///
/// Where an interface hands a packet over to the port at its other end and that refuses it, both count.
fn of_links(seen: &Observation, listed: &[Drops]) -> Vec<Drops> {
    let at = |end: &str, reason: &str| {
        let mut here = listed.iter().filter(|drops| drops.kind == "interface" && drops.place == end);
        here.find(|drops| drops.reason == reason).map_or(0, |drops| drops.count)
    };
    let mut all = Vec::new();
    for link in &seen.links {
        let [a, b] = &link.ends;
        for ((from, to), direction) in [(a, b), (b, a)].into_iter().zip(&link.directions) {
            all.extend(direction.drops.iter().map(|(reason, count)| {
                let elsewhere = match reason.as_str() {
                    "rx_dropped" => at(from, "tx_dropped"),
                    "tx_dropped" => at(to, "rx_dropped"),
                    _ => 0,
                };
                let count = count.saturating_sub(elsewhere);
                Drops { place: format!("{from} → {to}"), kind: "link", reason: reason.clone(), count }
            }));
        }
    }
    all.retain(|drops| drops.count > 0);
    all
}

fn of_interface(node: &str, interface: &InterfaceObservation) -> impl Iterator<Item = Drops> {
    let place = format!("{node}:{}", interface.name);
    let counters = interface.counters;
    let counted = [
        ("rx_dropped", counters.rx_dropped),
        ("rx_errors", counters.rx_errors),
        ("tx_dropped", counters.tx_dropped),
        ("tx_errors", counters.tx_errors),
    ];
    let counted = counted.map(|(reason, count)| ("interface", reason.to_owned(), count));
    let queues = interface.queue_drops.iter().map(|(kind, count)| ("queue", kind.clone(), *count));
    let all: Vec<_> = counted.into_iter().chain(queues).filter(|(.., count)| *count > 0).collect();
    all.into_iter().map(move |(kind, reason, count)| Drops { place: place.clone(), kind, reason, count })
}

/// Lists what a network function has dropped, by its own names, and what its ports have lost.
fn of_function(node: &str, report: &Report) -> Vec<Drops> {
    let mut all = Vec::new();
    for part in &report.nodes {
        all.extend(part.drops.iter().map(|drop| Drops {
            place: format!("{node} {}", part.name),
            kind: "function",
            reason: drop.reason.clone(),
            count: drop.count,
        }));
    }
    for port in &report.ports {
        let lost = [
            ("input not wired", port.unwired),
            ("transmit queue full", port.tx_full),
            ("receive ring full", port.rx_missed),
            ("unusable", port.rx_errors),
            ("no buffer", port.rx_no_buffer),
            ("refused by the device", port.tx_errors),
        ];
        all.extend(lost.map(|(reason, count)| Drops {
            place: format!("{node} port {}", port.name),
            kind: "function",
            reason: reason.to_owned(),
            count,
        }));
    }
    all.retain(|drops| drops.count > 0);
    all
}

/// Asks the network function on a node; a program that has no control socket says nothing.
fn ask(lab: &str, node: &str) -> Result<Option<Report>, Failure> {
    let program = std::env::current_exe().map_err(Failure::io("find this program"))?;
    let argv = [program.to_string_lossy().as_ref(), "nf", "show", "--json"].map(str::to_owned).to_vec();
    let null = std::fs::File::options().read(true).write(true).open("/dev/null");
    let null = null.map_err(Failure::io("open /dev/null"))?;
    let (mut reader, writer) = std::io::pipe().map_err(Failure::io("create a pipe"))?;
    let request = exec::request(node.to_owned(), argv)?;
    let execution =
        Client::connect(Some(lab))?.exec(request, [null.as_fd(), writer.as_fd(), null.as_fd()])?;
    drop(writer);
    let mut output = Vec::new();
    reader.read_to_end(&mut output).map_err(Failure::io(format!("read what {node} says")))?;
    execution.wait()?;
    Ok(serde_json::from_slice(&output).ok())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rackless_net::Counters;

    use super::*;

    #[test]
    fn only_what_is_not_zero_is_listed() {
        let interface = InterfaceObservation {
            name: "eth0".into(),
            index: 2,
            up: true,
            carrier: true,
            counters: Counters { tx_dropped: 3, ..Counters::default() },
            queue_drops: BTreeMap::from([("netem".to_owned(), 2)]),
        };
        let found: Vec<Drops> = of_interface("h1", &interface).collect();
        let drops =
            |kind, reason: &str, count| Drops { place: "h1:eth0".into(), kind, reason: reason.into(), count };
        assert_eq!(found, [drops("interface", "tx_dropped", 3), drops("queue", "netem", 2)]);
    }
}
