//! Running a script from start to end.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rackless_nf::Port;

use crate::Error;
use crate::native::Signals;
use crate::session::Session;
use crate::vm::{self, Outcome, Start};

/// How often the thread that waits for signals looks whether the run is over.
const SIGNAL_POLL: Duration = Duration::from_millis(20);
/// Signals so close together are one: a terminal or a supervisor often sends it to the process and to its group.
const ONE_SIGNAL: Duration = Duration::from_millis(300);

/// What to run and on what.
pub struct GenOptions {
    pub(crate) script: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) ports: Vec<Box<dyn Port>>,
    pub(crate) color: bool,
    pub(crate) output: Output,
    signals: bool,
}

/// Where scripts print.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Output {
    /// The standard output.
    #[default]
    Stdout,
    /// A file, which is appended to; fatal errors go there too.
    File(PathBuf),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitStatus(u8);

impl GenOptions {
    /// Options for a script, with no arguments and no ports, in colour, on standard output, with signals left alone.
    pub fn new(script: impl Into<PathBuf>) -> Self {
        let (args, ports) = (Vec::new(), Vec::new());
        Self { script: script.into(), args, ports, color: true, output: Output::Stdout, signals: false }
    }

    /// Adds arguments for the script.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds ports; the script knows them as devices 0, 1 and so on, in this order.
    #[must_use]
    pub fn ports(mut self, ports: impl IntoIterator<Item = Box<dyn Port>>) -> Self {
        self.ports.extend(ports);
        self
    }

    /// Says whether output has colours. MoonGen always has them.
    #[must_use]
    pub fn color(mut self, color: bool) -> Self {
        self.color = color;
        self
    }

    /// Says where the script prints.
    #[must_use]
    pub fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// Lets SIGINT and SIGTERM end the run: the first one asks the tasks to finish, the second ends the process.
    ///
    /// The signals are held back in the calling thread during the run, so it suits a program that runs a generator
    /// and nothing else.
    #[must_use]
    pub fn stop_on_signals(mut self) -> Self {
        self.signals = true;
        self
    }
}

impl ExitStatus {
    /// The script did what it was asked to do.
    pub const SUCCESS: Self = Self(0);
    /// The script failed.
    pub const FAILED: Self = Self(1);
    /// The script refused its arguments.
    pub const USAGE: Self = Self(2);

    pub(crate) const fn new(code: u8) -> Self {
        Self(code)
    }

    /// The number for the process to exit with.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// Whether it is 0.
    pub const fn is_success(self) -> bool {
        self.0 == 0
    }
}

/// Runs a script until its master function returns, and ends its tasks.
///
/// An error in any task ends all tasks; its text is on standard error, and the status is [`ExitStatus::FAILED`].
/// Tasks that never look whether they are to go on are left behind after two seconds.
///
/// # Errors
/// When the script cannot be read or the Lua machine cannot be set up; nothing has run then.
pub fn run(options: GenOptions) -> Result<ExitStatus, Error> {
    let source = std::fs::read(&options.script)
        .map_err(|source| Error::Script { path: options.script.clone(), source })?;
    let signals = if options.signals { Some(Signals::hold().map_err(Error::Signals)?) } else { None };
    let session = Arc::new(Session::new(options, source));
    let result = thread::scope(|scope| {
        let watch = signals.as_ref().map(|signals| scope.spawn(|| watch(signals, &session)));
        let result = vm::run(&session, Start::Master);
        session.wind_up();
        drop(watch);
        result
    });
    if let Some(signals) = signals {
        signals.release(None);
    }
    let outcome = result?;
    Ok(session.exit_status().unwrap_or(match outcome {
        Outcome::Done(_) | Outcome::Exit => ExitStatus::SUCCESS,
        Outcome::Failed => ExitStatus::FAILED,
    }))
}

fn watch(signals: &Signals, session: &Session) {
    let mut first = None;
    while !session.stop.forced() {
        let Some(signal) = signals.wait(SIGNAL_POLL) else { continue };
        let first = *first.get_or_insert_with(Instant::now);
        session.stop.interrupt();
        if first.elapsed() > ONE_SIGNAL {
            signals.release(Some(signal));
        }
    }
}
