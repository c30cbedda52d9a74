//! Counters in the text format that Prometheus reads.
//!
//! The format is that of prometheus.io "Exposition formats", version 0.0.4; names and units follow "Metric and label
//! naming". Labels: `lab` and `node` as the lab calls them, `nf` a node of the function's graph, `port` a port.

use std::fmt::{self, Write};

use rackless_nf::time;

use crate::{Node, PortReport, Report};

/// What the text is, in HTTP's words.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Shows a report in Prometheus' text format.
pub fn text(report: &Report) -> String {
    let mut common = Vec::new();
    common.extend(report.lab.as_deref().map(|lab| ("lab", lab)));
    common.push(("node", report.name.as_str()));
    let mut exposition = Exposition { text: String::new(), common };
    exposition.function(report);
    exposition.nodes(&report.nodes);
    exposition.ports(&report.ports);
    exposition.text
}

type Labels<'a> = Vec<(&'a str, &'a str)>;

struct Exposition<'a> {
    text: String,
    /// Labels of all samples.
    common: Labels<'a>,
}

impl Exposition<'_> {
    fn function(&mut self, report: &Report) {
        let (uptime, buffers) = ("rackless_nf_uptime_seconds", "rackless_nf_buffers_in_use");
        self.family(uptime, "gauge", "Time since the function started.", [(vec![], report.uptime_s)]);
        self.family(buffers, "gauge", "Packet buffers that are alive.", [(vec![], report.buffers_in_use)]);
    }

    fn nodes(&mut self, nodes: &[Node]) {
        for (name, kind, help, value) in NODE {
            let samples = nodes.iter().map(|node| (vec![("nf", node.name.as_str())], value(node)));
            self.family(name, kind, help, samples);
        }
        let seconds = |node: &Node| node.sampled_ps as f64 / time::SECOND as f64;
        let samples = nodes.iter().map(|node| (vec![("nf", node.name.as_str())], seconds(node)));
        let help = "Time that a node took for the packets whose time was taken.";
        self.family("rackless_nf_sampled_seconds_total", "counter", help, samples);
        let drops = nodes.iter().flat_map(|node| node.drops.iter().map(move |drop| (node, drop)));
        let samples = drops
            .map(|(node, drop)| (vec![("nf", node.name.as_str()), ("reason", &*drop.reason)], drop.count));
        self.family("rackless_nf_dropped_packets_total", "counter", "Packets dropped by a node.", samples);
    }

    fn ports(&mut self, ports: &[PortReport]) {
        for (name, help, value) in PORT {
            let samples = ports.iter().map(|port| (vec![("port", port.name.as_str())], value(port)));
            self.family(name, "counter", help, samples);
        }
    }

    /// Writes all samples of one name.
    fn family<'a, V: fmt::Display>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, V)>,
    ) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
        for (own, value) in samples {
            let labels = self.common.iter().chain(&own);
            let labels: Vec<String> =
                labels.map(|(label, value)| format!("{label}=\"{}\"", Escaped(value))).collect();
            self.line(format_args!("{name}{{{}}} {value}", labels.join(",")));
        }
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a String takes any text");
    }
}

type NodeValue = fn(&Node) -> u64;

/// What is shown of a node of the graph.
const NODE: [(&str, &str, &str, NodeValue); 6] = [
    ("rackless_nf_packets_total", "counter", "Packets given to a node.", |node| node.received),
    ("rackless_nf_generated_packets_total", "counter", "Packets made by a node.", |node| node.generated),
    ("rackless_nf_sent_packets_total", "counter", "Packets sent on by a node.", |node| node.sent),
    ("rackless_nf_held_packets", "gauge", "Packets that a node keeps.", |node| node.held),
    ("rackless_nf_batches_total", "counter", "Batches given to a node.", |node| node.batches),
    ("rackless_nf_sampled_packets_total", "counter", "Packets whose time was taken.", |node| {
        node.sampled_packets
    }),
];

type PortValue = fn(&PortReport) -> u64;

/// What is shown of a port.
const PORT: [(&str, &str, PortValue); 10] = [
    ("rackless_port_received_packets_total", "Packets that the graph took from a port.", |port| {
        port.received
    }),
    ("rackless_port_sent_packets_total", "Packets that a port took from the graph.", |port| port.sent),
    ("rackless_port_received_bytes_total", "Bytes that a port received.", |port| port.rx_bytes),
    ("rackless_port_sent_bytes_total", "Bytes that a port sent.", |port| port.tx_bytes),
    ("rackless_port_unwired_packets_total", "Packets dropped, input not wired.", |port| port.unwired),
    ("rackless_port_tx_full_packets_total", "Packets dropped, transmit queue full.", |port| port.tx_full),
    ("rackless_port_rx_missed_packets_total", "Frames missed, receive ring full.", |port| port.rx_missed),
    ("rackless_port_rx_errors_total", "Frames received that are unusable.", |port| port.rx_errors),
    ("rackless_port_rx_no_buffer_total", "Frames lost for want of a buffer.", |port| port.rx_no_buffer),
    ("rackless_port_tx_errors_total", "Frames that the device refused to send.", |port| port.tx_errors),
];

/// A label's value, as the format wants it.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Drop;
    use std::collections::{BTreeMap, HashSet};

    /// A sample: name, labels, value.
    type Sample = (String, BTreeMap<String, String>, f64);

    /// Reads the format as strictly as Prometheus does.
    fn parse(text: &str) -> Vec<Sample> {
        assert!(text.ends_with('\n'));
        let (mut family, mut kind, mut seen, mut samples) = (String::new(), "", HashSet::new(), Vec::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                family = help.split(' ').next().unwrap().to_owned();
                assert!(seen.insert(family.clone()), "{family} twice");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, of) = rest.split_once(' ').unwrap();
                assert_eq!(name, family);
                assert_eq!(name.ends_with("_total"), of == "counter", "{line}");
                kind = of;
            } else {
                let sample = sample(line);
                assert!(sample.0 == family && ["counter", "gauge"].contains(&kind), "{line}");
                samples.push(sample);
            }
        }
        samples
    }

    fn sample(line: &str) -> Sample {
        let (name, rest) = line.split_once('{').unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
        let (mut labels, mut rest) = (BTreeMap::new(), rest);
        loop {
            let (label, after) = rest.split_once("=\"").unwrap();
            let (mut value, mut chars) = (String::new(), after.chars());
            loop {
                match chars.next().expect("a closing quote") {
                    '"' => break,
                    '\\' => value.push(match chars.next().unwrap() {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        c => panic!("\\{c} in {line}"),
                    }),
                    c => value.push(c),
                }
            }
            assert_eq!(labels.insert(label.to_owned(), value), None, "{line}");
            rest = chars.as_str();
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        (name.to_owned(), labels, rest.strip_prefix("} ").unwrap().parse().unwrap())
    }

    pub(crate) fn report() -> Report {
        let drop = |reason: &str, count| Drop { reason: reason.to_owned(), count };
        let node = Node {
            name: "nat".to_owned(),
            received: 10,
            sent: 7,
            dropped: 3,
            sampled_ps: 5 * time::SECOND / 2,
            drops: vec![drop("no \"place\"\\\n", 2), drop("policy", 1)],
            ..Node::default()
        };
        let port = PortReport {
            name: "lan".to_owned(),
            received: 10,
            tx_full: 4,
            rx_bytes: 640,
            ..PortReport::default()
        };
        Report {
            lab: Some("a \"lab\"".to_owned()),
            name: "west\\east".to_owned(),
            uptime_s: 1.5,
            buffers_in_use: 3,
            nodes: vec![node],
            ports: vec![port],
            wiring: String::new(),
            workers: Vec::new(),
        }
    }

    #[test]
    fn what_is_shown_can_be_read_and_says_what_the_report_says() {
        let samples = parse(&text(&report()));
        let value = |name: &str, label: &str, of: &str| {
            let found = samples.iter().find(|sample| {
                sample.0 == name && (label.is_empty() || sample.1.get(label).is_some_and(|value| value == of))
            });
            let (_, labels, value) = found.unwrap_or_else(|| panic!("{name} with {label} {of}"));
            assert_eq!((&*labels["lab"], &*labels["node"]), ("a \"lab\"", "west\\east"));
            *value
        };
        assert_eq!(value("rackless_nf_uptime_seconds", "", ""), 1.5);
        assert_eq!(value("rackless_nf_buffers_in_use", "", ""), 3.0);
        assert_eq!(value("rackless_nf_packets_total", "nf", "nat"), 10.0);
        assert_eq!(value("rackless_nf_sampled_seconds_total", "nf", "nat"), 2.5);
        assert_eq!(value("rackless_nf_sent_packets_total", "nf", "nat"), 7.0);
        assert_eq!(value("rackless_nf_dropped_packets_total", "reason", "no \"place\"\\\n"), 2.0);
        assert_eq!(value("rackless_nf_dropped_packets_total", "reason", "policy"), 1.0);
        assert_eq!(value("rackless_port_received_packets_total", "port", "lan"), 10.0);
        assert_eq!(value("rackless_port_received_bytes_total", "port", "lan"), 640.0);
        assert_eq!(value("rackless_port_tx_full_packets_total", "port", "lan"), 4.0);
    }

    #[test]
    fn outside_of_a_lab_there_is_no_label_for_one() {
        let samples = parse(&text(&Report { lab: None, ..report() }));
        assert!(samples.iter().all(|(_, labels, _)| !labels.contains_key("lab")));
    }
}
