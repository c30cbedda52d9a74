//! The links of containerlab, brief and extended.

use ipnet::IpNet;
use rackless_packet::MacAddr;

use super::yaml::{Fields, Reader, Text, Value, get};
use super::{CLAB_MTU, RESERVED, names};
use crate::error::{Diagnostic, suggest};
use crate::file;

const KEYS: [&str; 14] = [
    "type",
    "endpoints",
    "endpoint",
    "mtu",
    "ipv4",
    "ipv6",
    "vars",
    "labels",
    "host-interface",
    "mode",
    "remote",
    "vni",
    "dst-port",
    "src-port",
];
const END_KEYS: [&str; 6] = ["node", "interface", "mac", "ipv4", "ipv6", "vars"];

/// The types of links between two nodes.
const JOINS: [&str; 2] = ["veth", "veth-stitch"];

/// The types of links to something else.
const LEAVES: [&str; 6] = ["host", "mgmt-net", "macvlan", "vxlan", "vxlan-stitch", "dummy"];

/// A link between two nodes.
pub(super) struct Link {
    pub(super) ends: [End; 2],
    pub(super) mtu: u32,
}

/// One end of a link.
pub(super) struct End {
    /// The node, as containerlab names it.
    pub(super) node: Text,
    pub(super) interface: String,
    pub(super) mac: Option<MacAddr>,
    pub(super) addresses: Vec<IpNet>,
}

/// Reads a link; `None` if it is wrong, or is left out because it does not join two nodes.
pub(super) fn read<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> Option<Link> {
    let fields = reader.fields(value, "links");
    known(reader, &fields, "a link", &KEYS);
    let kind = get(&fields, "type").and_then(|value| reader.text(value, "type"));
    if let Some(kind) = kind.filter(|kind| !JOINS.contains(&kind.text.as_str())) {
        if LEAVES.contains(&kind.text.as_str()) {
            let node =
                get(&fields, "endpoint").map(|value| reader.fields(value, "endpoint")).unwrap_or_default();
            let node = get(&node, "node").and_then(|value| reader.text(value, "node"));
            let why = format!("a link of type '{}' leaves the lab, it is left out", kind.text);
            reader.warn(kind.span, "type", node.as_ref().map(|node| node.text.as_str()), why);
        } else {
            let help = suggest(&kind.text, JOINS.into_iter().chain(LEAVES));
            reader.report(
                Diagnostic::new(kind.span, format!("unknown type '{}' of a link", kind.text)).help(help),
            );
        }
        return None;
    }
    let mtu = match get(&fields, "mtu") {
        Some(value) => read_mtu(reader, value)?,
        None => CLAB_MTU,
    };
    let Some(endpoints) = get(&fields, "endpoints") else {
        let span = reader.span(value);
        let help = "write endpoints: [\"n1:eth1\", \"n2:eth1\"]";
        reader.report(Diagnostic::new(span, "a link without endpoints").help(help));
        return None;
    };
    let [a, b] = reader.list(endpoints, "endpoints") else {
        let found = Diagnostic::new(reader.span(endpoints), "a link has two endpoints");
        reader.report(found.help("write endpoints: [\"n1:eth1\", \"n2:eth1\"]"));
        return None;
    };
    let (a, b) = (end(reader, a), end(reader, b));
    let mut ends = [a?, b?];
    for key in ["ipv4", "ipv6"] {
        let Some(value) = get(&fields, key) else { continue };
        for (end, text) in ends.iter_mut().zip(reader.texts(value, key)) {
            end.addresses.extend(address(reader, &text));
        }
    }
    let outside = ends.iter().position(|end| RESERVED.contains(&end.node.text.as_str()));
    if let Some(place) = outside {
        let (outside, inside) = (&ends[place].node, &ends[1 - place].node);
        let why = format!("a link to '{}' leaves the lab, it is left out", outside.text);
        reader.warn(outside.span.clone(), "endpoints", Some(&inside.text), why);
        return None;
    }
    if ends[0].node.text == ends[1].node.text {
        let why = "both ends of a link are at the same node, it is left out";
        reader.warn(ends[0].node.span.clone(), "endpoints", Some(&ends[0].node.text), why);
        return None;
    }
    Some(Link { ends, mtu })
}

/// Reads `node:interface`, or a table.
fn end<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> Option<End> {
    if !value.data.is_mapping() {
        let text = reader.text(value, "endpoints")?;
        let Some((node, interface)) = text.text.split_once(':') else {
            let found = Diagnostic::new(text.span, format!("'{}' is no endpoint", text.text));
            reader.report(found.help("write for example \"n1:eth1\""));
            return None;
        };
        let interface = rename(reader, &text, node, interface);
        let node = Text { text: node.to_owned(), span: text.span };
        return Some(End { node, interface, mac: None, addresses: Vec::new() });
    }
    let fields = reader.fields(value, "endpoints");
    known(reader, &fields, "an endpoint", &END_KEYS);
    let mut given = |key: &str| get(&fields, key).and_then(|value| reader.text(value, key));
    let (node, interface, mac) = (given("node"), given("interface"), given("mac"));
    let addresses = [given("ipv4"), given("ipv6")];
    let (Some(node), Some(interface)) = (node, interface) else {
        let found = Diagnostic::new(reader.span(value), "an endpoint without 'node' and 'interface'");
        reader.report(found.help("write node: n1 and interface: eth1"));
        return None;
    };
    let addresses = addresses.iter().flatten().filter_map(|text| address(reader, text)).collect();
    let mac = mac.and_then(|text| read_mac(reader, &text));
    let interface = rename(reader, &interface, &node.text, &interface.text);
    Some(End { node, interface, mac, addresses })
}

/// Returns the name that Linux can have, and warns if it is another.
fn rename(reader: &mut Reader<'_>, text: &Text, node: &str, name: &str) -> String {
    let renamed = names::interface(name);
    if renamed != name && !RESERVED.contains(&node) {
        let why = format!("interface '{name}' is called '{renamed}'");
        reader.warn(text.span.clone(), "endpoints", Some(node), why);
    }
    renamed
}

fn read_mtu<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> Option<u32> {
    let text = reader.text(value, "mtu")?;
    let mtu = text.text.parse().ok().filter(|mtu| file::MTU.contains(mtu));
    if mtu.is_none() {
        let help = format!("allowed: {} to {}", file::MTU.start, file::MTU.end - 1);
        reader.report(Diagnostic::new(text.span, format!("'{}' is no MTU", text.text)).help(help));
    }
    mtu
}

fn read_mac(reader: &mut Reader<'_>, text: &Text) -> Option<MacAddr> {
    let mac = text.text.parse().ok().filter(|mac: &MacAddr| mac.is_unicast());
    if mac.is_none() {
        reader
            .report(Diagnostic::new(text.span.clone(), format!("'{}' is no MAC of an interface", text.text)));
    }
    mac
}

/// Reads the address of an end; an empty text is that of an end which has none.
fn address(reader: &mut Reader<'_>, text: &Text) -> Option<IpNet> {
    if text.text.is_empty() {
        return None;
    }
    let address = text.text.parse().ok().filter(|net| file::unfit(*net).is_none());
    if address.is_none() {
        let found =
            Diagnostic::new(text.span.clone(), format!("'{}' is no address of an interface", text.text));
        reader.report(found.help("write for example 192.168.0.1/24 or 2001:db8::1/64"));
    }
    address
}

/// Reports keys that containerlab does not have.
pub(super) fn known(reader: &mut Reader<'_>, fields: &Fields<'_, '_>, what: &str, keys: &[&str]) {
    for (key, _) in fields.iter().filter(|(key, _)| !keys.contains(&key.text.as_str())) {
        let found = Diagnostic::new(key.span.clone(), format!("unknown key '{}' of {what}", key.text));
        reader.report(found.help(suggest(&key.text, keys.iter().copied())));
    }
}
