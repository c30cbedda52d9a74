//! A live graph as lines of text.

use rackless::nf::Wiring;
use rackless_runtime::Report;

use super::tables::{counted, grouped};

/// The graph as a tree: from each port where packets come from, what they pass. What was shown above is named only.
pub(super) fn draw(wiring: &Wiring, report: &Report) -> String {
    let wires: Vec<(String, String)> = wiring.wires().collect();
    let mut text = String::new();
    let mut shown: Vec<String> = Vec::new();
    let mut roots: Vec<&str> = Vec::new();
    for (from, _) in &wires {
        let name = bare(from);
        // A node that nothing leads to makes its packets itself.
        if !roots.contains(&name) && !wires.iter().any(|(_, to)| bare(to) == name) {
            roots.push(name);
        }
    }
    for root in roots {
        branch(&wires, report, root, ("", ""), &mut shown, &mut text);
    }
    text
}

/// Adds a place and what lies behind it; `lead` begins its line, and that of what lies below.
fn branch(
    wires: &[(String, String)],
    report: &Report,
    place: &str,
    lead: (&str, &str),
    shown: &mut Vec<String>,
    text: &mut String,
) {
    let name = bare(place);
    let known = shown.iter().any(|other| other == name);
    let words = match known && !name.contains(':') {
        true => "(see above)".to_owned(),
        false => words(report, name),
    };
    *text += &format!("{}{place}  {words}\n", lead.0);
    if known {
        return;
    }
    shown.push(name.to_owned());
    let behind: Vec<&(String, String)> = wires.iter().filter(|(from, _)| bare(from) == name).collect();
    for (index, (from, to)) in behind.iter().enumerate() {
        let (own, below) = if index + 1 == behind.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let number = from.find('[').filter(|_| behind.len() > 1).map_or("", |at| &from[at..]);
        let number = if number.is_empty() { String::new() } else { format!("{number} ") };
        let lead = (format!("{}{own}{number}", lead.1), format!("{}{below}", lead.1));
        branch(wires, report, to, (&lead.0, &lead.1), shown, text);
    }
}

/// What is known of a place.
fn words(report: &Report, name: &str) -> String {
    let port = |name: &str| report.ports.iter().find(|port| port.name == name);
    match name.split_once(':') {
        Some(("rx", name)) => port(name).map(|port| format!("{} received", grouped(port.received))),
        Some(("tx", name)) => port(name).map(|port| format!("{} sent", grouped(port.sent))),
        _ => report.nodes.iter().find(|node| node.name == name).map(counted),
    }
    .unwrap_or_default()
}

/// The name without the number of an input or output.
fn bare(place: &str) -> &str {
    let place = place.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(place, |(_, name)| name);
    place.split('[').next().unwrap_or(place)
}
