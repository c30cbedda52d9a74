//! What the picture of a node says, and how much room that takes.

use super::layout::Point;
use crate::model::Node;

/// The height of a line of addresses.
pub(super) const LINE: f64 = 15.0;
/// The height of the part with name and kind.
pub(super) const HEAD: f64 = 30.0;
/// The space left and right of the text.
pub(super) const PADDING: f64 = 12.0;
/// The width of a character of an address: monospace at 11 px.
pub(super) const MONO: f64 = 6.65;
/// The width of a character of a name: bold at 14 px, broad ones included.
const NAME: f64 = 8.4;
/// The width of a character of a kind: at 10 px in capitals.
const KIND: f64 = 7.2;
/// The room that a link takes at the lower border, its interface's name included.
pub(super) const SLOT: f64 = 52.0;

/// A node as it is drawn.
pub(super) struct Card {
    /// An interface's name, where it has to be told, and an address of it.
    pub(super) lines: Vec<(String, String)>,
    /// The width of the column of interface names.
    pub(super) names: f64,
    pub(super) size: Point,
}

impl Card {
    /// Makes a card with all addresses, broad enough for a number of links below it.
    pub(super) fn detailed(node: &Node, links_below: usize) -> Self {
        let lines = lines(node);
        let longest =
            |length: fn(&(String, String)) -> usize| lines.iter().map(length).max().unwrap_or(0) as f64;
        let names = longest(|(name, _)| name.chars().count());
        let names = if names > 0.0 { (names + 1.0) * MONO } else { 0.0 };
        let text = names + longest(|(_, address)| address.len()) * MONO;
        let head = node.name.len() as f64 * NAME + 14.0 + node.kind.as_str().len() as f64 * KIND;
        let width = (text.max(head) + 2.0 * PADDING).max(links_below as f64 * SLOT);
        let body = if lines.is_empty() { 0.0 } else { lines.len() as f64 * LINE + 13.0 };
        Self { size: Point { x: width.ceil(), y: HEAD + body + 4.0 }, lines, names }
    }

    /// Makes a card with the name alone, for a picture of many nodes.
    pub(super) fn compact(node: &Node) -> Self {
        let width = node.name.len() as f64 * NAME + 2.0 * PADDING;
        Self { lines: Vec::new(), names: 0.0, size: Point { x: width.ceil(), y: HEAD } }
    }
}

fn lines(node: &Node) -> Vec<(String, String)> {
    let named = node.interfaces.len() > 1 || !node.loopback.is_empty();
    let interfaces = node.interfaces.iter().map(|interface| (interface.name.as_str(), &interface.addresses));
    let mut lines = Vec::new();
    for (name, addresses) in interfaces.chain([("lo", &node.loopback)]) {
        for (index, address) in addresses.iter().enumerate() {
            let name = if named && index == 0 { name.to_owned() } else { String::new() };
            lines.push((name, address.to_string()));
        }
    }
    lines
}
