//! What a node's program writes: a file of bounded size, and whoever follows it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

/// The size at which a log file is put aside for a new one; one older file is kept.
const FILE_MAX: u64 = 4 << 20;
/// How many chunks a follower may be behind before it is let go.
const BEHIND_MAX: usize = 1024;

/// The log of one node's program.
#[derive(Clone)]
pub(crate) struct Log(Arc<(Mutex<State>, Condvar)>);

struct State {
    path: PathBuf,
    file: File,
    size: u64,
    /// A text that is waited for, and what was written last, in case it comes in two pieces.
    wanted: Option<(Vec<u8>, Vec<u8>)>,
    found: bool,
    /// The sources that are still copied: a program that was started again has left the first's behind.
    sources: usize,
    followers: Vec<mpsc::SyncSender<Vec<u8>>>,
}

impl Log {
    /// Opens the log at `path`, noting whether `wanted` is written to it.
    pub(crate) fn open(path: PathBuf, wanted: Option<&str>) -> io::Result<Self> {
        let file = create(&path)?;
        let wanted = wanted.map(|text| (text.as_bytes().to_vec(), Vec::new()));
        let state = State { path, file, size: 0, wanted, found: false, sources: 1, followers: Vec::new() };
        Ok(Self(Arc::new((Mutex::new(state), Condvar::new()))))
    }

    /// Makes the log that of the next run of its program, which may write `wanted` as the first did.
    pub(crate) fn go_on(&self, wanted: Option<&str>) {
        let mut state = self.state();
        state.wanted = wanted.map(|text| (text.as_bytes().to_vec(), Vec::new()));
        state.found = false;
        state.sources += 1;
    }

    /// Copies all that `source` gives into the log, until its end.
    pub(crate) fn copy(&self, mut source: impl Read) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => self.state().append(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let mut state = self.state();
        state.sources -= 1;
        if state.sources == 0 {
            state.followers.clear();
        }
        self.0.1.notify_all();
    }

    /// Waits until the program's output has ended, but no longer than `limit`: a child may hold it open.
    pub(crate) fn wait_for_end(&self, limit: Duration) {
        let (_state, _ended_or_not) = self
            .0
            .1
            .wait_timeout_while(self.state(), limit, |state| state.sources > 0)
            .unwrap_or_else(PoisonError::into_inner);
    }

    /// Whether the wanted text has been written.
    pub(crate) fn found(&self) -> bool {
        self.state().found
    }

    /// Gives what is there, and a source of what comes if the program still writes.
    pub(crate) fn follow(&self) -> io::Result<(Vec<u8>, mpsc::Receiver<Vec<u8>>)> {
        let mut state = self.state();
        let (sender, receiver) = mpsc::sync_channel(BEHIND_MAX);
        if state.sources > 0 {
            state.followers.push(sender);
        }
        Ok((state.content()?, receiver))
    }

    /// Gives what is there.
    pub(crate) fn content(&self) -> io::Result<Vec<u8>> {
        self.state().content()
    }

    /// Gives the last lines that were written.
    pub(crate) fn tail(&self, lines: usize) -> String {
        let content = self.content().unwrap_or_default();
        let text = String::from_utf8_lossy(&content);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn append(&mut self, bytes: &[u8]) {
        if self.size >= FILE_MAX {
            let renewed = fs::rename(&self.path, older(&self.path)).and_then(|()| create(&self.path));
            if let Ok(file) = renewed {
                self.file = file;
                self.size = 0;
            }
        }
        // A full disk costs the log, not the lab.
        let _ = self.file.write_all(bytes);
        self.size += bytes.len() as u64;
        self.search(bytes);
        self.followers.retain(|follower| follower.try_send(bytes.to_vec()).is_ok());
    }

    fn search(&mut self, bytes: &[u8]) {
        let Some((text, recent)) = &mut self.wanted else { return };
        recent.extend_from_slice(bytes);
        if text.is_empty() || recent.windows(text.len()).any(|window| window == text) {
            self.found = true;
            self.wanted = None;
        } else {
            let keep = recent.len().min(text.len() - 1);
            recent.drain(..recent.len() - keep);
        }
    }

    fn content(&self) -> io::Result<Vec<u8>> {
        let mut content = match fs::read(older(&self.path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            content => content?,
        };
        content.extend(fs::read(&self.path)?);
        Ok(content)
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("log.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(wanted: &str) -> (tempfile::TempDir, Log) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = Log::open(folder.path().join("h1.log"), Some(wanted)).expect("a log");
        (folder, log)
    }

    #[test]
    fn a_wanted_text_is_found_across_two_writes() {
        let (_folder, log) = log("ready now");
        log.state().append(b"not yet; rea");
        assert!(!log.found());
        log.state().append(b"dy now\n");
        assert!(log.found());
    }

    #[test]
    fn a_log_never_grows_beyond_two_files() {
        let (folder, log) = log("-");
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..20 {
            log.state().append(&chunk);
        }
        let size: u64 = fs::read_dir(folder.path())
            .expect("the folder")
            .map(|entry| entry.and_then(|entry| entry.metadata()).expect("a file").len())
            .sum();
        assert!(size <= 2 * FILE_MAX + (1 << 20), "{size} bytes");
    }

    #[test]
    fn a_follower_gets_what_was_there_then_what_comes_then_the_end() {
        let (_folder, log) = log("-");
        log.copy(&b"one\n"[..]);
        let (content, rest) = log.follow().expect("follow");
        assert_eq!(content, b"one\n");
        assert!(rest.recv().is_err(), "a program that has ended writes no more");
    }
}
