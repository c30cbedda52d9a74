//! `throughput`: what passes in a second.

use super::{bounds, target};
use crate::error::Diagnostic;
use crate::file::reader::{Fields, Reader};
use crate::model::{Kind, NodeId, Probe, Topology};
use crate::units::Duration;

const KEYS: [&str; 5] = ["to", "at_least", "at_most", "time", "udp"];

/// How long is measured unless the file says: long enough for TCP to fill a path of tens of milliseconds.
const TIME: Duration = Duration::from_secs(2);

pub(super) fn read<'s>(
    reader: &mut Reader<'s>,
    topology: &Topology,
    fields: &Fields<'_, 's>,
    on: &[NodeId],
) -> Option<Probe> {
    let value = fields.get("throughput")?;
    let family = target::family(reader, fields)?;
    let table = reader.table(value, "throughput")?;
    let table = reader.fields(table, value.span(), "a throughput", &KEYS);
    let rate = bounds::of_fields(reader, &table, "\"50 Mbit/s\"");
    let time = match table.get("time") {
        Some(value) => reader.parse(value, "time", "\"2 s\""),
        None => Some(TIME),
    };
    let udp = match table.get("udp") {
        Some(value) => reader.parse(value, "udp", "\"60 Mbit/s\"").map(Some),
        None => Some(None),
    };
    let Some(to) = table.get("to") else {
        let found = Diagnostic::new(value.span(), "a throughput without 'to'");
        reader.report(found.help("write to = \"h2\""));
        return None;
    };
    let text = reader.string(to, "to")?;
    let to = *target::node(reader, topology, &text, family)?.first()?;
    let id = to.node?;
    let problem = match topology[id].kind {
        Kind::Switch | Kind::Nf | Kind::Process => {
            format!("nothing can be received on '{}', a node of kind \"{}\"", text.text, topology[id].kind)
        }
        _ if on.contains(&id) => format!("'{}' would send to itself", text.text),
        _ => return Some(Probe::Throughput { to, time: time?, udp: udp?, rate: rate? }),
    };
    reader.report(Diagnostic::new(text.span.clone(), problem).help("name another host or router"));
    None
}
