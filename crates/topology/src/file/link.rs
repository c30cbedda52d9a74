//! `[[link]]`: cables, and the interfaces that they make.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::node::{Draft, find};
use super::reader::{Fields, Reader, Text, Value};
use super::{conditions, name};
use crate::error::Diagnostic;
use crate::model::{Conditions, DEFAULT_MTU, End, Interface, Kind, Link, Medium, NodeId, UPLINK, Wire};
use crate::plan;

/// The keys of a link besides its conditions; `mtu` is that of its interfaces.
pub(super) const KEYS: [&str; 5] = ["ends", "mtu", "offload", "wire", "medium"];

const MEDIA: &str = "\"veth\" or \"memif\"";
const WIRES: &str = "\"auto\", \"kernel\", \"user\" or \"precise\"";

/// Below 1,280 bytes (RFC 8200, section 5) Linux takes IPv6 off an interface; above 65,535 a veth takes no MTU.
pub(crate) const MTU: Range<u32> = 1280..65_536;

/// The most ports of a switch: one for each host of the largest shape.
pub(crate) const SWITCH_PORTS: usize = 59_999;

/// A link whose interfaces have no names yet.
pub(super) struct LinkDraft {
    ends: [EndDraft; 2],
    mtu: Option<u32>,
    offload: Option<bool>,
    conditions: [Conditions; 2],
    wire: Wire,
    medium: Medium,
}

struct EndDraft {
    node: NodeId,
    interface: Option<String>,
    span: Range<usize>,
}

/// Reads one link.
pub(super) fn read<'s>(
    reader: &mut Reader<'s>,
    drafts: &[Draft<'_>],
    table: &Spanned<&DeTable<'s>>,
) -> Option<LinkDraft> {
    let fields = reader.fields(table.get_ref(), table.span(), "a link", &conditions::allowed(&KEYS));
    let mtu = fields.get("mtu").and_then(|value| reader.integer(value, "mtu", MTU));
    let offload = fields.get("offload").and_then(|value| reader.boolean(value, "offload"));
    let wire = match fields.get("wire") {
        Some(value) => wire(reader, value),
        None => Some(Wire::Auto),
    };
    let medium = match fields.get("medium") {
        Some(value) => medium(reader, value),
        None => Some(Medium::Veth),
    };
    let conditions = conditions::patches(reader, &fields, &["mtu"]);
    let conditions = conditions::applied(reader, &fields, &conditions, &Default::default());
    let Some(value) = fields.get("ends") else {
        reader.report(
            Diagnostic::new(fields.span, "a link without ends").help("write ends = [\"h1\", \"s1:eth0\"]"),
        );
        return None;
    };
    let texts = reader.strings(value, "ends")?;
    let [a, b] = texts.as_slice() else {
        let message = format!("a link has two ends, not {}", texts.len());
        reader.report(Diagnostic::new(value.span(), message).help("write ends = [\"h1\", \"s1:eth0\"]"));
        return None;
    };
    let (a, b) = (end(reader, drafts, a), end(reader, drafts, b));
    let (wire, medium) = (wire?, medium?);
    let link = LinkDraft { ends: [a?, b?], mtu, offload, conditions: conditions?, wire, medium };
    if medium == Medium::Memif && !can_be_memory(reader, drafts, &fields, &link) {
        return None;
    }
    if link.ends[0].node == link.ends[1].node {
        reader.report(
            Diagnostic::new(value.span(), "both ends of a link are at the same node")
                .help("a link joins two nodes"),
        );
        return None;
    }
    Some(link)
}

/// Whether a link can be shared memory, of which no kernel and no wire knows.
fn can_be_memory(
    reader: &mut Reader<'_>,
    drafts: &[Draft<'_>],
    fields: &Fields<'_, '_>,
    link: &LinkDraft,
) -> bool {
    let mut can = true;
    let cable = conditions::allowed(&["wire", "offload"]);
    let cable: Vec<&str> = cable.into_iter().filter(|key| *key != "mtu").collect();
    for key in fields.given(&cable) {
        let span = fields.key_span(key).unwrap_or(fields.span.clone());
        let found = Diagnostic::new(span, format!("'{key}' does not go with medium = \"memif\""));
        reader.report(found.help(
            "frames go from program to program in memory, where nothing can delay, drop or change them; \
             with medium = \"veth\" the link is a cable",
        ));
        can = false;
    }
    for end in &link.ends {
        let node = &drafts[end.node.0].node;
        if node.kind != Kind::Nf {
            let message = format!(
                "'{}' is of kind {}, and medium = \"memif\" joins two of kind nf",
                node.name, node.kind
            );
            let found = Diagnostic::new(end.span.clone(), message);
            reader.report(found.help("only a network function has ports in memory; leave medium out"));
            can = false;
        }
    }
    can
}

fn medium<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> Option<Medium> {
    let text = reader.string(value, "medium")?;
    Some(match text.text {
        "veth" => Medium::Veth,
        "memif" => Medium::Memif,
        other => {
            let found = Diagnostic::new(text.span.clone(), format!("unknown medium '{other}'"));
            reader.report(found.help(format!("allowed: {MEDIA}")));
            return None;
        }
    })
}

fn wire<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> Option<Wire> {
    let text = reader.string(value, "wire")?;
    Some(match text.text {
        "auto" => Wire::Auto,
        "kernel" => Wire::Kernel,
        "user" => Wire::User,
        "precise" => Wire::Precise,
        other => {
            let found = Diagnostic::new(text.span.clone(), format!("unknown wire '{other}'"));
            reader.report(found.help(format!("allowed: {WIRES}")));
            return None;
        }
    })
}

fn end(reader: &mut Reader<'_>, drafts: &[Draft<'_>], text: &Text<'_>) -> Option<EndDraft> {
    let (node, interface) = match text.text.split_once(':') {
        Some((node, interface)) => (node, Some(interface)),
        None => (text.text, None),
    };
    let interface = match interface {
        Some(part) => Some(name::interface(reader, text, part)?),
        None => None,
    };
    let id = find(reader, drafts, text, node)?;
    if drafts[id.0].node.kind == Kind::Process {
        let message = format!("'{node}' is a process, which has no interfaces");
        reader.report(Diagnostic::new(text.part(node), message).help("a host has a program and interfaces"));
        return None;
    }
    if drafts[id.0].node.kind == Kind::Nat && interface.as_deref() == Some(UPLINK) {
        let message = format!("'{node}' is a nat, whose interface {UPLINK} leads out of the lab");
        reader.report(
            Diagnostic::new(text.span.clone(), message).help("give the link's interface another name"),
        );
        return None;
    }
    Some(EndDraft { node: id, interface, span: text.span.clone() })
}

/// Gives every end its interface, and returns the links; an interface without a name is the first free `ethN`.
pub(super) fn resolve(reader: &mut Reader<'_>, drafts: &mut [Draft<'_>], links: Vec<LinkDraft>) -> Vec<Link> {
    let mut taken: Vec<BTreeSet<String>> =
        drafts.iter().map(|draft| draft.node.interfaces.iter().map(|i| i.name.clone()).collect()).collect();
    for end in links.iter().flat_map(|link| &link.ends) {
        taken[end.node.0].extend(end.interface.clone());
    }
    let mut next = vec![0; drafts.len()];
    let mut resolved = Vec::new();
    for link in links {
        let nf = link.ends.iter().any(|end| drafts[end.node.0].node.kind == Kind::Nf);
        let mtu = link.mtu.unwrap_or(DEFAULT_MTU);
        let offload = link.offload.unwrap_or(!nf);
        let ends = link.ends.map(|end| {
            let name =
                end.interface.clone().unwrap_or_else(|| free_name(&mut next[end.node.0], &taken[end.node.0]));
            add_interface(reader, &mut drafts[end.node.0], &end, name, (mtu, offload))
        });
        if let [Some(a), Some(b)] = ends {
            let LinkDraft { conditions, wire, medium, .. } = link;
            resolved.push(Link { ends: [a, b], mtu, offload, conditions, wire, medium });
        }
    }
    resolved
}

fn free_name(next: &mut usize, taken: &BTreeSet<String>) -> String {
    loop {
        let name = format!("eth{next}");
        *next += 1;
        if !taken.contains(&name) {
            return name;
        }
    }
}

fn add_interface(
    reader: &mut Reader<'_>,
    draft: &mut Draft<'_>,
    end: &EndDraft,
    name: String,
    (mtu, offload): (u32, bool),
) -> Option<End> {
    let node = &mut draft.node;
    if let Some(index) = node.interface_id(&name) {
        let message = format!("interface '{name}' of node '{}' has two links", node.name);
        let mut found = Diagnostic::new(end.span.clone(), message)
            .label("used again")
            .help("each end of a link is an interface of its own");
        if let Some(Some(first)) = draft.ends.get(index) {
            found = found.other(first.clone(), "first used here");
        }
        reader.report(found);
        return None;
    }
    if node.kind == Kind::Switch && node.interfaces.len() == SWITCH_PORTS {
        let message = format!("switch '{}' has more than {SWITCH_PORTS} ports", node.name);
        reader.report(Diagnostic::new(end.span.clone(), message).help("use two switches"));
        return None;
    }
    let mac = plan::UNPLANNED;
    node.interfaces.push(Interface { name, mac, mtu, offload, addresses: Vec::new() });
    draft.ends.resize(node.interfaces.len() - 1, None);
    draft.ends.push(Some(end.span.clone()));
    Some(End { node: end.node, interface: node.interfaces.len() - 1 })
}
