//! Making a graph of nodes and wiring.

use fastrand::Rng;

use crate::graph::counters::NodeCounters;
use crate::graph::crash::Maker;
use crate::graph::error::{Error, Mistake, Origin};
use crate::graph::timers::Timers;
use crate::graph::wiring::{Declared, Place, Wire, Wiring};
use crate::graph::{Core, Graph, Node, PortEdge, Target};
use crate::{Allocator, Nf, PortInfo};

/// Nodes and wiring that become a [`Graph`] once the ports are known.
///
/// # Examples
/// ```
/// use rackless_nf::{Context, GraphBuilder, Packet, Verdict};
/// let mirror = |_: &mut Packet, _: &mut Context<'_>| Ok(Verdict::Out(0));
/// let graph = GraphBuilder::new().node("fwd", mirror).wire("rx:a -> fwd -> tx:b")?;
/// assert!(graph.to_mermaid().contains("fwd"));
/// # Ok::<(), rackless_nf::GraphError>(())
/// ```
///
/// # What is refused
/// A wiring that names a node, a port, an input or an output that is not there; two wires from one output; a circle;
/// a node that nothing leads to; and, of a function that says how many outputs it has ([`Nf::outputs`]), one that is
/// not wired. Several wires to one input merge.
#[derive(Default)]
pub struct GraphBuilder {
    nodes: Vec<Declaration>,
    makers: Vec<(String, Maker)>,
    wiring: Wiring,
}

struct Declaration {
    name: String,
    nf: Box<dyn Nf>,
    origin: Option<Origin>,
}

impl Declaration {
    fn facts(&self) -> Declared<'_> {
        Declared {
            name: &self.name,
            origin: self.origin.as_ref(),
            inputs: self.nf.inputs(),
            outputs: self.nf.outputs(),
        }
    }
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
    pub fn boxed_node(self, name: &str, nf: Box<dyn Nf>) -> Self {
        self.declared_node(name, nf, None)
    }

    /// As [`GraphBuilder::boxed_node`], with the place that declares the node.
    pub fn declared_node(mut self, name: &str, nf: Box<dyn Nf>, origin: Option<Origin>) -> Self {
        self.nodes.push(Declaration { name: name.to_owned(), nf, origin });
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

    /// Adds wiring in text form: `rx:lan -> [0]nat[1] -> tx:wan`, statements separated by `;` or line ends.
    ///
    /// # Errors
    /// [`Mistake::Syntax`]
    pub fn wire(self, text: &str) -> Result<Self, Error> {
        Ok(self.wiring(Wiring::parse(text)?))
    }

    /// Adds wiring that was read before.
    pub fn wiring(mut self, wiring: Wiring) -> Self {
        self.wiring.extend(wiring);
        self
    }

    /// The graph's picture in Graphviz's language.
    pub fn to_dot(&self) -> String {
        self.wiring.to_dot(|_| String::new())
    }

    /// The graph's picture in mermaid's language.
    pub fn to_mermaid(&self) -> String {
        self.wiring.to_mermaid(|_| String::new())
    }

    /// Makes the graph for these ports. `seed` feeds the nodes' random numbers.
    ///
    /// # Errors
    /// Any [`Mistake`] but `Syntax`.
    pub fn build(
        self,
        ports: Vec<PortInfo>,
        allocator: Box<dyn Allocator>,
        seed: u64,
    ) -> Result<Graph, Error> {
        let (wiring, order) = self.checked(&ports)?;
        let names: Vec<String> = self.nodes.iter().map(|node| node.name.clone()).collect();
        let mut rank = vec![0; names.len()];
        order.iter().enumerate().for_each(|(position, &node)| rank[node] = position);

        let mut makers: Vec<Option<Maker>> = names.iter().map(|_| None).collect();
        for (name, maker) in self.makers {
            let unknown = || Mistake::UnknownNode { name: name.clone(), known: names.join(", ") }.at(None);
            makers[names.iter().position(|known| *known == name).ok_or_else(unknown)?] = Some(maker);
        }
        let mut boxes: Vec<_> = self.nodes.into_iter().map(Some).collect();
        let nodes = order.iter().map(|&index| {
            let Declaration { name, nf, .. } =
                boxes[index].take().expect("each node stands in the order once");
            let interfaces = interfaces(&wiring, &name, &ports);
            Node {
                name,
                nf,
                maker: makers[index].take(),
                started: false,
                rng: Rng::with_seed(seed.wrapping_add(index as u64)),
                interfaces,
                inputs: Vec::new(),
                outputs: Vec::new(),
                counters: NodeCounters::default(),
            }
        });
        let mut graph = Graph {
            nodes: nodes.collect(),
            edges: ports.iter().map(|_| PortEdge::default()).collect(),
            core: Core { ports, allocator, timers: Timers::default(), watch: None, watched: 0 },
            scratch: Default::default(),
            started: false,
            seed,
            crashes: Vec::new(),
            clock: None,
            wiring: Wiring::default(),
            recorder: None,
            now: 0,
        };
        let node = |name: &str| names.iter().position(|known| known == name).map(|index| rank[index]);
        for wire in &wiring.wires {
            graph.connect(wire, &node);
        }
        graph.wiring = wiring;
        Ok(graph)
    }

    /// The wiring, checked, and the order of the nodes in it.
    fn checked(&self, ports: &[PortInfo]) -> Result<(Wiring, Vec<usize>), Error> {
        let names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
        match (self.wiring.wires.is_empty(), self.nodes.as_slice()) {
            (true, [node]) => Ok((Wiring::alone(&node.name, &names), vec![0])),
            (true, nodes) => Err(Mistake::NoWiring(nodes.len()).at(None)),
            (false, nodes) => {
                let declared: Vec<_> = nodes.iter().map(Declaration::facts).collect();
                let order = self.wiring.check(&declared, Some(&names))?;
                Ok((self.wiring.clone(), order))
            }
        }
    }
}

/// For each input and output of a node, the port that it stands at.
fn interfaces(wiring: &Wiring, node: &str, ports: &[PortInfo]) -> Vec<Option<usize>> {
    let both = wiring.inputs(node).min(wiring.outputs(node));
    let port = |number| {
        let name = wiring.interface(node, u8::try_from(number).ok()?)?;
        ports.iter().position(|port| port.name == name)
    };
    (0..both).map(port).collect()
}

impl Graph {
    /// Connects what a checked wire joins; `node` tells a node's place by its name.
    fn connect(&mut self, wire: &Wire, node: &impl Fn(&str) -> Option<usize>) {
        let port = |graph: &Self, name: &str| graph.core.ports.iter().position(|port| port.name == name);
        let target = match &wire.to {
            Place::Node { name, input, .. } => node(name).map(|node| self.input_target(node, *input)),
            Place::Tx(name) | Place::Rx(name) => port(self, name).map(Target::Port),
        };
        match &wire.from {
            Place::Node { name, output, .. } => {
                if let Some(node) = node(name) {
                    *self.output_slot(node, *output) = target;
                }
            }
            Place::Rx(name) | Place::Tx(name) => {
                if let Some(port) = port(self, name) {
                    self.edges[port].rx = target;
                }
            }
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
