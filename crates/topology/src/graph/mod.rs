//! Pictures of a topology: Graphviz's dot, mermaid, and SVG with a layout of our own.
//!
//! # Examples
//! ```
//! use rackless_topology::{Topology, graph};
//!
//! let lab = Topology::shape("single,3")?;
//! assert!(graph::dot(&lab).starts_with("graph \"single-3\" {"));
//! assert!(graph::mermaid(&lab).starts_with("graph LR"));
//! assert!(graph::svg(&lab).starts_with("<svg "));
//! # Ok::<(), rackless_topology::ShapeError>(())
//! ```

mod card;
mod layout;
mod svg;
mod text;

pub use svg::svg;
pub use text::{dot, mermaid};

use crate::model::Kind;

/// The colours of a kind of node, which stand on a light and on a dark background: (fill, border).
const fn colours(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Host => ("#e8f3fd", "#3b8fd9"),
        Kind::Nf => ("#fff0e0", "#e8772e"),
        Kind::Router => ("#f3ecfd", "#8f62d4"),
        Kind::Nat => ("#fdeaf1", "#d0517f"),
        Kind::Process => ("#f1f1ef", "#7a7a72"),
        Kind::Switch => ("#e6f6ec", "#38a169"),
    }
}
