//! Switches in a tree with hosts as its leaves.

use super::ShapeError;
use super::builder::{Builder, MAX_NODES};
use crate::model::NodeId;

/// A tree of this depth, each switch with two below it unless said.
pub(super) fn tree(builder: &mut Builder<'_>, numbers: &[usize]) -> Result<(), ShapeError> {
    let (depth, fanout) = (numbers[0], numbers.get(1).copied().unwrap_or(2));
    // The deepest tree: one of fanout 2 has too many nodes long before, and one of fanout 1 is a recursion.
    const MAX_DEPTH: usize = 32;
    if depth > MAX_DEPTH {
        return builder.limit(MAX_NODES + 1, 0, 0);
    }
    let (mut nodes, mut level) = (1usize, 1usize);
    for _ in 0..depth {
        level = level.saturating_mul(fanout);
        nodes = nodes.saturating_add(level);
        builder.limit(nodes, nodes - 1, fanout.saturating_add(usize::from(depth > 1)))?;
    }
    branch(builder, depth, fanout);
    Ok(())
}

fn branch(builder: &mut Builder<'_>, depth: usize, fanout: usize) -> NodeId {
    if depth == 0 {
        return builder.host();
    }
    let switch = builder.switch();
    for _ in 0..fanout {
        let child = branch(builder, depth - 1, fanout);
        builder.link(switch, child);
    }
    switch
}
