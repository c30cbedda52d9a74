//! The changes of a lab as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Diff;
use crate::model::{Conditions, Link, Node, Topology};

/// A change, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What happens.
    pub action: Action,
    /// To what: a node's name, the ends of a link, `checks` or `events`.
    pub what: String,
    /// What is different about it; of a thing that comes, what it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

/// What happens to a part of a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It goes.
    Remove,
    /// It comes.
    Add,
    /// It stays, and something about it changes.
    Change,
}

impl Diff {
    /// Tells all changes in the order in which they are made.
    pub fn changes(&self, live: &Topology, wanted: &Topology) -> Vec<Change> {
        let change = |action, what: String, details| Change { action, what, details };
        let gone = self.links.gone.iter().map(|place| {
            change(Action::Remove, format!("link {}", live.link_name(&live.links[*place])), Vec::new())
        });
        let gone = gone.chain(
            self.nodes
                .gone
                .iter()
                .map(|id| change(Action::Remove, format!("node {}", live[*id].name), Vec::new())),
        );
        let new = self.nodes.new.iter().map(|id| {
            let node = &wanted[*id];
            change(Action::Add, format!("node {}", node.name), vec![node.kind.to_string()])
        });
        let new = new.chain(self.links.new.iter().map(|place| {
            let link = &wanted.links[*place];
            change(Action::Add, format!("link {}", wanted.link_name(link)), said(link))
        }));
        let nodes = self.nodes.kept.iter().filter(|(.., differs)| *differs).map(|(old, id, _)| {
            let node = &wanted[*id];
            let details = details(live, &live[*old], wanted, node);
            change(Action::Change, format!("node {}", node.name), details)
        });
        let links = self.links.kept.iter().filter(|(.., differs)| *differs).map(|(old, place, _)| {
            let link = &wanted.links[*place];
            let mut details = difference(&live.links[*old], link);
            if details.is_empty() {
                details.push("up".to_owned()); // its conditions are right, so it is its state that is not
            }
            change(Action::Change, format!("link {}", wanted.link_name(link)), details)
        });
        let mended = self.mended.iter().map(|(old, place)| {
            let link = &wanted.links[*place];
            let mut details = difference(&live.links[*old], link);
            details.push("an interface of it was removed in its node".to_owned());
            change(Action::Change, format!("link {}", wanted.link_name(link)), details)
        });
        let rest =
            [("checks", self.checks), ("events", self.events)].into_iter().filter(|(_, differs)| *differs);
        let rest = rest.map(|(what, _)| change(Action::Change, what.to_owned(), Vec::new()));
        gone.chain(new).chain(nodes).chain(links).chain(mended).chain(rest).collect()
    }
}

impl fmt::Display for Change {
    /// Writes a sign, what it is about, and the details: `~ link a:eth0 - b:eth0: delay 10 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.action {
            Action::Remove => '-',
            Action::Add => '+',
            Action::Change => '~',
        };
        write!(f, "{sign} {}", self.what)?;
        if self.details.is_empty() { Ok(()) } else { write!(f, ": {}", self.details.join("; ")) }
    }
}

/// Says what is different about a node, but not which links it has.
pub(super) fn details(live: &Topology, old: &Node, wanted: &Topology, new: &Node) -> Vec<String> {
    let [mut before, mut after] =
        [(live, old), (wanted, new)].map(|(topology, node)| topology.node_keys(node));
    let [before_programs, after_programs] =
        [&mut before, &mut after].map(|keys| by_name(keys.remove("programs")));
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let keys = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    let mut found: Vec<String> = keys.map(|key| changed(key, before.get(key), after.get(key))).collect();
    found.extend(differing_programs(before_programs, after_programs));
    for interface in &new.interfaces {
        let same = old.interfaces.iter().find(|other| other.name == interface.name);
        if let Some(same) = same.filter(|same| same.addresses != interface.addresses) {
            let list = |addresses: &[ipnet::IpNet]| {
                Value::from(addresses.iter().map(ToString::to_string).collect::<Vec<_>>())
            };
            let [before, after] = [&same.addresses, &interface.addresses].map(|addresses| list(addresses));
            found.push(changed(&format!("{} addresses", interface.name), Some(&before), Some(&after)));
        }
    }
    found
}

/// Gives the keys of each program by the word that names it: `run`, or `run NAME`.
fn by_name(programs: Option<Value>) -> BTreeMap<String, serde_json::Map<String, Value>> {
    let Some(Value::Array(programs)) = programs else { return BTreeMap::new() };
    let keys = programs.into_iter().filter_map(|program| match program {
        Value::Object(mut keys) => {
            let name = keys.remove("name").map_or_else(String::new, |name| format!(" {}", short(&name)));
            Some((format!("run{name}"), keys))
        }
        _ => None,
    });
    keys.collect()
}

fn differing_programs(
    before: BTreeMap<String, serde_json::Map<String, Value>>,
    after: BTreeMap<String, serde_json::Map<String, Value>>,
) -> Vec<String> {
    let nothing = serde_json::Map::new();
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        if !after.contains_key(name) {
            found.push(format!("no {name}"));
            continue;
        }
        let [before, after] = [&before, &after].map(|programs| programs.get(name).unwrap_or(&nothing));
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        found.extend(keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).map(|key| {
            let what = if key == "command" { name.clone() } else { format!("{name} {key}") };
            changed(&what, before.get(key), after.get(key))
        }));
    }
    found
}

/// Says what a key had and has: `run sleep 1 → sleep 2`.
fn changed(key: &str, before: Option<&Value>, after: Option<&Value>) -> String {
    match (before, after) {
        (None, Some(after)) => format!("{key} {}", short(after)),
        (Some(_), None) => format!("no {key}"),
        (Some(before), Some(after)) => format!("{key} {} → {}", short(before), short(after)),
        (None, None) => key.to_owned(),
    }
}

/// Writes a value as short as it can be understood.
fn short(value: &Value) -> String {
    const MOST: usize = 60;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(short).collect::<Vec<_>>().join(" "),
        Value::Object(keys) => {
            keys.iter().map(|(key, value)| format!("{key} {}", short(value))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    let text = text.lines().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return "none".to_owned();
    }
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Says what a link does to frames.
fn said(link: &Link) -> Vec<String> {
    difference(&Link::default(), link)
}

fn difference(old: &Link, new: &Link) -> Vec<String> {
    let names = if new.conditions[0] == new.conditions[1] && old.conditions[0] == old.conditions[1] {
        BTreeMap::from([(0, "")])
    } else {
        BTreeMap::from([(0, "tx "), (1, "rx ")])
    };
    let mut found = Vec::new();
    for (place, name) in names {
        let [before, after] = [old, new].map(|link| keys_of(&link.conditions[place]));
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let keys = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
        found.extend(keys.map(|key| format!("{name}{}", changed(key, before.get(key), after.get(key)))));
    }
    if old.wire != new.wire {
        found.push(format!(
            "wire {}",
            serde_json::to_value(new.wire).map_or_else(|_| String::new(), |wire| short(&wire))
        ));
    }
    if old.medium != new.medium {
        found.push(format!(
            "medium {}",
            serde_json::to_value(new.medium).map_or_else(|_| String::new(), |medium| short(&medium))
        ));
    }
    found
}

fn keys_of(conditions: &Conditions) -> serde_json::Map<String, Value> {
    match serde_json::to_value(conditions) {
        Ok(Value::Object(keys)) => keys,
        _ => serde_json::Map::new(),
    }
}
