//! How many neighbours the kernels of a lab may come to know.

use std::collections::HashMap;

use crate::model::{End, Kind, NodeId, Topology};
use crate::plan;

impl Topology {
    /// Returns the number of entries in the neighbour tables of all nodes together when everybody has talked to
    /// everybody on his segment, over IPv6 if `v6`.
    ///
    /// # Examples
    /// ```
    /// use rackless_topology::Topology;
    ///
    /// assert_eq!(Topology::shape("single,50")?.neighbours(false), 50 * 49);
    /// # Ok::<(), rackless_topology::ShapeError>(())
    /// ```
    pub fn neighbours(&self, v6: bool) -> usize {
        let kinds: Vec<Kind> = self.nodes.iter().map(|node| node.kind).collect();
        let segments = plan::segments(&kinds, &self.links);
        // Of each segment: the addresses that can be asked for, and how often a kernel asks for those of others.
        let mut counts: HashMap<usize, (usize, usize)> = HashMap::new();
        for (place, node) in self.nodes.iter().enumerate() {
            for (interface, content) in node.interfaces.iter().enumerate() {
                let addresses = content.addresses.iter().filter(|net| net.addr().is_ipv6() == v6).count();
                let end = End { node: NodeId(place), interface };
                let Some(segment) = segments.get(&end).filter(|_| addresses > 0) else { continue };
                let (all, kernels) = counts.entry(*segment).or_default();
                *all += addresses;
                // The neighbours of an NF are in its program.
                *kernels += usize::from(node.kind != Kind::Nf);
            }
        }
        counts.values().map(|(all, kernels)| kernels.saturating_mul(all.saturating_sub(1))).sum()
    }
}
