//! From a lab to containerlab.

use std::collections::HashMap;

use ipnet::IpNet;
use saphyr::{Mapping, Scalar, Yaml, YamlEmitter};

use super::{FORWARDING, KIND_LABEL, RESERVED, STP_LABEL, Warning, lost, program};
use crate::file::INTERFACE_BYTES;
use crate::model::{End, Kind, Link, Node, NodeId, Topology};
use crate::plan;

/// The MTU of the link at each end.
type Mtus = HashMap<End, u32>;

/// The keys of a node and their values.
type Fields = Vec<(&'static str, Yaml<'static>)>;

/// A lab as a file of containerlab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The text of the `*.clab.yml`.
    pub file: String,
    /// What was left out or changed, in the order of the lab.
    pub warnings: Vec<Warning>,
}

/// Writes a lab for containerlab, where all nodes but switches are containers of an image that has `ip` and `sh`.
///
/// containerlab takes bridges that are there: a comment in the file says how to make them.
pub fn export(topology: &Topology, image: &str) -> Exported {
    let mut warnings = Vec::new();
    let names = names(topology, &mut warnings);
    let mtus: Mtus = topology.links.iter().flat_map(|link| link.ends.map(|end| (end, link.mtu))).collect();
    let mut nodes = Vec::new();
    for (place, (node, name)) in topology.nodes.iter().zip(&names).enumerate() {
        let fields = match node.kind {
            Kind::Process => continue,
            Kind::Switch => switch(node),
            _ => container(NodeId(place), node, &mtus),
        };
        nodes.push((name.as_str(), table(fields)));
    }
    let links = topology.links.iter().map(|link| link_yaml(topology, &names, link)).collect();
    // The links are all the network that a node has here, and eth0 can be one of them.
    let kinds = table([("linux", table([("image", text(image)), ("network-mode", text("none"))]))]);
    let lab = table([
        ("name", text(&topology.name)),
        ("topology", table([("kinds", kinds), ("nodes", table(nodes)), ("links", Yaml::Sequence(links))])),
    ]);
    warnings.extend(lost::of(topology));
    let mut file = heading(topology, &names);
    let mut body = String::new();
    // A string takes all, and the value has nothing that cannot be written.
    let _ = YamlEmitter::new(&mut body).dump(&lab);
    file.push_str(body.trim_start_matches("---\n").trim_end());
    file.push('\n');
    Exported { file, warnings }
}

/// Says how to make the bridges, before the first line.
fn heading(topology: &Topology, names: &[String]) -> String {
    let mut heading = format!("# The lab {}, written by rackless.\n", topology.name);
    let switches = || topology.nodes.iter().zip(names).filter(|(node, _)| node.kind == Kind::Switch);
    if switches().next().is_some() {
        heading.push_str(
            "# containerlab joins nodes to bridges that are there. Before 'containerlab deploy', run:\n",
        );
    }
    for (node, name) in switches() {
        // In hundredths of a second, the shortest delay that Linux takes.
        let stp = if node.stp { " stp_state 1 forward_delay 200 hello_time 100" } else { "" };
        heading.push_str(&format!(
            "#   ip link add name {name} type bridge{stp} && ip link set dev {name} up\n"
        ));
    }
    heading
}

/// Returns the names of the nodes there, in the order of the lab.
fn names(topology: &Topology, warnings: &mut Vec<Warning>) -> Vec<String> {
    let free = |name: &String| !RESERVED.contains(&name.as_str()) && topology.node(name).is_none();
    let mut name = |node: &Node| {
        if !RESERVED.contains(&node.name.as_str()) {
            return node.name.clone();
        }
        let mut numbers = 1..;
        let name = numbers.find_map(|number| Some(format!("{}-{number}", node.name)).filter(free));
        let name = name.unwrap_or_default(); // the numbers do not end before a name is free
        let why = format!("it is called '{name}': links of containerlab mean the machine by '{}'", node.name);
        warnings.push(lost::warning("node", &[&node.name], why));
        name
    };
    topology.nodes.iter().map(&mut name).collect()
}

fn switch(node: &Node) -> Fields {
    let labels = node.stp.then(|| ("labels", table([(STP_LABEL, text("true"))])));
    [("kind", text("bridge"))].into_iter().chain(labels).collect()
}

fn container(id: NodeId, node: &Node, mtus: &Mtus) -> Fields {
    let mut fields = vec![("kind", text("linux"))];
    if node.kind == Kind::Nf {
        fields.push(("labels", table([(KIND_LABEL, text(node.kind.as_str()))])));
    }
    if !node.env.is_empty() {
        fields.push(("env", table(node.env.iter().map(|(name, value)| (name.as_str(), text(value))))));
    }
    let lines: Vec<Yaml<'_>> = commands(id, node, mtus).iter().map(|line| text(line)).collect();
    if !lines.is_empty() {
        fields.push(("exec", Yaml::Sequence(lines)));
    }
    fields
}

/// Returns the lines of `exec`.
fn commands(id: NodeId, node: &Node, mtus: &Mtus) -> Vec<String> {
    let forwarding =
        FORWARDING.iter().filter(|_| matches!(node.kind, Kind::Router | Kind::Nat)).map(|name| (*name, "1"));
    let sysctl = node.sysctl.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut lines: Vec<String> = forwarding.chain(sysctl).map(|(name, value)| set(name, value)).collect();
    let address = |name: &str, net: &IpNet| format!("ip{} address add {net} dev {name}", family(net));
    for (interface, place) in node.interfaces.iter().zip(0..) {
        let name = &interface.name;
        if mtus.get(&End { node: id, interface: place }) != Some(&interface.mtu) {
            lines.push(format!("ip link set dev {name} mtu {}", interface.mtu));
        }
        if interface.mac != plan::derive_mac(&node.name, name, 0) {
            lines.push(format!("ip link set dev {name} address {}", interface.mac));
        }
        lines.extend(interface.addresses.iter().map(|net| address(name, net)));
    }
    lines.extend(node.loopback.iter().map(|net| address("lo", net)));
    lines.extend(node.routes.iter().map(|route| {
        let via = route.via.map(|via| format!(" via {via}")).unwrap_or_default();
        let interface = &node.interfaces[route.interface].name;
        format!("ip{} route add {}{via} dev {interface}", family(&route.prefix), route.prefix)
    }));
    lines.extend(node.programs.iter().map(|program| program::wrap(&program.command)));
    lines
}

/// Returns the command that sets a sysctl.
fn set(name: &str, value: &str) -> String {
    let setting = format!("{name}={value}");
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,".contains(c);
    match setting.chars().all(plain) {
        true => format!("sysctl -w {setting}"),
        false => program::join(&["sysctl".to_owned(), "-w".to_owned(), setting]),
    }
}

/// Returns the option of `ip` for a family, without which busybox takes IPv4.
fn family(net: &IpNet) -> &'static str {
    if net.addr().is_ipv6() { " -6" } else { "" }
}

fn link_yaml(topology: &Topology, names: &[String], link: &Link) -> Yaml<'static> {
    let ends = link.ends.map(|end| text(&end_name(topology, names, end)));
    table([
        ("endpoints", Yaml::Sequence(ends.into())),
        ("mtu", Yaml::Value(Scalar::Integer(link.mtu.into()))),
    ])
}

/// Returns the text of an end; the port of a bridge is an interface of the machine, whose name must be its own.
fn end_name(topology: &Topology, names: &[String], end: End) -> String {
    let (node, interface) = (&names[end.node.0], &topology.interface(end).name);
    let prefix = format!("{node}-");
    if topology[end.node].kind != Kind::Switch || interface.starts_with(&prefix) {
        return format!("{node}:{interface}");
    }
    let name = format!("{prefix}{interface}");
    if name.len() <= INTERFACE_BYTES {
        return format!("{node}:{name}");
    }
    format!("{node}:p{}-{}", end.node.0, end.interface)
}

fn text(text: &str) -> Yaml<'static> {
    Yaml::Value(Scalar::String(text.to_owned().into()))
}

fn table<'k>(entries: impl IntoIterator<Item = (&'k str, Yaml<'static>)>) -> Yaml<'static> {
    let mut table = Mapping::new();
    for (key, value) in entries {
        table.insert(text(key), value);
    }
    Yaml::Mapping(table)
}
