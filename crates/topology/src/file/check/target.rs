//! Where pings go: addresses, and nodes, which stand for their first address of each family.

use std::net::IpAddr;

use super::all_hosts;
use crate::error::{Diagnostic, suggest};
use crate::file::reader::{Fields, Reader, Text};
use crate::model::{NodeId, Target, Topology};

/// Reads the targets of `ping`.
pub(super) fn read<'s>(
    reader: &mut Reader<'s>,
    topology: &Topology,
    fields: &Fields<'_, 's>,
    on: &[NodeId],
) -> Option<Vec<Target>> {
    let value = fields.get("ping")?;
    let family = family(reader, fields)?;
    let texts = reader.one_or_more(value, "ping")?;
    let mut all = Vec::new();
    for text in &texts {
        all.extend(target(reader, topology, text, family)?);
    }
    let idle = on.iter().find(|id| all.iter().all(|target| target.node == Some(**id)));
    if let Some(id) = idle {
        let message = format!("'{}' has no target but itself", topology[*id].name);
        reader.report(Diagnostic::new(value.span(), message).help("name another node or an address"));
        return None;
    }
    Some(all)
}

/// Reads `family`: whether IPv6 alone is meant, or (`Some(None)`) either.
#[expect(
    clippy::option_option,
    reason = "the outer one says that something was reported, as everywhere here"
)]
pub(super) fn family<'s>(reader: &mut Reader<'s>, fields: &Fields<'_, 's>) -> Option<Option<bool>> {
    let Some(value) = fields.get("family") else { return Some(None) };
    match reader.integer(value, "family", 4..7)? {
        5 => {
            reader.report(Diagnostic::new(value.span(), "there is no IPv5").help("allowed: 4, 6"));
            None
        }
        family => Some(Some(family == 6)),
    }
}

fn target(
    reader: &mut Reader<'_>,
    topology: &Topology,
    text: &Text<'_>,
    family: Option<bool>,
) -> Option<Vec<Target>> {
    if let Some(hosts) = all_hosts(topology, text.text) {
        let targets: Vec<Target> = hosts.into_iter().flat_map(|id| addresses(topology, id, family)).collect();
        if targets.is_empty() {
            reader.report(Diagnostic::new(text.span.clone(), "no host has an address to ping"));
            return None;
        }
        return Some(targets);
    }
    let Ok(address) = text.text.parse::<IpAddr>() else { return node(reader, topology, text, family) };
    if family.is_none_or(|v6| v6 == address.is_ipv6()) {
        return Some(vec![Target { node: None, address }]);
    }
    let message = format!("'{address}' is not of the family that is asked for");
    reader.report(Diagnostic::new(text.span.clone(), message).help("leave out the key 'family'"));
    None
}

/// Returns the addresses of the node that a text names: at least one, IPv6 first.
pub(super) fn node(
    reader: &mut Reader<'_>,
    topology: &Topology,
    text: &Text<'_>,
    family: Option<bool>,
) -> Option<Vec<Target>> {
    let Some(id) = topology.node_id(text.text) else {
        let message = format!("'{}' is neither an address nor a node", text.text);
        let help = suggest(text.text, topology.nodes.iter().map(|node| node.name.as_str()));
        reader.report(Diagnostic::new(text.span.clone(), message).help(help));
        return None;
    };
    let found: Vec<Target> = addresses(topology, id, family).collect();
    if found.is_empty() {
        let message = format!("node '{}' has no address to ping", text.text);
        reader.report(Diagnostic::new(text.span.clone(), message).help("give the node an address"));
        return None;
    }
    Some(found)
}

fn addresses(topology: &Topology, id: NodeId, family: Option<bool>) -> impl Iterator<Item = Target> + '_ {
    let families = [true, false].into_iter().filter(move |v6| family.is_none_or(|wanted| wanted == *v6));
    let address = move |v6| topology[id].first_address(v6);
    families.filter_map(address).map(move |address| Target { node: Some(id), address })
}
