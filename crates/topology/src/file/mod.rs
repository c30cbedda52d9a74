//! The lab file: TOML, with every key known, every name resolved, and all that is wrong reported at once.
//!
//! A file is read in three steps: tables into drafts that keep the place of each text ([`node`], [`link`]),
//! links into interfaces, then what needs them: the automatic plan, routes and checks.

mod address;
mod check;
mod command;
mod conditions;
mod cycle;
mod event;
mod files;
mod limits;
mod link;
mod name;
mod node;
mod program;
mod reader;
mod route;
mod schema;
mod storm;
mod sysctl;

use std::collections::HashMap;
use std::io;
use std::path::Path;

use toml::de::DeTable;

use crate::error::{Diagnostic, Error};
use crate::model::{NodeId, Topology};
pub(crate) use address::unfit;
pub(crate) use link::{MTU, SWITCH_PORTS};
pub(crate) use name::{INTERFACE_BYTES, tame as tame_name};
pub use schema::SCHEMA;

use crate::{plan, shape};
use node::Draft;
use reader::Reader;

const KEYS: [&str; 6] = ["name", "shape", "node", "link", "event", "check"];

impl Topology {
    /// Reads a lab file that names no others; `file` is its name, for messages and for the name of a lab that gives none.
    ///
    /// # Errors
    /// All that is wrong, each with its place in the file.
    pub fn parse(file: &str, source: &str) -> Result<Self, Error> {
        Self::parse_with(file, source, &|_| {
            Err(io::Error::other("files beside the lab file are not read here"))
        })
    }

    /// Reads a lab file and the traces that it names: `beside` gives the content of a file by its path, which counts from
    /// the lab file's folder.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); what is wrong in a trace names also the line of its file.
    ///
    /// # Examples
    /// ```
    /// use rackless_topology::Topology;
    ///
    /// let lab = "[node.a]\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\ntrace = \"lte.trace\"\n";
    /// let lab = Topology::parse_with("lab.toml", lab, &|path| {
    ///     assert_eq!(path.to_str(), Some("lte.trace"));
    ///     Ok("0\n4\n12\n".to_owned())
    /// })?;
    /// assert_eq!(lab.links[0].conditions[0].trace.as_ref().map(|trace| trace.length_ms()), Some(12));
    /// # Ok::<(), rackless_topology::Error>(())
    /// ```
    pub fn parse_with(
        file: &str,
        source: &str,
        beside: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<Self, Error> {
        let (document, syntax) = DeTable::parse_recoverable(source);
        if !syntax.is_empty() {
            return Err(Error::new(file, source, syntax.iter().map(|e| syntax_error(e, source)).collect()));
        }
        let mut reader = Reader::new(source, beside);
        let topology = read(&mut reader, file, document.get_ref());
        let diagnostics = reader.into_diagnostics();
        if diagnostics.is_empty() { Ok(topology) } else { Err(Error::new(file, source, diagnostics)) }
    }
}

fn read<'s>(reader: &mut Reader<'s>, file: &str, document: &DeTable<'s>) -> Topology {
    let fields = reader.fields(document, 0..0, "a lab file", &KEYS);
    let mut topology = shaped(reader, &fields);
    topology.name = match fields.get("name").and_then(|value| reader.string(value, "name")) {
        Some(text) => name::node(reader, &text, "lab").unwrap_or_default(),
        None => name::from_file(Path::new(file)),
    };
    let mut drafts: Vec<Draft<'_>> = topology.nodes.drain(..).map(Draft::of_shape).collect();
    if let Some(tables) = fields.get("node").and_then(|value| reader.table(value, "node")) {
        for (key, value) in tables {
            node::read(reader, &mut drafts, key, value);
        }
    }
    let tables = fields.get("link").and_then(|value| reader.tables(value, "link")).unwrap_or_default();
    let links = tables.iter().filter_map(|table| link::read(reader, &drafts, table)).collect();
    topology.links.append(&mut link::resolve(reader, &mut drafts, links));
    storm::report(reader, &drafts, &topology.links);
    let said = address::said(&drafts);
    address::place(reader, &mut drafts, &topology.links);
    node::order(reader, &mut drafts);
    topology.nodes = drafts.iter_mut().map(|draft| std::mem::take(&mut draft.node)).collect();
    if let Err(error) = plan::apply(&mut topology, &said) {
        let help = "give the hosts addresses, or join segments with switches";
        reader.report(Diagnostic::new(0..0, error.to_string()).help(help));
    }
    // A wrong link or address makes every route over it look wrong: say so when the first is mended.
    let sound = reader.is_clean();
    for (index, draft) in drafts.iter().enumerate() {
        route::read(reader, &mut topology, NodeId(index), &draft.routes, sound);
    }
    let tables = fields.get("event").and_then(|value| reader.tables(value, "event")).unwrap_or_default();
    topology.events =
        tables.iter().filter_map(|table| event::read(reader, &topology, table)).flatten().collect();
    let tables = fields.get("check").and_then(|value| reader.tables(value, "check")).unwrap_or_default();
    let mut names = HashMap::new();
    topology.checks =
        tables.iter().filter_map(|table| check::read(reader, &topology, &mut names, table)).collect();
    topology
}

/// Returns the nodes and links of the key `shape`, if there is one.
fn shaped<'s>(reader: &mut Reader<'s>, fields: &reader::Fields<'_, 's>) -> Topology {
    let empty = Topology::default();
    let Some(text) = fields.get("shape").and_then(|value| reader.string(value, "shape")) else {
        return empty;
    };
    shape::build(text.text).unwrap_or_else(|error| {
        reader.report(Diagnostic::new(text.span, error.to_string()).help(shape::SHAPES));
        empty
    })
}

fn syntax_error(error: &toml::de::Error, source: &str) -> Diagnostic {
    let span = error.span().unwrap_or(0..0);
    if error.message() != "duplicate key" {
        return Diagnostic::new(span, error.message().to_owned());
    }
    let found = source.get(span.clone()).unwrap_or_default();
    let help = "every node, table and key has a name of its own";
    let header = format!("[node.{found}]");
    let first = source.find(&header).filter(|first| *first < span.start);
    match first {
        Some(first) if source[..span.start].ends_with("[node.") => {
            let name = first + "[node.".len();
            Diagnostic::new(span, format!("two nodes have the name '{found}'"))
                .label("used again")
                .other(name..name + found.len(), "first used here")
                .help(help)
        }
        _ => Diagnostic::new(span, format!("'{found}' is given twice")).help(help),
    }
}
