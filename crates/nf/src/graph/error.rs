//! What can be wrong with a graph, and where it is written.

use std::fmt;
use std::sync::Arc;

/// Why a graph cannot be made.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}{mistake}", origin.as_ref().map(|origin| format!("{origin}: ")).unwrap_or_default())]
pub struct Error {
    /// Where the statement with the mistake stands; `None` for what no statement says.
    pub origin: Option<Origin>,
    /// What is wrong.
    pub mistake: Mistake,
}

/// A line of a wiring's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file, if the text came from one.
    pub file: Option<Arc<str>>,
    /// The line in it, or in the text, from 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{file}:{}", self.line),
            None => write!(f, "line {}", self.line),
        }
    }
}

/// What is wrong with a graph.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// The text form has a mistake.
    #[error("'{statement}': {what}")]
    Syntax {
        /// The statement as written.
        statement: String,
        /// What is allowed.
        what: &'static str,
    },
    /// The wiring names a node that was not added.
    #[error("no node '{name}'; there are: {known}")]
    UnknownNode {
        /// The name in the wiring.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The wiring names a port that the program does not have.
    #[error("no port '{name}'; there are: {known}")]
    UnknownPort {
        /// The name in the wiring.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// Two nodes have one name.
    #[error("two nodes are named '{0}'")]
    DuplicateNode(String),
    /// The wiring names an input that the function does not have.
    #[error("'{node}' has no input {input}; it has {}", count(*inputs, "input"))]
    NoSuchInput {
        /// The node.
        node: String,
        /// The input in the wiring.
        input: u8,
        /// How many there are.
        inputs: usize,
    },
    /// The wiring names an output that the function does not have.
    #[error("'{node}' has no output {output}; it has {}", count(*outputs, "output"))]
    NoSuchOutput {
        /// The node.
        node: String,
        /// The output in the wiring.
        output: u8,
        /// How many there are.
        outputs: usize,
    },
    /// An output, or a receiving port, is wired twice; replication is a node's work.
    #[error(
        "{what} is wired{} already; a packet has one way, and a node such as a tee makes copies",
        place(first)
    )]
    WiredTwice {
        /// The output or port.
        what: String,
        /// Where it was wired first.
        first: Option<Origin>,
    },
    /// A statement leads out of a `tx:` or into an `rx:`.
    #[error("'{0}' stands on the wrong side of an arrow: packets come from rx: and go to tx:")]
    Backwards(String),
    /// Nodes feed each other in a circle.
    #[error("nodes feed each other in a circle: {}", .0.join(" -> "))]
    Cycle(Vec<String>),
    /// No packet can come to a node.
    #[error("nothing leads to '{0}'")]
    Unreached(String),
    /// An output that the function declares is not wired.
    #[error("{node}[{output}] leads nowhere; '{node}' has {}, and each must be wired", count(*outputs, "output"))]
    Unwired {
        /// The node.
        node: String,
        /// The output.
        output: usize,
        /// How many there are.
        outputs: usize,
    },
    /// Several nodes and no wiring.
    #[error("a graph of {0} nodes needs wiring; only a single node is attached to all ports by itself")]
    NoWiring(usize),
}

fn place(origin: &Option<Origin>) -> String {
    origin.as_ref().map(|origin| format!(" in {origin}")).unwrap_or_default()
}

fn count(n: usize, what: &str) -> String {
    match n {
        0 => format!("no {what}s"),
        1 => format!("one {what}"),
        n => format!("{n} {what}s"),
    }
}

impl Mistake {
    /// The error of this mistake at a place.
    pub(crate) fn at(self, origin: Option<&Origin>) -> Error {
        Error { origin: origin.cloned(), mistake: self }
    }
}
