//! `routes`: "PREFIX via ADDRESS [dev INTERFACE]" or "PREFIX dev INTERFACE".

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::reader::{Reader, Text};
use crate::error::{Diagnostic, suggest};
use crate::model::{Kind, Node, NodeId, Route, Topology};

const FORM: &str =
    "write \"::/0 via fd00::fe\", \"10.0.0.0/8 via 10.1.0.1 dev eth0\" or \"fd01::/64 dev eth0\"";

/// Reads the routes of a node; whether a next hop can be reached is judged if the rest of the file is `sound`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    topology: &mut Topology,
    id: NodeId,
    texts: &[Text<'_>],
    sound: bool,
) {
    for text in texts {
        let Some(parts) = parse(reader, text) else { continue };
        if !sound {
            continue;
        }
        let node = &mut topology.nodes[id.0];
        let Some(route) = resolve(reader, node, text, parts) else { continue };
        if let Some(problem) = clash(node, &route) {
            let help = "a route leads by way of a neighbour, and a Linux node has one route to a prefix";
            reader.report(Diagnostic::new(text.span.clone(), problem).help(help));
        } else {
            node.routes.push(route);
        }
    }
}

/// Says why a kernel that has the node's addresses and routes would refuse one more route.
fn clash(node: &Node, route: &Route) -> Option<String> {
    let (name, prefix) = (&node.name, route.prefix);
    if node.addresses().any(|address| Some(address.addr()) == route.via) {
        return Some(format!("the next hop to {prefix} is node '{name}' itself"));
    }
    if node.addresses().any(|address| address.trunc() == prefix) {
        return Some(format!("node '{name}' has a route to {prefix} already, by its address"));
    }
    if node.kind == Kind::Nat && prefix == IpNet::V4(Ipv4Net::default()) {
        return Some(format!("node '{name}' is a nat: its route to {prefix} leads out of the lab"));
    }
    let twice = node.routes.iter().any(|other| other.prefix == prefix);
    twice.then(|| format!("node '{name}' has two routes to {prefix}"))
}

struct Parts<'t> {
    prefix: IpNet,
    via: Option<(&'t str, IpAddr)>,
    dev: Option<&'t str>,
}

fn parse<'t>(reader: &mut Reader<'_>, text: &Text<'t>) -> Option<Parts<'t>> {
    let words: Vec<&str> = text.text.split_whitespace().collect();
    let (prefix, via, dev) = match words.as_slice() {
        [prefix, "via", via] => (prefix, Some(*via), None),
        [prefix, "via", via, "dev", dev] => (prefix, Some(*via), Some(*dev)),
        [prefix, "dev", dev] => (prefix, None, Some(*dev)),
        _ => {
            let message = format!("'{}' is no route", text.text);
            reader.report(Diagnostic::new(text.span.clone(), message).help(FORM));
            return None;
        }
    };
    let net = match prefix.parse::<IpNet>() {
        Ok(net) if net.trunc() == net => net,
        Ok(net) => {
            let message = format!("prefix '{net}' has bits set behind its length");
            let found = Diagnostic::new(text.part(prefix), message);
            reader.report(found.help(format!("write {}", net.trunc())));
            return None;
        }
        Err(_) => {
            let found = Diagnostic::new(text.part(prefix), format!("'{prefix}' is no prefix"));
            reader.report(found.help("write for example ::/0, fd00::/64 or 10.0.0.0/8"));
            return None;
        }
    };
    let via = match via {
        None => None,
        Some(word) => Some((word, next_hop(reader, text, word, net)?)),
    };
    Some(Parts { prefix: net, via, dev })
}

fn next_hop(reader: &mut Reader<'_>, text: &Text<'_>, word: &str, prefix: IpNet) -> Option<IpAddr> {
    let Ok(via) = word.parse::<IpAddr>() else {
        let found = Diagnostic::new(text.part(word), format!("'{word}' is no address of a next hop"));
        reader.report(found.help("write for example fd00::fe or 10.0.0.254"));
        return None;
    };
    if via.is_ipv6() != prefix.addr().is_ipv6() {
        let message = format!("the prefix {prefix} and the next hop {via} are of different families");
        reader.report(Diagnostic::new(text.part(word), message).help("both IPv4, or both IPv6"));
        return None;
    }
    Some(via)
}

fn resolve(reader: &mut Reader<'_>, node: &Node, text: &Text<'_>, parts: Parts<'_>) -> Option<Route> {
    let Parts { prefix, via, dev } = parts;
    let dev = match dev {
        None => None,
        Some(dev) => match node.interface_id(dev) {
            Some(interface) => Some((dev, interface)),
            None => {
                let message = format!("node '{}' has no interface '{dev}'", node.name);
                let help = suggest(dev, node.interfaces.iter().map(|interface| interface.name.as_str()));
                reader.report(Diagnostic::new(text.part(dev), message).help(help));
                return None;
            }
        },
    };
    let Some((word, via)) = via else {
        return dev.map(|(_, interface)| Route { prefix, via: None, interface });
    };
    let near = |interface: usize| node.interfaces[interface].addresses.iter().any(|net| net.contains(&via));
    let link_local = matches!(via, IpAddr::V6(via) if via.is_unicast_link_local());
    let problem = match dev {
        Some((_, interface)) if link_local || near(interface) => {
            return Some(Route { prefix, via: Some(via), interface });
        }
        Some((dev, _)) => {
            format!("next hop {via} is in no subnet of interface '{dev}' of node '{}'", node.name)
        }
        None if link_local => format!("the link-local next hop {via} needs an interface"),
        None => match (0..node.interfaces.len()).find(|interface| near(*interface)) {
            Some(interface) => return Some(Route { prefix, via: Some(via), interface }),
            None => format!("next hop {via} is in no subnet of node '{}'", node.name),
        },
    };
    let help = if link_local { format!("write '{prefix} via {via} dev eth0'") } else { subnets(node) };
    reader.report(Diagnostic::new(text.part(word), problem).help(help));
    None
}

fn subnets(node: &Node) -> String {
    let show = |interface: &crate::model::Interface| {
        let nets: Vec<String> = interface.addresses.iter().map(|net| net.trunc().to_string()).collect();
        format!("{}: {}", interface.name, if nets.is_empty() { "none".to_owned() } else { nets.join(", ") })
    };
    let all: Vec<String> = node.interfaces.iter().map(show).collect();
    format!("its subnets are {}", if all.is_empty() { "none".to_owned() } else { all.join("; ") })
}
