//! `seen`: packets that pass an interface.

use crate::error::Diagnostic;
use crate::file::reader::{Fields, Reader};
use crate::model::{End, Medium, NodeId, Probe, Topology};

/// How many packets a check may wait for.
const COUNT_MAX: u32 = 1_000_000_000;

/// Returns the node of the interface in a list, which is empty if it is not told; the check itself runs outside.
pub(super) fn place(reader: &mut Reader<'_>, topology: &Topology, fields: &Fields<'_, '_>) -> Vec<NodeId> {
    if let Some(span) = fields.key_span("on") {
        let found = Diagnostic::new(span, "'on' does not go with 'seen'");
        reader.report(found.help("'seen' names the node: seen = \"h1:eth0\""));
    }
    let text = fields.get("seen").and_then(|value| value.get_ref().as_str());
    text.and_then(|text| topology.find_end(text).ok()).map(|end| end.node).into_iter().collect()
}

pub(super) fn read<'s>(
    reader: &mut Reader<'s>,
    topology: &Topology,
    fields: &Fields<'_, 's>,
) -> Option<Probe> {
    let text = reader.string(fields.get("seen")?, "seen")?;
    let end = topology.find_end(text.text);
    let end = end.map_err(|error| reader.report(Diagnostic::new(text.span.clone(), error.to_string()))).ok();
    let in_memory =
        |end: &End| topology.link_of(*end).is_some_and(|link| topology.links[link].medium == Medium::Memif);
    if end.as_ref().is_some_and(in_memory) {
        let found = Diagnostic::new(text.span.clone(), "a link of medium \"memif\" cannot be captured");
        reader.report(found.help("its frames are in memory that two programs share; see 'rackless nf show'"));
        return None;
    }
    let filter = match fields.get("filter") {
        Some(value) => {
            let text = reader.string(value, "filter")?;
            let filter = text.text.parse().map_err(|error: rackless_packet::filter::ParseFilterError| {
                let place = text.part(&text.text[error.span()]);
                let help = "the language is that of tcpdump, such as \"tcp port 80 and src host 10.0.0.1\"";
                reader.report(Diagnostic::new(place, error.to_string()).help(help));
            });
            filter.ok()
        }
        None => "".parse().ok(), // all
    };
    let count = match fields.get("count") {
        Some(value) => reader.integer(value, "count", 1..COUNT_MAX + 1),
        None => Some(1),
    };
    Some(Probe::Seen { end: end?, filter: filter?, count: count? })
}
