//! `files`: what the programs of a node find at paths of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::reader::{Reader, Text, Value};
use crate::error::Diagnostic;
use crate::model::FileContent;

/// Reads the table: paths with their content, or with the name of a file that has it.
pub(super) fn read<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> BTreeMap<PathBuf, FileContent> {
    let mut files = BTreeMap::new();
    let Some(table) = reader.table(value, "files") else { return files };
    for (key, value) in table {
        let text = Text::of_key(key);
        let (path, content) = (path(reader, &text), content(reader, value, text.text));
        let (Some(path), Some(content)) = (path, content) else { continue };
        if let Some(other) = files.keys().find(|other| path.starts_with(other) || other.starts_with(&path)) {
            let message = format!("'{}' and '{}' cannot both be files", other.display(), path.display());
            reader.report(Diagnostic::new(text.span, message).help("one is a folder of the other"));
            continue;
        }
        files.insert(path, content);
    }
    files
}

fn path(reader: &mut Reader<'_>, text: &Text<'_>) -> Option<PathBuf> {
    const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];
    let parts = text.text.strip_prefix('/').map(|path| path.split('/'));
    let good =
        |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(char::is_control);
    let problem = if parts.is_none_or(|mut parts| !parts.all(good)) {
        format!("'{}' is no path of a file", text.text)
    } else if KERNEL.iter().any(|folder| Path::new(text.text).starts_with(folder)) {
        format!("'{}' is the kernel's", text.text)
    } else {
        return Some(PathBuf::from(text.text));
    };
    let help = "write for example \"/etc/app.conf\"; not below /proc, /sys and /dev";
    reader.report(Diagnostic::new(text.span.clone(), problem).help(help));
    None
}

fn content<'s>(reader: &mut Reader<'s>, value: &Value<'s>, path: &str) -> Option<FileContent> {
    match value.get_ref() {
        DeValue::String(text) => Some(FileContent::Text(text.to_string())),
        DeValue::Table(table) => {
            let fields = reader.fields(table, value.span(), "a file", &["from"]);
            let Some(from) = fields.get("from") else {
                let found = Diagnostic::new(value.span(), format!("nothing says what is in '{path}'"));
                reader.report(found.help("write { from = \"local.conf\" }, or the content as a string"));
                return None;
            };
            let text = reader.string(from, "from")?;
            if text.text.is_empty() || text.text.contains('\0') {
                let found = Diagnostic::new(text.span, "'from' names no file");
                reader.report(found.help("a relative path starts at the lab file's folder"));
                return None;
            }
            Some(FileContent::From(text.text.into()))
        }
        _ => {
            let found = Diagnostic::new(value.span(), format!("'{path}' is neither a string nor a table"));
            reader.report(found.help("write its content, or { from = \"local.conf\" }"));
            None
        }
    }
}
