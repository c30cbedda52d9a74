//! `sysctl`: kernel settings of a node.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::reader::{Reader, Text, Value};
use crate::error::Diagnostic;

/// Reads the table; `net.ipv4.ip_forward = 1` may be written with and without quotes round the name.
pub(super) fn read<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    if let Some(table) = reader.table(value, "sysctl") {
        collect(reader, table, "", &mut settings);
    }
    settings
}

fn collect<'s>(
    reader: &mut Reader<'s>,
    table: &DeTable<'s>,
    prefix: &str,
    settings: &mut BTreeMap<String, String>,
) {
    for (key, value) in table {
        let part = Text::of_key(key);
        let name = if prefix.is_empty() { part.text.to_owned() } else { format!("{prefix}.{}", part.text) };
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        // The name becomes a path below /proc/sys, which it must not leave.
        if !name.chars().all(good) || name.split(['.', '/']).any(str::is_empty) {
            let message = format!("'{name}' is no name of a sysctl");
            reader.report(Diagnostic::new(part.span, message).help("write for example net.ipv4.ip_forward"));
            continue;
        }
        match value.get_ref() {
            DeValue::Table(table) => collect(reader, table, &name, settings),
            DeValue::Integer(number) => {
                settings.insert(name, number.to_string());
            }
            DeValue::String(text) => {
                settings.insert(name, text.to_string());
            }
            _ => reader.report(
                Diagnostic::new(value.span(), format!("'{name}' is neither a whole number nor a string"))
                    .help(format!("write {name} = 1")),
            ),
        }
    }
}
