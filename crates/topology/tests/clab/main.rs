//! Labs of containerlab, read and written.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod files;
mod properties;

use rackless_topology::model::{End, Kind};
use rackless_topology::{Topology, clab};

/// Reads a lab file that must be right.
fn parse(source: &str) -> Topology {
    Topology::parse("lab.toml", source).unwrap_or_else(|error| panic!("{error}\n{source}"))
}

/// Exports a lab, imports that, and gives it back.
fn there_and_back(lab: &Topology) -> Topology {
    let file = clab::export(lab, "alpine").file;
    let imported = clab::import("lab.clab.yml", &file).unwrap_or_else(|error| panic!("{error}\n{file}"));
    parse(&imported.lab)
}

/// Returns what both formats have words for, in lines; the ports of a switch have no names that count.
fn essence(lab: &Topology) -> String {
    let mut lines = vec![lab.name.clone()];
    for node in &lab.nodes {
        let run: Vec<_> = node.programs.iter().map(|program| &program.command).collect();
        lines.push(format!("{} {} {} {:?}", node.name, node.kind, node.stp, run));
        if node.kind == Kind::Switch {
            continue;
        }
        lines.push(format!("  {:?} {:?} {:?}", node.loopback, node.env, node.sysctl));
        for interface in &node.interfaces {
            lines.push(format!(
                "  {} {} {} {:?}",
                interface.name, interface.mac, interface.mtu, interface.addresses
            ));
        }
        lines.extend(node.routes.iter().map(|route| format!("  {route:?}")));
    }
    let end = |end: End| match lab[end.node].kind {
        Kind::Switch => lab[end.node].name.clone(),
        _ => lab.end_name(end).to_string(),
    };
    lines.extend(
        lab.links.iter().map(|link| format!("{} - {} {}", end(link.ends[0]), end(link.ends[1]), link.mtu)),
    );
    lines.join("\n")
}
