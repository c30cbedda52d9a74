//! The conditions of a link: keys that hold for both directions, for one (`tx`, `rx`), and a preset below them.

use std::ops::Range;

use rackless_link::{Conditions, Patch, Trace, preset, presets};
use serde::Deserialize as _;
use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::reader::{Fields, Reader};
use crate::error::{Diagnostic, suggest};

/// The keys that hold a whole direction or more.
const WHOLES: [&str; 3] = ["preset", "tx", "rx"];

/// Returns `keys` and those of conditions.
pub(super) fn allowed(keys: &[&'static str]) -> Vec<&'static str> {
    let mut allowed = keys.to_vec();
    allowed.extend(WHOLES);
    allowed.extend(Conditions::KEYS.iter().filter(|key| !keys.contains(key)));
    allowed
}

/// Reads what a table says of both directions; keys of `except` mean something else there.
///
/// `tx` is what the end sends that the table is about, the first end of a link; a preset takes it for the user.
pub(super) fn patches<'s>(reader: &mut Reader<'s>, fields: &Fields<'_, 's>, except: &[&str]) -> [Patch; 2] {
    let [mut tx, mut rx] = [Patch::default(), Patch::default()];
    if let Some(value) = fields.get("preset")
        && let Some(name) = reader.string(value, "preset")
    {
        match preset(name.text) {
            Some(found) => (tx, rx) = (Patch::of(&found.up), Patch::of(&found.down)),
            None => {
                let message = format!("unknown preset '{}'", name.text);
                let help = suggest(name.text, presets().map(|preset| preset.name));
                reader.report(Diagnostic::new(name.span.clone(), message).help(help));
            }
        }
    }
    let both = of_keys(reader, fields, except);
    (tx, rx) = (tx.then(&both), rx.then(&both));
    for (key, patch) in [("tx", &mut tx), ("rx", &mut rx)] {
        let Some(value) = fields.get(key) else { continue };
        let Some(table) = reader.table(value, key) else { continue };
        let what = format!("'{key}' of a link");
        let fields = reader.fields(table, value.span(), &what, &Conditions::KEYS);
        *patch = std::mem::take(patch).then(&of_keys(reader, &fields, &[]));
    }
    [tx, rx]
}

/// Applies patches to the conditions there are, and reports what they contradict.
pub(super) fn applied(
    reader: &mut Reader<'_>,
    fields: &Fields<'_, '_>,
    patches: &[Patch; 2],
    conditions: &[Conditions; 2],
) -> Option<[Conditions; 2]> {
    let mut applied = [Conditions::default(), Conditions::default()];
    for ((patch, before), after) in patches.iter().zip(conditions).zip(&mut applied) {
        let found = patch.apply(before).map_err(|error| error.to_string());
        match found.and_then(|found| found.check().map(|()| found).map_err(|error| error.to_string())) {
            Ok(found) => *after = found,
            Err(message) => {
                reader.report(Diagnostic::new(fields.span.clone(), message));
                return None;
            }
        }
    }
    Some(applied)
}

/// Reads the keys of one table, each by itself, so that a mistake shows its place.
fn of_keys<'s>(reader: &mut Reader<'s>, fields: &Fields<'_, 's>, except: &[&str]) -> Patch {
    let mut patch = Patch::default();
    for key in Conditions::KEYS.iter().filter(|key| !except.contains(key)) {
        let (Some(value), Some(span)) = (fields.get(key), fields.key_span(key)) else { continue };
        if *key == "trace"
            && let DeValue::String(path) = value.get_ref()
        {
            if let Some(trace) = trace_of_file(reader, path, value.span()) {
                patch.set(*key, trace.opportunities_ms().into());
            }
            continue;
        }
        let mut table = DeTable::new();
        table.insert(Spanned::new(span, (*key).into()), value.clone());
        match Conditions::deserialize(Deserializer::from(Spanned::new(value.span(), table))) {
            Ok(read) => patch.set(*key, Patch::of(&read).get(key).cloned().unwrap_or(Json::Null)),
            Err(error) => {
                let span = error.span().unwrap_or(value.span());
                reader.report(Diagnostic::new(span, error.message().to_owned()));
            }
        }
    }
    patch
}

/// Reads the trace in a file that the lab file names.
fn trace_of_file(reader: &mut Reader<'_>, path: &str, span: Range<usize>) -> Option<Trace> {
    let read = reader.beside(path).map_err(|error| format!("cannot read '{path}': {error}"));
    let trace = read.and_then(|text| text.parse().map_err(|error| format!("{path}: {error}")));
    trace
        .map_err(|message| {
            let help = "a trace has a number of milliseconds in each line; its path counts from the lab file's folder";
            reader.report(Diagnostic::new(span, message).help(help));
        })
        .ok()
}
