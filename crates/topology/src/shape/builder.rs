//! What all shapes are made of: nodes, links, and their limits.

use super::{LOOP, ShapeError};
use crate::file::SWITCH_PORTS;
use crate::model::{DEFAULT_MTU, End, Interface, Kind, Link, Node, NodeId, Topology};
use crate::plan;

/// The most nodes that a shape makes: what fits 10.0.0.0/8 as the plan numbers it, with room for switches.
pub(super) const MAX_NODES: usize = 60_000;

/// The most links that a shape makes: a mesh has many more of them than nodes, and each costs two interfaces.
pub(super) const MAX_LINKS: usize = 120_000;

/// A lab that grows.
pub(super) struct Builder<'a> {
    text: &'a str,
    topology: Topology,
    /// Whether the switches run the spanning tree protocol.
    stp: bool,
    switches: usize,
    hosts: usize,
}

impl<'a> Builder<'a> {
    /// Starts a lab for the shape that this text asks for.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, topology: Topology::default(), stp: false, switches: 0, hosts: 0 }
    }

    /// Lets the switches to come cut loops.
    pub(super) fn cut_loops(&mut self) {
        self.stp = true;
    }

    /// Adds a switch with the next number.
    pub(super) fn switch(&mut self) -> NodeId {
        self.switches += 1;
        self.named_switch(format!("s{}", self.switches))
    }

    /// Adds a switch.
    pub(super) fn named_switch(&mut self, name: String) -> NodeId {
        self.node(Node { name, kind: Kind::Switch, stp: self.stp, ..Node::default() })
    }

    /// Adds a host with the next number.
    pub(super) fn host(&mut self) -> NodeId {
        self.hosts += 1;
        self.named_host(format!("h{}", self.hosts))
    }

    /// Adds a host.
    pub(super) fn named_host(&mut self, name: String) -> NodeId {
        self.node(Node { name, kind: Kind::Host, ..Node::default() })
    }

    /// Adds a link, whose interfaces are the next of their nodes.
    pub(super) fn link(&mut self, a: NodeId, b: NodeId) {
        let ends = [a, b].map(|node| {
            let interfaces = &mut self.topology.nodes[node.0].interfaces;
            let interface = interfaces.len();
            let (name, mac) = (format!("eth{interface}"), plan::UNPLANNED);
            interfaces.push(Interface { name, mac, mtu: DEFAULT_MTU, offload: true, addresses: Vec::new() });
            End { node, interface }
        });
        self.topology.links.push(Link { ends, mtu: DEFAULT_MTU, offload: true, ..Link::default() });
    }

    /// Returns the lab.
    pub(super) fn finish(mut self, name: String) -> Topology {
        self.topology.name = name;
        self.topology
    }

    /// Refuses a shape of so many nodes and links, and ports of its largest switch, before any of it is made.
    pub(super) fn limit(&self, nodes: usize, links: usize, ports: usize) -> Result<(), ShapeError> {
        let text = || self.text.to_owned();
        match () {
            () if ports > SWITCH_PORTS => Err(ShapeError::Ports(text())),
            () if nodes > MAX_NODES => Err(ShapeError::Size(text())),
            () if links > MAX_LINKS => Err(ShapeError::Links(text())),
            () => Ok(()),
        }
    }

    /// Refuses a loop of so many switches if they are too few.
    pub(super) fn limit_loop(&self, switches: usize) -> Result<(), ShapeError> {
        if switches < LOOP { Err(ShapeError::Loop(self.text.to_owned())) } else { Ok(()) }
    }

    /// Returns the error of a shape whose switches have an odd number of ports.
    pub(super) fn odd(&self) -> ShapeError {
        ShapeError::Odd(self.text.to_owned())
    }

    fn node(&mut self, node: Node) -> NodeId {
        self.topology.nodes.push(node);
        NodeId(self.topology.nodes.len() - 1)
    }
}
