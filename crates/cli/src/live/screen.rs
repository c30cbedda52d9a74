//! The terminal as a screen that is drawn anew, and left as it was found.

use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Saves what the terminal shows, and hides the cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
/// Shows again what was there.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// A terminal that shows one picture after the other; dropping it brings back what was there.
pub(crate) struct Screen {
    /// How the keyboard was set; `None` if standard input is no terminal.
    before: Option<Termios>,
}

/// What the user pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// `q`: it is enough.
    Quit,
    /// Anything else.
    Other,
}

impl Screen {
    /// Takes the terminal that standard output is; `None` if it is none.
    pub(crate) fn open() -> Option<Self> {
        if !io::stdout().is_terminal() {
            return None;
        }
        let before = io::stdin().is_terminal().then(|| tcgetattr(io::stdin()).ok()).flatten();
        if let Some(before) = &before {
            let mut by_key = before.clone();
            by_key.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO); // Ctrl-C stays a signal
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &by_key); // else keys are read by lines
        }
        print(ENTER);
        Some(Self { before })
    }

    /// Draws a text, and below it the last lines of another, for which a third of the screen is kept if there are as
    /// many; what does not fit is cut off.
    pub(crate) fn draw(&self, text: &str, below: &[String]) {
        let size = tcgetwinsize(io::stdout());
        let (rows, columns) = size.map_or((24, 80), |size| (size.ws_row.max(3), size.ws_col.max(1)));
        let lines = arrange(text, below, rows.into());
        let cut = |line: &str| line.chars().take(columns.into()).collect::<String>() + "\x1b[K";
        let lines: Vec<String> = lines.into_iter().map(cut).collect();
        print(&format!("\x1b[H{}\x1b[J", lines.join("\r\n")));
    }

    /// Waits for a key.
    pub(crate) fn key(&self, limit: Duration) -> Option<Key> {
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        let input = io::stdin();
        let mut ready = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        let watched = if self.before.is_some() { &mut ready[..] } else { &mut [] };
        let pressed = matches!(poll(watched, limit), Ok(1..));
        let mut byte = [0];
        match pressed.then(|| input.lock().read(&mut byte)) {
            Some(Ok(1)) if byte == *b"q" => Some(Key::Quit),
            Some(Ok(1)) => Some(Key::Other),
            _ => None,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        print(LEAVE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before); // the terminal may have gone
        }
    }
}

/// Chooses the lines that fit into so many rows.
fn arrange<'a>(text: &'a str, below: &'a [String], rows: usize) -> Vec<&'a str> {
    let below: Vec<&str> = below.iter().flat_map(|entry| entry.lines()).collect();
    let last = &below[below.len().saturating_sub(rows / 3)..];
    let kept = if last.is_empty() { 0 } else { last.len() + 1 };
    let mut lines: Vec<&str> = text.lines().take(rows - kept).collect();
    if !last.is_empty() {
        lines.push("");
        lines.extend(last);
    }
    lines
}

fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush()); // the terminal may have gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_below_keep_a_third_of_the_screen() {
        let text = "1\n2\n3\n4\n5\n6\n7\n8";
        assert_eq!(arrange(text, &[], 6), ["1", "2", "3", "4", "5", "6"]);
        let below = ["a\nb".to_owned(), "c".to_owned()];
        assert_eq!(arrange(text, &below, 6), ["1", "2", "3", "", "b", "c"]);
        assert_eq!(arrange("1", &below, 9), ["1", "", "a", "b", "c"]);
    }
}
