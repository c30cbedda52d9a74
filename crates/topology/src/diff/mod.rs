//! What has to change in a running lab to make it another.

mod change;

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::model::{Interface, Link, LinkState, Node, NodeId, ProgramId, Topology};
use change::details;
pub use change::{Action, Change};

/// What has to change to make one lab of another.
///
/// Nodes and links are the same if their names are, those of a link being its ends'. One whose nature changes (a node's
/// kind, a link's MTU or offloads, the MAC of an interface) goes and comes anew, a node with all its links.
///
/// # Examples
/// ```
/// use rackless_topology::{Diff, Topology, model::LinkState};
///
/// let [live, wanted] = ["single,2", "single,3"].map(|shape| Topology::shape(shape).expect("a shape"));
/// let diff = Diff::between(&live, &[LinkState::Up; 2], &wanted);
/// let changes: Vec<String> = diff.changes(&live, &wanted).iter().map(ToString::to_string).collect();
/// assert_eq!(changes, ["+ node h3: host", "+ link h3:eth0 - s1:eth2"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// The nodes.
    pub nodes: Parts<NodeId>,
    /// The links, by their places in the two topologies.
    pub links: Parts<usize>,
    /// The links that stay and are made again, since something of them is gone: their places in the two topologies.
    pub mended: Vec<(usize, usize)>,
    /// The programs, those of all nodes; one that runs otherwise goes and comes anew.
    pub programs: Parts<ProgramId>,
    /// Of the nodes that are kept, those whose processes see other files: their places in the two topologies.
    pub files: Vec<(NodeId, NodeId)>,
    /// Whether the checks differ.
    pub checks: bool,
    /// Whether what shall happen by itself differs.
    pub events: bool,
}

/// What becomes of things of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts<T> {
    /// Those that go, of the live lab.
    pub gone: Vec<T>,
    /// Those that come, of the wanted lab.
    pub new: Vec<T>,
    /// Those that stay, in both labs, and whether something about them changes.
    pub kept: Vec<(T, T, bool)>,
}

impl Diff {
    /// Compares a lab that runs with one that is wanted; `states` are those of the live links, which a wanted lab has up.
    pub fn between(live: &Topology, states: &[LinkState], wanted: &Topology) -> Self {
        let mut diff = Self {
            checks: live.named("checks") != wanted.named("checks"),
            events: live.named("events") != wanted.named("events"),
            ..Self::default()
        };
        diff.compare_nodes(live, wanted);
        diff.compare_programs(live, wanted);
        diff.compare_links(live, states, wanted);
        diff
    }

    /// Has those of the `broken` links made again that stay; they are given by their places in the live lab.
    pub fn mend(&mut self, broken: &BTreeSet<usize>) {
        let broken = self.links.kept.extract_if(.., |(old, ..)| broken.contains(old));
        self.mended = broken.map(|(old, new, _)| (old, new)).collect();
    }

    fn compare_nodes(&mut self, live: &Topology, wanted: &Topology) {
        let places: HashMap<&str, usize> =
            live.nodes.iter().enumerate().map(|(place, node)| (node.name.as_str(), place)).collect();
        let mut kept = BTreeSet::new();
        for (place, node) in wanted.nodes.iter().enumerate() {
            let old = places.get(node.name.as_str()).map(|old| (*old, &live.nodes[*old]));
            match old.filter(|(_, old)| is_same_node(old, node)) {
                Some((old_place, old)) => {
                    kept.insert(old_place);
                    let differs = !details(live, old, wanted, node).is_empty();
                    self.nodes.kept.push((NodeId(old_place), NodeId(place), differs));
                }
                None => self.nodes.new.push(NodeId(place)),
            }
        }
        self.nodes.gone = (0..live.nodes.len()).filter(|place| !kept.contains(place)).map(NodeId).collect();
    }

    fn compare_programs(&mut self, live: &Topology, wanted: &Topology) {
        let surroundings = |node: &Node| (node.env.clone(), node.files.clone(), node.package.clone());
        let of_new = |node: &NodeId| wanted.programs_of(*node).collect::<Vec<_>>();
        self.programs.new = self.nodes.new.iter().flat_map(of_new).collect();
        let mut kept = BTreeSet::new();
        for (old_node, node, _) in &self.nodes.kept {
            let (before, after) = (surroundings(&live[*old_node]), surroundings(&wanted[*node]));
            if before.1 != after.1 {
                self.files.push((*old_node, *node));
            }
            for id in wanted.programs_of(*node) {
                let (new, same) = (&wanted[id], |old: &ProgramId| live[*old].name == wanted[id].name);
                let old = live.programs_of(*old_node).find(same).filter(|old| {
                    before == after && live[*old].command == new.command // else it has to be started anew
                });
                match old {
                    Some(old) => {
                        kept.insert(old);
                        self.programs.kept.push((old, id, live[old] != *new));
                    }
                    None => self.programs.new.push(id),
                }
            }
        }
        self.programs.gone = live.program_ids().filter(|id| !kept.contains(id)).collect();
    }

    fn compare_links(&mut self, live: &Topology, states: &[LinkState], wanted: &Topology) {
        let places: HashMap<[(&str, &str); 2], usize> =
            live.links.iter().enumerate().map(|(place, link)| (live.key(link), place)).collect();
        let stays: BTreeSet<NodeId> = self.nodes.kept.iter().map(|(_, wanted, _)| *wanted).collect();
        let mut kept = BTreeSet::new();
        for (place, link) in wanted.links.iter().enumerate() {
            let old = places.get(&wanted.key(link)).copied();
            match old.filter(|old| is_same_link(live, &live.links[*old], wanted, link, &stays)) {
                Some(old_place) => {
                    kept.insert(old_place);
                    let old = &live.links[old_place];
                    let differs = old.conditions != link.conditions
                        || old.wire != link.wire
                        || states.get(old_place).is_some_and(|state| *state != LinkState::Up);
                    self.links.kept.push((old_place, place, differs));
                }
                None => self.links.new.push(place),
            }
        }
        self.links.gone = (0..live.links.len()).filter(|place| !kept.contains(place)).collect();
    }

    /// Whether nothing has to change.
    pub fn is_empty(&self) -> bool {
        let parts = self.nodes.is_empty() && self.links.is_empty() && self.mended.is_empty();
        parts && !self.checks && !self.events
    }
}

impl<T> Default for Parts<T> {
    fn default() -> Self {
        Self { gone: Vec::new(), new: Vec::new(), kept: Vec::new() }
    }
}

impl<T> Parts<T> {
    /// Whether none goes, comes, or changes.
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.new.is_empty() && self.kept.iter().all(|(.., differs)| !differs)
    }
}

impl Topology {
    /// The names of a link's ends, which tell it from all others.
    fn key(&self, link: &Link) -> [(&str, &str); 2] {
        link.ends.map(|end| (self[end.node].name.as_str(), self.interface(end).name.as_str()))
    }

    /// A part of the lab with names in the place of indices.
    fn named(&self, part: &str) -> Value {
        let mut all = serde_json::to_value(self).unwrap_or_default();
        all.get_mut(part).map(Value::take).unwrap_or_default()
    }
}

/// Whether a node can become another in its place.
///
/// What a sysctl was before the lab set it is not known, so that none can be taken back.
fn is_same_node(live: &Node, wanted: &Node) -> bool {
    live.kind == wanted.kind
        && live.stp == wanted.stp
        && live.sysctl.keys().all(|name| wanted.sysctl.contains_key(name))
}

fn is_same_link(
    live: &Topology,
    old: &Link,
    wanted: &Topology,
    new: &Link,
    stays: &BTreeSet<NodeId>,
) -> bool {
    let born = |interface: &Interface| (interface.mac, interface.mtu, interface.offload);
    let same = |(old, new)| born(live.interface(old)) == born(wanted.interface(new));
    (old.mtu, old.offload, old.medium) == (new.mtu, new.offload, new.medium)
        && new.ends.iter().all(|end| stays.contains(&end.node))
        && old.ends.into_iter().zip(new.ends).all(same)
}
