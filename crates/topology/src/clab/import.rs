//! From containerlab to a lab file.

use std::collections::HashMap;

use super::definition::Definitions;
use super::lab::{Interface, Lab, Link};
use super::yaml::{Fields, Reader, Text, get};
use super::{Warning, link, node};
use crate::error::{Diagnostic, Error, suggest};
use crate::file::tame_name;

const KEYS: [&str; 6] = ["name", "prefix", "mgmt", "settings", "topology", "debug"];
const TOPOLOGY_KEYS: [&str; 5] = ["defaults", "kinds", "groups", "nodes", "links"];

/// A lab of containerlab as a lab file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The text of the lab file; whether it is free of contradictions, [`Topology::parse`] tells.
    ///
    /// [`Topology::parse`]: crate::Topology::parse
    pub lab: String,
    /// What was left out or changed, in the order of the file that was read.
    pub warnings: Vec<Warning>,
}

/// Reads a `*.clab.yml`; `file` is its name, for messages.
///
/// # Errors
/// All that containerlab itself would not understand, each with its place in the file.
pub fn import(file: &str, source: &str) -> Result<Imported, Error> {
    let (mut reader, document) = Reader::load(file, source)?;
    if let Some(start) = source.find("${") {
        let why = "variables of the environment are not filled in, 'envsubst' does it";
        reader.warn(start..start + 2, "${…}", None, why);
    }
    let fields = reader.fields(&document, "the file");
    link::known(&mut reader, &fields, "a file of containerlab", &KEYS);
    for (key, _) in &fields {
        match key.text.as_str() {
            "mgmt" => reader.warn(key.span.clone(), "mgmt", None, "there is no network for management"),
            "settings" => reader.warn(key.span.clone(), "settings", None, "it is for containerlab itself"),
            _ => {}
        }
    }
    let name = get(&fields, "name").and_then(|value| reader.text(value, "name"));
    let Some(name) = name.filter(|name| !name.text.is_empty()) else {
        reader.report(Diagnostic::new(0..0, "the lab has no name").help("write name: lab in the first line"));
        return reader.finish().map(|warnings| Imported { lab: String::new(), warnings });
    };
    let mut lab = Lab { name: tame_name(&name.text), ..Lab::default() };
    if lab.name != name.text {
        reader.warn(name.span.clone(), "name", None, format!("the lab is called '{}'", lab.name));
    }
    let topology = get(&fields, "topology").map(|value| reader.fields(value, "topology")).unwrap_or_default();
    link::known(&mut reader, &topology, "a topology", &TOPOLOGY_KEYS);
    read(&mut reader, &mut lab, &topology);
    reader.finish().map(|warnings| Imported { lab: lab.to_string(), warnings })
}

fn read<'s>(reader: &mut Reader<'s>, lab: &mut Lab, topology: &Fields<'_, 's>) {
    let nodes = get(topology, "nodes").map(|value| reader.fields(value, "nodes")).unwrap_or_default();
    let renamed = rename(reader, &nodes);
    let mut interfaces: HashMap<String, Vec<Interface>> = HashMap::new();
    let links = get(topology, "links").map(|value| reader.list(value, "links")).unwrap_or_default();
    for value in links {
        let Some(link) = link::read(reader, value) else { continue };
        let mtu = link.mtu;
        let ends = link.ends.map(|end| {
            let Some(name) = renamed.get(&end.node.text) else {
                let help = suggest(&end.node.text, nodes.iter().map(|(name, _)| name.text.as_str()));
                let found = Diagnostic::new(end.node.span, format!("unknown node '{}'", end.node.text));
                reader.report(found.help(help));
                return String::new();
            };
            let text = format!("{name}:{}", end.interface);
            let (name, mac, mut addresses) = (end.interface, end.mac, Vec::new());
            end.addresses.iter().for_each(|address| node::add_address(&mut addresses, *address));
            interfaces.entry(end.node.text).or_default().push(Interface { name, addresses, mac, mtu: None });
            text
        });
        lab.links.push(Link { ends, mtu });
    }
    let definitions = Definitions::read(reader, topology);
    let lab_name = format!("clab-{}", lab.name);
    for (name, value) in &nodes {
        let Some(definition) = definitions.node(reader, name, value) else { continue };
        let own = interfaces.remove(&name.text).unwrap_or_default();
        let node = node::read(reader, &lab_name, &name.text, renamed[&name.text].clone(), &definition, own);
        lab.nodes.push(node);
    }
}

/// Returns the names of the nodes here by those in containerlab, and warns of those that are others.
fn rename(reader: &mut Reader<'_>, nodes: &Fields<'_, '_>) -> HashMap<String, String> {
    let mut renamed = HashMap::new();
    let mut taken: HashMap<String, &Text> = HashMap::new();
    for (text, _) in nodes {
        let name = tame_name(&text.text);
        if name != text.text {
            let why = format!("the node is called '{name}'");
            reader.warn(text.span.clone(), "nodes", Some(&text.text), why);
        }
        if let Some(first) = taken.insert(name.clone(), text) {
            let found = Diagnostic::new(text.span.clone(), format!("two nodes would be called '{name}'"));
            reader.report(found.other(first.span.clone(), "the other one"));
        }
        renamed.insert(text.text.clone(), name);
    }
    renamed
}
