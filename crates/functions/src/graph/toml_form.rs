//! The form in TOML.

use std::sync::Arc;

use rackless_nf::{Origin, Wiring};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Description, Error, NodeText, line_of};
use crate::registry::FUNCTIONS;

/// Reads the keys `graph` and `node` of a text; `None` without `graph`.
pub(super) fn read(text: &str, own: &toml::Table, file: &str) -> Result<Option<Description>, Error> {
    let reader = Reader { text, file: Arc::from(file) };
    let document = DeTable::parse(text).map_err(|error| reader.syntax(&error))?;
    let document = document.get_ref();
    let Some(graph) = document.get("graph") else { return Ok(None) };
    if let Some((key, _)) = document.iter().find(|(key, _)| {
        let key = key.get_ref().as_ref();
        own.contains_key(key) && !["graph", "node"].contains(&key)
    }) {
        return Err(Error::UnknownKey {
            origin: reader.origin(key.span().start),
            key: key.get_ref().to_string(),
        });
    }
    let wiring = reader.wiring(graph, own)?;
    let nodes = match document.get("node") {
        Some(nodes) => reader.nodes(nodes, own)?,
        None => Vec::new(),
    };
    Ok(Some(Description { nodes, wiring }))
}

struct Reader<'a> {
    text: &'a str,
    file: Arc<str>,
}

impl Reader<'_> {
    fn wiring(&self, graph: &Spanned<DeValue<'_>>, own: &toml::Table) -> Result<Wiring, Error> {
        let span = graph.span();
        let Some(wires) = own.get("graph").and_then(toml::Value::as_str) else {
            return Err(self.wrong(span.start, "'graph' is a text: the wiring of the nodes"));
        };
        let written = self.text.get(span.clone()).unwrap_or_default();
        // TOML leaves out a line end behind the quotes that open a text of several lines.
        let opens = ["\"\"\"", "'''"].iter().find_map(|quotes| written.strip_prefix(quotes));
        let below = opens.is_some_and(|rest| rest.starts_with('\n') || rest.starts_with("\r\n"));
        let line = line_of(self.text, span.start) + usize::from(below);
        Ok(Wiring::parse_file(wires, &self.file, line)?)
    }

    fn nodes(&self, nodes: &Spanned<DeValue<'_>>, own: &toml::Table) -> Result<Vec<NodeText>, Error> {
        let tables = own.get("node").and_then(toml::Value::as_table);
        let (DeValue::Table(spans), Some(tables)) = (nodes.get_ref(), tables) else {
            return Err(self.wrong(nodes.span().start, "'node' has tables: [node.NAME]"));
        };
        let mut texts = Vec::new();
        for (key, _) in spans.iter() {
            let name: &str = key.get_ref().as_ref();
            let origin = self.origin(key.span().start);
            let Some(table) = tables.get(name).and_then(toml::Value::as_table) else {
                return Err(self.wrong(key.span().start, "'node' has tables: [node.NAME]"));
            };
            let mut table = table.clone();
            let Some(toml::Value::String(function)) = table.remove("nf") else {
                let known = FUNCTIONS.each_ref().map(|function| function.name).join(", ");
                return Err(Error::Unnamed { origin, node: name.to_owned(), known });
            };
            let within = vec!["node".to_owned(), name.to_owned()];
            let (name, text) = (name.to_owned(), self.text.to_owned());
            texts.push(NodeText { name, function, table, text, within, origin });
        }
        // In the order of the file, so that a node's random numbers do not depend on its name.
        texts.sort_by_key(|node| node.origin.line);
        Ok(texts)
    }

    fn syntax(&self, error: &toml::de::Error) -> Error {
        self.wrong(error.span().map_or(0, |span| span.start), error.message())
    }

    fn wrong(&self, place: usize, what: &str) -> Error {
        Error::Syntax { origin: self.origin(place), what: what.to_owned() }
    }

    fn origin(&self, place: usize) -> Origin {
        Origin { file: Some(self.file.clone()), line: line_of(self.text, place) }
    }
}
