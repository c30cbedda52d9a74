//! Typed access to YAML values that reports what does not fit and carries on.

use std::ops::Range;

use saphyr::{LoadableYamlNode, MarkedYaml, Marker, Scalar, YamlData};

use super::Warning;
use crate::error::{Diagnostic, Error, position};

/// A value of the file.
pub(super) type Value<'s> = MarkedYaml<'s>;

/// A scalar of the file as text, and its place.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// The keys of a table with their values, in the order of the file.
pub(super) type Fields<'t, 's> = Vec<(Text, &'t Value<'s>)>;

/// Collects what is wrong in a source text, and what is left out of it.
pub(super) struct Reader<'s> {
    file: &'s str,
    source: &'s str,
    /// The place of each character in bytes: the library counts in characters.
    bytes: Vec<usize>,
    diagnostics: Vec<Diagnostic>,
    warnings: Vec<(Range<usize>, Warning)>,
}

impl<'s> Reader<'s> {
    /// Reads the syntax of a file, of which there must be one document.
    pub(super) fn load(file: &'s str, source: &'s str) -> Result<(Self, Value<'s>), Error> {
        let bytes = source.char_indices().map(|(index, _)| index).collect();
        let reader = Self { file, source, bytes, diagnostics: Vec::new(), warnings: Vec::new() };
        let one = |diagnostic| Error::new(file, source, vec![diagnostic]);
        let mut documents = Value::load_from_str(source).map_err(|error| {
            let start = reader.byte(error.marker());
            one(Diagnostic::new(start..start, error.info()))
        })?;
        match (documents.pop(), documents.len()) {
            (Some(document), 0) => Ok((reader, document)),
            (Some(document), _) => {
                let found = Diagnostic::new(reader.span(&document), "the file has several documents");
                Err(one(found.help("a file of containerlab is one: split it at the lines '---'")))
            }
            (None, _) => Err(one(Diagnostic::new(0..0, "the file is empty"))),
        }
    }

    /// Returns the warnings, or all that is wrong.
    pub(super) fn finish(mut self) -> Result<Vec<Warning>, Error> {
        if !self.diagnostics.is_empty() {
            return Err(Error::new(self.file, self.source, self.diagnostics));
        }
        self.warnings.sort_by_key(|(span, _)| span.start);
        Ok(self.warnings.into_iter().map(|(_, warning)| warning).collect())
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Notes that a key is not carried over as it is; what nodes inherit from one place is noted once.
    pub(super) fn warn(&mut self, span: Range<usize>, key: &str, node: Option<&str>, why: impl Into<String>) {
        let why = why.into();
        let same = |(place, warning): &&mut (Range<usize>, Warning)| {
            *place == span && warning.key == key && warning.why == why
        };
        if let Some((_, warning)) = self.warnings.iter_mut().find(same) {
            if let Some(node) = node.filter(|node| !warning.nodes.iter().any(|other| other == node)) {
                warning.nodes.push(node.to_owned());
            }
            return;
        }
        let place = Some(position(self.source, span.start));
        let nodes = node.map(str::to_owned).into_iter().collect();
        self.warnings.push((span, Warning { place, key: key.to_owned(), nodes, why }));
    }

    /// Reads a table; nothing stands for an empty one, and `<<` for the keys of others that it lacks.
    pub(super) fn fields<'t>(&mut self, value: &'t Value<'s>, key: &str) -> Fields<'t, 's> {
        let table = match &untag(value).data {
            YamlData::Mapping(table) => table,
            YamlData::Value(Scalar::Null) => return Vec::new(),
            other => return self.wrong_type(value, key, "a table", other).unwrap_or_default(),
        };
        let mut fields: Fields<'t, 's> = Vec::new();
        let mut inherited: Fields<'t, 's> = Vec::new();
        for (name, value) in table {
            match self.text(name, key) {
                Some(text) if text.text == "<<" => inherited.extend(self.merged(value, key)),
                Some(text) => fields.push((text, value)),
                None => {}
            }
        }
        for (name, value) in inherited {
            if !fields.iter().any(|(other, _)| other.text == name.text) {
                fields.push((name, value));
            }
        }
        fields
    }

    /// Reads a list; nothing stands for an empty one.
    pub(super) fn list<'t>(&mut self, value: &'t Value<'s>, key: &str) -> &'t [Value<'s>] {
        match &untag(value).data {
            YamlData::Sequence(items) => items,
            YamlData::Value(Scalar::Null) => &[],
            other => self.wrong_type(value, key, "a list", other).unwrap_or_default(),
        }
    }

    /// Reads a scalar as the text that stands in the file.
    pub(super) fn text(&mut self, value: &Value<'s>, key: &str) -> Option<Text> {
        let span = self.span(value);
        let text = match &untag(value).data {
            YamlData::Value(Scalar::String(text)) => text.to_string(),
            YamlData::Value(Scalar::Null) => String::new(),
            YamlData::Value(_) => self.source.get(span.clone()).unwrap_or_default().trim().to_owned(),
            other => return self.wrong_type(value, key, "a string", other),
        };
        Some(Text { text, span })
    }

    /// Reads a list of scalars.
    pub(super) fn texts(&mut self, value: &Value<'s>, key: &str) -> Vec<Text> {
        self.list(value, key).iter().filter_map(|item| self.text(item, key)).collect()
    }

    /// Reads a table of scalars.
    pub(super) fn text_fields(&mut self, value: &Value<'s>, key: &str) -> Vec<(Text, Text)> {
        let fields = self.fields(value, key);
        fields.into_iter().filter_map(|(name, value)| Some((name, self.text(value, key)?))).collect()
    }

    /// Returns the place of a value in bytes.
    pub(super) fn span(&self, value: &Value<'_>) -> Range<usize> {
        let start = self.byte(&value.span.start);
        start..self.byte(&value.span.end).max(start)
    }

    fn merged<'t>(&mut self, value: &'t Value<'s>, key: &str) -> Fields<'t, 's> {
        match &untag(value).data {
            YamlData::Sequence(tables) => tables.iter().flat_map(|table| self.fields(table, key)).collect(),
            _ => self.fields(value, key),
        }
    }

    fn wrong_type<T>(
        &mut self,
        value: &Value<'s>,
        key: &str,
        expected: &str,
        found: &YamlData<'s, Value<'s>>,
    ) -> Option<T> {
        let found = match found {
            YamlData::Sequence(_) => "a list",
            YamlData::Mapping(_) => "a table",
            _ => "a single value",
        };
        let message = format!("'{key}' is {found}, expected {expected}");
        self.report(Diagnostic::new(self.span(value), message));
        None
    }

    fn byte(&self, marker: &Marker) -> usize {
        self.bytes.get(marker.index()).copied().unwrap_or(self.source.len())
    }
}

/// Returns the value of a key.
pub(super) fn get<'t, 's>(fields: &Fields<'t, 's>, key: &str) -> Option<&'t Value<'s>> {
    fields.iter().find(|(name, _)| name.text == key).map(|(_, value)| *value)
}

fn untag<'t, 's>(value: &'t Value<'s>) -> &'t Value<'s> {
    match &value.data {
        YamlData::Tagged(_, inner) => inner,
        _ => value,
    }
}
