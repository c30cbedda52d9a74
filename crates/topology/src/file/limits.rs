//! `cpus` and `memory`: what the programs of a node may use.

use toml::de::DeValue;

use super::reader::{Fields, Reader, Value};
use crate::error::Diagnostic;
use crate::model::{Cpus, Limits, ParseCpusError};
use crate::units::Size;

/// Reads the limits of a node.
pub(super) fn read<'s>(reader: &mut Reader<'s>, fields: &Fields<'_, 's>) -> Limits {
    Limits {
        cpus: fields.get("cpus").and_then(|value| cpus(reader, value)),
        memory: fields.get("memory").and_then(|value| memory(reader, value)),
    }
}

fn cpus<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> Option<Cpus> {
    let parsed = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse(),
        DeValue::Float(number) => number.as_str().parse(),
        _ => Err(ParseCpusError),
    };
    let report = |error: ParseCpusError| {
        let found = Diagnostic::new(value.span(), error.to_string());
        reader.report(found.help("write cpus = 0.5 for half of a CPU"));
    };
    parsed.map_err(report).ok()
}

fn memory<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> Option<Size> {
    let size: Size = reader.parse(value, "memory", "\"64 MiB\"")?;
    if size < Limits::LEAST_MEMORY {
        let found = Diagnostic::new(value.span(), format!("no program starts in {size} of memory"));
        reader.report(found.help(format!("allowed: {} and more", Limits::LEAST_MEMORY)));
        return None;
    }
    Some(size)
}
