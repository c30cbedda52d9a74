//! Where nodes stand: the longest chain of a component in a row, its branches below.

use std::collections::VecDeque;

/// A point, or a width and a height, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// The distances between nodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gaps {
    /// Between neighbours in the row.
    pub(super) row: f64,
    /// Between a node and its branches.
    pub(super) level: f64,
    /// Between branches of one node.
    pub(super) sibling: f64,
    /// More branches than this of one node stand in several lines.
    pub(super) in_line: usize,
}

/// The components of a graph, each a row of nodes with branches below.
#[derive(Debug)]
pub(super) struct Forest {
    /// The longest chain of each component.
    pub(super) rows: Vec<Vec<usize>>,
    /// The nodes that hang below each node.
    pub(super) children: Vec<Vec<usize>>,
}

impl Forest {
    /// Orders `nodes` nodes; of equally long chains, the one whose ends come first is taken.
    pub(super) fn new(nodes: usize, edges: &[(usize, usize)]) -> Self {
        let mut neighbours = vec![Vec::new(); nodes];
        for (a, b) in edges {
            neighbours[*a].push(*b);
            neighbours[*b].push(*a);
        }
        let mut forest = Self { rows: Vec::new(), children: vec![Vec::new(); nodes] };
        let mut seen = vec![false; nodes];
        for start in 0..nodes {
            if !seen[start] {
                // The node farthest from any node is an end of a longest chain; exact for trees.
                let (end, _) = farthest(&neighbours, start);
                let (other, mut row) = farthest(&neighbours, end);
                if end < other {
                    row.reverse();
                }
                forest.hang(&neighbours, &row, &mut seen);
                forest.rows.push(row);
            }
        }
        forest
    }

    /// Hangs the nodes outside a row below the nodes that they are nearest to.
    fn hang(&mut self, neighbours: &[Vec<usize>], row: &[usize], seen: &mut [bool]) {
        row.iter().for_each(|node| seen[*node] = true);
        let mut queue: VecDeque<usize> = row.iter().copied().collect();
        while let Some(node) = queue.pop_front() {
            for next in &neighbours[node] {
                if !seen[*next] {
                    seen[*next] = true;
                    self.children[node].push(*next);
                    queue.push_back(*next);
                }
            }
        }
    }

    /// Returns the middle of every node, and the width and height of the whole.
    pub(super) fn place(&self, sizes: &[Point], gaps: &Gaps) -> (Vec<Point>, Point) {
        let mut placer = Placer { forest: self, sizes, gaps, middles: vec![Point::default(); sizes.len()] };
        let mut whole = Point::default();
        for row in &self.rows {
            let top = if whole.y > 0.0 { whole.y + gaps.level } else { 0.0 };
            let size = placer.row(row, top);
            whole = Point { x: whole.x.max(size.x), y: top + size.y };
        }
        (placer.middles, whole)
    }
}

/// Returns the first of the nodes that are farthest from a node, and the path from there back to the node.
fn farthest(neighbours: &[Vec<usize>], start: usize) -> (usize, Vec<usize>) {
    let mut distance = vec![usize::MAX; neighbours.len()];
    let mut from = vec![start; neighbours.len()];
    distance[start] = 0;
    let mut queue = VecDeque::from([start]);
    let mut best = start;
    while let Some(node) = queue.pop_front() {
        if (distance[node], best) > (distance[best], node) {
            best = node;
        }
        for next in &neighbours[node] {
            if distance[*next] == usize::MAX {
                distance[*next] = distance[node] + 1;
                from[*next] = node;
                queue.push_back(*next);
            }
        }
    }
    let mut path = vec![best];
    let mut node = best;
    while node != start {
        node = from[node];
        path.push(node);
    }
    (best, path)
}

struct Placer<'a> {
    forest: &'a Forest,
    sizes: &'a [Point],
    gaps: &'a Gaps,
    middles: Vec<Point>,
}

impl Placer<'_> {
    /// Places a component with its upper left corner at (0, `top`), and returns its width and height.
    fn row(&mut self, row: &[usize], top: f64) -> Point {
        let height = row.iter().map(|node| self.sizes[*node].y).fold(0.0, f64::max);
        let below = top + height + self.gaps.level;
        let mut right_of_row = None;
        let mut right_of_branches: Option<f64> = None;
        let mut bottom = top + height;
        for node in row {
            let (width, branches) = (self.sizes[*node].x, self.branches_size(*node));
            let mut x = right_of_row.map_or(width / 2.0, |right: f64| right + self.gaps.row + width / 2.0);
            if branches.x > 0.0 {
                let left = right_of_branches.map_or(0.0, |right| right + self.gaps.sibling);
                x = x.max(left + branches.x / 2.0);
                right_of_branches = Some(x + branches.x / 2.0);
                self.branches(*node, x, below);
                bottom = bottom.max(below + branches.y);
            }
            self.middles[*node] = Point { x, y: top + height / 2.0 };
            right_of_row = Some(x + width / 2.0);
        }
        let width = right_of_row.unwrap_or_default().max(right_of_branches.unwrap_or_default());
        Point { x: width, y: bottom - top }
    }

    /// Places what hangs below a node: in the middle at `x`, from `top` on.
    fn branches(&mut self, node: usize, x: f64, top: f64) {
        let size = self.branches_size(node);
        let forest = self.forest;
        let children = &forest.children[node];
        let mut line_top = top;
        for line in children.chunks(self.columns(children)) {
            let (mut left, mut height) = (x - size.x / 2.0, 0.0_f64);
            for child in line {
                let (block, own) = (self.block_size(*child), self.sizes[*child]);
                let middle = left + block.x / 2.0;
                self.middles[*child] = Point { x: middle, y: line_top + own.y / 2.0 };
                self.branches(*child, middle, line_top + own.y + self.gaps.level);
                left += block.x + self.gaps.sibling;
                height = height.max(block.y);
            }
            line_top += height + self.gaps.sibling;
        }
    }

    /// Returns the width and height of a node with all that hangs below it.
    fn block_size(&self, node: usize) -> Point {
        let (own, below) = (self.sizes[node], self.branches_size(node));
        let gap = if below.y > 0.0 { self.gaps.level } else { 0.0 };
        Point { x: own.x.max(below.x), y: own.y + gap + below.y }
    }

    fn branches_size(&self, node: usize) -> Point {
        let children = &self.forest.children[node];
        let mut size = Point::default();
        for line in children.chunks(self.columns(children)) {
            let blocks: Vec<Point> = line.iter().map(|child| self.block_size(*child)).collect();
            let gaps = self.gaps.sibling * (line.len() - 1) as f64;
            size.x = size.x.max(blocks.iter().map(|block| block.x).sum::<f64>() + gaps);
            let height = blocks.iter().map(|block| block.y).fold(0.0, f64::max);
            size.y += height + if size.y > 0.0 { self.gaps.sibling } else { 0.0 };
        }
        size
    }

    /// Returns how many children stand in one line: all, or, of many, as many as make a broad block.
    fn columns(&self, children: &[usize]) -> usize {
        if children.len() > self.gaps.in_line {
            (children.len() as f64 * 1.5).sqrt().ceil() as usize
        } else {
            children.len().max(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GAPS: Gaps = Gaps { row: 40.0, level: 30.0, sibling: 10.0, in_line: 4 };

    #[test]
    fn the_longest_chain_stands_in_a_row_and_branches_below() {
        // 0 ─ 1 ─ 2 ─ 3, and 4 below 1.
        let forest = Forest::new(5, &[(0, 1), (1, 2), (3, 2), (4, 1)]);
        assert_eq!(forest.rows, [vec![0, 1, 2, 3]]);
        assert_eq!(forest.children[1], [4]);
        let (middles, size) = forest.place(&[Point { x: 100.0, y: 20.0 }; 5], &GAPS);
        assert!(middles[..4].iter().all(|middle| middle.y == 10.0));
        assert_eq!((middles[4].x, middles[4].y), (middles[1].x, 60.0));
        assert_eq!((size.x, size.y), (520.0, 70.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_node_has_a_place_of_its_own_inside_the_picture(
            sizes in prop::collection::vec((10.0..200.0, 10.0..90.0), 1..40),
            edges in prop::collection::vec((0..40usize, 0..40usize), 0..60),
        ) {
            let sizes: Vec<Point> = sizes.into_iter().map(|(x, y)| Point { x, y }).collect();
            let count = sizes.len();
            let edges: Vec<_> = edges.into_iter().map(|(a, b)| (a % count, b % count)).collect();
            let (middles, whole) = Forest::new(count, &edges).place(&sizes, &GAPS);
            for (a, (at, size)) in middles.iter().zip(&sizes).enumerate() {
                prop_assert!(at.x - size.x / 2.0 >= -0.01 && at.x + size.x / 2.0 <= whole.x + 0.01, "{a}");
                prop_assert!(at.y - size.y / 2.0 >= -0.01 && at.y + size.y / 2.0 <= whole.y + 0.01, "{a}");
                for (b, (other, second)) in middles.iter().zip(&sizes).enumerate().skip(a + 1) {
                    let apart = (at.x - other.x).abs() >= (size.x + second.x) / 2.0
                        || (at.y - other.y).abs() >= (size.y + second.y) / 2.0;
                    prop_assert!(apart, "{a} and {b} overlap");
                }
            }
        }
    }
}
