//! The live view of a lab in the foreground: rates above, events below.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::getpid;
use rackless_net::{Client, Error, Observation};

use super::{Key, Rates, Screen, table};

/// The time between two pictures.
const EVERY: Duration = Duration::from_secs(1);

/// How long a key is waited for before events and the end are looked at.
const STEP: Duration = Duration::from_millis(50);

/// How many events are shown, and told when the view ends.
const KEPT: usize = 100;

/// A view that is drawn by a thread of its own; dropping it brings back what the terminal showed.
pub(crate) struct View {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    events: Mutex<Vec<String>>,
    ends: AtomicBool,
}

impl View {
    /// Begins to show the lab that has this folder; `None` if standard output is no terminal.
    pub(crate) fn start(folder: PathBuf, title: String) -> Option<Self> {
        let screen = Screen::open()?;
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let _ = seen.show(&screen, &folder, &title); // a lab that is going down says no more
        });
        Some(Self { shared, thread: Some(thread) })
    }

    /// Shows an event.
    pub(crate) fn say(&self, event: String) {
        let mut events = self.shared.events();
        if events.len() == KEPT {
            events.remove(0);
        }
        events.push(event);
    }

    /// Ends the view; gives the events that it has shown.
    pub(crate) fn end(self) -> Vec<String> {
        let shared = Arc::clone(&self.shared);
        drop(self);
        std::mem::take(&mut *shared.events())
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it has left the screen in any case
        }
    }
}

impl Shared {
    fn show(&self, screen: &Screen, folder: &Path, title: &str) -> Result<(), Error> {
        let mut client = Client::at(folder)?;
        let mut before: Option<Observation> = None;
        let mut picture = title.to_owned();
        let mut due = Instant::now();
        while !self.ends.load(Ordering::Acquire) {
            if Instant::now() >= due {
                let now = client.observe()?;
                let first = before.as_ref().unwrap_or(&now);
                picture = format!("{title}\n\n{}", table(&Rates::between(first, &now)));
                before = Some(now);
                due += EVERY;
            }
            screen.draw(&picture, &self.events());
            if screen.key(STEP) == Some(Key::Quit) {
                let _ = kill(getpid(), Signal::SIGINT); // as Ctrl-C does
            }
        }
        Ok(())
    }

    fn events(&self) -> MutexGuard<'_, Vec<String>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
