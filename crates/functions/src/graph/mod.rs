//! Graphs of several functions, from a file in one of two forms.
//!
//! In TOML, `graph` has the wiring, and each table `[node.NAME]` names its function and has that function's keys:
//!
//! ```toml
//! graph = """
//! rx:lan -> sort -> limit -> tx:wan
//! sort[1] -> telnet
//! rx:wan -> tx:lan
//! """
//! [node.sort]
//! nf = "classify"
//! filters = ["not tcp port 23"]
//! [node.limit]
//! nf = "shaper"
//! rate = "10 Mbit/s"
//! [node.telnet]
//! nf = "sink"
//! ```
//!
//! In a form like Click's, nodes are declared with their keys, on their own or where they first stand in the wiring:
//!
//! ```text
//! sort :: classify(filters = ["not tcp port 23"]);    // also '#' and /* these */ begin comments
//! telnet :: sink;
//! rx:lan -> sort -> limit :: shaper(rate = "10 Mbit/s") -> tx:wan;
//! sort[1] -> telnet;
//! rx:wan -> tx:lan;
//! ```
//!
//! What is wired is what a node has to do with: `tee` and `split` have as many outputs as are wired; `shaper` joins two
//! ports, or leads from one input to one output; `nat` needs input and output 0 inside and 1 outside, and knows the MAC
//! addresses of ports alone; `router` stands at ports alone ([`registry::Setup`]).

mod click;
mod error;
mod toml_form;

use rackless_nf::{GraphBuilder, Nf, Origin, Wiring};

use crate::registry::{self, PortSetup, Setup};

pub use error::Error;

/// A graph as its file describes it; the ports are not known yet.
///
/// # Examples
/// ```
/// use rackless_functions::graph::Description;
///
/// let graph = Description::from_click("c :: counter; rx:a -> c -> tx:b;", "count.click")?;
/// assert!(graph.to_mermaid().contains("counter"));
/// let error = Description::from_click("\nrx:a -> c -> tx:b", "count.click").err().map(|e| e.to_string());
/// assert_eq!(error.as_deref(), Some("count.click:2: no node 'c'; there are: none"));
/// # Ok::<(), rackless_functions::graph::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Description {
    nodes: Vec<NodeText>,
    wiring: Wiring,
}

/// A node as a file declares it.
#[derive(Clone, Debug)]
struct NodeText {
    name: String,
    function: String,
    /// The function's own keys.
    table: toml::Table,
    /// A text in which they stand on the lines of the file.
    text: String,
    /// The tables in that text that lead to them.
    within: Vec<String>,
    origin: Origin,
}

impl Description {
    /// Reads the keys `graph` and `node` of TOML text; `None` if there is no `graph`.
    ///
    /// `own` are the keys that are the graph's to know; others in the text are of no matter.
    ///
    /// # Errors
    /// Any [`Error`] that shows without ports.
    pub fn from_toml(text: &str, own: &toml::Table, file: &str) -> Result<Option<Self>, Error> {
        let description = toml_form::read(text, own, file)?;
        description.map(Self::verified).transpose()
    }

    /// Reads a file in the form that is like Click's.
    ///
    /// # Errors
    /// Any [`Error`] that shows without ports.
    pub fn from_click(text: &str, file: &str) -> Result<Self, Error> {
        click::read(text, file).and_then(Self::verified)
    }

    /// Makes the functions, for these ports.
    ///
    /// # Errors
    /// [`Error::Node`], [`Error::Graph`]
    pub fn build(&self, ports: &[PortSetup]) -> Result<GraphBuilder, Error> {
        let names: Vec<&str> = ports.iter().map(|port| port.info.name.as_str()).collect();
        let wiring = match self.nodes.as_slice() {
            [node] if self.wiring.is_empty() => Wiring::alone(&node.name, &names),
            _ => self.wiring.clone(),
        };
        wiring.verify(&self.names(), Some(&names))?;
        let mut graph = GraphBuilder::new().wiring(wiring.clone());
        for node in &self.nodes {
            let nf = node.make(&wiring, ports).map_err(|source| node.wrong(source))?;
            let (again, wiring, ports) = (node.clone(), wiring.clone(), ports.to_vec());
            graph = graph
                .declared_node(&node.name, nf, Some(node.origin.clone()))
                .remade_by(&node.name, move || again.make(&wiring, &ports).ok());
        }
        Ok(graph)
    }

    /// The names of its nodes and of their functions.
    pub fn functions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.nodes.iter().map(|node| (node.name.as_str(), node.function.as_str()))
    }

    /// The graph's picture in Graphviz's language.
    pub fn to_dot(&self) -> String {
        self.drawn().to_dot(|node| self.function(node))
    }

    /// The graph's picture in mermaid's language.
    pub fn to_mermaid(&self) -> String {
        self.drawn().to_mermaid(|node| self.function(node))
    }

    /// Checks names and wiring.
    fn verified(self) -> Result<Self, Error> {
        for node in &self.nodes {
            registry::find(&node.function).map_err(|source| node.wrong(source))?;
        }
        if !self.wiring.is_empty() || self.nodes.len() != 1 {
            self.wiring.verify(&self.names(), None)?;
        }
        Ok(self)
    }

    fn names(&self) -> Vec<(&str, Option<&Origin>)> {
        self.nodes.iter().map(|node| (node.name.as_str(), Some(&node.origin))).collect()
    }

    /// The wiring, or what a single node without one will have: every port.
    fn drawn(&self) -> Wiring {
        match self.nodes.as_slice() {
            [node] if self.wiring.is_empty() => Wiring::alone(&node.name, &["*"]),
            _ => self.wiring.clone(),
        }
    }

    fn function(&self, node: &str) -> String {
        self.nodes
            .iter()
            .find(|other| other.name == node)
            .map(|node| node.function.clone())
            .unwrap_or_default()
    }
}

impl NodeText {
    /// Makes the node's function; of the ports, it is told those that it stands at.
    fn make(&self, wiring: &Wiring, ports: &[PortSetup]) -> Result<Box<dyn Nf>, registry::Error> {
        let (inputs, outputs) = (wiring.inputs(&self.name), wiring.outputs(&self.name));
        let port = |number: usize| {
            let name = wiring.interface(&self.name, u8::try_from(number).ok()?)?;
            ports.iter().find(|port| port.info.name == name).cloned()
        };
        let ports = (0..inputs.max(outputs)).map(port).collect();
        let within: Vec<&str> = self.within.iter().map(String::as_str).collect();
        let (table, text) = (&self.table, self.text.as_str());
        let setup = Setup { ports, inputs, outputs, table, text, within: &within };
        registry::build(&self.function, &setup)
    }

    /// The error of this node, with the line of the key that is wrong, if one is.
    fn wrong(&self, source: registry::Error) -> Error {
        let span = match &source {
            registry::Error::Settings { source, .. } => source.span(),
            _ => None,
        };
        let line = span.filter(|span| !span.is_empty()).map(|span| line_of(&self.text, span.start));
        let origin = Origin { line: line.unwrap_or(self.origin.line), ..self.origin.clone() };
        Error::Node { origin, node: self.name.clone(), source: Box::new(source) }
    }
}

/// The line, from 1, of a place in a text.
fn line_of(text: &str, place: usize) -> usize {
    text.bytes().take(place).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests;
