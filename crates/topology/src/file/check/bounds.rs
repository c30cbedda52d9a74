//! `{ at_least = …, at_most = … }`.

use std::fmt::Display;
use std::str::FromStr;

use crate::error::Diagnostic;
use crate::file::reader::{Fields, Reader, Value};
use crate::model::Bounds;

const KEYS: [&str; 2] = ["at_least", "at_most"];

/// Reads a table of bounds; `form` is a value that is right, with its quotes.
pub(super) fn read<'s, T>(
    reader: &mut Reader<'s>,
    value: &Value<'s>,
    key: &str,
    form: &str,
) -> Option<Bounds<T>>
where
    T: FromStr<Err: Display> + PartialOrd,
{
    let table = reader.table(value, key)?;
    let fields = reader.fields(table, value.span(), "bounds", &KEYS);
    of_fields(reader, &fields, form)
}

/// Reads the bounds among the fields of a table.
pub(super) fn of_fields<'s, T>(
    reader: &mut Reader<'s>,
    fields: &Fields<'_, 's>,
    form: &str,
) -> Option<Bounds<T>>
where
    T: FromStr<Err: Display> + PartialOrd,
{
    let mut bound = |key: &str| match fields.get(key) {
        Some(value) => reader.parse(value, key, form).map(Some),
        None => Some(None),
    };
    let bounds = Bounds { at_least: bound("at_least")?, at_most: bound("at_most")? };
    let problem = match (&bounds.at_least, &bounds.at_most) {
        (None, None) => "neither 'at_least' nor 'at_most' is given",
        (Some(least), Some(most)) if least > most => "'at_least' is more than 'at_most'",
        _ => return Some(bounds),
    };
    let help = format!("write for example {{ at_least = {form} }}");
    reader.report(Diagnostic::new(fields.span.clone(), problem).help(help));
    None
}
