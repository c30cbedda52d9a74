//! Counters of a function as tables, and its graph with counters.

use rackless::nf::Wiring;
use rackless_runtime::{Node, PortReport, Report};
use serde_json::{Value, json};

use super::show::Drawing;
use super::tree;
use crate::failure::Failure;

/// What can be shown of a running function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// What each node did, and how long it took.
    Runtime,
    /// What was dropped, where and why.
    Errors,
    /// The nodes and what leads where.
    Graph,
    /// What came in and went out.
    Ports,
}

impl Table {
    pub(super) const ALL: [Self; 4] = [Self::Runtime, Self::Errors, Self::Graph, Self::Ports];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Errors => "errors",
            Self::Graph => "graph",
            Self::Ports => "ports",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }
}

/// The table as JSON.
pub(super) fn json(table: Table, report: &Report) -> Result<Value, Failure> {
    Ok(match table {
        Table::Ports => json!(report.ports),
        Table::Runtime => report.nodes.iter().map(node_json).collect(),
        Table::Errors => {
            let error = |(place, reason, count)| json!({ "place": place, "reason": reason, "count": count });
            drops(report).into_iter().map(error).collect()
        }
        Table::Graph => {
            let wiring = wiring(report)?;
            let wires = wiring.wires().map(|(from, to)| json!({ "from": from, "to": to }));
            let nodes: Vec<Value> = report.nodes.iter().map(node_json).collect();
            json!({ "nodes": nodes, "wires": wires.collect::<Vec<Value>>() })
        }
    })
}

fn node_json(node: &Node) -> Value {
    json!({
        "name": node.name, "received": node.received, "generated": node.generated, "sent": node.sent,
        "dropped": node.dropped, "held": node.held, "batches": node.batches,
        "packets_per_batch": node.packets_per_batch(), "ns_per_packet": node.ns_per_packet(),
    })
}

pub(super) fn runtime(report: &Report) -> String {
    let titles =
        ["node", "received", "generated", "sent", "dropped", "held", "batches", "packets/batch", "ns/packet"];
    let optional = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
    let row = |node: &Node| {
        let numbers =
            [node.received, node.generated, node.sent, node.dropped, node.held, node.batches].map(grouped);
        let averages = [optional(node.packets_per_batch()), optional(node.ns_per_packet())];
        [node.name.clone()].into_iter().chain(numbers).chain(averages).collect()
    };
    aligned(&titles, report.nodes.iter().map(row).collect(), 1)
}

pub(super) fn errors(report: &Report) -> String {
    let row = |(place, reason, count)| vec![place, reason, grouped(count)];
    match drops(report) {
        drops if drops.is_empty() => "nothing was dropped".to_owned(),
        drops => aligned(&["place", "reason", "count"], drops.into_iter().map(row).collect(), 2),
    }
}

pub(super) fn ports(report: &Report) -> String {
    let titles = [
        "port",
        "device",
        "mac",
        "mtu",
        "received",
        "rx bytes",
        "sent",
        "tx bytes",
        "lost at rx",
        "lost at tx",
    ];
    let row = |port: &PortReport| {
        let lost_rx = port.unwired + port.rx_missed + port.rx_errors + port.rx_no_buffer;
        let names = [port.name.clone(), port.device.clone(), port.mac.clone()];
        let numbers = [
            port.mtu.into(),
            port.received,
            port.rx_bytes,
            port.sent,
            port.tx_bytes,
            lost_rx,
            port.tx_full + port.tx_errors,
        ];
        names.into_iter().chain(numbers.map(grouped)).collect()
    };
    aligned(&titles, report.ports.iter().map(row).collect(), 3)
}

/// Place, reason and count of all that was dropped, most first.
fn drops(report: &Report) -> Vec<(String, String, u64)> {
    let of_node = |node: &Node| {
        let drop = |drop: &rackless_runtime::Drop| (node.name.clone(), drop.reason.clone(), drop.count);
        node.drops.iter().map(drop).collect::<Vec<_>>()
    };
    let mut drops: Vec<_> = report.nodes.iter().flat_map(of_node).collect();
    for port in &report.ports {
        let (rx, tx) = (format!("rx:{}", port.name), format!("tx:{}", port.name));
        drops.extend([
            (rx.clone(), "input not wired".to_owned(), port.unwired),
            (rx.clone(), "receive ring full".to_owned(), port.rx_missed),
            (rx.clone(), "unusable frame".to_owned(), port.rx_errors),
            (rx, "no buffer".to_owned(), port.rx_no_buffer),
            (tx.clone(), "transmit queue full".to_owned(), port.tx_full),
            (tx, "refused by the device".to_owned(), port.tx_errors),
        ]);
    }
    drops.retain(|(_, _, count)| *count > 0);
    drops.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.cmp(b)));
    drops
}

fn wiring(report: &Report) -> Result<Wiring, Failure> {
    Wiring::parse(&report.wiring)
        .map_err(|error| Failure::cannot(format!("the function's wiring cannot be read: {error}")))
}

/// The graph with its counters.
pub(super) fn graph(report: &Report, drawing: Drawing) -> Result<String, Failure> {
    let wiring = wiring(report)?;
    let about =
        |name: &str| report.nodes.iter().find(|node| node.name == name).map(counted).unwrap_or_default();
    Ok(match drawing {
        Drawing::Dot => wiring.to_dot(about),
        Drawing::Mermaid => wiring.to_mermaid(about),
        Drawing::Text => tree::draw(&wiring, report),
    })
}

/// A node's packets in a few words.
pub(super) fn counted(node: &Node) -> String {
    let mut text = format!("{} packets", grouped(node.received + node.generated));
    for (count, what) in [(node.dropped, "dropped"), (node.held, "held")] {
        if count > 0 {
            text += &format!(", {} {what}", grouped(count));
        }
    }
    text
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Columns as wide as their widest cell; the first ones are words, which stand left, the others numbers.
fn aligned(titles: &[&str], rows: Vec<Vec<String>>, words: usize) -> String {
    let titles = titles.iter().map(|title| (*title).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(titles).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let line = |row: &Vec<String>| {
        let cell = |(column, cell): (usize, &String)| match column < words {
            true => format!("{cell:<width$}", width = width(column)),
            false => format!("{cell:>width$}", width = width(column)),
        };
        row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let node = |name: &str, received, dropped| {
            json!({
                "name": name, "received": received, "generated": 0, "sent": received - dropped,
                "dropped": dropped, "held": 0, "batches": 10, "sampled_packets": 4, "sampled_ps": 50_000,
                "drops": [{ "reason": "policy", "count": dropped }],
            })
        };
        let port = |name: &str, received: u64, sent: u64| {
            json!({
                "name": name, "device": "null:", "mac": "02:00:00:00:00:01", "mtu": 1500, "received": received,
                "sent": sent, "unwired": 0, "tx_full": 2, "rx_missed": 0, "rx_errors": 0, "rx_no_buffer": 0,
                "tx_errors": 0, "rx_checksum_completed": 0,
            })
        };
        let report = json!({
            "name": "fw", "uptime_s": 1.0, "buffers_in_use": 0,
            "nodes": [node("sort", 12345, 45), node("count", 12300, 0)],
            "ports": [port("a", 12345, 0), port("b", 0, 12298)],
            "wiring": "rx:a -> [0]sort;\nsort[0] -> [0]count;\nsort[1] -> tx:a;\ncount[0] -> tx:b;\nrx:b -> [0]count;\n",
        });
        serde_json::from_value(report).expect("a report")
    }

    #[test]
    fn numbers_stand_right_and_words_left() {
        let expected = "\
node   received  generated    sent  dropped  held  batches  packets/batch  ns/packet
sort     12,345          0  12,300       45     0       10         1234.5       12.5
count    12,300          0  12,300        0     0       10         1230.0       12.5";
        assert_eq!(runtime(&report()), expected);
    }

    #[test]
    fn drops_of_nodes_and_ports_stand_together_most_first() {
        let expected = "\
place  reason               count
sort   policy                  45
tx:a   transmit queue full      2
tx:b   transmit queue full      2";
        assert_eq!(errors(&report()), expected);
        assert_eq!(errors(&Report { nodes: vec![], ports: vec![], ..report() }), "nothing was dropped");
        let json = json(Table::Errors, &report()).unwrap();
        assert_eq!(json[0], json!({ "place": "sort", "reason": "policy", "count": 45 }));
    }

    #[test]
    fn the_graph_is_a_tree_with_counters() {
        let expected = "\
rx:a  12,345 received
└─ sort  12,345 packets, 45 dropped
   ├─ [0] count  12,300 packets
   │  └─ tx:b  12,298 sent
   └─ [1] tx:a  0 sent
rx:b  0 received
└─ count  (see above)
";
        assert_eq!(graph(&report(), Drawing::Text).unwrap(), expected);
        let dot = graph(&report(), Drawing::Dot).unwrap();
        assert!(dot.contains("sort\\n12,345 packets, 45 dropped"), "{dot}");
        let json = json(Table::Graph, &report()).unwrap();
        assert_eq!(json["wires"][0], json!({ "from": "rx:a", "to": "sort" }));
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
