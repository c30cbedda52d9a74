//! What can be wrong with a graph's file.

use rackless_nf::{GraphError, Origin};

use crate::registry;

/// Why a graph cannot be made of its file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not of its form.
    #[error("{origin}: {what}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What is wrong and what is allowed.
        what: String,
    },
    /// A key that has no meaning in a graph.
    #[error("{origin}: unknown key '{key}'; a graph has 'graph' and tables [node.NAME]")]
    UnknownKey {
        /// Where.
        origin: Origin,
        /// The key.
        key: String,
    },
    /// A node without the name of a function.
    #[error("{origin}: node '{node}' has no key 'nf'; there are: {known}")]
    Unnamed {
        /// Where.
        origin: Origin,
        /// The node.
        node: String,
        /// The functions that exist.
        known: String,
    },
    /// The wiring is wrong.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A node's function cannot be made.
    #[error("{origin}: cannot make node '{node}'")]
    Node {
        /// Where it is declared, or the key that is wrong.
        origin: Origin,
        /// The node.
        node: String,
        /// Why.
        source: Box<registry::Error>,
    },
}
