//! Loops of switches: where none of them runs the spanning tree protocol, a broadcast frame goes round for ever.

use super::node::Draft;
use super::reader::Reader;
use crate::error::Diagnostic;
use crate::model::{Kind, Link};

/// Reports each link that closes a loop of switches without `stp`.
///
/// One switch with it is enough: the others pass its messages on, so that it sees the loop.
pub(super) fn report(reader: &mut Reader<'_>, drafts: &[Draft<'_>], links: &[Link]) {
    let floods = |node: usize| drafts[node].node.kind == Kind::Switch && !drafts[node].node.stp;
    let mut parent: Vec<usize> = (0..drafts.len()).collect();
    for link in links.iter().filter(|link| link.ends.iter().all(|end| floods(end.node.0))) {
        let [a, b] = link.ends.map(|end| root(&mut parent, end.node.0));
        if a != b {
            parent[a.max(b)] = a.min(b);
            continue;
        }
        let places = link.ends.map(|end| drafts[end.node.0].ends.get(end.interface).cloned().flatten());
        let span = places.into_iter().flatten().next().unwrap_or(0..0);
        let name = &drafts[link.ends[0].node.0].node.name;
        reader.report(
            Diagnostic::new(span, "this link closes a loop of switches, in which frames would multiply")
                .help(format!("write stp = true in [node.{name}]: it cuts the loop")),
        );
    }
}

fn root(parent: &mut [usize], mut node: usize) -> usize {
    while parent[node] != node {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    node
}
