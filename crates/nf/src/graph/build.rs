//! Making a graph of nodes and wiring.

use fastrand::Rng;

use crate::graph::counters::NodeCounters;
use crate::graph::crash::Maker;
use crate::graph::timers::Timers;
use crate::graph::wiring::{self, Place};
use crate::graph::{Core, Graph, Node, PortEdge, Target};
use crate::{Allocator, Nf, PortInfo};

/// Why a graph cannot be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The text form has a mistake.
    #[error("line {line}: '{statement}': {what}")]
    Syntax {
        /// Line in the text, from 1.
        line: usize,
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
    /// An output, or a receiving port, is wired twice; replication is a node's work.
    #[error("{0} is wired twice; a packet has one way")]
    WiredTwice(String),
    /// A statement leads out of a `tx:` or into an `rx:`.
    #[error("'{0}' stands on the wrong side of an arrow: packets come from rx: and go to tx:")]
    Backwards(String),
    /// Nodes feed each other in a circle.
    #[error("nodes feed each other in a circle: {0}")]
    Cycle(String),
    /// Several nodes and no wiring.
    #[error("a graph of {0} nodes needs wiring; only a single node is attached to all ports by itself")]
    NoWiring(usize),
}

/// Nodes and wiring that become a [`Graph`] once the ports are known.
///
/// # Examples
/// ```
/// use rackless_nf::{Context, GraphBuilder, Packet, Verdict};
/// let mirror = |_: &mut Packet, _: &mut Context<'_>| Ok(Verdict::Out(0));
/// let graph = GraphBuilder::new().node("fwd", mirror).wire("rx:a -> fwd -> tx:b")?;
/// # Ok::<(), rackless_nf::GraphError>(())
/// ```
#[derive(Default)]
pub struct GraphBuilder {
    nodes: Vec<(String, Box<dyn Nf>)>,
    makers: Vec<(String, Maker)>,
    hops: Vec<(Place, Place)>,
}

impl GraphBuilder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node. A single node without wiring is attached to all ports: port `i` to its input and output `i`.
    pub fn node(self, name: &str, nf: impl Nf + 'static) -> Self {
        self.boxed_node(name, Box::new(nf))
    }

    /// As [`GraphBuilder::node`], for a function chosen at run time.
    pub fn boxed_node(mut self, name: &str, nf: Box<dyn Nf>) -> Self {
        self.nodes.push((name.to_owned(), nf));
        self
    }

    /// Says how the node of this name is made anew when it has panicked ([`Graph::remake`]).
    pub fn remade_by(
        mut self,
        name: &str,
        make: impl FnMut() -> Option<Box<dyn Nf>> + Send + 'static,
    ) -> Self {
        self.makers.push((name.to_owned(), Box::new(make)));
        self
    }

    /// Adds wiring in text form: `rx:lan -> [0]nat[0] -> tx:wan`, statements separated by `;` or line ends.
    ///
    /// # Errors
    /// [`Error::Syntax`]
    pub fn wire(mut self, text: &str) -> Result<Self, Error> {
        self.hops.extend(wiring::parse(text)?);
        Ok(self)
    }

    /// Makes the graph for these ports. `seed` feeds the nodes' random numbers.
    ///
    /// # Errors
    /// Any [`Error`] but `Syntax`.
    pub fn build(
        self,
        ports: Vec<PortInfo>,
        allocator: Box<dyn Allocator>,
        seed: u64,
    ) -> Result<Graph, Error> {
        let names: Vec<String> = self.nodes.iter().map(|(name, _)| name.clone()).collect();
        if let Some(name) =
            names.iter().enumerate().find_map(|(i, name)| names[..i].contains(name).then_some(name))
        {
            return Err(Error::DuplicateNode(name.clone()));
        }
        let hops = match (self.hops.is_empty(), names.as_slice()) {
            (false, _) => self.hops,
            (true, [name]) => attach_all(name, &ports),
            (true, _) => return Err(Error::NoWiring(names.len())),
        };
        let resolver = Resolver { names: &names, ports: &ports };
        let hops = hops.iter().map(|hop| resolver.hop(hop)).collect::<Result<Vec<_>, _>>()?;
        let order = order(&names, &hops)?;
        let mut rank = vec![0; names.len()];
        order.iter().enumerate().for_each(|(position, &node)| rank[node] = position);

        let mut makers: Vec<Option<Maker>> = names.iter().map(|_| None).collect();
        for (name, maker) in self.makers {
            makers[resolver.node(&name)?] = Some(maker);
        }
        let mut boxes: Vec<_> = self.nodes.into_iter().map(Some).collect();
        let nodes = order.iter().map(|&index| {
            let (name, nf) = boxes[index].take().expect("each node stands in the order once");
            let rng = Rng::with_seed(seed.wrapping_add(index as u64));
            let maker = makers[index].take();
            let (inputs, outputs, counters) = (Vec::new(), Vec::new(), NodeCounters::default());
            Node { name, nf, maker, started: false, rng, inputs, outputs, counters }
        });
        let mut graph = Graph {
            nodes: nodes.collect(),
            edges: ports.iter().map(|_| PortEdge::default()).collect(),
            core: Core { ports, allocator, timers: Timers::default() },
            scratch: Default::default(),
            started: false,
            seed,
            crashes: Vec::new(),
            clock: None,
        };
        for hop in hops {
            graph.connect(hop, &rank, &names)?;
        }
        Ok(graph)
    }
}

/// The wiring of a single node: port `i` to its input `i` and its output `i` to port `i`.
fn attach_all(name: &str, ports: &[PortInfo]) -> Vec<(Place, Place)> {
    let hop = |(index, port): (usize, &PortInfo)| {
        let index = u8::try_from(index).ok()?;
        let node = Place::Node { name: name.to_owned(), input: index, output: index };
        Some([(Place::Rx(port.name.clone()), node.clone()), (node, Place::Tx(port.name.clone()))])
    };
    ports.iter().enumerate().filter_map(hop).flatten().collect()
}

/// A hop between indexes.
#[derive(Clone, Copy)]
enum Hop {
    RxToNode { port: usize, node: usize, input: u8 },
    RxToTx { port: usize, to: usize },
    NodeToNode { node: usize, output: u8, to: usize, input: u8 },
    NodeToTx { node: usize, output: u8, port: usize },
}

struct Resolver<'a> {
    names: &'a [String],
    ports: &'a [PortInfo],
}

impl Resolver<'_> {
    fn hop(&self, (from, to): &(Place, Place)) -> Result<Hop, Error> {
        Ok(match (from, to) {
            (Place::Tx(name), _) => return Err(Error::Backwards(format!("tx:{name}"))),
            (_, Place::Rx(name)) => return Err(Error::Backwards(format!("rx:{name}"))),
            (Place::Rx(rx), Place::Tx(tx)) => Hop::RxToTx { port: self.port(rx)?, to: self.port(tx)? },
            (Place::Rx(rx), Place::Node { name, input, .. }) => {
                Hop::RxToNode { port: self.port(rx)?, node: self.node(name)?, input: *input }
            }
            (Place::Node { name, output, .. }, Place::Tx(tx)) => {
                Hop::NodeToTx { node: self.node(name)?, output: *output, port: self.port(tx)? }
            }
            (Place::Node { name, output, .. }, Place::Node { name: to, input, .. }) => {
                Hop::NodeToNode { node: self.node(name)?, output: *output, to: self.node(to)?, input: *input }
            }
        })
    }

    fn node(&self, name: &str) -> Result<usize, Error> {
        let unknown = || Error::UnknownNode { name: name.to_owned(), known: self.names.join(", ") };
        self.names.iter().position(|known| known == name).ok_or_else(unknown)
    }

    fn port(&self, name: &str) -> Result<usize, Error> {
        let known = || self.ports.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(", ");
        let unknown = || Error::UnknownPort { name: name.to_owned(), known: known() };
        self.ports.iter().position(|port| port.name == name).ok_or_else(unknown)
    }
}

/// The nodes in an order in which each comes after all that feed it (Kahn's algorithm).
fn order(names: &[String], hops: &[Hop]) -> Result<Vec<usize>, Error> {
    let edges = || {
        hops.iter().filter_map(|hop| match hop {
            Hop::NodeToNode { node, to, .. } => Some((*node, *to)),
            _ => None,
        })
    };
    let mut order: Vec<usize> = Vec::with_capacity(names.len());
    while order.len() < names.len() {
        let ready = |node: &usize| {
            !order.contains(node)
                && edges().filter(|(_, to)| to == node).all(|(from, _)| order.contains(&from))
        };
        match (0..names.len()).find(ready) {
            Some(node) => order.push(node),
            None => {
                let stuck = (0..names.len()).filter(|node| !order.contains(node));
                return Err(Error::Cycle(
                    stuck.map(|node| names[node].as_str()).collect::<Vec<_>>().join(", "),
                ));
            }
        }
    }
    Ok(order)
}

impl Graph {
    fn connect(&mut self, hop: Hop, rank: &[usize], names: &[String]) -> Result<(), Error> {
        let (slot, target, what) = match hop {
            Hop::RxToNode { port, node, input } => {
                let target = self.input_target(rank[node], input);
                (&mut self.edges[port].rx, target, format!("rx:{}", self.core.ports[port].name))
            }
            Hop::RxToTx { port, to } => {
                (&mut self.edges[port].rx, Target::Port(to), format!("rx:{}", self.core.ports[port].name))
            }
            Hop::NodeToNode { node, output, to, input } => {
                let target = self.input_target(rank[to], input);
                (self.output_slot(rank[node], output), target, format!("{}[{output}]", names[node]))
            }
            Hop::NodeToTx { node, output, port } => (
                self.output_slot(rank[node], output),
                Target::Port(port),
                format!("{}[{output}]", names[node]),
            ),
        };
        match slot.replace(target) {
            None => Ok(()),
            Some(_) => Err(Error::WiredTwice(what)),
        }
    }

    fn input_target(&mut self, node: usize, input: u8) -> Target {
        let inputs = &mut self.nodes[node].inputs;
        let needed = usize::from(input) + 1;
        if inputs.len() < needed {
            inputs.resize_with(needed, Vec::new);
        }
        Target::Node { node, input }
    }

    fn output_slot(&mut self, node: usize, output: u8) -> &mut Option<Target> {
        let outputs = &mut self.nodes[node].outputs;
        let needed = usize::from(output) + 1;
        if outputs.len() < needed {
            outputs.resize_with(needed, || None);
        }
        &mut outputs[usize::from(output)]
    }
}
