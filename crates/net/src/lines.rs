//! The output of several programs in one: each line after the name of who wrote it.

use std::sync::mpsc;

use crate::log::Log;

/// The lines of one program.
struct Lines {
    prefix: String,
    /// A line whose end has not been written yet.
    begun: Vec<u8>,
}

impl Lines {
    fn new(name: &str) -> Self {
        Self { prefix: format!("{name} | "), begun: Vec::new() }
    }

    /// Gives the lines that are whole now.
    fn add(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.begun.extend_from_slice(bytes);
        let end = self.begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let rest = self.begun.split_off(end);
        let whole = std::mem::replace(&mut self.begun, rest);
        whole
            .split_inclusive(|byte| *byte == b'\n')
            .flat_map(|line| [self.prefix.as_bytes(), line].concat())
            .collect()
    }

    /// Gives the last line, which has no end of its own.
    fn finish(&mut self) -> Vec<u8> {
        if self.begun.is_empty() { Vec::new() } else { self.add(b"\n") }
    }
}

/// Gives what programs have written, one after the other, and with `follow` a source of what they write from now on.
pub(crate) fn merged(
    logs: Vec<(String, Log)>,
    follow: bool,
) -> std::io::Result<(Vec<u8>, mpsc::Receiver<Vec<u8>>)> {
    let mut content = Vec::new();
    let (sender, receiver) = mpsc::channel();
    for (name, log) in logs {
        let (written, rest) = log.follow()?;
        let mut lines = Lines::new(&name);
        content.extend(lines.add(&written));
        if !follow {
            content.extend(lines.finish());
            continue;
        }
        let sender = sender.clone();
        std::thread::spawn(move || {
            let whole = rest.iter().map(|bytes| lines.add(&bytes)).filter(|lines| !lines.is_empty());
            for lines in whole {
                if sender.send(lines).is_err() {
                    return; // the client has gone
                }
            }
            let _ = sender.send(lines.finish());
        });
    }
    Ok((content, receiver))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_when_it_is_whole() {
        let mut lines = Lines::new("web");
        assert_eq!(lines.add(b"one\ntw"), b"web | one\n");
        assert_eq!(lines.add(b"o\n\nthree"), b"web | two\nweb | \n");
        assert_eq!(lines.finish(), b"web | three\n");
        assert_eq!(lines.finish(), b"");
    }
}
