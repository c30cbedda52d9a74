//! Shapes: whole labs in a line, as in Mininet; a file a shape.
//!
//! A shape with loops of links sets `stp` on its switches: without it, one broadcast frame would go round and
//! multiply for ever.

mod builder;
mod fat_tree;
mod line;
mod mesh;
mod torus;
mod tree;

use std::collections::HashSet;
use std::ops::RangeInclusive;

use crate::file::SWITCH_PORTS;
use crate::model::Topology;
use crate::plan;
use builder::{Builder, MAX_LINKS, MAX_NODES};

/// What a shape may look like, for help texts.
pub const SHAPES: &str = "allowed: single,HOSTS · linear,SWITCHES[,HOSTS per switch] · tree,DEPTH[,FANOUT] · \
     ring,SWITCHES[,HOSTS] · mesh,SWITCHES[,HOSTS] · torus,X,Y[,HOSTS] · fat-tree,PORTS";

/// A text is not a shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The first word is no shape.
    #[error("unknown shape '{found}', expected {}", any())]
    Unknown {
        /// What was found.
        found: String,
    },
    /// A number is missing, is none, or there are too many.
    #[error("shape '{text}' does not read {form}, with numbers from 1 up")]
    Form {
        /// What was found.
        text: String,
        /// What was expected.
        form: &'static str,
    },
    /// A loop would have fewer switches than a loop needs.
    #[error("shape '{0}' has fewer than {LOOP} switches in a loop")]
    Loop(String),
    /// A fat tree would have switches that cannot have half their ports up and half of them down.
    #[error("shape '{0}' has switches with an odd number of ports")]
    Odd(String),
    /// A switch would have more ports than a bridge has.
    #[error("shape '{0}' has a switch with more than {SWITCH_PORTS} ports")]
    Ports(String),
    /// There would be too many nodes.
    #[error("shape '{0}' has more than {MAX_NODES} nodes")]
    Size(String),
    /// There would be too many links.
    #[error("shape '{0}' has more than {MAX_LINKS} links")]
    Links(String),
}

/// The fewest switches of a loop: two with two links between them are no shape that anyone asks for.
const LOOP: usize = 3;

/// A kind of shape.
struct Shape {
    name: &'static str,
    form: &'static str,
    /// How many numbers it takes.
    numbers: RangeInclusive<usize>,
    /// Adds the nodes and links that these numbers ask for.
    build: fn(&mut Builder<'_>, &[usize]) -> Result<(), ShapeError>,
}

const ALL: [Shape; 7] = [
    Shape { name: "single", form: "single,HOSTS", numbers: 1..=1, build: line::single },
    Shape { name: "linear", form: "linear,SWITCHES[,HOSTS]", numbers: 1..=2, build: line::linear },
    Shape { name: "tree", form: "tree,DEPTH[,FANOUT]", numbers: 1..=2, build: tree::tree },
    Shape { name: "ring", form: "ring,SWITCHES[,HOSTS]", numbers: 1..=2, build: line::ring },
    Shape { name: "mesh", form: "mesh,SWITCHES[,HOSTS]", numbers: 1..=2, build: mesh::mesh },
    Shape { name: "torus", form: "torus,X,Y[,HOSTS]", numbers: 2..=3, build: torus::torus },
    Shape { name: "fat-tree", form: "fat-tree,PORTS", numbers: 1..=1, build: fat_tree::fat_tree },
];

impl Topology {
    /// Makes a lab of a shape; hosts are `h1`, `h2`, …, switches `s1`, `s2`, …, and addresses are automatic.
    ///
    /// - `single,N`: one switch with N hosts.
    /// - `linear,N[,M]`: N switches in a row, each with M hosts (1 unless said); with more than one, host J of
    ///   switch I is `hJsI`.
    /// - `tree,DEPTH[,FANOUT]`: switches in a tree of that depth, hosts as its leaves; fanout 2 unless said.
    /// - `ring,N[,M]`: as `linear`, with a link from the last switch to the first.
    /// - `mesh,N[,M]`: as `linear`, with a link between any two switches.
    /// - `torus,X,Y[,M]`: switches in a grid whose rows and columns are rings; the switch in column I and row J
    ///   is `sIxJ`, its host `hIxJ`, or with several its host K is `hIxJxK`.
    /// - `fat-tree,K`: the k-ary fat tree of Al-Fares et al. (SIGCOMM 2008) of switches with K ports: K pods
    ///   with K/2 switches `eIxJ` at the edge and K/2 `aIxJ` above them, (K/2)² switches `cN` at the core, and
    ///   K/2 hosts `hIxJxN` at each switch of the edge.
    ///
    /// The switches of the last four cut their loops by the spanning tree protocol, and pass frames on a few
    /// seconds after the lab has come up.
    ///
    /// # Errors
    /// The text is no shape, or one that is too large.
    ///
    /// # Examples
    /// ```
    /// use rackless_topology::Topology;
    ///
    /// let lab = Topology::shape("single,3")?;
    /// assert_eq!(lab.nodes.len(), 4);
    /// assert_eq!(lab.node("h3").map(|h3| h3.interfaces[0].addresses[0].to_string()), Some("10.0.0.3/8".into()));
    /// # Ok::<(), rackless_topology::ShapeError>(())
    /// ```
    pub fn shape(text: &str) -> Result<Self, ShapeError> {
        let mut topology = build(text)?;
        plan::apply(&mut topology, &HashSet::new()).map_err(|_| ShapeError::Size(text.to_owned()))?;
        Ok(topology)
    }
}

/// Makes the nodes and links of a shape, without MACs and addresses.
pub(crate) fn build(text: &str) -> Result<Topology, ShapeError> {
    let mut words = text.split(',').map(str::trim);
    let name = words.next().unwrap_or_default();
    let Some(shape) = ALL.iter().find(|shape| shape.name == name) else {
        return Err(ShapeError::Unknown { found: name.to_owned() });
    };
    let numbers: Option<Vec<usize>> =
        words.map(|word| word.parse().ok().filter(|number| *number > 0)).collect();
    let numbers = numbers
        .filter(|numbers| shape.numbers.contains(&numbers.len()))
        .ok_or_else(|| ShapeError::Form { text: text.to_owned(), form: shape.form })?;
    let mut builder = Builder::new(text);
    (shape.build)(&mut builder, &numbers)?;
    let numbers = numbers.iter().map(usize::to_string);
    let name = std::iter::once(name.to_owned()).chain(numbers).collect::<Vec<_>>().join("-");
    Ok(builder.finish(name))
}

/// Returns the names of all shapes.
pub(crate) fn names() -> [&'static str; ALL.len()] {
    ALL.map(|shape| shape.name)
}

fn any() -> String {
    let [first @ .., last] = names();
    format!("{} or {last}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_shape() {
        for shape in &ALL {
            assert!(SHAPES.contains(&format!("{},", shape.name)), "{}", shape.name);
        }
    }
}
