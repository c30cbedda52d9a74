//! Typed access to TOML values that reports what does not fit and carries on.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::error::{Diagnostic, suggest};

pub(super) type Value<'s> = Spanned<DeValue<'s>>;

/// Collects what is wrong in a source text.
pub(super) struct Reader<'s> {
    source: &'s str,
    /// Gives the content of a file that the source names.
    beside: &'s dyn Fn(&Path) -> io::Result<String>,
    diagnostics: Vec<Diagnostic>,
}

/// A table whose keys are known to be allowed ones, or reported.
pub(super) struct Fields<'t, 's> {
    table: &'t DeTable<'s>,
    /// Where the table is named.
    pub(super) span: Range<usize>,
}

/// A string of the file and its place.
#[derive(Debug, Clone)]
pub(super) struct Text<'t> {
    pub(super) text: &'t str,
    /// The place of the value, with its quotes.
    pub(super) span: Range<usize>,
    /// The place of the first byte of the text if the file has it as it is, without escapes.
    start: Option<usize>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(source: &'s str, beside: &'s dyn Fn(&Path) -> io::Result<String>) -> Self {
        Self { source, beside, diagnostics: Vec::new() }
    }

    /// Returns the content of a file that the source names.
    pub(super) fn beside(&self, path: &str) -> io::Result<String> {
        (self.beside)(Path::new(path))
    }

    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Returns whether nothing has been reported yet.
    pub(super) fn is_clean(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Reports the keys that are not allowed; `what` has its article, such as "a node".
    pub(super) fn fields<'t>(
        &mut self,
        table: &'t DeTable<'s>,
        span: Range<usize>,
        what: &str,
        allowed: &[&str],
    ) -> Fields<'t, 's> {
        for key in table.keys() {
            let found = key.get_ref().as_ref();
            if !allowed.contains(&found) {
                self.report(
                    Diagnostic::new(key.span(), format!("unknown key '{found}' of {what}"))
                        .help(suggest(found, allowed.iter().copied())),
                );
            }
        }
        Fields { table, span }
    }

    pub(super) fn table<'t>(&mut self, value: &'t Value<'s>, key: &str) -> Option<&'t DeTable<'s>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            other => self.wrong_type(value.span(), key, "a table", other),
        }
    }

    /// Reads an array of tables, written `[[key]]`.
    pub(super) fn tables<'t>(
        &mut self,
        value: &'t Value<'s>,
        key: &str,
    ) -> Option<Vec<Spanned<&'t DeTable<'s>>>> {
        let DeValue::Array(array) = value.get_ref() else {
            let found = kind_of(value.get_ref());
            self.report(
                Diagnostic::new(value.span(), format!("'{key}' is {found}, expected an array of tables"))
                    .help(format!("write [[{key}]]")),
            );
            return None;
        };
        let table = |item: &'t Value<'s>| self.table(item, key).map(|table| Spanned::new(item.span(), table));
        Some(array.iter().filter_map(table).collect())
    }

    pub(super) fn string<'t>(&mut self, value: &'t Value<'s>, key: &str) -> Option<Text<'t>> {
        match value.get_ref() {
            DeValue::String(text) => Some(self.text(value.span(), text)),
            other => self.wrong_type(value.span(), key, "a string", other),
        }
    }

    /// Reads a string with a unit, an address or the like; a number is reported with the form that is expected.
    pub(super) fn parse<T>(&mut self, value: &Value<'s>, key: &str, form: &str) -> Option<T>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        let DeValue::String(text) = value.get_ref() else {
            let found = kind_of(value.get_ref());
            self.report(
                Diagnostic::new(value.span(), format!("'{key}' is {found}, expected a string"))
                    .help(format!("write {key} = {form}")),
            );
            return None;
        };
        text.parse()
            .map_err(|error: T::Err| {
                let found = Diagnostic::new(value.span(), error.to_string());
                self.report(found.help(format!("write {key} = {form}")));
            })
            .ok()
    }

    /// Reads an address with a port.
    pub(super) fn socket(&mut self, value: &Value<'s>, key: &str, form: &str) -> Option<SocketAddr> {
        let DeValue::String(text) = value.get_ref() else { return self.parse(value, key, form) };
        let socket = text.parse().ok();
        if socket.is_none() {
            let found = Diagnostic::new(value.span(), format!("'{text}' is no address with a port"));
            self.report(found.help(format!("write {key} = {form}")));
        }
        socket
    }

    pub(super) fn boolean(&mut self, value: &Value<'s>, key: &str) -> Option<bool> {
        match value.get_ref() {
            DeValue::Boolean(boolean) => Some(*boolean),
            other => self.wrong_type(value.span(), key, "true or false", other),
        }
    }

    /// Reads a whole number in a range.
    pub(super) fn integer(&mut self, value: &Value<'s>, key: &str, range: Range<u32>) -> Option<u32> {
        let DeValue::Integer(integer) = value.get_ref() else {
            return self.wrong_type(value.span(), key, "a whole number", value.get_ref());
        };
        let number = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
        number.filter(|number| range.contains(number)).or_else(|| {
            let last = range.end - 1;
            self.report(
                Diagnostic::new(value.span(), format!("'{key}' is out of range"))
                    .help(format!("allowed: {} to {last}", range.start)),
            );
            None
        })
    }

    /// Reads one string or a list of them.
    pub(super) fn one_or_more<'t>(&mut self, value: &'t Value<'s>, key: &str) -> Option<Vec<Text<'t>>> {
        match value.get_ref() {
            DeValue::String(text) => Some(vec![self.text(value.span(), text)]),
            DeValue::Array(_) => self.strings(value, key),
            other => self.wrong_type(value.span(), key, "a string or a list of strings", other),
        }
    }

    pub(super) fn strings<'t>(&mut self, value: &'t Value<'s>, key: &str) -> Option<Vec<Text<'t>>> {
        let DeValue::Array(array) = value.get_ref() else {
            return self.wrong_type(value.span(), key, "a list of strings", value.get_ref());
        };
        Some(array.iter().filter_map(|item| self.string(item, key)).collect())
    }

    fn text<'t>(&self, span: Range<usize>, text: &'t str) -> Text<'t> {
        let plain = self.source.get(span.start + 1..span.end.saturating_sub(1)) == Some(text);
        Text { text, start: plain.then_some(span.start + 1), span }
    }

    fn wrong_type<T>(
        &mut self,
        span: Range<usize>,
        key: &str,
        expected: &str,
        found: &DeValue<'_>,
    ) -> Option<T> {
        let found = kind_of(found);
        self.report(Diagnostic::new(span, format!("'{key}' is {found}, expected {expected}")));
        None
    }
}

impl<'t, 's> Fields<'t, 's> {
    pub(super) fn get(&self, key: &str) -> Option<&'t Value<'s>> {
        self.table.get(key)
    }

    /// Returns the place of a key.
    pub(super) fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.table.get_key_value(key).map(|(key, _)| key.span())
    }

    /// Returns those of the keys that are there.
    pub(super) fn given(&self, keys: &[&'static str]) -> Vec<&'static str> {
        keys.iter().copied().filter(|key| self.table.contains_key(*key)).collect()
    }
}

impl<'t> Text<'t> {
    pub(super) fn of_key(key: &'t Spanned<DeString<'_>>) -> Self {
        Text { text: key.get_ref(), span: key.span(), start: None }
    }

    /// Returns the place of a part of the text, which must be a slice of it.
    pub(super) fn part(&self, part: &str) -> Range<usize> {
        let offset = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        match self.start {
            Some(start) if offset <= self.text.len() => start + offset..start + offset + part.len(),
            _ => self.span.clone(),
        }
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
