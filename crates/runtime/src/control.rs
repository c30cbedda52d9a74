//! The control socket: one JSON request a line, one JSON answer a line.
//!
//! `{"trace": …}` and `{"capture": …}` are answered by many lines ([`watch`](crate::watch)).
//!
//! `{"reload": true}` reads the configuration again and answers with `{"reloaded": …}` or `{"error": TEXT}`.
//!
//! `{"get": "counters"}` answers with a [`Report`]; `{"get": "prometheus"}` with `{"prometheus": TEXT}`, the same for
//! Prometheus; `{"stop": true}` ends the function gracefully and answers with its last report.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::reload::{Reloaded, Reloader};
use crate::watch::serve::{self, Start};
use crate::watch::{CaptureRequest, TraceRequest};
use crate::{Error, Report, chain, prometheus};
use rackless_nf::Graph;

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Asks for counters.
    Get(Subject),
    /// Asks the function to end.
    Stop(bool),
    /// Asks for the paths of packets.
    Trace(TraceRequest),
    /// Asks for frames at edges of the graph.
    Capture(CaptureRequest),
    /// Asks to read the configuration again.
    Reload(bool),
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The counters of nodes and ports.
    Counters,
    /// The same, in Prometheus' text format.
    Prometheus,
}

/// A request on its way to the worker, with the way back.
pub(crate) enum Call {
    /// Asks for the counters, and perhaps to end.
    Report { stop: bool, answer: Sender<Report> },
    /// Does something with the graph between two turns.
    Graph(Box<dyn FnOnce(&mut Graph) + Send>),
}

/// The way to the workers, for other threads.
pub(crate) struct Caller {
    lines: Vec<(Sender<Call>, UnixStream)>,
    start: Start,
}

/// The listening side, in a thread of its own. The socket's file goes when this is dropped.
pub(crate) struct Server {
    path: PathBuf,
}

/// How long a client waits for an answer, and the server for a worker: a worker that is stuck in a function longer
/// than this is better reported than waited for.
const PATIENCE: Duration = Duration::from_secs(5);

impl Caller {
    /// The ways to those who have the other values; each call makes a waker readable at its other end.
    pub(crate) fn of_workers(
        wakers: &[UnixStream],
        start: Start,
    ) -> Result<(Self, Vec<Receiver<Call>>), Error> {
        let ways = wakers.iter().map(|waker| {
            let (calls, receiver) = channel();
            Ok(((calls, waker.try_clone()?), receiver))
        });
        let ways: std::io::Result<Vec<_>> = ways.collect();
        let ways = ways.map_err(|source| Error::System { what: "make the way to a worker", source })?;
        let (lines, receivers) = ways.into_iter().unzip();
        Ok((Self { lines, start }, receivers))
    }

    pub(crate) fn try_clone(&self) -> std::io::Result<Self> {
        let line = |(calls, waker): &(Sender<Call>, UnixStream)| Ok((calls.clone(), waker.try_clone()?));
        let lines: std::io::Result<_> = self.lines.iter().map(line).collect();
        Ok(Self { lines: lines?, start: self.start })
    }

    /// Asks the workers for their counters, and perhaps to end; `None` when one does not answer.
    pub(crate) fn report(&mut self, stop: bool) -> Option<Report> {
        let report = Report::sum(self.call_all(|answer| Call::Report { stop: false, answer })?);
        // One that stops takes the others along, and all have answered.
        if let Some((calls, waker)) = self.lines.first_mut().filter(|_| stop) {
            calls.send(Call::Report { stop, answer: channel().0 }).ok()?;
            waker.write_all(&[0]).ok()?;
        }
        report
    }

    /// Has each worker, told by its number, do something with its graph between two turns; `None` when one does not answer.
    pub(crate) fn on_graphs<T: Send + 'static>(
        &mut self,
        what: impl Fn(usize, &mut Graph) -> T + Clone + Send + 'static,
    ) -> Option<Vec<T>> {
        let mut worker = 0..;
        self.call_all(|answer| {
            let (what, worker) = (what.clone(), worker.next().unwrap_or_default());
            // Who has asked may have given up waiting.
            Call::Graph(Box::new(move |graph| drop(answer.send(what(worker, graph)))))
        })
    }

    /// How many workers there are.
    pub(crate) fn workers(&self) -> usize {
        self.lines.len()
    }

    /// When the graph's time began.
    pub(crate) fn start(&self) -> Start {
        self.start
    }

    /// Calls every worker, and gives their answers in the order of the workers.
    fn call_all<T>(&mut self, mut call: impl FnMut(Sender<T>) -> Call) -> Option<Vec<T>> {
        let mut answers = Vec::with_capacity(self.lines.len());
        for (calls, waker) in &mut self.lines {
            let (answer, receiver) = channel();
            calls.send(call(answer)).ok()?;
            waker.write_all(&[0]).ok()?;
            answers.push(receiver);
        }
        answers.into_iter().map(|answer| answer.recv_timeout(PATIENCE).ok()).collect()
    }
}

impl Server {
    /// Listens on `path`.
    pub(crate) fn start(path: &Path, caller: Caller, reloader: Reloader) -> Result<Self, Error> {
        let control = |source| Error::Control { path: path.to_owned(), source };
        remove_stale(path).map_err(control)?;
        let listener = UnixListener::bind(path).map_err(control)?;
        let serve = move || {
            for stream in listener.incoming().flatten() {
                let Ok(caller) = caller.try_clone() else { continue };
                let reloader = reloader.clone();
                // A thread a client: there are few, and a slow one must not hold up the others.
                let thread = std::thread::Builder::new().name("control".into());
                let _ = thread.spawn(move || serve(stream, caller, &reloader));
            }
        };
        let spawn = std::thread::Builder::new().name("control".into()).spawn(serve);
        spawn.map_err(|source| Error::System { what: "start the control thread", source })?;
        Ok(Self { path: path.to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already with the folder it lay in.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes a socket that nobody listens on any more; one that is answered stays, and `bind` will say so.
fn remove_stale(path: &Path) -> std::io::Result<()> {
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

fn serve(stream: UnixStream, mut caller: Caller, reloader: &Reloader) {
    let Ok(mut writer) = stream.try_clone() else { return };
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let answer = match serde_json::from_str(&line) {
            // A client that goes away is its own affair.
            Ok(Request::Trace(request)) => return drop(serve::trace(&request, &mut caller, writer)),
            Ok(Request::Capture(request)) => return drop(serve::capture(request, &mut caller, writer)),
            Ok(Request::Get(subject)) => answer(subject, caller.report(false)),
            Ok(Request::Reload(_)) => reloaded(reloader.reload(&mut caller)),
            Ok(Request::Stop(stop)) => answer(Subject::Counters, caller.report(stop)),
            Err(error) => serde_json::json!({ "error": error.to_string() }).to_string(),
        };
        if writeln!(writer, "{answer}").is_err() {
            return;
        }
    }
}

fn answer(subject: Subject, report: Option<Report>) -> String {
    let answer = match (report, subject) {
        (Some(report), Subject::Prometheus) => {
            serde_json::to_string(&Exposition { prometheus: prometheus::text(&report) })
        }
        (Some(report), _) => serde_json::to_string(&report),
        (None, _) => Ok(serde_json::json!({ "error": "the worker does not answer" }).to_string()),
    };
    answer.unwrap_or_else(|error| error.to_string())
}

fn reloaded(result: Result<Reloaded, Error>) -> String {
    let answer = match result {
        Ok(reloaded) => Answer::Reloaded(reloaded),
        Err(error) => Answer::Error(chain(&error)),
    };
    serde_json::to_string(&answer).unwrap_or_else(|error| error.to_string())
}

/// The answer to [`Request::Reload`].
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Reloaded(Reloaded),
    Error(String),
}

/// Has the network function that listens on `path` read its configuration again.
///
/// # Errors
/// As [`request`]; [`Error::Refused`] when something is wrong with the configuration, and nothing has changed.
pub fn reload(path: &Path) -> Result<Reloaded, Error> {
    match exchange(path, Request::Reload(true))? {
        Answer::Reloaded(reloaded) => Ok(reloaded),
        Answer::Error(message) => Err(Error::Refused(message)),
    }
}

/// The answer to [`Subject::Prometheus`].
#[derive(Deserialize, Serialize)]
struct Exposition {
    prometheus: String,
}

/// Asks the network function that listens on `path`.
///
/// # Errors
/// [`Error::Control`] when nobody listens there, [`Error::Answer`] when the answer is an error.
pub fn request(path: &Path, request: Request) -> Result<Report, Error> {
    exchange(path, request)
}

/// Asks the network function that listens on `path` for its counters in Prometheus' text format.
///
/// # Errors
/// As [`request`].
pub fn exposition(path: &Path) -> Result<String, Error> {
    exchange(path, Request::Get(Subject::Prometheus)).map(|answer: Exposition| answer.prometheus)
}

fn exchange<T: DeserializeOwned>(path: &Path, request: Request) -> Result<T, Error> {
    let control = |source| Error::Control { path: path.to_owned(), source };
    let answer = |source| Error::Answer { path: path.to_owned(), source };
    let mut stream = UnixStream::connect(path).map_err(control)?;
    stream.set_read_timeout(Some(2 * PATIENCE)).map_err(control)?;
    let line = serde_json::to_string(&request).map_err(answer)?;
    writeln!(stream, "{line}").map_err(control)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(control)?;
    serde_json::from_str(&line).map_err(answer)
}
