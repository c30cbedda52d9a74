//! Pictures of a graph, as text for other programs to draw.

use std::fmt;

use super::{Place, Wire, Wiring};

/// Fill and border of ports, which stand on a light and on a dark background.
const PORT: (&str, &str) = ("#e8f3fd", "#3b8fd9");
/// Fill and border of nodes.
const NODE: (&str, &str) = ("#fff0e0", "#e8772e");

impl Wiring {
    /// The graph in Graphviz's language. `about` says what a node is, below its name; an empty text says nothing.
    ///
    /// # Examples
    /// ```
    /// let wiring = rackless_nf::Wiring::parse("rx:a -> mirror -> tx:a")?;
    /// assert!(wiring.to_dot(|_| String::new()).contains("\"rx:a\" -> \"mirror\""));
    /// # Ok::<(), rackless_nf::GraphError>(())
    /// ```
    pub fn to_dot(&self, about: impl Fn(&str) -> String) -> String {
        let mut out = String::from("digraph {\n  rankdir=LR;\n");
        out.push_str("  node [style=\"rounded,filled\", fontname=\"Helvetica\"];\n");
        out.push_str("  edge [fontname=\"Helvetica\", fontsize=10];\n");
        for place in self.places() {
            let (title, label) = (place.title(), place.lines(&about).join("\\n"));
            let (shape, (fill, border)) = if place.is_node() { ("box", NODE) } else { ("ellipse", PORT) };
            out += &format!(
                "  \"{title}\" [label=\"{label}\", shape={shape}, fillcolor=\"{fill}\", color=\"{border}\"];\n"
            );
        }
        for wire in &self.wires {
            let (from, to) = (wire.from.title(), wire.to.title());
            let (tail, head) = self.numbers(wire);
            out += &format!("  \"{from}\" -> \"{to}\" [taillabel=\"{tail}\", headlabel=\"{head}\"];\n");
        }
        out + "}\n"
    }

    /// The graph in mermaid's language, as GitHub and GitLab show it in Markdown; `about` as for [`Wiring::to_dot`].
    pub fn to_mermaid(&self, about: impl Fn(&str) -> String) -> String {
        let mut out = String::from("graph LR\n");
        let places = self.places();
        for (index, place) in places.iter().enumerate() {
            let label = place.lines(&about).join("<br>");
            out += &match place.is_node() {
                true => format!("  n{index}[\"{label}\"]:::node\n"),
                false => format!("  n{index}([\"{label}\"]):::port\n"),
            };
        }
        let index = |place: &Place| places.iter().position(|other| other.title() == place.title());
        for wire in &self.wires {
            let (Some(from), Some(to)) = (index(&wire.from), index(&wire.to)) else { continue };
            let (tail, head) = self.numbers(wire);
            let label = [tail, head].into_iter().filter(|number| !number.is_empty()).collect::<Vec<_>>();
            out += &match label.join(" – ").as_str() {
                "" => format!("  n{from} --> n{to}\n"),
                label => format!("  n{from} -->|\"{label}\"| n{to}\n"),
            };
        }
        for (class, (fill, border)) in [("port", PORT), ("node", NODE)] {
            out += &format!("  classDef {class} fill:{fill},stroke:{border},color:#1f2328\n");
        }
        out
    }

    /// The two ends of each wire, as in the text form: `rx:a`, `tx:a`, `node[1]`, `[1]node`; numbers only where a node has
    /// several outputs or inputs.
    pub fn wires(&self) -> impl Iterator<Item = (String, String)> {
        self.wires.iter().map(|wire| {
            let (tail, head) = self.numbers(wire);
            (wire.from.title() + &tail, head + &wire.to.title())
        })
    }

    /// Ports and nodes, each once, in the order of the text.
    fn places(&self) -> Vec<&Place> {
        let mut places: Vec<&Place> = Vec::new();
        for place in self.wires.iter().flat_map(|wire| [&wire.from, &wire.to]) {
            if !places.iter().any(|other| other.title() == place.title()) {
                places.push(place);
            }
        }
        places
    }

    /// The output and the input at a wire's ends, where the node has several.
    fn numbers(&self, wire: &Wire) -> (String, String) {
        let tail = match &wire.from {
            Place::Node { name, output, .. } if self.outputs(name) > 1 => format!("[{output}]"),
            _ => String::new(),
        };
        let head = match &wire.to {
            Place::Node { name, input, .. } if self.inputs(name) > 1 => format!("[{input}]"),
            _ => String::new(),
        };
        (tail, head)
    }
}

impl Place {
    fn is_node(&self) -> bool {
        self.node().is_some()
    }

    /// What tells it from all others: a node's name has no colon. Nothing in it needs quoting.
    fn title(&self) -> String {
        match self {
            Self::Rx(name) => format!("rx:{name}"),
            Self::Tx(name) => format!("tx:{name}"),
            Self::Node { name, .. } => name.clone(),
        }
    }

    /// The title, and what is said about a node.
    fn lines(&self, about: &impl Fn(&str) -> String) -> Vec<String> {
        let about = self.node().map(about).filter(|about| !about.is_empty() && *about != self.title());
        let about = about.map(|about| about.replace(['"', '\\'], "'"));
        [Some(self.title()), about].into_iter().flatten().collect()
    }
}

/// The text form, a wire on each line; [`Wiring::parse`] reads it.
impl fmt::Display for Wiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for wire in &self.wires {
            let from = match &wire.from {
                Place::Node { name, output, .. } => format!("{name}[{output}]"),
                port => port.title(),
            };
            let to = match &wire.to {
                Place::Node { name, input, .. } => format!("[{input}]{name}"),
                port => port.title(),
            };
            writeln!(f, "{from} -> {to};")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wiring() -> Wiring {
        Wiring::parse("rx:a -> sort -> count -> tx:b; sort[1] -> tx:a").unwrap()
    }

    fn about(node: &str) -> String {
        if node == "sort" { "classify".to_owned() } else { String::new() }
    }

    #[test]
    fn dot_has_each_place_once_and_numbers_where_there_are_several() {
        let dot = wiring().to_dot(about);
        assert_eq!(dot.matches("[label=").count(), 5, "{dot}");
        assert!(dot.contains("\"sort\" [label=\"sort\\nclassify\", shape=box, "), "{dot}");
        assert!(dot.contains("\"sort\" -> \"tx:a\" [taillabel=\"[1]\", headlabel=\"\"];"), "{dot}");
        assert!(dot.contains("\"count\" -> \"tx:b\" [taillabel=\"\", headlabel=\"\"];"), "{dot}");
    }

    #[test]
    fn mermaid_has_the_same() {
        let expected = "\
graph LR
  n0([\"rx:a\"]):::port
  n1[\"sort<br>classify\"]:::node
  n2[\"count\"]:::node
  n3([\"tx:b\"]):::port
  n4([\"tx:a\"]):::port
  n0 --> n1
  n1 -->|\"[0]\"| n2
  n2 --> n3
  n1 -->|\"[1]\"| n4
  classDef port fill:#e8f3fd,stroke:#3b8fd9,color:#1f2328
  classDef node fill:#fff0e0,stroke:#e8772e,color:#1f2328
";
        assert_eq!(wiring().to_mermaid(about), expected);
    }

    #[test]
    fn the_text_form_is_read_again() {
        let text = wiring().to_string();
        assert!(text.starts_with("rx:a -> [0]sort;\nsort[0] -> [0]count;\n"), "{text}");
        let again = Wiring::parse(&text).unwrap();
        assert_eq!((again.to_string(), again.to_dot(about)), (text, wiring().to_dot(about)));
    }
}
