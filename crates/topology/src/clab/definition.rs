//! The keys of a node in containerlab, and where a node inherits them from.

use std::collections::BTreeMap;

use super::yaml::{Fields, Reader, Text, Value, get};
use crate::error::{Diagnostic, suggest};

/// The keys that are read; labels and positions say nothing of how a lab works, but for labels of our own.
const READ: [&str; 9] =
    ["kind", "group", "exec", "entrypoint", "cmd", "env", "sysctls", "labels", "position"];

/// The keys that are left out, and why.
const LOST: [(&str, &[&str]); 7] = [
    (
        "nodes are no containers yet",
        &[
            "image",
            "image-pull-policy",
            "runtime",
            "restart-policy",
            "auto-remove",
            "user",
            "privileged",
            "cap-add",
            "security-opts",
            "cgroupns-mode",
            "cgroup-parent",
            "pid-mode",
            "extras",
            "hostname",
        ],
    ),
    (
        "nothing is mounted, programs see this machine's files",
        &["binds", "volumes", "devices", "tmpfs", "shm-size", "env-files"],
    ),
    (
        "there is no network for management, 'rackless exec' and 'rackless shell' reach a node",
        &["ports", "mgmt-ipv4", "mgmt-ipv6", "network-mode", "dns", "aliases"],
    ),
    (
        "it is for network operating systems",
        &[
            "type",
            "license",
            "startup-config",
            "enforce-startup-config",
            "suppress-startup-config",
            "config",
            "certificate",
            "credentials",
            "username",
            "password",
            "components",
        ],
    ),
    ("limits are to be written as 'cpus' and 'memory'", &["cpu", "memory"]),
    ("programs run on any CPU", &["cpu-set"]),
    (
        "nodes start together unless the key 'after' says otherwise",
        &["startup-delay", "stages", "healthcheck", "link-apply-mode"],
    ),
];

/// The tables that nodes inherit from.
pub(super) struct Definitions<'t, 's> {
    defaults: Fields<'t, 's>,
    kinds: BTreeMap<String, Fields<'t, 's>>,
    groups: BTreeMap<String, Fields<'t, 's>>,
}

/// A node's own table, then those that it inherits from, the nearest first.
pub(super) struct Definition<'t, 's> {
    layers: Vec<Fields<'t, 's>>,
    pub(super) kind: Text,
}

impl<'t, 's> Definitions<'t, 's> {
    /// Reads `defaults`, `kinds` and `groups` of a topology.
    pub(super) fn read(reader: &mut Reader<'s>, topology: &Fields<'t, 's>) -> Self {
        let defaults = get(topology, "defaults").map(|value| read_one(reader, value, "defaults"));
        Self {
            defaults: defaults.unwrap_or_default(),
            kinds: read_all(reader, topology, "kinds"),
            groups: read_all(reader, topology, "groups"),
        }
    }

    /// Reads the table of a node, and finds what it inherits from.
    pub(super) fn node(
        &self,
        reader: &mut Reader<'s>,
        name: &Text,
        value: &'t Value<'s>,
    ) -> Option<Definition<'t, 's>> {
        let own = read_one(reader, value, &name.text);
        let mut word = |fields: &Fields<'t, 's>, key: &str| {
            let text = get(fields, key).and_then(|value| reader.text(value, key));
            text.filter(|text| !text.text.is_empty())
        };
        let own_group = word(&own, "group");
        let of_group = own_group.as_ref().and_then(|group| self.groups.get(&group.text));
        let default = word(&self.defaults, "group");
        let of_default = default.as_ref().and_then(|group| self.groups.get(&group.text));
        let kind = word(&own, "kind")
            .or_else(|| of_group.and_then(|group| word(group, "kind")))
            .or_else(|| of_default.and_then(|group| word(group, "kind")))
            .or_else(|| word(&self.defaults, "kind"));
        let of_kind = kind.as_ref().and_then(|kind| self.kinds.get(&kind.text));
        let group = own_group.or_else(|| of_kind.and_then(|kind| word(kind, "group"))).or(default);
        let of_group = group.as_ref().and_then(|group| self.groups.get(&group.text));
        if let Some(group) = group.filter(|_| of_group.is_none()) {
            reader.warn(group.span, "group", Some(&name.text), format!("there is no group '{}'", group.text));
        }
        let Some(kind) = kind else {
            let found = Diagnostic::new(name.span.clone(), format!("node '{}' has no kind", name.text));
            reader.report(found.help("write kind: linux, in the node, its group or defaults"));
            return None;
        };
        let layers = [Some(&own), of_group, of_kind, Some(&self.defaults)];
        Some(Definition { layers: layers.into_iter().flatten().cloned().collect(), kind })
    }
}

impl<'s> Definition<'_, 's> {
    /// Returns a value of which there is one: that of the nearest table.
    pub(super) fn text(&self, reader: &mut Reader<'s>, key: &str) -> Option<Text> {
        let value = self.layers.iter().find_map(|fields| get(fields, key))?;
        reader.text(value, key).filter(|text| !text.text.is_empty())
    }

    /// Returns the lists of all tables one after the other, what is most common first.
    pub(super) fn list(&self, reader: &mut Reader<'s>, key: &str) -> Vec<Text> {
        let values = self.layers.iter().rev().filter_map(|fields| get(fields, key));
        values.flat_map(|value| reader.texts(value, key)).collect()
    }

    /// Returns the entries of all tables, those of the nearest if several have one.
    pub(super) fn table(&self, reader: &mut Reader<'s>, key: &str) -> BTreeMap<String, Text> {
        let values = self.layers.iter().rev().filter_map(|fields| get(fields, key));
        let entries = values.flat_map(|value| reader.text_fields(value, key));
        entries.map(|(name, value)| (name.text, value)).collect()
    }

    /// Warns of the keys that are left out.
    pub(super) fn warn(&self, reader: &mut Reader<'s>, node: &str) {
        for (name, value) in self.layers.iter().flatten() {
            // The links are all the network that a node here has.
            let mut alone = || reader.text(value, "network-mode").is_some_and(|mode| mode.text == "none");
            let why = LOST.iter().find(|(_, keys)| keys.contains(&name.text.as_str())).map(|(why, _)| *why);
            if let Some(why) = why.filter(|_| name.text != "network-mode" || !alone()) {
                reader.warn(name.span.clone(), &name.text, Some(node), why);
            }
        }
    }

    /// Warns of the keys that a node has itself although it is a bridge, for which they mean nothing.
    pub(super) fn warn_of_bridge(&self, reader: &mut Reader<'s>, node: &str) {
        let meant = |key: &str| matches!(key, "kind" | "group" | "labels" | "position");
        for (name, _) in self.layers[0].iter().filter(|(name, _)| !meant(&name.text)) {
            reader.warn(
                name.span.clone(),
                &name.text,
                Some(node),
                "a switch is a bridge of its own, without programs",
            );
        }
    }
}

fn read_all<'t, 's>(
    reader: &mut Reader<'s>,
    topology: &Fields<'t, 's>,
    key: &str,
) -> BTreeMap<String, Fields<'t, 's>> {
    let tables = get(topology, key).map(|value| reader.fields(value, key)).unwrap_or_default();
    tables.into_iter().map(|(name, value)| (name.text.clone(), read_one(reader, value, &name.text))).collect()
}

/// Reads one table, and reports keys that containerlab does not have.
fn read_one<'t, 's>(reader: &mut Reader<'s>, value: &'t Value<'s>, name: &str) -> Fields<'t, 's> {
    let fields = reader.fields(value, name);
    for (key, _) in &fields {
        let known = || READ.iter().chain(LOST.iter().flat_map(|(_, keys)| keys.iter())).copied();
        if !known().any(|known| known == key.text) {
            let message = format!("unknown key '{}' of a node", key.text);
            reader.report(Diagnostic::new(key.span.clone(), message).help(suggest(&key.text, known())));
        }
    }
    fields
}
