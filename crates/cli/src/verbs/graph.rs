//! `rackless graph`: draws a lab.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use rackless_topology::model::{End, Kind};
use rackless_topology::{NodeId, Topology, graph};

use super::validate;
use crate::failure::Failure;
use crate::output;

/// Draw a lab
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless graph lab.toml -o lab.svg
  rackless graph lab.toml --format dot | dot -Tpdf -o lab.pdf
  rackless graph lab.toml --format text")]
pub(crate) struct Args {
    /// The lab file
    #[arg(value_name = "LAB.toml")]
    file: PathBuf,
    /// How to draw it
    #[arg(short, long, value_enum, default_value_t = Format::Svg)]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// A picture for browsers and READMEs
    Svg,
    /// Graphviz
    Dot,
    /// For Markdown
    Mermaid,
    /// Lines for a terminal
    Text,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let lab = validate::topology(&args.file)?;
    let picture = match args.format {
        Format::Svg => graph::svg(&lab),
        Format::Dot => graph::dot(&lab),
        Format::Mermaid => graph::mermaid(&lab),
        Format::Text => text(&lab),
    };
    output::text(&picture, args.output.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// Lists the nodes, and below each its interfaces with what they are linked to.
fn text(lab: &Topology) -> String {
    let mut text = String::new();
    for (place, node) in lab.nodes.iter().enumerate() {
        let rows: Vec<Vec<String>> = (0..node.interfaces.len())
            .map(|interface| row(lab, End { node: NodeId(place), interface }))
            .collect();
        let loopback = node.loopback.iter().fold(String::new(), |text, address| format!("{text} {address}"));
        let _ = writeln!(text, "{} ({}){loopback}", node.name, node.kind); // a String takes all
        for line in output::table(&rows).lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn row(lab: &Topology, end: End) -> Vec<String> {
    let interface = lab.interface(end);
    let far = lab.link_of(end).map(|link| {
        let [a, b] = lab.links[link].ends;
        lab.end_name(if a == end { b } else { a }).to_string()
    });
    let addresses: Vec<String> = match lab[end.node].kind {
        Kind::Switch => Vec::new(),
        _ => interface.addresses.iter().map(ToString::to_string).collect(),
    };
    vec![interface.name.clone(), format!("── {}", far.unwrap_or_default()), addresses.join(" ")]
}
