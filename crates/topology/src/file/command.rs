//! Commands and environment variables.

use toml::Spanned;
use toml::de::{DeString, DeValue};

use super::reader::{Reader, Text, Value};
use crate::error::Diagnostic;
use crate::model::Command;

/// Reads a line for the shell, or a list of a program and its arguments.
pub(super) fn read<'s>(reader: &mut Reader<'s>, value: &Value<'s>, key: &str) -> Option<Command> {
    let texts = reader.one_or_more(value, key)?;
    for text in &texts {
        no_zero(reader, text)?;
    }
    if texts.first().is_none_or(|text| text.text.trim().is_empty()) {
        reader.report(
            Diagnostic::new(value.span(), format!("'{key}' is empty"))
                .help("write a line for the shell, or a list of a program and its arguments"),
        );
        return None;
    }
    let mut words = texts.into_iter().map(|text| text.text.to_owned());
    match value.get_ref() {
        DeValue::String(_) => words.next().map(Command::Shell),
        _ => Some(Command::Args(words.collect())),
    }
}

/// Reads an environment variable.
pub(super) fn variable<'s>(
    reader: &mut Reader<'s>,
    key: &Spanned<DeString<'s>>,
    value: &Value<'s>,
) -> Option<(String, String)> {
    let name = Text::of_key(key);
    no_zero(reader, &name)?;
    if name.text.is_empty() || name.text.contains('=') {
        let message = format!("'{}' is no name of an environment variable", name.text);
        reader.report(Diagnostic::new(name.span, message).help("allowed: a text without '='"));
        return None;
    }
    let text = reader.string(value, name.text)?;
    no_zero(reader, &text)?;
    Some((name.text.to_owned(), text.text.to_owned()))
}

/// Reports a zero byte, which would end a C string.
pub(super) fn no_zero(reader: &mut Reader<'_>, text: &Text<'_>) -> Option<()> {
    if text.text.contains('\0') {
        reader.report(Diagnostic::new(text.span.clone(), "a zero byte cannot be given to a program"));
        return None;
    }
    Some(())
}
