//! What a wiring may not be.

use super::super::error::{Error, Mistake, Origin};
use super::{Place, Wire, Wiring};

/// A node as the wiring must fit it.
pub(crate) struct Declared<'a> {
    pub(crate) name: &'a str,
    /// Where it is declared, if a text does.
    pub(crate) origin: Option<&'a Origin>,
    /// How many inputs and outputs it has; `None` for any number.
    pub(crate) inputs: Option<usize>,
    pub(crate) outputs: Option<usize>,
}

impl Wiring {
    /// Finds the first mistake that shows in the names of nodes and ports alone; gives the nodes in an order in
    /// which each comes after all that feed it. `None` for ports that are not known.
    pub(crate) fn check(&self, nodes: &[Declared<'_>], ports: Option<&[&str]>) -> Result<Vec<usize>, Error> {
        let twice =
            |(index, node): &(usize, &Declared<'_>)| nodes[..*index].iter().any(|n| n.name == node.name);
        if let Some((_, node)) = nodes.iter().enumerate().find(twice) {
            return Err(Mistake::DuplicateNode(node.name.to_owned()).at(node.origin));
        }
        for (index, wire) in self.wires.iter().enumerate() {
            let wrong = |mistake: Mistake| mistake.at(wire.origin.as_ref());
            ends(wire, nodes, ports).map_err(wrong)?;
            if let Some(first) = self.wires[..index].iter().find(|first| same_source(&first.from, &wire.from))
            {
                return Err(wrong(wired_twice(first)));
            }
        }
        let order = self.order(nodes)?;
        for node in nodes {
            self.is_whole(node)?;
        }
        Ok(order)
    }

    /// The nodes in an order in which each comes after all that feed it (Kahn's algorithm).
    fn order(&self, nodes: &[Declared<'_>]) -> Result<Vec<usize>, Error> {
        let index = |place: &Place| nodes.iter().position(|node| Some(node.name) == place.node());
        let edge = |wire: &Wire| Some((index(&wire.from)?, index(&wire.to)?));
        let edges: Vec<(usize, usize)> = self.wires.iter().filter_map(edge).collect();
        let mut order: Vec<usize> = Vec::with_capacity(nodes.len());
        let mut placed = vec![false; nodes.len()];
        while order.len() < nodes.len() {
            let is_fed = |node: usize| edges.iter().any(|(from, to)| *to == node && !placed[*from]);
            let Some(node) = (0..nodes.len()).find(|node| !placed[*node] && !is_fed(*node)) else {
                return Err(self.cycle(nodes, &edges, &placed));
            };
            placed[node] = true;
            order.push(node);
        }
        Ok(order)
    }

    /// The error for a circle among the nodes that found no place in the order: each of them is fed by another.
    fn cycle(&self, nodes: &[Declared<'_>], edges: &[(usize, usize)], placed: &[bool]) -> Error {
        let mut path: Vec<usize> = placed.iter().position(|placed| !placed).into_iter().collect();
        let feeds = |node: usize| edges.iter().find(|(from, to)| *to == node && !placed[*from]);
        while let Some((from, _)) = path.last().and_then(|last| feeds(*last)) {
            if let Some(start) = path.iter().position(|node| node == from) {
                path.drain(..start);
                break;
            }
            path.push(*from);
        }
        path.reverse(); // it was walked against the arrows
        let least = path.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(place, _)| place);
        path.rotate_left(least);
        let first = path.first().copied();
        let names: Vec<&str> = path.iter().copied().chain(first).map(|node| nodes[node].name).collect();
        let closing = names.len().checked_sub(2).and_then(|last| {
            let is_last =
                |wire: &&Wire| wire.from.node() == Some(names[last]) && wire.to.node() == Some(names[0]);
            self.wires.iter().find(is_last)?.origin.as_ref()
        });
        Mistake::Cycle(names.iter().map(|name| (*name).to_owned()).collect()).at(closing)
    }

    /// Whether something leads to a node, and all its outputs somewhere.
    fn is_whole(&self, node: &Declared<'_>) -> Result<(), Error> {
        let mentions = |wire: &&Wire| [&wire.from, &wire.to].iter().any(|end| end.node() == Some(node.name));
        let origin = || self.wires.iter().find(mentions).and_then(|wire| wire.origin.as_ref());
        let wrong = |mistake: Mistake| mistake.at(node.origin.or_else(origin));
        if node.inputs != Some(0) && self.inputs(node.name) == 0 {
            return Err(wrong(Mistake::Unreached(node.name.to_owned())));
        }
        let outputs = node.outputs.unwrap_or(0);
        let is_wired = |number: usize| {
            let is_it = |wire: &Wire| matches!(&wire.from, Place::Node { name, output, .. } if name == node.name && usize::from(*output) == number);
            self.wires.iter().any(is_it)
        };
        match (0..outputs).find(|output| !is_wired(*output)) {
            Some(output) => Err(wrong(Mistake::Unwired { node: node.name.to_owned(), output, outputs })),
            None => Ok(()),
        }
    }
}

/// Checks both ends of a wire.
fn ends(wire: &Wire, nodes: &[Declared<'_>], ports: Option<&[&str]>) -> Result<(), Mistake> {
    match &wire.from {
        Place::Tx(name) => return Err(Mistake::Backwards(format!("tx:{name}"))),
        Place::Rx(name) => port(name, ports)?,
        Place::Node { name, output, .. } => match self::node(name, nodes)?.outputs {
            Some(outputs) if usize::from(*output) >= outputs => {
                return Err(Mistake::NoSuchOutput { node: name.clone(), output: *output, outputs });
            }
            _ => {}
        },
    }
    match &wire.to {
        Place::Rx(name) => Err(Mistake::Backwards(format!("rx:{name}"))),
        Place::Tx(name) => port(name, ports),
        Place::Node { name, input, .. } => match self::node(name, nodes)?.inputs {
            Some(inputs) if usize::from(*input) >= inputs => {
                Err(Mistake::NoSuchInput { node: name.clone(), input: *input, inputs })
            }
            _ => Ok(()),
        },
    }
}

fn node<'a>(name: &str, nodes: &'a [Declared<'a>]) -> Result<&'a Declared<'a>, Mistake> {
    let known = || match nodes {
        [] => "none".to_owned(),
        nodes => nodes.iter().map(|node| node.name).collect::<Vec<_>>().join(", "),
    };
    let unknown = || Mistake::UnknownNode { name: name.to_owned(), known: known() };
    nodes.iter().find(|node| node.name == name).ok_or_else(unknown)
}

fn port(name: &str, ports: Option<&[&str]>) -> Result<(), Mistake> {
    match ports {
        Some(ports) if !ports.contains(&name) => {
            Err(Mistake::UnknownPort { name: name.to_owned(), known: ports.join(", ") })
        }
        _ => Ok(()),
    }
}

/// Whether two wires begin at one output or receiving port.
fn same_source(a: &Place, b: &Place) -> bool {
    match (a, b) {
        (Place::Node { name: a, output: i, .. }, Place::Node { name: b, output: j, .. }) => a == b && i == j,
        (Place::Rx(a), Place::Rx(b)) => a == b,
        _ => false,
    }
}

fn wired_twice(first: &Wire) -> Mistake {
    let what = match &first.from {
        Place::Rx(name) => format!("rx:{name}"),
        Place::Tx(name) => format!("tx:{name}"),
        Place::Node { name, output, .. } => format!("{name}[{output}]"),
    };
    Mistake::WiredTwice { what, first: first.origin.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a wiring of `a`, `b` and `c`, of which `b` has one input and two outputs, with the ports `p` and `q`.
    fn error(text: &str) -> String {
        let node = |name, inputs, outputs| Declared { name, origin: None, inputs, outputs };
        let nodes = [node("a", None, None), node("b", Some(1), Some(2)), node("c", None, Some(0))];
        let checked = Wiring::parse(text).unwrap().check(&nodes, Some(&["p", "q"]));
        checked.map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, expected) in [
            ("rx:p -> a\n a -> d", "line 2: no node 'd'; there are: a, b, c"),
            ("\nrx:r -> a", "line 2: no port 'r'; there are: p, q"),
            ("rx:p -> a -> tx:r", "line 1: no port 'r'; there are: p, q"),
            (
                "rx:p -> a\n\nrx:p -> b",
                "line 3: rx:p is wired in line 1 already; a packet has one way, and a node such as a tee makes copies",
            ),
            (
                "rx:p -> a -> b; a -> c",
                "line 1: a[0] is wired in line 1 already; a packet has one way, and a node such as a tee makes copies",
            ),
            (
                "rx:p -> a\ntx:p -> b",
                "line 2: 'tx:p' stands on the wrong side of an arrow: packets come from rx: and go to tx:",
            ),
            (
                "rx:p -> a -> rx:q",
                "line 1: 'rx:q' stands on the wrong side of an arrow: packets come from rx: and go to tx:",
            ),
            ("rx:p -> [1]b", "line 1: 'b' has no input 1; it has one input"),
            ("rx:p -> b[2] -> c", "line 1: 'b' has no output 2; it has 2 outputs"),
            ("rx:p -> c -> a", "line 1: 'c' has no output 0; it has no outputs"),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
    }

    #[test]
    fn a_circle_is_told_in_order_with_the_line_that_closes_it() {
        let circle = error("rx:p -> a\n b -> c\n a -> b[1] -> a\n");
        assert_eq!(circle, "line 3: nodes feed each other in a circle: a -> b -> a");
        let node = |name| Declared { name, origin: None, inputs: None, outputs: None };
        let nodes = ["w", "x", "y", "z"].map(node);
        let wiring = Wiring::parse("rx:p -> z -> y -> x -> [1]z\n x[1] -> w").unwrap();
        let error = wiring.check(&nodes, None).unwrap_err().to_string();
        assert_eq!(error, "line 1: nodes feed each other in a circle: x -> z -> y -> x");
        let own = Wiring::parse("rx:p -> w -> [1]w").unwrap().check(&nodes[..1], None).unwrap_err();
        assert_eq!(own.to_string(), "line 1: nodes feed each other in a circle: w -> w");
    }

    #[test]
    fn nodes_that_nothing_leads_to_and_outputs_that_lead_nowhere_are_refused() {
        let whole = "rx:p -> a -> b -> c\n b[1] -> c";
        assert_eq!(error("rx:p -> b -> c\n b[1] -> c\na -> tx:p"), "line 3: nothing leads to 'a'");
        assert_eq!(error("rx:p -> a -> tx:p"), "nothing leads to 'b'");
        assert_eq!(
            error("rx:p -> a -> b\n b[1] -> c"),
            "line 1: b[0] leads nowhere; 'b' has 2 outputs, and each must be wired"
        );
        let node = |name, inputs, outputs| Declared { name, origin: None, inputs, outputs };
        let nodes = [node("a", None, None), node("b", Some(1), Some(2)), node("c", None, Some(0))];
        assert_eq!(Wiring::parse(whole).unwrap().check(&nodes, None), Ok(vec![0, 1, 2]));
        let source = [node("a", Some(0), Some(1))];
        assert_eq!(Wiring::parse("a -> tx:p").unwrap().check(&source, None), Ok(vec![0]));
    }

    #[test]
    fn several_wires_may_end_at_one_input() {
        let node = [Declared { name: "a", origin: None, inputs: Some(1), outputs: Some(1) }];
        assert!(Wiring::parse("rx:p -> a; rx:q -> a -> tx:p").unwrap().check(&node, None).is_ok());
    }
}
