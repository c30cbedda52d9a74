//! `[[check]]`: what must hold in the lab.

mod bounds;
mod probe;
mod seen;
mod target;
mod throughput;
mod url;

use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::node::find;
use super::reader::{Fields, Reader, Text};
use crate::error::Diagnostic;
use crate::model::{Check, Kind, Node, NodeId, Topology};
use crate::units::Duration;

pub(super) const KEYS: [&str; 19] = [
    "name",
    "on",
    "ping",
    "tcp",
    "udp",
    "http",
    "throughput",
    "seen",
    "run",
    "family",
    "send",
    "expect",
    "status",
    "count",
    "rtt",
    "loss",
    "filter",
    "within",
    "fails",
];

/// How long a check is repeated unless the file says.
const WITHIN: Duration = Duration::from_secs(5);

/// How long a probe must keep failing unless the file says: longer than a neighbour is looked for (RFC 4861 section
/// 10, RFC 1122 section 2.3.2.1), so that nothing is called unreachable that is only slow.
const WITHIN_FAILS: Duration = Duration::from_secs(2);

/// Reads one check.
pub(super) fn read<'s>(
    reader: &mut Reader<'s>,
    topology: &Topology,
    names: &mut HashMap<String, Range<usize>>,
    table: &Spanned<&DeTable<'s>>,
) -> Option<Check> {
    let fields = reader.fields(table.get_ref(), table.span(), "a check", &KEYS);
    let name = match fields.get("name") {
        Some(value) => reader.string(value, "name").and_then(|text| new_name(reader, names, &text)),
        None => missing(reader, &fields, "name", "name = \"web answers\""),
    };
    let seen = fields.get("seen").is_some();
    let on = match fields.get("on") {
        Some(value) if !seen => {
            let needs_kernel = fields.get("run").is_none();
            reader.one_or_more(value, "on").map(|texts| runners(reader, topology, &texts, needs_kernel))
        }
        _ if seen => Some(seen::place(reader, topology, &fields)),
        _ => missing(reader, &fields, "on", "on = \"h1\" or on = [\"h1\", \"h2\"]"),
    };
    if let (Some(value), Some([])) = (fields.get("on"), on.as_deref())
        && !seen
        && reader.is_clean()
    {
        reader.report(Diagnostic::new(value.span(), "a check on no node").help("write on = \"h1\""));
    }
    let fails = match fields.get("fails") {
        Some(value) => reader.boolean(value, "fails"),
        None => Some(false),
    };
    let within = match fields.get("within") {
        Some(value) => reader.parse(value, "within", "\"5 s\""),
        None => Some(if fails == Some(true) { WITHIN_FAILS } else { WITHIN }),
    };
    let probe = probe::read(reader, topology, &fields, on.as_deref().unwrap_or_default());
    if let (Some(probe), Some(span), Some(true)) = (&probe, fields.key_span("fails"), fails)
        && probe.is_measurement()
    {
        let found = Diagnostic::new(span, "'fails' does not go with a measurement");
        reader.report(found.help("give the bounds that must hold"));
    }
    Some(Check { name: name?, on: on?, probe: probe?, within: within?, fails: fails? })
}

/// Returns the name of a check if it can stand in a report.
fn new_name(
    reader: &mut Reader<'_>,
    names: &mut HashMap<String, Range<usize>>,
    text: &Text<'_>,
) -> Option<String> {
    let name = text.text.to_owned();
    if name.trim().is_empty() || name.contains(char::is_control) {
        let found =
            Diagnostic::new(text.span.clone(), "the name of a check is empty or has control characters");
        reader.report(found.help("write one line, such as \"web answers\""));
        return None;
    }
    if let Some(first) = names.insert(name.clone(), text.span.clone()) {
        let found = Diagnostic::new(text.span.clone(), format!("two checks have the name '{name}'"));
        reader.report(found.other(first, "first used here").help("reports tell checks apart by their names"));
        return None;
    }
    Some(name)
}

fn missing<T>(reader: &mut Reader<'_>, fields: &Fields<'_, '_>, key: &str, form: &str) -> Option<T> {
    let found = Diagnostic::new(fields.span.clone(), format!("a check without '{key}'"));
    reader.report(found.help(format!("write {form}")));
    None
}

/// Returns the nodes a check runs on; one that `needs_kernel` sends from addresses of the node's kernel.
fn runners(
    reader: &mut Reader<'_>,
    topology: &Topology,
    texts: &[Text<'_>],
    needs_kernel: bool,
) -> Vec<NodeId> {
    let mut nodes = Vec::new();
    for text in texts {
        if let Some(hosts) = all_hosts(topology, text.text) {
            let fit = |id: &NodeId| !needs_kernel || topology[*id].addresses().next().is_some();
            nodes.extend(hosts.into_iter().filter(fit).filter(|id| !nodes.contains(id)).collect::<Vec<_>>());
            continue;
        }
        let Some(id) = find(reader, &topology.nodes, text, text.text) else { continue };
        let kind = topology[id].kind;
        if kind == Kind::Switch || (matches!(kind, Kind::Nf | Kind::Process) && needs_kernel) {
            let message = format!("a check cannot run on '{}', a node of kind \"{kind}\"", text.text);
            let help = "allowed: hosts and routers, and for 'run' also nfs and processes";
            reader.report(Diagnostic::new(text.span.clone(), message).help(help));
        } else if nodes.contains(&id) {
            let message = format!("the check names '{}' twice", text.text);
            reader.report(Diagnostic::new(text.span.clone(), message).help("name each node once"));
        } else {
            nodes.push(id);
        }
    }
    nodes
}

/// The word that stands for all hosts, where no node has it as its name.
const ALL: &str = "all";

/// Returns all hosts if that is what a text says.
fn all_hosts(topology: &Topology, text: &str) -> Option<Vec<NodeId>> {
    let ids = || (0..topology.nodes.len()).map(NodeId);
    let all = text == ALL && topology.node_id(ALL).is_none();
    all.then(|| ids().filter(|id| topology[*id].kind == Kind::Host).collect())
}

impl AsRef<str> for Node {
    fn as_ref(&self) -> &str {
        &self.name
    }
}
