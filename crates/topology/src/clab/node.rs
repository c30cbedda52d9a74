//! A node of containerlab as a node of a lab file.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::command::{self, Step};
use super::definition::Definition;
use super::lab::{Interface, Node};
use super::yaml::{Reader, Text};
use super::{FORWARDING, KIND_LABEL, STP_LABEL, program};
use crate::error::Diagnostic;
use crate::model::{Command, Kind};

/// Reads a node that has these interfaces by its links.
pub(super) fn read<'s>(
    reader: &mut Reader<'s>,
    lab: &str,
    clab_name: &str,
    name: String,
    definition: &Definition<'_, 's>,
    interfaces: Vec<Interface>,
) -> Node {
    let labels = definition.table(reader, "labels");
    let label = |key: &str| labels.get(key).map(|text| text.text.as_str());
    if matches!(definition.kind.text.as_str(), "bridge" | "ovs-bridge") {
        definition.warn_of_bridge(reader, clab_name);
        return Node {
            name,
            kind: Kind::Switch,
            stp: label(STP_LABEL) == Some("true"),
            interfaces,
            ..Node::default()
        };
    }
    definition.warn(reader, clab_name);
    if definition.kind.text != "linux" {
        let why = format!("'{}' is no kind of ours, the node becomes a plain host", definition.kind.text);
        reader.warn(definition.kind.span.clone(), "kind", Some(clab_name), why);
    }
    let mut node = Node { name, interfaces, ..Node::default() };
    if label(KIND_LABEL) == Some(Kind::Nf.as_str()) {
        node.kind = Kind::Nf;
    }
    node.env = plain(definition.table(reader, "env"));
    node.sysctl = plain(definition.table(reader, "sysctls"));
    let lines = definition.list(reader, "exec").into_iter().map(|text| Text {
        text: text.text.replace("__clabNodeName__", clab_name).replace("__clabLabName__", lab),
        ..text
    });
    let commands = set_up(reader, &mut node, lines.collect(), clab_name);
    if node.kind == Kind::Host
        && FORWARDING.iter().all(|name| node.sysctl.get(*name).is_some_and(|on| on == "1"))
    {
        node.kind = Kind::Router;
        FORWARDING.iter().for_each(|name| drop(node.sysctl.remove(*name)));
    }
    let container: Vec<Text> =
        ["entrypoint", "cmd"].iter().filter_map(|key| definition.text(reader, key)).collect();
    let container: Vec<String> = container.iter().flat_map(|text| words(reader, text)).collect();
    node.run = run(container, commands);
    node
}

/// Carries out the commands that set up the network, and returns the others.
fn set_up(reader: &mut Reader<'_>, node: &mut Node, lines: Vec<Text>, clab_name: &str) -> Vec<Vec<String>> {
    // What a route leads by is known when all addresses are: until then it keeps its place.
    let mut left = Vec::new();
    for line in lines {
        let Some(commands) = command::split(&line.text) else {
            reader.report(Diagnostic::new(line.span, "the command has a quote that does not end"));
            continue;
        };
        for argv in commands {
            for step in command::steps(&argv) {
                if !apply(node, &step) {
                    left.push((argv.clone(), step, line.span.clone()));
                }
            }
        }
    }
    let mut others = Vec::new();
    for (argv, step, span) in left {
        match step {
            Step::Route { prefix, via, interface } => {
                if !add_route(node, prefix, via, interface.as_deref()) {
                    let why = "a route leads by no subnet of a link, it stays a command";
                    reader.warn(span, "exec", Some(clab_name), why);
                    others.push(argv);
                }
            }
            _ => others.push(argv),
        }
    }
    others
}

/// Carries out a step, if it is about what the node has.
fn apply(node: &mut Node, step: &Step) -> bool {
    let interfaces = &mut node.interfaces;
    let mut set = |name: &str, set: &dyn Fn(&mut Interface)| {
        interfaces.iter_mut().find(|interface| interface.name == name).map(set).is_some()
    };
    match step {
        Step::Nothing => true,
        Step::Sysctl { name, value } => {
            node.sysctl.insert(name.clone(), value.clone());
            true
        }
        Step::Address { interface, address } if interface == "lo" && node.kind != Kind::Nf => {
            add_address(&mut node.loopback, *address);
            true
        }
        Step::Address { interface, address } => {
            set(interface, &|interface| add_address(&mut interface.addresses, *address))
        }
        Step::Mtu { interface, mtu } => set(interface, &|interface| interface.mtu = Some(*mtu)),
        Step::Mac { interface, mac } => set(interface, &|interface| interface.mac = Some(*mac)),
        Step::Route { .. } | Step::Other => false,
    }
}

/// Adds an address, unless it is there.
pub(super) fn add_address(addresses: &mut Vec<IpNet>, address: IpNet) {
    if !addresses.iter().any(|other| other.addr() == address.addr()) {
        addresses.push(address);
    }
}

/// Adds a route, if a lab file can say it.
fn add_route(node: &mut Node, prefix: IpNet, via: Option<IpAddr>, interface: Option<&str>) -> bool {
    let addresses = |interface: &Interface| interface.addresses.clone();
    let all: Vec<IpNet> = node.interfaces.iter().flat_map(addresses).collect();
    let near = |via: IpAddr| {
        let of = node.interfaces.iter().filter(|other| interface.is_none_or(|name| other.name == name));
        let near = of.flat_map(addresses).any(|net| net.contains(&via));
        let link_local = matches!(via, IpAddr::V6(via) if via.is_unicast_link_local());
        (near || (link_local && interface.is_some())) && all.iter().all(|net| net.addr() != via)
    };
    let there = interface.is_none_or(|name| node.interfaces.iter().any(|other| other.name == name));
    let twice = node.routes.iter().any(|route| route.starts_with(&format!("{prefix} ")));
    let own = all.iter().any(|net| net.trunc() == prefix);
    let sound = node.kind != Kind::Nf && there && !twice && !own && via.is_none_or(near);
    if sound {
        let via = via.map(|via| format!(" via {via}")).unwrap_or_default();
        let interface = interface.map(|name| format!(" dev {name}")).unwrap_or_default();
        node.routes.push(format!("{prefix}{via}{interface}"));
    }
    sound
}

/// Returns what the node runs: the program of its container, and the commands that follow when it has links.
fn run(container: Vec<String>, commands: Vec<Vec<String>>) -> Option<Command> {
    let lines: Vec<String> = commands.iter().map(|argv| program::join(argv)).collect();
    match (container.is_empty(), commands.as_slice()) {
        (true, []) => None,
        (true, [argv]) => Some(only(argv)),
        (true, _) => Some(Command::Shell(lines.join("; "))),
        (false, []) => Some(only(&container)),
        (false, _) => {
            let container = program::join(&container);
            Some(Command::Shell(format!("{container} & {}; wait", lines.join("; "))))
        }
    }
}

/// Returns a program and its arguments in the shortest form.
fn only(argv: &[String]) -> Command {
    match argv {
        _ if let Some(line) = program::unwrap(argv) => Command::Shell(line.to_owned()),
        [shell, option, line] if matches!(shell.as_str(), "sh" | "/bin/sh") && option == "-c" => {
            Command::Shell(line.clone())
        }
        _ => Command::Args(argv.to_vec()),
    }
}

fn words(reader: &mut Reader<'_>, text: &Text) -> Vec<String> {
    shlex::split(&text.text).unwrap_or_else(|| {
        reader.report(Diagnostic::new(text.span.clone(), "the command has a quote that does not end"));
        Vec::new()
    })
}

fn plain(table: BTreeMap<String, Text>) -> BTreeMap<String, String> {
    table.into_iter().map(|(name, text)| (name, text.text)).collect()
}
