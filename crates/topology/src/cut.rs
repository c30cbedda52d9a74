//! Which links part groups of nodes from each other.

use std::collections::{BTreeSet, VecDeque};

use crate::end::EndError;
use crate::model::{Medium, NodeId, Topology};

/// A lab cannot be parted as wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CutError {
    /// A group names no node, or there is only one and it has all.
    #[error(
        "nothing is parted: write groups of nodes such as 'h1,s1 | h2,s2'; one group is parted from all others"
    )]
    Nothing,
    /// There is no such node.
    #[error(transparent)]
    Node(#[from] EndError),
    /// A node is in two groups.
    #[error("node '{node}' is in two groups")]
    Twice {
        /// The node.
        node: String,
    },
    /// A link between groups is shared memory, in which nothing can be held up.
    #[error(
        "{link} is shared memory (medium = \"memif\"), which cannot be cut: name both nodes in one group"
    )]
    Memory {
        /// The link.
        link: String,
    },
    /// Two groups meet at what is in none of them.
    #[error(
        "{one} and {other} meet at {at}, which is in no group: name it in one, or cut its links one by one"
    )]
    Meet {
        /// A node of a group.
        one: String,
        /// A node of another group.
        other: String,
        /// The node where they meet.
        at: String,
    },
    /// Nodes of one group would not reach each other any more.
    #[error(
        "{one} and {other} are in one group and meet only at nodes of another: they would be parted, too"
    )]
    Parted {
        /// A node of a group.
        one: String,
        /// Another node of the same group.
        other: String,
    },
}

impl Topology {
    /// Finds the links that part groups of nodes, written as `a,b | c,d`, and leave each group whole.
    ///
    /// A node that is in no group goes with the group it is linked with. One group alone is parted from all other nodes.
    ///
    /// # Errors
    /// The text names no groups of this lab, or no set of links parts them.
    ///
    /// # Examples
    /// ```
    /// use rackless_topology::Topology;
    ///
    /// let lab = Topology::shape("linear,3")?;
    /// let cut = lab.cut("s1 | s2")?; // h1 goes with s1; s3, h2 and h3 with s2
    /// let names = cut.iter().map(|link| lab.links[*link].ends.map(|end| lab.end_name(end).to_string()));
    /// assert_eq!(names.collect::<Vec<_>>(), [["s1:eth1", "s2:eth1"]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cut(&self, groups: &str) -> Result<Vec<usize>, CutError> {
        let named = self.groups(groups)?;
        let sides = self.spread(&named)?;
        let is_cut = |link: usize| {
            let [a, b] = self.links[link].ends.map(|end| sides[end.node.0]);
            matches!((a, b), (Some(a), Some(b)) if a != b)
        };
        let cut: Vec<usize> = (0..self.links.len()).filter(|link| is_cut(*link)).collect();
        if let Some(link) = cut.iter().find(|link| self.links[**link].medium == Medium::Memif) {
            return Err(CutError::Memory { link: self.link_name(&self.links[*link]).to_string() });
        }
        let (before, after) = (self.islands(|_| false), self.islands(is_cut));
        for (place, side) in named.iter().enumerate() {
            let fellow = |other: &usize| {
                named[*other] == *side && before[*other] == before[place] && after[*other] != after[place]
            };
            if let Some(other) = side.and_then(|_| (0..place).find(fellow)) {
                return Err(CutError::Parted { one: self.name_at(other), other: self.name_at(place) });
            }
        }
        Ok(cut)
    }

    /// Reads groups: each node's, where it is in one.
    fn groups(&self, text: &str) -> Result<Vec<Option<usize>>, CutError> {
        let mut found = vec![None; self.nodes.len()];
        let mut count = 0;
        for group in text.split('|') {
            let names: BTreeSet<&str> =
                group.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
            if names.is_empty() {
                return Err(CutError::Nothing);
            }
            for name in names {
                let NodeId(place) = self.find_node(name)?;
                if found[place].replace(count).is_some() {
                    return Err(CutError::Twice { node: name.to_owned() });
                }
            }
            count += 1;
        }
        if count == 1 {
            if !found.contains(&None) {
                return Err(CutError::Nothing);
            }
            found.iter_mut().for_each(|side| *side = side.or(Some(1)));
        }
        Ok(found)
    }

    /// Gives the nodes that are in no group the group that they are linked with.
    fn spread(&self, named: &[Option<usize>]) -> Result<Vec<Option<usize>>, CutError> {
        let neighbours = self.neighbours_of_all(|_| false);
        let mut sides = named.to_vec();
        // Where each node has its group from.
        let mut origin: Vec<usize> = (0..sides.len()).collect();
        let mut queue: VecDeque<usize> = (0..sides.len()).filter(|place| sides[*place].is_some()).collect();
        while let Some(place) = queue.pop_front() {
            for &next in neighbours[place].iter().filter(|next| named[**next].is_none()) {
                if sides[next].is_none() {
                    (sides[next], origin[next]) = (sides[place], origin[place]);
                    queue.push_back(next);
                } else if sides[next] != sides[place] {
                    let [one, other] = [origin[next], origin[place]].map(|origin| self.name_at(origin));
                    return Err(CutError::Meet { one, other, at: self.name_at(next) });
                }
            }
        }
        Ok(sides)
    }

    /// Gives each node the number of the part of the lab that it is in, where links that are cut join nothing.
    fn islands(&self, is_cut: impl Fn(usize) -> bool) -> Vec<usize> {
        let neighbours = self.neighbours_of_all(is_cut);
        let mut island = vec![usize::MAX; self.nodes.len()];
        for start in 0..island.len() {
            let mut waiting = vec![start];
            while let Some(place) = waiting.pop() {
                if island[place] == usize::MAX {
                    island[place] = start;
                    waiting.extend(&neighbours[place]);
                }
            }
        }
        island
    }

    fn neighbours_of_all(&self, is_cut: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
        let mut neighbours = vec![Vec::new(); self.nodes.len()];
        for (_, link) in self.links.iter().enumerate().filter(|(place, _)| !is_cut(*place)) {
            let [a, b] = link.ends.map(|end| end.node.0);
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
        neighbours
    }

    fn name_at(&self, place: usize) -> String {
        self.nodes[place].name.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(shape: &str, groups: &str) -> Result<Vec<String>, CutError> {
        let lab = Topology::shape(shape).expect("a shape");
        let names = |link: &usize| lab.links[*link].ends.map(|end| lab[end.node].name.clone()).join("-");
        lab.cut(groups).map(|links| links.iter().map(names).collect())
    }

    #[test]
    fn the_links_between_groups_are_cut() {
        assert_eq!(cut("linear,3", "s1 | s2 | s3"), Ok(vec!["s1-s2".into(), "s2-s3".into()]));
        assert_eq!(cut("linear,3", " h1, s1 |s2"), Ok(vec!["s1-s2".into()]));
        assert_eq!(cut("ring,4", "s1,s2 | s3,s4").map(|links| links.len()), Ok(2));
        assert_eq!(cut("linear,2", "h1"), Ok(vec!["h1-s1".into()]));
    }

    #[test]
    fn what_cannot_be_parted_is_told() {
        let text = |shape, groups| cut(shape, groups).expect_err("an error").to_string();
        for empty in ["", "|", "h1 |", "h1,h2,s1"] {
            assert_eq!(cut("single,2", empty), Err(CutError::Nothing), "{empty}");
        }
        assert_eq!(text("single,2", "h1 | h1"), "node 'h1' is in two groups");
        assert!(text("single,2", "h1 | h3").starts_with("unknown node 'h3'"));
        let meet = "h1 and h2 meet at s1, which is in no group: name it in one, or cut its links one by one";
        assert_eq!(text("single,2", "h1 | h2"), meet);
        let meet = "h1 and h3 meet at s2, which is in no group: name it in one, or cut its links one by one";
        assert_eq!(text("linear,3", "h1 | h3"), meet);
        let parted =
            "h3 and h4 are in one group and meet only at nodes of another: they would be parted, too";
        assert_eq!(text("single,4", "h1,h2,s1 | h3,h4"), parted);
    }
}
