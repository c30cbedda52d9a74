//! What a lab has and containerlab has no word for.

use super::Warning;
use crate::file::INTERFACE_BYTES;
use crate::model::{Conditions, Kind, Link, Medium, Node, Program, Restart, Topology, Wire};

/// Returns a warning for everything that an export leaves out or changes.
pub(super) fn of(topology: &Topology) -> Vec<Warning> {
    let mut warnings: Vec<Warning> = topology.nodes.iter().flat_map(of_node).collect();
    warnings.extend(topology.links.iter().flat_map(|link| of_link(topology, link)));
    let lab = [("check", topology.checks.is_empty()), ("event", topology.events.is_empty())];
    let lab = lab.into_iter().filter(|(_, empty)| !empty);
    warnings.extend(lab.map(|(key, _)| warning(key, &[], "containerlab has none, they are left out")));
    warnings
}

/// Makes a warning about nodes.
pub(super) fn warning(key: &str, nodes: &[&str], why: impl Into<String>) -> Warning {
    let nodes = nodes.iter().map(|node| (*node).to_owned()).collect();
    Warning { place: None, key: key.to_owned(), nodes, why: why.into() }
}

fn of_link(topology: &Topology, link: &Link) -> Vec<Warning> {
    let ends = link.ends.map(|end| topology.end_name(end).to_string());
    let names = [ends[0].as_str(), ends[1].as_str()];
    let nf = link.ends.iter().any(|end| topology[end.node].kind == Kind::Nf);
    let offload = "containerlab leaves offloads as the kernel has them";
    let all = [
        (
            link.conditions != [Conditions::default(), Conditions::default()],
            "link",
            "containerlab's links have no conditions, 'containerlab tools netem' sets some",
        ),
        (link.wire != Wire::Auto, "wire", "containerlab has none, the kernel's netem is what its tools set"),
        (link.medium != Medium::Veth, "medium", "containerlab has none, the link becomes a cable"),
        (link.offload == nf, "offload", offload), // unless said, an nf has it off, and all others on
    ];
    let lost = all.into_iter().filter(|(lost, ..)| *lost);
    let other =
        link.ends.iter().zip(names).filter(|(end, _)| topology.interface(**end).offload != link.offload);
    lost.map(|(_, key, why)| warning(key, &names, why))
        .chain(other.map(|(_, name)| warning("offload", &[name], offload)))
        .collect()
}

fn of_node(node: &Node) -> Vec<Warning> {
    if node.kind == Kind::Process {
        let why = "containerlab has no programs beside the network, the node is left out";
        return vec![warning("kind", &[&node.name], why)];
    }
    let bridge = node.kind == Kind::Switch && node.name.len() > INTERFACE_BYTES;
    let programs = |is: fn(&Program) -> bool| node.programs.iter().any(is);
    let all = [
        (bridge, "node", "containerlab takes a bridge by its name, and Linux has none of more than 15 bytes"),
        (node.kind == Kind::Nf, "kind", "an nf becomes a container whose kernel has the addresses too"),
        (node.kind == Kind::Nat, "kind", "the way out of the lab is left out, a container has the machine's"),
        (programs(|program| program.ready.is_some()), "ready", "containerlab does not wait for programs"),
        (
            programs(|program| program.restart != Restart::default()),
            "restart",
            "containerlab does not start programs again",
        ),
        (!node.files.is_empty(), "files", "they are to be in the image, or among the 'binds' of the node"),
        (node.package.is_some(), "package", "its executable is to be in the image"),
        (!node.limits.is_none(), "cpus", "the limits of cpus and memory are left out"),
        (
            !node.after.is_empty() || programs(|program| !program.after.is_empty()),
            "after",
            "containerlab starts nodes together",
        ),
    ];
    let lost = all.into_iter().filter(|(lost, ..)| *lost);
    lost.map(|(_, key, why)| warning(key, &[&node.name], why)).collect()
}
