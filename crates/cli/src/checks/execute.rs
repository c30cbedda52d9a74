//! Programs of checks on nodes.

use std::fs::File;
use std::io::{PipeReader, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rackless_net::{Client, Ended, Exec};
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::probe::{self, Attempt, Finding, Trial, shown};
use crate::verbs::probe::Task;

/// How much of a program's output is looked at.
const OUTPUT_MAX: u64 = 1 << 20;

/// How much of a program's output is shown.
const SHOWN: usize = 200;

/// How long the rest of a program's output is waited for when the program has ended.
const DRAIN: Duration = Duration::from_millis(200);

/// How long our own program on a node may take beyond the time of its trial.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// A command of a check, on a node.
pub(super) struct Command<'a> {
    pub(super) lab: &'a str,
    pub(super) node: &'a str,
    pub(super) argv: Vec<String>,
    pub(super) directory: &'a Path,
}

/// A program's end and output; `None`: it had to be killed.
pub(super) struct Run {
    ended: Option<Ended>,
    pub(super) output: Vec<u8>,
}

/// A program that runs on a node.
pub(super) struct Process {
    signals: rackless_net::Signals,
    output: mpsc::Receiver<Vec<u8>>,
    end: mpsc::Receiver<Result<Ended, rackless_net::Error>>,
    /// What has been taken from its output, and not been used.
    taken: Vec<u8>,
}

/// Runs a trial on a node.
pub(super) fn probe(lab: &str, node: &str, trial: Trial) -> Result<Finding, Failure> {
    let limit = Instant::now() + trial.within + GRACE;
    let run = start_task(lab, node, &Task::Try(trial))?.finish(limit)?;
    run.answer()
}

/// Starts a task on a node.
pub(super) fn start_task(lab: &str, node: &str, task: &Task) -> Result<Process, Failure> {
    let program = std::env::current_exe().map_err(Failure::io("find this program"))?;
    let task = serde_json::to_string(task).expect("a task is plain data");
    let argv = vec![program.to_string_lossy().into_owned(), "probe".to_owned(), task];
    Command { lab, node, argv, directory: Path::new("/") }.start()
}

impl Command<'_> {
    /// Runs the command until it ends as wanted or the time is over.
    pub(super) fn until(
        &self,
        expect: Option<&str>,
        within: Duration,
        fails: bool,
    ) -> Result<Finding, Failure> {
        probe::repeat(within, fails, |deadline| {
            let run = self.start()?.finish(deadline)?;
            let text = String::from_utf8_lossy(&run.output);
            let held = run.ended == Some(Ended::Exit(0)) && expect.is_none_or(|part| text.contains(part));
            let found = run.describe(within);
            Ok(match run.ended {
                None => Attempt::Undecided(found),
                Some(_) if held => Attempt::Held(found),
                Some(_) => Attempt::Failed(found),
            })
        })
    }

    fn start(&self) -> Result<Process, Failure> {
        let null = File::open("/dev/null").map_err(Failure::io("open /dev/null"))?;
        let (reader, writer) = std::io::pipe().map_err(Failure::io("create a pipe"))?;
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let exec = Exec {
            node: self.node.to_owned(),
            argv: self.argv.clone(),
            env,
            directory: self.directory.to_owned(),
            terminal: false,
        };
        let execution =
            Client::connect(Some(self.lab))?.exec(exec, [null.as_fd(), writer.as_fd(), writer.as_fd()])?;
        drop(writer);
        let signals = execution.signals()?;
        let (sender, end) = mpsc::channel();
        std::thread::spawn(move || sender.send(execution.wait()));
        Ok(Process { signals, output: read_aside(reader), end, taken: Vec::new() })
    }
}

impl Process {
    /// Waits for a line that the program writes, and gives what it means.
    pub(super) fn line<T: DeserializeOwned>(&mut self, deadline: Instant) -> Result<T, Failure> {
        loop {
            if let Some(end) = self.taken.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.taken.drain(..=end).collect();
                return serde_json::from_slice(&line).map_err(|_| self.failed(&line));
            }
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(piece) => self.taken.extend(piece),
                Err(_) => return Err(self.failed(&self.taken)),
            }
        }
    }

    /// Waits for the program's end; kills it at the deadline.
    pub(super) fn finish(mut self, deadline: Instant) -> Result<Run, Failure> {
        let ended = match self.end.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(ended) => Some(ended?),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                let _ = self.signals.send(Signal::SIGKILL as i32); // it may just have ended
                let _ = self.end.recv_timeout(DRAIN);
                None
            }
        };
        self.taken.extend(take(&self.output));
        Ok(Run { ended, output: self.taken })
    }

    fn failed(&self, output: &[u8]) -> Failure {
        Failure::cannot(format!("the probe failed: {}", shown(output.trim_ascii_end(), SHOWN)))
    }
}

impl Run {
    /// Gives what our own program on a node has to say.
    pub(super) fn answer<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.output).map_err(|_| {
            let how = self.ended.map_or("did not end".to_owned(), |ended| ended.to_string());
            Failure::cannot(format!("the probe failed ({how}): {}", shown(&self.output, SHOWN)))
        })
    }

    fn describe(&self, within: Duration) -> String {
        let how = match self.ended {
            Some(ended) => ended.to_string(),
            None => format!("still running after {:.1} s", within.as_secs_f64()),
        };
        if self.output.is_empty() {
            return format!("{how}, without output");
        }
        format!("{how}, output {}", shown(self.output.trim_ascii_end(), SHOWN))
    }
}

/// Reads a pipe in a thread of its own, piece by piece: a grandchild may keep it open for ever.
fn read_aside(reader: PipeReader) -> mpsc::Receiver<Vec<u8>> {
    let (sender, pieces) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = reader.take(OUTPUT_MAX);
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    pieces
}

/// Takes what a program has written: all of it, or what comes soon after its end.
fn take(pieces: &mpsc::Receiver<Vec<u8>>) -> Vec<u8> {
    let limit = Instant::now() + DRAIN;
    let mut output = Vec::new();
    while let Ok(piece) = pieces.recv_timeout(limit.saturating_duration_since(Instant::now())) {
        output.extend(piece);
    }
    output
}
