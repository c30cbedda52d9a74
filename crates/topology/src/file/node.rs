//! `[node.NAME]`: tables into drafts, and drafts into nodes once the links are known.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeString;

use super::address::{self, Placed};
use super::reader::{Fields, Reader, Text, Value};
use super::{cycle, limits, name, program};
use crate::error::{Diagnostic, suggest};
use crate::model::{Kind, Node, NodeId};

pub(super) const KEYS: [&str; 15] = [
    "kind",
    "stp",
    "addresses",
    "interface",
    "routes",
    "package",
    "run",
    "ready",
    "restart",
    "env",
    "files",
    "sysctl",
    "after",
    "cpus",
    "memory",
];

/// A node, and what must wait until all nodes and links are known.
pub(super) struct Draft<'t> {
    pub(super) node: Node,
    /// Where the node is named; `None` for a node of a shape.
    pub(super) span: Option<Range<usize>>,
    /// The place of the link end that made each interface; `None` for an end of a shape.
    pub(super) ends: Vec<Option<Range<usize>>>,
    /// The addresses of the first interface, as the node gives them.
    pub(super) addresses: Option<Vec<Placed>>,
    pub(super) interfaces: Vec<address::InterfaceDraft>,
    pub(super) routes: Vec<Text<'t>>,
    after: Vec<Text<'t>>,
}

impl Draft<'_> {
    pub(super) fn of_shape(node: Node) -> Self {
        let ends = vec![None; node.interfaces.len()];
        Self::new(node, None, ends)
    }

    fn new(node: Node, span: Option<Range<usize>>, ends: Vec<Option<Range<usize>>>) -> Self {
        let (interfaces, routes, after) = (Vec::new(), Vec::new(), Vec::new());
        Self { node, span, ends, addresses: None, interfaces, routes, after }
    }
}

/// Reads one table; a node that a shape has made is changed by it.
pub(super) fn read<'t, 's>(
    reader: &mut Reader<'s>,
    drafts: &mut Vec<Draft<'t>>,
    key: &'t Spanned<DeString<'s>>,
    value: &'t Value<'s>,
) {
    let text = Text::of_key(key);
    let Some(name) = name::node(reader, &text, "node") else { return };
    let Some(table) = reader.table(value, &format!("node.{name}")) else { return };
    let fields = reader.fields(table, key.span(), "a node", &KEYS);
    let index = drafts.iter().position(|draft| draft.node.name == name).unwrap_or_else(|| {
        drafts.push(Draft::new(Node { name, ..Node::default() }, Some(key.span()), Vec::new()));
        drafts.len() - 1
    });
    let draft = &mut drafts[index];
    if let Some(value) = fields.get("kind") {
        if draft.span.is_none() {
            let message = format!("the shape says what '{}' is: a {}", draft.node.name, draft.node.kind);
            reader.report(Diagnostic::new(value.span(), message).help("leave out the key 'kind'"));
        } else if let Some(kind) = read_kind(reader, value) {
            draft.node.kind = kind;
        }
    }
    refuse(reader, &fields, draft.node.kind);
    if let Some(value) = fields.get("stp") {
        draft.node.stp = reader.boolean(value, "stp").unwrap_or_default();
    }
    if draft.node.kind == Kind::Process && fields.get("run").is_none() {
        let message = format!("process '{}' has no program", draft.node.name);
        reader.report(Diagnostic::new(fields.span.clone(), message).help("give the node a key 'run'"));
    }
    read_network(reader, draft, &fields);
    program::read(reader, &mut draft.node, &fields);
    draft.node.limits = limits::read(reader, &fields);
    if let Some(value) = fields.get("after") {
        draft.after = reader.one_or_more(value, "after").unwrap_or_default();
    }
}

fn read_kind<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> Option<Kind> {
    let text = reader.string(value, "kind")?;
    let found = Kind::ALL.into_iter().find(|kind| kind.as_str() == text.text);
    if found.is_none() {
        let help = suggest(text.text, Kind::ALL.map(Kind::as_str));
        reader.report(Diagnostic::new(text.span, format!("unknown kind '{}'", text.text)).help(help));
    }
    found
}

/// Reports keys that mean nothing for a kind of node.
fn refuse(reader: &mut Reader<'_>, fields: &Fields<'_, '_>, kind: Kind) {
    if kind != Kind::Switch
        && let Some(span) = fields.key_span("stp")
    {
        let message = format!("'stp' is not for a node of kind \"{kind}\"");
        reader.report(Diagnostic::new(span, message).help("it lets a switch cut loops of links"));
    }
    let (keys, why): (&[&'static str], _) = match kind {
        Kind::Host | Kind::Router | Kind::Nat => (&[], ""),
        Kind::Nf => {
            (&["routes"], "the program of an nf has its own routes, such as those of an NF's TOML file")
        }
        Kind::Process => (
            &["addresses", "interface", "routes", "files", "sysctl"],
            "a process is a program beside the network, with the machine's own interfaces and files",
        ),
        Kind::Switch => {
            (&KEYS[2..], "a switch is a kernel bridge: it has the keys kind and stp, and no others")
        }
    };
    for key in fields.given(keys) {
        if let Some(span) = fields.key_span(key) {
            let message = format!("'{key}' is not for a node of kind \"{kind}\"");
            reader.report(Diagnostic::new(span, message).help(why));
        }
    }
}

fn read_network<'t, 's>(reader: &mut Reader<'s>, draft: &mut Draft<'t>, fields: &Fields<'t, 's>) {
    if let Some(value) = fields.get("addresses") {
        draft.addresses = address::list(reader, value);
    }
    if let Some(tables) = fields.get("interface").and_then(|value| reader.table(value, "interface")) {
        for (key, value) in tables {
            if let Some(interface) = address::read_interface(reader, key, value) {
                draft.interfaces.push(interface);
            }
        }
    }
    if let Some(value) = fields.get("routes") {
        draft.routes = reader.strings(value, "routes").unwrap_or_default();
    }
}

/// Returns the place of the node with this name, which is a part of a text of the file, or reports it.
pub(super) fn find(
    reader: &mut Reader<'_>,
    names: &[impl AsRef<str>],
    text: &Text<'_>,
    name: &str,
) -> Option<NodeId> {
    let found = names.iter().position(|node| node.as_ref() == name);
    if found.is_none() {
        let help = suggest(name, names.iter().map(AsRef::as_ref));
        reader.report(Diagnostic::new(text.part(name), format!("unknown node '{name}'")).help(help));
    }
    found.map(NodeId)
}

impl AsRef<str> for Draft<'_> {
    fn as_ref(&self) -> &str {
        &self.node.name
    }
}

/// Resolves the keys `after`, and reports a cycle.
pub(super) fn order(reader: &mut Reader<'_>, drafts: &mut [Draft<'_>]) {
    for index in 0..drafts.len() {
        let texts = std::mem::take(&mut drafts[index].after);
        let nodes: Vec<_> = texts.iter().filter_map(|text| find(reader, drafts, text, text.text)).collect();
        drafts[index].node.after = nodes;
        drafts[index].after = texts;
    }
    let waits: Vec<Vec<usize>> =
        drafts.iter().map(|draft| draft.node.after.iter().map(|id| id.0).collect()).collect();
    let Some(cycle) = cycle::find(&waits) else { return };
    let names: Vec<&str> = cycle.iter().map(|index| drafts[*index].node.name.as_str()).collect();
    let message = format!("nodes wait for each other: {}", names.join(", "));
    let span = drafts[cycle[0]].after.first().map_or(0..0, |text| text.span.clone());
    reader.report(Diagnostic::new(span, message).help("remove one of their keys 'after'"));
}
