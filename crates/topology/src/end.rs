//! Ends of links as a user writes them: `node` or `node:interface`.

use crate::error::suggest;
use crate::model::{End, NodeId, Topology};

/// A text names no end of a link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndError {
    /// There is no such node.
    #[error("unknown node '{node}'; {help}")]
    Node {
        /// The name that was found.
        node: String,
        /// What is allowed.
        help: String,
    },
    /// The node has no such interface.
    #[error("node '{node}' has no interface '{interface}'; {help}")]
    Interface {
        /// The node.
        node: String,
        /// The name that was found.
        interface: String,
        /// What is allowed.
        help: String,
    },
    /// The node has several interfaces, or none, and the text names none of them.
    #[error("node '{node}' has {count} interfaces, write {node}:INTERFACE; {help}")]
    Ambiguous {
        /// The node.
        node: String,
        /// How many interfaces it has.
        count: usize,
        /// What is allowed.
        help: String,
    },
}

impl Topology {
    /// Finds the end that a text names: `node:interface`, or `node` if it has one interface.
    ///
    /// # Errors
    /// The text names no interface, or not exactly one.
    pub fn find_end(&self, text: &str) -> Result<End, EndError> {
        let (node, interface) = match text.split_once(':') {
            Some((node, interface)) => (node, Some(interface)),
            None => (text, None),
        };
        let id = self.find_node(node)?;
        let node = node.to_owned();
        let interfaces = &self[id].interfaces;
        let help = |found: &str| suggest(found, interfaces.iter().map(|interface| interface.name.as_str()));
        match interface {
            None if interfaces.len() == 1 => Ok(End { node: id, interface: 0 }),
            None => Err(EndError::Ambiguous { node, count: interfaces.len(), help: help("") }),
            Some(name) => match self[id].interface_id(name) {
                Some(interface) => Ok(End { node: id, interface }),
                None => Err(EndError::Interface { node, interface: name.to_owned(), help: help(name) }),
            },
        }
    }

    /// Finds a node by its name.
    ///
    /// # Errors
    /// [`EndError::Node`] with the nearest name, if there is no such node.
    pub fn find_node(&self, name: &str) -> Result<NodeId, EndError> {
        self.node_id(name).ok_or_else(|| EndError::Node {
            node: name.to_owned(),
            help: suggest(name, self.nodes.iter().map(|node| node.name.as_str())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_found_by_node_or_by_node_and_interface() {
        let lab = Topology::shape("linear,2").unwrap();
        assert_eq!(lab.find_end("h1"), lab.find_end("h1:eth0"));
        assert_eq!(lab.end_name(lab.find_end("s1:eth1").unwrap()).to_string(), "s1:eth1");
        let text = |end| lab.find_end(end).unwrap_err().to_string();
        assert_eq!(text("h3"), "unknown node 'h3'; allowed: s1, s2, h1, h2");
        assert_eq!(text("h1:eth7"), "node 'h1' has no interface 'eth7'; did you mean 'eth0'? allowed: eth0");
        assert_eq!(text("s1"), "node 's1' has 2 interfaces, write s1:INTERFACE; allowed: eth0, eth1");
    }
}
