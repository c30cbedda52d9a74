//! What a check tries.

use super::{bounds, seen, target, throughput, url};
use crate::error::Diagnostic;
use crate::file::command;
use crate::file::reader::{Fields, Reader};
use crate::model::{Bounds, NodeId, Probe, Topology};

/// The probes, each with the keys that go with it.
const PROBES: [(&str, &[&str]); 7] = [
    ("ping", &["family", "count", "rtt", "loss"]),
    ("tcp", &["send", "expect"]),
    ("udp", &["send", "expect"]),
    ("http", &["status", "expect"]),
    ("throughput", &["family"]),
    ("seen", &["filter", "count"]),
    ("run", &["expect"]),
];

/// All keys that go with some probe.
const PARTS: [&str; 8] = ["family", "send", "expect", "status", "count", "rtt", "loss", "filter"];

/// How many echo requests a measurement takes unless the file says.
const COUNT: u32 = 20;

/// How many it may take.
const COUNT_MAX: u32 = 10_000;

/// Reads the one probe of a check.
pub(super) fn read<'s>(
    reader: &mut Reader<'s>,
    topology: &Topology,
    fields: &Fields<'_, 's>,
    on: &[NodeId],
) -> Option<Probe> {
    let given = fields.given(&PROBES.map(|(probe, _)| probe));
    let [kind] = given.as_slice() else {
        let (span, message) = match given.as_slice() {
            [_, second, ..] => (fields.key_span(second)?, format!("a check with {}", given.join(" and "))),
            _ => (fields.span.clone(), "a check without a probe".to_owned()),
        };
        let names = PROBES.map(|(probe, _)| probe).join(", ");
        reader.report(Diagnostic::new(span, message).help(format!("allowed: exactly one of {names}")));
        return None;
    };
    let allowed = PROBES.iter().find(|(probe, _)| probe == kind).map_or(&[][..], |(_, parts)| parts);
    for key in fields.given(&PARTS) {
        if let Some(span) = fields.key_span(key).filter(|_| !allowed.contains(&key)) {
            let message = format!("'{key}' does not go with '{kind}'");
            let found = Diagnostic::new(span, message);
            reader.report(found.help(format!("'{kind}' goes with {}", allowed.join(", "))));
        }
    }
    let value = fields.get(kind)?;
    let text = |reader: &mut Reader<'s>, key: &str| {
        fields.get(key).and_then(|value| reader.string(value, key)).map(|text| text.text.to_owned())
    };
    Some(match *kind {
        "ping" => ping(reader, topology, fields, on)?,
        "tcp" => {
            let address = reader.socket(value, "tcp", "\"[fd00::1]:80\" or \"10.0.0.1:80\"")?;
            Probe::Tcp { address, send: text(reader, "send"), expect: text(reader, "expect") }
        }
        "udp" => {
            let address = reader.socket(value, "udp", "\"[fd00::1]:53\" or \"10.0.0.1:53\"")?;
            let send = text(reader, "send").unwrap_or_default();
            Probe::Udp { address, send, expect: text(reader, "expect") }
        }
        "http" => {
            let status = match fields.get("status") {
                Some(value) => reader.integer(value, "status", 100..600)?,
                None => 200,
            };
            let status = u16::try_from(status).expect("the range ends at 599");
            Probe::Http { url: url::read(reader, value)?, status, expect: text(reader, "expect") }
        }
        "throughput" => throughput::read(reader, topology, fields, on)?,
        "seen" => seen::read(reader, topology, fields)?,
        _ => Probe::Run { command: command::read(reader, value, "run")?, expect: text(reader, "expect") },
    })
}

/// Reads a ping: answers alone, or with bounds a measurement.
fn ping<'s>(
    reader: &mut Reader<'s>,
    topology: &Topology,
    fields: &Fields<'_, 's>,
    on: &[NodeId],
) -> Option<Probe> {
    let targets = target::read(reader, topology, fields, on)?;
    let rtt = match fields.get("rtt") {
        Some(value) => bounds::read(reader, value, "rtt", "\"20 ms\"")?,
        None => Bounds::ANY,
    };
    let loss = match fields.get("loss") {
        Some(value) => bounds::read(reader, value, "loss", "\"1 %\"")?,
        None => Bounds::ANY,
    };
    let measured = !rtt.is_any() || !loss.is_any();
    let count = match fields.get("count") {
        Some(value) if !measured => {
            let found = Diagnostic::new(value.span(), "a 'count' of pings without bounds");
            reader.report(found.help("write loss = { at_most = \"0 %\" } or rtt = { at_most = \"20 ms\" }"));
            return None;
        }
        Some(value) => reader.integer(value, "count", 1..COUNT_MAX + 1)?,
        None => COUNT,
    };
    Some(if measured { Probe::RoundTrips { targets, count, rtt, loss } } else { Probe::Ping { targets } })
}
