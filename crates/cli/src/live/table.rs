//! Rates as tables.

use rackless_net::{Carrier, LinkState};

use super::Rates;
use super::rates::DirectionRates;
use crate::output;

/// Shows what passes the links, then what the nodes cost that have processes.
pub(crate) fn table(rates: &Rates) -> String {
    let title = ["LINK", "", "PACKETS/S", "RATE", "DROPS/S"].map(str::to_owned).to_vec();
    let links = rates.links.iter().flat_map(|link| {
        let [a, b] = &link.ends;
        let [there, back] = &link.directions;
        let state = match link.state {
            LinkState::Up => "",
            LinkState::Down => " (down)",
            LinkState::Silent => " (silent)",
        };
        if link.carrier == Carrier::Memif {
            let unseen = ["memory", "-", "-"].map(str::to_owned);
            return [vec![a.clone(), format!("→ {b}")], vec![String::new(), format!("← {b}")]]
                .map(|names| names.into_iter().chain(unseen.clone()).collect());
        }
        [row(a, &format!("→ {b}{state}"), there), row("", &format!("← {b}"), back)]
    });
    let links: Vec<_> = std::iter::once(title).chain(links).collect();
    let title = ["NODE", "CPU", "MEMORY", "PROCESSES"].map(str::to_owned).to_vec();
    let nodes = rates.nodes.iter().filter(|node| node.processes > 0).map(|node| {
        let cpu = format!("{:.1} %", node.cpu_percent);
        vec![node.name.clone(), cpu, bytes(node.memory), node.processes.to_string()]
    });
    let nodes: Vec<_> = std::iter::once(title).chain(nodes).collect();
    let links = output::table(&links);
    if nodes.len() == 1 { links } else { format!("{links}\n\n{}", output::table(&nodes)) }
}

fn row(from: &str, to: &str, direction: &DirectionRates) -> Vec<String> {
    let DirectionRates { packets_per_s, bits_per_s, drops_per_s } = direction;
    let drops = if *drops_per_s > 0.0 { format!("{drops_per_s:.0}") } else { "-".to_owned() };
    vec![from.to_owned(), to.to_owned(), format!("{packets_per_s:.0}"), rate(*bits_per_s), drops]
}

fn rate(bits_per_s: f64) -> String {
    scaled(bits_per_s, 1000.0, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
}

fn bytes(bytes: u64) -> String {
    scaled(bytes as f64, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// Shows a number in the largest unit that leaves at least one digit before the point.
fn scaled(mut number: f64, step: f64, units: &[&str]) -> String {
    let mut place = 0;
    while number >= step && place + 1 < units.len() {
        number /= step;
        place += 1;
    }
    let unit = units[place];
    if place == 0 { format!("{number:.0} {unit}") } else { format!("{number:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::rates::LinkRates;

    #[test]
    fn what_passes_in_memory_is_not_said_to_be_nothing() {
        let link = |carrier| LinkRates {
            ends: ["a:x".to_owned(), "b:x".to_owned()],
            state: LinkState::Up,
            carrier,
            directions: Default::default(),
        };
        let rates = Rates {
            time_s: 1.0,
            links: vec![link(Carrier::Redirect), link(Carrier::Memif)],
            nodes: Vec::new(),
        };
        let shown = table(&rates);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[1].contains("0 bit/s"), "{shown}");
        assert!(lines[3].starts_with("a:x") && lines[3].contains("→ b:x"), "{shown}");
        assert!(lines[3].contains("memory") && !lines[3].contains("bit/s"), "{shown}");
        assert!(lines[4].contains("← b:x") && !lines[4].contains('0'), "{shown}");
    }

    #[test]
    fn numbers_are_shown_in_units_that_fit() {
        assert_eq!(rate(0.0), "0 bit/s");
        assert_eq!(rate(999.0), "999 bit/s");
        assert_eq!(rate(12_345_678.0), "12.3 Mbit/s");
        assert_eq!(bytes(3 << 20), "3.0 MiB");
    }
}
