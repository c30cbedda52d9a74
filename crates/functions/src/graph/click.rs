//! The form that is like Click's: declarations and wiring, in one text.
//!
//! Comments and declarations are read and then blanked, byte by byte, so that what is left is wiring on the lines of
//! the file; and the keys of a declaration are a text of blanks but for `s={KEYS}`, which TOML reads.

use std::sync::Arc;

use rackless_nf::{Origin, Wiring};
use toml::de::DeTable;

use super::{Description, Error, NodeText, line_of};

/// The table that a declaration's keys stand in.
const TABLE: &str = "s";

/// Reads a file.
pub(super) fn read(text: &str, file: &str) -> Result<Description, Error> {
    let mut reader = Reader { file: Arc::from(file), text: text.to_owned() };
    reader.blank_comments()?;
    let mut nodes = Vec::new();
    while let Some(place) = reader.next_declaration()? {
        nodes.push(reader.declaration(place)?);
    }
    let wiring = Wiring::parse_file(&reader.text, file, 1)?;
    Ok(Description { nodes, wiring })
}

struct Reader {
    file: Arc<str>,
    /// What was not read yet; the rest is blank.
    text: String,
}

impl Reader {
    fn blank_comments(&mut self) -> Result<(), Error> {
        let mut at = 0;
        while let Some(rest) = self.text.get(at..).filter(|rest| !rest.is_empty()) {
            let len = match rest {
                _ if rest.starts_with("/*") => match rest.find("*/") {
                    Some(end) => end + 2,
                    None => return Err(self.wrong(at, "'/*' without '*/'")),
                },
                _ if rest.starts_with("//") || rest.starts_with('#') => rest.find('\n').unwrap_or(rest.len()),
                _ => {
                    at = self.behind(at)?;
                    continue;
                }
            };
            self.blank(at, at + len);
            at += len;
        }
        Ok(())
    }

    /// The place behind the character or the quoted text at a place.
    fn behind(&self, at: usize) -> Result<usize, Error> {
        let rest = &self.text[at..];
        let Some(first) = rest.chars().next() else { return Ok(at) };
        if !['"', '\''].contains(&first) {
            return Ok(at + first.len_utf8());
        }
        let mut escaped = false;
        for (index, c) in rest.char_indices().skip(1) {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = first == '"',
                _ if c == first => return Ok(at + index + 1),
                _ => {}
            }
        }
        Err(self.wrong(at, "a text in quotes that does not end on its line"))
    }

    /// The place of the next `::`.
    fn next_declaration(&self) -> Result<Option<usize>, Error> {
        let mut at = 0;
        while at < self.text.len() {
            if self.text[at..].starts_with("::") {
                return Ok(Some(at));
            }
            at = self.behind(at)?;
        }
        Ok(None)
    }

    /// Reads the declaration around a `::`, and blanks it but for a name that stands in the wiring.
    fn declaration(&mut self, colons: usize) -> Result<NodeText, Error> {
        const FORM: &str = "a declaration is NAME :: FUNCTION or NAME :: FUNCTION(KEY = VALUE, ...)";
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let before = self.text[..colons].trim_end();
        let start = before.trim_end_matches(is_name).len();
        let name = before[start..].to_owned();
        let from = colons + 2 + blanks(&self.text[colons + 2..]);
        let function: String = self.text[from..].chars().take_while(|c| is_name(*c)).collect();
        if name.is_empty() || function.len() < 2 {
            return Err(self.wrong(colons, FORM));
        }
        let mut end = from + function.len();
        let mut keys = (toml::Table::new(), String::new());
        if self.text[end..].starts_with('(') {
            let close = self.closing(end)?;
            keys = self.keys(end, close)?;
            end = close + 1;
        }
        let origin = self.origin(start);
        self.blank(if self.stands_alone(start, end) { start } else { start + name.len() }, end);
        let (table, text) = keys;
        Ok(NodeText { name, function, table, text, within: vec![TABLE.to_owned()], origin })
    }

    /// Whether a declaration is a statement of its own, and not a place in the wiring.
    fn stands_alone(&self, start: usize, end: usize) -> bool {
        let before = self.text[..start].trim_end();
        let behind = self.text[end..].trim_start();
        let ends = behind.is_empty()
            || behind.starts_with(';')
            || self.text[end..behind_line(&self.text, end)].trim().is_empty();
        let starts =
            before.is_empty() || before.ends_with(';') || self.text[before.len()..start].contains('\n');
        starts && ends && !before.ends_with("->") && !behind.starts_with("->")
    }

    /// The parenthesis that closes the one at a place.
    fn closing(&self, open: usize) -> Result<usize, Error> {
        let (mut at, mut depth) = (open, 0usize);
        while at < self.text.len() {
            match self.text.as_bytes()[at] {
                b'(' => depth += 1,
                b')' if depth == 1 => return Ok(at),
                b')' => depth -= 1,
                _ => {}
            }
            at = self.behind(at)?;
        }
        Err(self.wrong(open, "'(' without ')'"))
    }

    /// Reads the keys between two parentheses; gives them, and the text of blanks in which they stand.
    fn keys(&self, open: usize, close: usize) -> Result<(toml::Table, String), Error> {
        let mut text = blanked(&self.text[..open - 2]);
        text.push_str("s={");
        text.push_str(&self.text[open + 1..close]);
        text.push('}');
        let wrong = |error: toml::de::Error| {
            self.wrong(
                error.span().map_or(open, |span| span.start),
                &format!("{} (keys are KEY = VALUE, as in TOML)", error.message()),
            )
        };
        DeTable::parse(&text).map_err(wrong)?;
        let mut table: toml::Table = toml::from_str(&text).map_err(wrong)?;
        match table.remove(TABLE) {
            Some(toml::Value::Table(keys)) if table.is_empty() => Ok((keys, text)),
            _ => Err(self.wrong(open, "keys are KEY = VALUE, as in TOML")),
        }
    }

    fn blank(&mut self, from: usize, to: usize) {
        let blanks = blanked(&self.text[from..to]);
        self.text.replace_range(from..to, &blanks);
    }

    fn wrong(&self, place: usize, what: &str) -> Error {
        Error::Syntax { origin: self.origin(place), what: what.to_owned() }
    }

    fn origin(&self, place: usize) -> Origin {
        Origin { file: Some(self.file.clone()), line: line_of(&self.text, place) }
    }
}

/// As many blanks as there are bytes, on as many lines.
fn blanked(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// How many bytes of blanks a text begins with.
fn blanks(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// The end of the line of a place.
fn behind_line(text: &str, place: usize) -> usize {
    text[place..].find('\n').map_or(text.len(), |end| place + end)
}
