//! How output looks: colours where they are wanted, columns, sizes.

use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use serde::Serialize;

use crate::failure::Failure;

/// Whether messages to the user have colours: on a terminal, unless `NO_COLOR` is set.
pub(crate) fn colour_on_stderr() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether data on standard output has colours: on a terminal, unless `NO_COLOR` is set.
pub(crate) fn colour_on_stdout() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes data as JSON.
pub(crate) fn json(data: &impl Serialize) -> Result<(), Failure> {
    line(&serde_json::to_string_pretty(data).expect("what verbs print is plain data"))
}

/// Writes a line of data; a reader that has seen enough is no error.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => result.map_err(Failure::io("write to standard output")),
    }
}

/// Writes a text to a file, or as data if there is none.
pub(crate) fn text(text: &str, file: Option<&Path>) -> Result<(), Failure> {
    let text = text.trim_end();
    match file {
        None => line(text),
        Some(file) => {
            let what = format!("write {}", file.display());
            fs::write(file, format!("{text}\n")).map_err(Failure::io(what))
        }
    }
}

/// Tells the user of something that is not an error.
pub(crate) fn warning(text: impl Display) {
    let (yellow, plain) = if colour_on_stderr() { ("\x1b[1;33m", "\x1b[0m") } else { ("", "") };
    eprintln!("{yellow}warning{plain}: {text}");
}

/// Says how many things there are: `1 node`, `2 nodes`.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// Sets rows in columns as wide as their widest cell, two spaces apart.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".into(), "bb".into(), "c".into()], vec!["aaa".into(), "b".into()]];
        assert_eq!(table(&rows), "a    bb  c\naaa  b");
    }
}
