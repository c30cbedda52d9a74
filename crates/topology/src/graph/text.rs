//! Pictures as text, for other programs to draw.

use std::fmt::Write as _;

use super::colours;
use crate::model::{End, Kind, Medium, Node, Topology};

/// Returns the topology in Graphviz's language.
pub fn dot(topology: &Topology) -> String {
    let mut out = format!("graph \"{}\" {{\n", topology.name);
    out.push_str("  layout=neato; overlap=false; splines=true;\n");
    out.push_str("  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\"];\n");
    out.push_str("  edge [fontname=\"Helvetica\", fontsize=10];\n");
    for node in &topology.nodes {
        let (fill, border) = colours(node.kind);
        let label = label(node).join("\\n");
        push(
            &mut out,
            format_args!(
                "  \"{}\" [label=\"{label}\", fillcolor=\"{fill}\", color=\"{border}\"];",
                node.name
            ),
        );
    }
    for link in &topology.links {
        let [a, b] = link.ends;
        let (tail, head) = (interface(topology, a), interface(topology, b));
        push(
            &mut out,
            format_args!(
                "  \"{}\" -- \"{}\" [taillabel=\"{tail}\", headlabel=\"{head}\"{}];",
                topology[a.node].name,
                topology[b.node].name,
                if link.medium == Medium::Memif { ", label=\"memif\", style=dashed" } else { "" }
            ),
        );
    }
    out.push_str("}\n");
    out
}

/// Returns the topology in mermaid's language, as GitHub and GitLab show it in Markdown.
pub fn mermaid(topology: &Topology) -> String {
    let mut out = String::from("graph LR\n");
    for (index, node) in topology.nodes.iter().enumerate() {
        let label = label(node).join("<br>");
        let (open, close) = if node.kind == Kind::Switch { ("[[", "]]") } else { ("(", ")") };
        push(&mut out, format_args!("  n{index}{open}\"{label}\"{close}:::{}", node.kind));
    }
    for link in &topology.links {
        let [a, b] = link.ends;
        let (tail, head) = (interface(topology, a), interface(topology, b));
        let (line, medium) = if link.medium == Medium::Memif { ("-.-", " (memif)") } else { ("---", "") };
        push(&mut out, format_args!("  n{} {line}|\"{tail} – {head}{medium}\"| n{}", a.node.0, b.node.0));
    }
    for kind in Kind::ALL {
        let (fill, border) = colours(kind);
        push(&mut out, format_args!("  classDef {kind} fill:{fill},stroke:{border},color:#1f2328"));
    }
    out
}

/// Returns the lines of a node: name, kind, addresses.
fn label(node: &Node) -> Vec<String> {
    let addresses = node.addresses().chain(node.loopback.iter().copied()).map(|address| address.to_string());
    [node.name.clone(), node.kind.to_string()].into_iter().chain(addresses).collect()
}

fn interface(topology: &Topology, end: End) -> &str {
    &topology.interface(end).name
}

fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{line}");
}
