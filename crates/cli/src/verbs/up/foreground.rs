//! What the user sees of a lab in the foreground.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use rackless_net::Event;

use super::describe;
use crate::live::View;

/// How many characters the bar has.
const BAR: usize = 30;

/// A lab in the foreground of a terminal: a bar while it comes up, then the live view.
pub(super) struct Foreground {
    folder: PathBuf,
    /// The programs that are to be ready.
    programs: usize,
    ready: usize,
    view: Option<View>,
}

impl Foreground {
    /// Takes the terminal, if standard output and standard error are one.
    pub(super) fn open(folder: PathBuf, programs: usize) -> Option<Self> {
        let terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        terminal.then_some(Self { folder, programs, ready: 0, view: None })
    }

    /// Shows what happens.
    pub(super) fn show(&mut self, event: &Event) {
        match event {
            Event::Up { lab, .. } => {
                self.clear();
                tell(event);
                let title = format!("lab {lab}; Ctrl-C or q brings it down");
                self.view = View::start(self.folder.clone(), title);
            }
            Event::Stopping => {
                self.clear();
                for line in self.view.take().map(View::end).unwrap_or_default() {
                    eprintln!("{line}"); // what was shown is not lost with the view
                }
                tell(event);
            }
            Event::Ready { .. } if self.view.is_none() => {
                self.ready += 1;
                self.draw();
            }
            event => match (&self.view, describe(event, false)) {
                (Some(view), Some(text)) => view.say(text),
                (None, Some(_)) => {
                    self.clear();
                    tell(event);
                    self.draw();
                }
                (_, None) => self.draw(),
            },
        }
    }

    /// Draws the bar, as long as programs start.
    fn draw(&self) {
        if self.view.is_some() || self.programs == 0 {
            return;
        }
        let ready = self.ready.min(self.programs);
        let full = BAR * ready / self.programs;
        let bar = format!("{}{}", "#".repeat(full), "-".repeat(BAR - full));
        let text = format!("\r[{bar}] {ready} of {} programs are ready\x1b[K", self.programs);
        let _ = io::stderr().write_all(text.as_bytes()); // the terminal may have gone
    }

    fn clear(&self) {
        if self.view.is_none() && self.programs > 0 {
            let _ = io::stderr().write_all(b"\r\x1b[K"); // as above
        }
    }
}

impl Drop for Foreground {
    /// Leaves no bar in the way of an error.
    fn drop(&mut self) {
        self.clear();
    }
}

fn tell(event: &Event) {
    if let Some(text) = describe(event, false) {
        eprintln!("{text}");
    }
}
