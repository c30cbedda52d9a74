//! `rackless inspect`: everything about a running lab.

use std::process::ExitCode;

use rackless_net::{
    Carrier, Client, Counters, InterfaceStatus, LimitsStatus, LinkObservation, LinkStatus, NodeObservation,
    NodeStatus, Observation, Status,
};
use serde_json::{Value, json};

use super::lab::LabArg;
use crate::failure::Failure;
use crate::output;

/// Show everything about a lab: nodes, interfaces, counters, programs, processes, links
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless inspect
  rackless inspect demo --json | jq '.nodes[].interfaces[].mac'

With --json: {lab, pid, file, shape, up, folder, unix_ns, nodes: [{name, kind, programs, limits: {cpus, memory, used},
interfaces: [{name, mac, mtu, addresses, link_local, index, up, carrier, counters}], processes: [{pid, name, cpu_ms,
memory}], stack}], links: [{ends, state, mtu, directions: [{packets, bytes, drops}]}]}; stack is what the node's kernel
has dropped, by its names for the reasons, and the first direction is from the first end to the second. Keys are added, not changed.")]
pub(crate) struct Args {
    #[command(flatten)]
    lab: LabArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let mut client = Client::connect(args.lab.name())?;
    let (status, seen) = client.inspect()?;
    if args.json {
        output::json(&merged(&status, &seen))?;
    } else {
        output::line(&describe(&status, &seen))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts what the lab says and what its kernel says into one.
fn merged(status: &Status, seen: &Observation) -> Value {
    let mut lab = serde_json::to_value(status).expect("a status is plain data");
    lab["unix_ns"] = seen.unix_ns.into();
    for (place, node) in seen.nodes.iter().enumerate() {
        let entry = &mut lab["nodes"][place];
        entry["processes"] = json!(node.processes);
        entry["stack"] = json!(node.stack);
        for (place, interface) in status.nodes[place].interfaces.iter().enumerate() {
            let found = node.interfaces.iter().find(|found| found.name == interface.name);
            if let Some(found) = found {
                let entry = &mut entry["interfaces"][place];
                entry["index"] = found.index.into();
                entry["up"] = found.up.into();
                entry["carrier"] = found.carrier.into();
                entry["counters"] = json!(found.counters);
            }
        }
    }
    for (place, link) in seen.links.iter().enumerate() {
        lab["links"][place]["mtu"] = link.mtu.into();
        lab["links"][place]["directions"] = json!(link.directions);
    }
    lab
}

fn describe(status: &Status, seen: &Observation) -> String {
    let state = if status.up { "up" } else { "coming up" };
    let origin = match (&status.file, &status.shape) {
        (Some(file), _) => format!(", from {}", file.display()),
        (_, Some(shape)) => format!(", shape {shape}"),
        _ => String::new(),
    };
    let mut text = format!("lab {} ({state}, pid {}){origin}\n", status.lab, status.pid);
    for (node, seen) in status.nodes.iter().zip(&seen.nodes) {
        text += &describe_node(node, seen);
    }
    text += "\nlinks\n";
    let links: Vec<_> =
        status.links.iter().zip(&seen.links).map(|(status, seen)| link(status, seen)).collect();
    text += &indented(&output::table(&links));
    text.trim_end().to_owned()
}

fn describe_node(node: &NodeStatus, seen: &NodeObservation) -> String {
    let mut text = format!("\n{} ({})\n", node.name, node.kind);
    for program in &node.programs {
        let state = match program.ended {
            Some(ended) => ended.to_string(),
            None if program.ready => "ready".to_owned(),
            None => "not ready".to_owned(),
        };
        let name = program.name.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
        text += &format!("  {name}runs '{}' ({state})\n", program.command);
    }
    text += &node.limits.as_ref().map(limits).unwrap_or_default();
    let rows: Vec<_> = node.interfaces.iter().map(|status| interface(status, seen)).collect();
    text += &indented(&output::table(&rows));
    for process in &seen.processes {
        let (seconds, mib) = (process.cpu_ms as f64 / 1e3, process.memory as f64 / f64::from(1 << 20));
        text += &format!("  process {} {}: {seconds:.2} s of CPU, {mib:.1} MiB\n", process.pid, process.name);
    }
    for (reason, count) in &seen.stack {
        text += &format!("  dropped {count} {reason}\n");
    }
    text
}

/// Shows the limits of a node, and what was used of them.
fn limits(limits: &LimitsStatus) -> String {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let mut text = String::new();
    if let Some(cpus) = limits.cpus {
        let waited = limits.used.throttled_ms as f64 / 1e3;
        text += &format!("  limited to {cpus} CPUs: waited {waited:.2} s for its turn\n");
    }
    if let Some(memory) = limits.memory {
        let (used, kills) = (limits.used.memory.unwrap_or_default(), limits.used.memory_kills);
        text += &format!("  limited to {:.1} MiB of memory: {:.1} MiB in use", mib(memory), mib(used));
        text += &if kills > 0 { format!(", {kills} processes killed\n") } else { "\n".to_owned() };
    }
    text
}

fn interface(status: &InterfaceStatus, seen: &NodeObservation) -> Vec<String> {
    let found = seen.interfaces.iter().find(|found| found.name == status.name);
    let state = match found {
        Some(found) if found.up && found.carrier => "up",
        Some(found) if found.up => "no carrier",
        Some(_) => "down",
        None if status.device.is_some() => "in memory",
        None => "gone",
    };
    let Counters { rx_packets, tx_packets, .. } = found.map(|found| found.counters).unwrap_or_default();
    vec![
        status.name.clone(),
        state.to_owned(),
        status.mac.clone(),
        format!("mtu {}", status.mtu),
        format!("rx {rx_packets}"),
        format!("tx {tx_packets}"),
        status.addresses.join(" "),
    ]
}

fn link(status: &LinkStatus, seen: &LinkObservation) -> Vec<String> {
    let [a, b] = &status.ends;
    let [there, back] = &seen.directions;
    let state = serde_json::to_value(status.state).expect("a state is plain data");
    let in_memory = status.carrier == Carrier::Memif;
    let drops: u64 = seen.directions.iter().flat_map(|direction| direction.drops.values()).sum();
    vec![
        format!("{a} - {b}"),
        state.as_str().unwrap_or_default().to_owned(),
        if in_memory { "in memory".to_owned() } else { format!("→ {}", there.packets) },
        if in_memory { String::new() } else { format!("← {}", back.packets) },
        if drops > 0 { format!("{drops} dropped") } else { String::new() },
    ]
}

fn indented(table: &str) -> String {
    table.lines().map(|line| format!("  {line}\n")).collect()
}
