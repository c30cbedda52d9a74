//! `[[event]]`: what happens to links by itself.

use toml::Spanned;
use toml::de::DeTable;

use super::conditions;
use super::node::find;
use super::reader::{Fields, Reader, Text};
use crate::error::{Diagnostic, suggest};
use crate::model::{End, Event, LinkChange, LinkState, Medium, Topology};
use crate::units::Duration;

pub(super) const KEYS: [&str; 6] = ["at", "for", "link", "down", "silent", "partition"];

/// Reads one event: what happens to a link, or to each of those that part groups of nodes.
pub(super) fn read<'s>(
    reader: &mut Reader<'s>,
    topology: &Topology,
    table: &Spanned<&DeTable<'s>>,
) -> Option<Vec<Event>> {
    let fields = reader.fields(table.get_ref(), table.span(), "an event", &conditions::allowed(&KEYS));
    let at = required(reader, &fields, "at", "at = \"5 s\"")
        .and_then(|()| reader.parse::<Duration>(fields.get("at")?, "at", "\"5 s\""));
    let lasts = match fields.get("for") {
        Some(value) => Some(reader.parse::<Duration>(value, "for", "\"10 s\"")?),
        None => None,
    };
    if fields.get("partition").is_some() {
        return partition(reader, topology, &fields, at?, lasts);
    }
    let end = required(reader, &fields, "link", "link = \"h1:eth0\"").and_then(|()| {
        let text = reader.string(fields.get("link")?, "link")?;
        end(reader, topology, &text)
    });
    let [tx, rx] = conditions::patches(reader, &fields, &[]);
    let state = state(reader, &fields)?;
    let (at, end) = (at?, end?);
    let link = topology.link_of(end)?;
    if topology.links[link].medium == Medium::Memif {
        let span = fields.get("link").map_or(fields.span.clone(), |value| value.span());
        let found = Diagnostic::new(span, "nothing can happen to a link of medium \"memif\"");
        reader.report(
            found.help("its frames are in memory that two programs share; end a program to part them"),
        );
        return None;
    }
    let conditions = if topology.links[link].ends[0] == end { [tx, rx] } else { [rx, tx] };
    if state.is_none() && conditions.iter().all(rackless_link::Patch::is_empty) {
        let found = Diagnostic::new(fields.span.clone(), "an event in which nothing happens");
        reader.report(found.help("write down = true, or conditions such as loss = \"10 %\""));
        return None;
    }
    conditions::applied(reader, &fields, &conditions, &topology.links[link].conditions)?;
    Some(vec![Event { at, lasts, link, change: LinkChange { state, conditions } }])
}

/// Reads the groups of nodes that are parted; it is all that such an event has besides its times.
fn partition<'s>(
    reader: &mut Reader<'s>,
    topology: &Topology,
    fields: &Fields<'_, 's>,
    at: Duration,
    lasts: Option<Duration>,
) -> Option<Vec<Event>> {
    let value = fields.get("partition")?;
    let others = conditions::allowed(&["link", "down", "silent"]);
    if let Some(span) = others.iter().find_map(|key| fields.key_span(key)) {
        let found = Diagnostic::new(span, "an event with partition and what happens to one link");
        reader.report(found.help("write two events"));
        return None;
    }
    let text = reader.string(value, "partition")?;
    match topology.cut(text.text) {
        Ok(links) => {
            let change = LinkChange { state: Some(LinkState::Silent), ..LinkChange::default() };
            Some(links.into_iter().map(|link| Event { at, lasts, link, change: change.clone() }).collect())
        }
        Err(error) => {
            reader.report(Diagnostic::new(value.span(), error.to_string()));
            None
        }
    }
}

fn required(reader: &mut Reader<'_>, fields: &Fields<'_, '_>, key: &str, form: &str) -> Option<()> {
    if fields.get(key).is_none() {
        let found = Diagnostic::new(fields.span.clone(), format!("an event without '{key}'"));
        reader.report(found.help(format!("write {form}")));
        return None;
    }
    Some(())
}

/// Reads one end of a link; a node with one interface needs no more than its name.
fn end(reader: &mut Reader<'_>, topology: &Topology, text: &Text<'_>) -> Option<End> {
    let (name, interface) = match text.text.split_once(':') {
        Some((node, interface)) => (node, Some(interface)),
        None => (text.text, None),
    };
    let node = find(reader, &topology.nodes, text, name)?;
    let interfaces = &topology[node].interfaces;
    let names = || interfaces.iter().map(|interface| interface.name.as_str());
    match (interface, interfaces.len()) {
        (None, 1) => Some(End { node, interface: 0 }),
        (None, _) => {
            let message = format!("node '{name}' has {} links", interfaces.len());
            let found = Diagnostic::new(text.span.clone(), message);
            let example = names().next().unwrap_or("eth0");
            reader.report(found.help(format!("write which, such as \"{name}:{example}\"")));
            None
        }
        (Some(wanted), _) => {
            let found = topology[node].interface_id(wanted).map(|interface| End { node, interface });
            if found.is_none() {
                let message = format!("node '{name}' has no interface '{wanted}'");
                let help = suggest(wanted, names());
                reader.report(Diagnostic::new(text.part(wanted), message).help(help));
            }
            found
        }
    }
}

/// Reads `down` and `silent`: `None` inside if neither is there.
fn state<'s>(reader: &mut Reader<'s>, fields: &Fields<'_, 's>) -> Option<Option<LinkState>> {
    let given = fields.given(&["down", "silent"]);
    let [key] = given.as_slice() else {
        let Some(span) = given.get(1).and_then(|second| fields.key_span(second)) else { return Some(None) };
        reader.report(Diagnostic::new(span, "an event with down and silent").help("write one of them"));
        return None;
    };
    let on = reader.boolean(fields.get(key)?, key)?;
    Some(Some(match (on, *key) {
        (false, _) => LinkState::Up,
        (true, "down") => LinkState::Down,
        (true, _) => LinkState::Silent,
    }))
}
