//! The JSON schema of the lab file, for editors: `docs/lab.schema.json`.

/// The lab file's keys and what they take, as a JSON schema (draft 2020-12).
///
/// It tells an editor what can be written where; what contradicts itself only [`Topology::parse`] finds.
///
/// [`Topology::parse`]: crate::Topology::parse
pub const SCHEMA: &str = include_str!("../../../../docs/lab.schema.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::{KEYS, address, check, conditions, event, link, node, program};
    use super::SCHEMA;
    use crate::model::{Conditions, Kind};
    use crate::shape;

    fn schema() -> Value {
        serde_json::from_str(SCHEMA).expect("the schema is JSON")
    }

    /// The values of a list, or the keys of a table.
    fn names(value: &Value) -> BTreeSet<&str> {
        match value {
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            Value::Object(table) => table.keys().map(String::as_str).collect(),
            _ => BTreeSet::new(),
        }
    }

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let (of_link, of_event) = (conditions::allowed(&link::KEYS), conditions::allowed(&event::KEYS));
        let tables: [(&str, &[&str]); 10] = [
            ("", &KEYS),
            ("/$defs/node", &node::KEYS),
            ("/$defs/program", &program::KEYS),
            ("/$defs/ready", &program::READY_KEYS),
            ("/$defs/interface", &address::KEYS),
            ("/$defs/loopback", &address::KEYS[..1]),
            ("/$defs/link", &of_link),
            ("/$defs/event", &of_event),
            ("/$defs/conditions", &Conditions::KEYS),
            ("/$defs/check", &check::KEYS),
        ];
        let schema = schema();
        for (place, keys) in tables {
            let table = schema.pointer(place).expect("the table is described");
            assert_eq!(
                names(&table["properties"]),
                keys.iter().copied().collect(),
                "docs/lab.schema.json, {place}"
            );
            assert_eq!(table["additionalProperties"], false, "{place}");
        }
    }

    #[test]
    fn the_schema_has_the_words_and_limits_that_are_read() {
        let schema = schema();
        let kinds = Kind::ALL.map(Kind::as_str).into_iter().collect();
        assert_eq!(names(&schema["$defs"]["node"]["properties"]["kind"]["enum"]), kinds);
        let presets = rackless_link::presets().map(|preset| preset.name).collect();
        assert_eq!(names(&schema["$defs"]["link"]["properties"]["preset"]["enum"]), presets);
        let mtu = &schema["$defs"]["mtu"];
        assert_eq!(
            (&mtu["minimum"], &mtu["maximum"]),
            (&link::MTU.start.into(), &(link::MTU.end - 1).into())
        );
        let pattern = schema["properties"]["shape"]["pattern"].as_str().unwrap_or_default();
        let shapes = pattern.trim_start_matches("^(").split(')').next().unwrap_or_default();
        assert_eq!(shapes.split('|').collect::<Vec<_>>(), shape::names());
        for example in schema["properties"]["shape"]["examples"].as_array().expect("examples") {
            crate::Topology::shape(example.as_str().expect("a text")).expect("a shape");
        }
    }
}
