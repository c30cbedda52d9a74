//! What leads where, by names: known before the nodes are made and the ports are open.

mod check;
mod parse;
mod picture;

pub(crate) use check::Declared;

use super::error::{Error, Origin};

/// The wires of a graph, by names.
///
/// # Examples
/// ```
/// use rackless_nf::Wiring;
///
/// let wiring = Wiring::parse("rx:lan -> nat[1] -> tx:wan; rx:wan -> [1]nat -> count -> tx:lan")?;
/// assert_eq!(wiring.inputs("nat"), 2);
/// assert_eq!(wiring.interface("nat", 0), Some("lan"));
/// # Ok::<(), rackless_nf::GraphError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wiring {
    pub(crate) wires: Vec<Wire>,
}

/// A wire: from an output or a receiving port to an input or a sending port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) from: Place,
    pub(crate) to: Place,
    /// `None` for what no text says.
    pub(crate) origin: Option<Origin>,
}

/// One end of a wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Rx(String),
    Tx(String),
    Node { name: String, input: u8, output: u8 },
}

impl Place {
    pub(crate) fn node(&self) -> Option<&str> {
        match self {
            Self::Node { name, .. } => Some(name),
            _ => None,
        }
    }
}

impl Wiring {
    /// Reads the text form: `rx:lan -> [0]nat[1] -> tx:wan`, statements separated by `;` or line ends.
    ///
    /// # Errors
    /// [`Mistake::Syntax`](crate::Mistake::Syntax)
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self { wires: parse::parse(text, None, 1)? })
    }

    /// As [`Wiring::parse`], for text that begins on line `first_line` of a file, which mistakes are told with.
    ///
    /// # Errors
    /// [`Mistake::Syntax`](crate::Mistake::Syntax)
    pub fn parse_file(text: &str, file: &str, first_line: usize) -> Result<Self, Error> {
        Ok(Self { wires: parse::parse(text, Some(file), first_line)? })
    }

    /// The wiring of a single node: port `i` to its input `i` and its output `i` to port `i`.
    pub fn alone(name: &str, ports: &[&str]) -> Self {
        let wires = |(index, port): (usize, &&str)| {
            let index = u8::try_from(index).ok()?;
            let node = Place::Node { name: name.to_owned(), input: index, output: index };
            let wire = |from, to| Wire { from, to, origin: None };
            Some([
                wire(Place::Rx((*port).to_owned()), node.clone()),
                wire(node, Place::Tx((*port).to_owned())),
            ])
        };
        Self { wires: ports.iter().enumerate().filter_map(wires).flatten().collect() }
    }

    /// Adds the wires of another wiring.
    pub(crate) fn extend(&mut self, other: Self) {
        self.wires.extend(other.wires);
    }

    /// Whether nothing is wired.
    pub fn is_empty(&self) -> bool {
        self.wires.is_empty()
    }

    /// Checks what can be checked before the nodes are made, given their names and where they are declared, and the
    /// ports where they are known.
    ///
    /// # Errors
    /// Any [`Mistake`](crate::Mistake) but those that take a function's own inputs and outputs to be seen.
    pub fn verify(&self, nodes: &[(&str, Option<&Origin>)], ports: Option<&[&str]>) -> Result<(), Error> {
        let names = nodes.iter().copied();
        let declared: Vec<Declared<'_>> =
            names.map(|(name, origin)| Declared { name, origin, inputs: None, outputs: None }).collect();
        self.check(&declared, ports).map(drop)
    }

    /// The ports that packets come from or go to, each once, in the order of the text.
    pub fn ports(&self) -> Vec<&str> {
        let mut ports: Vec<&str> = Vec::new();
        for place in self.wires.iter().flat_map(|wire| [&wire.from, &wire.to]) {
            if let Place::Rx(name) | Place::Tx(name) = place
                && !ports.contains(&name.as_str())
            {
                ports.push(name);
            }
        }
        ports
    }

    /// How many inputs of a node are wired, gaps included.
    pub fn inputs(&self, node: &str) -> usize {
        let input = |wire: &Wire| match &wire.to {
            Place::Node { name, input, .. } if name == node => Some(usize::from(*input) + 1),
            _ => None,
        };
        self.wires.iter().filter_map(input).max().unwrap_or(0)
    }

    /// How many outputs of a node are wired, gaps included.
    pub fn outputs(&self, node: &str) -> usize {
        let output = |wire: &Wire| match &wire.from {
            Place::Node { name, output, .. } if name == node => Some(usize::from(*output) + 1),
            _ => None,
        };
        self.wires.iter().filter_map(output).max().unwrap_or(0)
    }

    /// The port at which this input of a node and the output of the same number stand: the one that packets come
    /// from, and that they may leave by. They may pass other nodes between, as long as those have a single input.
    pub fn interface<'a>(&'a self, node: &'a str, number: u8) -> Option<&'a str> {
        let into = |wire: &&Wire| matches!(&wire.to, Place::Node { name, input, .. } if name == node && *input == number);
        let out = |wire: &&Wire| matches!(&wire.from, Place::Node { name, output, .. } if name == node && *output == number);
        let (mut rx, mut tx) = (Vec::new(), Vec::new());
        let mut seen = vec![node];
        self.wires.iter().filter(into).for_each(|wire| self.upstream(&wire.from, &mut seen, &mut rx));
        seen.truncate(1);
        self.wires.iter().filter(out).for_each(|wire| self.downstream(&wire.to, &mut seen, &mut tx));
        rx.retain(|port| tx.contains(port));
        let first = *rx.first()?;
        rx.iter().all(|port| *port == first).then_some(first)
    }

    /// Collects the ports that packets at the beginning of a wire come from.
    fn upstream<'a>(&'a self, place: &'a Place, seen: &mut Vec<&'a str>, ports: &mut Vec<&'a str>) {
        match place {
            Place::Rx(port) => ports.push(port),
            Place::Node { name, .. } if self.is_passed(name, seen) => {
                seen.push(name);
                let into = self.wires.iter().filter(|wire| wire.to.node() == Some(name));
                into.for_each(|wire| self.upstream(&wire.from, seen, ports));
            }
            _ => {}
        }
    }

    /// Collects the ports that packets at the end of a wire go to.
    fn downstream<'a>(&'a self, place: &'a Place, seen: &mut Vec<&'a str>, ports: &mut Vec<&'a str>) {
        match place {
            Place::Tx(port) => ports.push(port),
            Place::Node { name, .. } if self.is_passed(name, seen) => {
                seen.push(name);
                let out = self.wires.iter().filter(|wire| wire.from.node() == Some(name));
                out.for_each(|wire| self.downstream(&wire.to, seen, ports));
            }
            _ => {}
        }
    }

    fn is_passed(&self, node: &str, seen: &[&str]) -> bool {
        self.inputs(node) <= 1 && !seen.contains(&node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_found_through_other_nodes_and_only_where_it_is_one() {
        let wiring = Wiring::parse(
            "rx:a -> classify -> router -> count -> tx:a; classify[1] -> sink
             rx:b -> [1]router[1] -> tee -> tx:b; tee[1] -> tx:a",
        )
        .unwrap();
        assert_eq!(wiring.interface("router", 0), Some("a"));
        assert_eq!(wiring.interface("router", 1), Some("b"));
        assert_eq!(wiring.interface("router", 2), None);
        assert_eq!(wiring.interface("tee", 0), None);
        assert_eq!((wiring.inputs("router"), wiring.outputs("classify")), (2, 2));
        assert_eq!(wiring.ports(), ["a", "b"]);
        let behind =
            Wiring::parse("rx:a -> nat -> router -> tx:b; rx:b -> [1]nat[1] -> [1]router[1] -> tx:a")
                .unwrap();
        assert_eq!(behind.interface("router", 0), None);
    }
}
