//! What names may look like.

use std::path::Path;

use super::reader::{Reader, Text};
use crate::error::Diagnostic;

/// The longest name of a lab or a node: that of a host in DNS (RFC 1035, section 2.3.4).
const NODE_BYTES: usize = 63;

/// The longest name of an interface: `IFNAMSIZ` of Linux without its final zero.
pub(crate) const INTERFACE_BYTES: usize = 15;

/// Returns the name of a lab or a node (`what`) if it is a good one.
pub(super) fn node(reader: &mut Reader<'_>, name: &Text<'_>, what: &str) -> Option<String> {
    let text = name.text;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let problem = if text.is_empty() {
        format!("the name of a {what} is empty")
    } else if text.len() > NODE_BYTES {
        format!("the name of a {what} has {} bytes", text.len())
    } else if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || !text.chars().all(good) {
        format!("'{text}' is no name of a {what}")
    } else {
        return Some(text.to_owned());
    };
    reader.report(Diagnostic::new(name.span.clone(), problem).help(format!(
        "allowed: letters, digits, '_' and '-', a letter or digit first, at most {NODE_BYTES} bytes"
    )));
    None
}

/// Returns the name of an interface if it is a good one; `part` is the name in its text.
pub(super) fn interface(reader: &mut Reader<'_>, text: &Text<'_>, part: &str) -> Option<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let problem = if part.is_empty() {
        "the name of an interface is empty".to_owned()
    } else if part.len() > INTERFACE_BYTES {
        format!("the interface name '{part}' has {} bytes", part.len())
    } else if matches!(part, "lo" | "all" | "default") {
        format!("the kernel uses the interface name '{part}' itself")
    } else if !part.starts_with(|c: char| c.is_ascii_alphanumeric()) || !part.chars().all(good) {
        format!("'{part}' is no name of an interface")
    } else {
        return Some(part.to_owned());
    };
    reader.report(Diagnostic::new(text.part(part), problem).help(format!(
        "allowed: letters, digits, '_', '-' and '.', a letter or digit first, at most {INTERFACE_BYTES} bytes"
    )));
    None
}

/// Returns a lab's name made of the name of its file.
pub(super) fn from_file(file: &Path) -> String {
    tame(&file.file_stem().unwrap_or_default().to_string_lossy())
}

/// Returns the name of a lab or a node made of any text: what is not allowed becomes `_`.
pub(crate) fn tame(text: &str) -> String {
    let good = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    let name: String = text.chars().map(good).take(NODE_BYTES).collect();
    let name = name.trim_start_matches(['_', '-']);
    if name.is_empty() { "lab".to_owned() } else { name.to_owned() }
}
