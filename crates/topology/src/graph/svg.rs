//! The picture as SVG: solid cards and labels on a transparent ground, so that it stands on light and dark pages.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::card::{Card, HEAD, LINE, PADDING, SLOT};
use super::colours;
use super::layout::{Forest, Gaps, Point};
use crate::model::{End, Medium, Node, Topology};

/// The space round the picture.
const MARGIN: f64 = 12.0;
/// More nodes than this are drawn by name alone.
const DETAILED: usize = 20;

const STYLE: &str = "<style>
  text { font-family: -apple-system, 'Segoe UI', 'Helvetica Neue', Helvetica, Arial, sans-serif; fill: #1f2328 }
  .name { font-size: 14px; font-weight: 600 }
  .kind { font-size: 10px; font-weight: 600; letter-spacing: .6px }
  .mono { font: 11px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace }
  .dim { fill: #656d76 }
  .link { fill: none; stroke: #8c959f; stroke-width: 2 }
  .pill { fill: #f6f8fa; stroke: #8c959f }
  .port { font-size: 10.5px; text-anchor: middle }
</style>
";

/// Returns the topology as an SVG picture: the longest chain in a row, branches below.
pub fn svg(topology: &Topology) -> String {
    let edges: Vec<(usize, usize)> =
        topology.links.iter().map(|link| (link.ends[0].node.0, link.ends[1].node.0)).collect();
    let forest = Forest::new(topology.nodes.len(), &edges);
    let detailed = topology.nodes.len() <= DETAILED;
    let card = |(node, below): (&Node, &Vec<usize>)| {
        if detailed { Card::detailed(node, below.len()) } else { Card::compact(node) }
    };
    let cards: Vec<Card> = topology.nodes.iter().zip(&forest.children).map(card).collect();
    let sizes: Vec<Point> = cards.iter().map(|card| card.size).collect();
    let gaps = if detailed {
        Gaps { row: 96.0, level: 76.0, sibling: 24.0, in_line: usize::MAX }
    } else {
        Gaps { row: 40.0, level: 48.0, sibling: 10.0, in_line: 8 }
    };
    let (middles, size) = forest.place(&sizes, &gaps);
    let picture = Picture { topology, cards, middles, detailed, parallel: parallel(&edges) };
    picture.draw(&forest, size)
}

/// Returns for every edge its number among those between the same nodes, and how many these are.
fn parallel(edges: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let key = |(a, b): &(usize, usize)| (*a.min(b), *a.max(b));
    let mut count: HashMap<(usize, usize), usize> = HashMap::new();
    let numbers: Vec<usize> = edges
        .iter()
        .map(|edge| {
            let next = count.entry(key(edge)).or_default();
            *next += 1;
            *next - 1
        })
        .collect();
    edges.iter().zip(numbers).map(|(edge, number)| (number, count[&key(edge)])).collect()
}

struct Picture<'a> {
    topology: &'a Topology,
    cards: Vec<Card>,
    middles: Vec<Point>,
    detailed: bool,
    parallel: Vec<(usize, usize)>,
}

/// A link as it is drawn: a curve, and where the names of its interfaces stand.
struct Cable {
    path: String,
    labels: [Point; 2],
}

impl Picture<'_> {
    fn draw(&self, forest: &Forest, size: Point) -> String {
        let place = places(forest, self.topology.nodes.len());
        let cables: Vec<Cable> =
            (0..self.topology.links.len()).map(|index| self.cable(index, forest, &place)).collect();
        // Arches over the row need room above it.
        let arches = cables.iter().flat_map(|cable| cable.labels).map(|label| label.y).fold(0.0, f64::min);
        let top = MARGIN - if arches < 0.0 { arches - 16.0 } else { 0.0 };
        let (width, height) = (size.x + 2.0 * MARGIN, size.y + top + MARGIN);
        let name = escape(&self.topology.name);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"{:.0} {:.0} {width:.0} {height:.0}\" role=\"img\" aria-label=\"Lab {name}\">\n\
             <title>Lab {name}</title>\n{STYLE}",
            -MARGIN, -top
        );
        // Many links are thin, so that they do not grow together.
        let thin = if self.detailed { "" } else { " style=\"stroke-width:1\"" };
        for (link, cable) in self.topology.links.iter().zip(&cables) {
            let dashed = if link.medium == Medium::Memif { " stroke-dasharray=\"6 4\"" } else { "" };
            line(&mut out, format_args!("<path class=\"link\"{thin}{dashed} d=\"{}\"/>", cable.path));
        }
        for (node, (card, middle)) in self.topology.nodes.iter().zip(self.cards.iter().zip(&self.middles)) {
            draw_card(&mut out, node, card, *middle, self.detailed);
        }
        if self.detailed {
            for (link, cable) in self.topology.links.iter().zip(&cables) {
                for (end, label) in link.ends.iter().zip(cable.labels) {
                    self.draw_label(&mut out, *end, label);
                }
            }
        }
        out.push_str("</svg>\n");
        out
    }

    fn cable(&self, index: usize, forest: &Forest, place: &[Place]) -> Cable {
        let [a, b] = self.topology.links[index].ends.map(|end| end.node.0);
        let (number, count) = self.parallel[index];
        let shift = (number as f64 - (count - 1) as f64 / 2.0) * 24.0;
        if let Some(slot) = forest.children[a].iter().position(|child| *child == b) {
            return self.hanging(a, b, slot, forest.children[a].len(), shift);
        }
        if let Some(slot) = forest.children[b].iter().position(|child| *child == a) {
            let mut cable = self.hanging(b, a, slot, forest.children[b].len(), shift);
            cable.labels.reverse();
            return cable;
        }
        match (place[a].in_row, place[b].in_row) {
            (Some((row, x)), Some((other, y))) if row == other && x.abs_diff(y) == 1 => {
                self.level(a, b, shift)
            }
            (Some((row, _)), Some((other, _))) if row == other => self.arch(a, b, shift),
            _ => self.straight(a, b, shift),
        }
    }

    /// Joins neighbours in the row.
    fn level(&self, a: usize, b: usize, shift: f64) -> Cable {
        let direction = if self.middles[a].x < self.middles[b].x { 1.0 } else { -1.0 };
        let y = self.middles[a].y + shift;
        let from = self.middles[a].x + direction * self.cards[a].size.x / 2.0;
        let to = self.middles[b].x - direction * self.cards[b].size.x / 2.0;
        let near = 26.0 * direction;
        Cable {
            path: format!("M{from:.1} {y:.1}L{to:.1} {y:.1}"),
            labels: [Point { x: from + near, y }, Point { x: to - near, y }],
        }
    }

    /// Joins a node with one that hangs below it; links start side by side at the lower border.
    fn hanging(&self, above: usize, below: usize, slot: usize, slots: usize, shift: f64) -> Cable {
        let pitch = if self.detailed { SLOT } else { 0.0 };
        let x = self.middles[above].x + (slot as f64 - (slots - 1) as f64 / 2.0) * pitch + shift;
        let y = self.middles[above].y + self.cards[above].size.y / 2.0;
        let to = Point {
            x: self.middles[below].x + shift,
            y: self.middles[below].y - self.cards[below].size.y / 2.0,
        };
        let bend = (to.y - y) * 0.55;
        Cable {
            path: format!(
                "M{x:.1} {y:.1}C{x:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
                y + bend,
                to.x,
                to.y - bend,
                to.x,
                to.y
            ),
            labels: [Point { x, y: y + 16.0 }, Point { x: to.x, y: to.y - 16.0 }],
        }
    }

    /// Joins nodes of the row over those between them.
    fn arch(&self, a: usize, b: usize, shift: f64) -> Cable {
        let top = |node: usize| self.middles[node].y - self.cards[node].size.y / 2.0;
        let (from, to) = (self.middles[a].x + shift, self.middles[b].x + shift);
        let height = 40.0
            + (from - to).abs() * 0.08
            + self.cards.iter().map(|card| card.size.y).fold(0.0, f64::max) / 2.0;
        let crown = top(a).min(top(b)) - height;
        Cable {
            path: format!(
                "M{from:.1} {:.1}C{from:.1} {crown:.1} {to:.1} {crown:.1} {to:.1} {:.1}",
                top(a),
                top(b)
            ),
            labels: [Point { x: from, y: top(a) - 16.0 }, Point { x: to, y: top(b) - 16.0 }],
        }
    }

    /// Joins any two nodes; the line ends at their borders.
    fn straight(&self, a: usize, b: usize, shift: f64) -> Cable {
        let (from, to) = (self.border(a, b), self.border(b, a));
        let length = (to.x - from.x).hypot(to.y - from.y).max(1.0);
        let (dx, dy) = ((to.x - from.x) / length, (to.y - from.y) / length);
        let moved = |point: Point, along: f64| Point {
            x: point.x - dy * shift + dx * along,
            y: point.y + dx * shift + dy * along,
        };
        let (start, end, near) = (moved(from, 0.0), moved(to, 0.0), (length / 3.0).min(44.0));
        Cable {
            path: format!("M{:.1} {:.1}L{:.1} {:.1}", start.x, start.y, end.x, end.y),
            labels: [moved(from, near), moved(to, -near)],
        }
    }

    /// Returns where the line from the middle of a node to that of another leaves its card.
    fn border(&self, node: usize, towards: usize) -> Point {
        let (middle, other, size) = (self.middles[node], self.middles[towards], self.cards[node].size);
        let (dx, dy) = (other.x - middle.x, other.y - middle.y);
        let share =
            |delta: f64, side: f64| if delta == 0.0 { f64::INFINITY } else { side / 2.0 / delta.abs() };
        let scale = share(dx, size.x).min(share(dy, size.y)).min(1.0);
        Point { x: middle.x + dx * scale, y: middle.y + dy * scale }
    }

    fn draw_label(&self, out: &mut String, end: End, at: Point) {
        let name = escape(&self.topology.interface(end).name);
        let width = name.chars().count() as f64 * 6.2 + 12.0;
        line(
            out,
            format_args!(
                "<rect class=\"pill\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"17\" rx=\"8.5\"/>\
                 <text class=\"port\" x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
                at.x - width / 2.0,
                at.y - 8.5,
                at.x,
                at.y + 3.6
            ),
        );
    }
}

#[derive(Clone, Default)]
struct Place {
    /// The row and the place in it; `None` for a node that hangs below one.
    in_row: Option<(usize, usize)>,
}

fn places(forest: &Forest, nodes: usize) -> Vec<Place> {
    let mut places = vec![Place::default(); nodes];
    for (row, members) in forest.rows.iter().enumerate() {
        for (x, node) in members.iter().enumerate() {
            places[*node].in_row = Some((row, x));
        }
    }
    places
}

fn draw_card(out: &mut String, node: &Node, card: &Card, middle: Point, detailed: bool) {
    let (fill, border) = colours(node.kind);
    let (left, top) = (middle.x - card.size.x / 2.0, middle.y - card.size.y / 2.0);
    let (width, height) = (card.size.x, card.size.y);
    let name = escape(&node.name);
    line(
        out,
        format_args!(
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"9\" \
             fill=\"{fill}\" stroke=\"{border}\" stroke-width=\"1.6\"/>"
        ),
    );
    if !detailed {
        let y = middle.y + 5.0;
        let x = middle.x;
        return line(
            out,
            format_args!(
                "<text class=\"name\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{y:.1}\">{name}</text>"
            ),
        );
    }
    let (x, right) = (left + PADDING, left + width - PADDING);
    line(out, format_args!("<text class=\"name\" x=\"{x:.1}\" y=\"{:.1}\">{name}</text>", top + 22.0));
    let kind = node.kind.as_str().to_uppercase();
    line(
        out,
        format_args!(
            "<text class=\"kind\" text-anchor=\"end\" x=\"{right:.1}\" y=\"{:.1}\" style=\"fill:{border}\">{kind}</text>",
            top + 21.0
        ),
    );
    if card.lines.is_empty() {
        return;
    }
    line(
        out,
        format_args!(
            "<path d=\"M{left:.1} {0:.1}h{width:.1}\" stroke=\"{border}\" stroke-opacity=\".45\"/>",
            top + HEAD + 2.0
        ),
    );
    for (index, (interface, address)) in card.lines.iter().enumerate() {
        let y = top + HEAD + 19.0 + index as f64 * LINE;
        if !interface.is_empty() {
            let interface = escape(interface);
            line(out, format_args!("<text class=\"mono dim\" x=\"{x:.1}\" y=\"{y:.1}\">{interface}</text>"));
        }
        line(
            out,
            format_args!("<text class=\"mono\" x=\"{:.1}\" y=\"{y:.1}\">{address}</text>", x + card.names),
        );
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{text}");
}
