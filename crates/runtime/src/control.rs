//! The control socket: one JSON request a line, one JSON answer a line.
//!
//! `{"get": "counters"}` answers with a [`Report`]; `{"stop": true}` ends the function gracefully and answers with
//! its last report.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Error, Report};

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Asks for counters.
    Get(Subject),
    /// Asks the function to end.
    Stop(bool),
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The counters of nodes and ports.
    Counters,
}

/// A request on its way to the worker, with the way back.
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) answer: Sender<Report>,
}

/// The listening side, in a thread of its own. The socket's file goes when this is dropped.
pub(crate) struct Server {
    pub(crate) calls: Receiver<Call>,
    path: PathBuf,
}

/// How long a client waits for an answer, and the server for a worker: a worker that is stuck in a function longer
/// than this is better reported than waited for.
const PATIENCE: Duration = Duration::from_secs(5);

impl Server {
    /// Listens on `path`; each call makes `waker` readable at its other end.
    pub(crate) fn start(path: &Path, waker: UnixStream) -> Result<Self, Error> {
        let control = |source| Error::Control { path: path.to_owned(), source };
        remove_stale(path).map_err(control)?;
        let listener = UnixListener::bind(path).map_err(control)?;
        let (calls, receiver) = channel();
        let serve = move || {
            for stream in listener.incoming().flatten() {
                let (Ok(waker), calls) = (waker.try_clone(), calls.clone()) else { continue };
                // A thread a client: there are few, and a slow one must not hold up the others.
                let _ =
                    std::thread::Builder::new().name("control".into()).spawn(|| serve(stream, calls, waker));
            }
        };
        let spawn = std::thread::Builder::new().name("control".into()).spawn(serve);
        spawn.map_err(|source| Error::System { what: "start the control thread", source })?;
        Ok(Self { calls: receiver, path: path.to_owned() })
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

fn serve(stream: UnixStream, calls: Sender<Call>, mut waker: UnixStream) {
    let Ok(mut writer) = stream.try_clone() else { return };
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let answer = match serde_json::from_str(&line) {
            Ok(request) => ask(request, &calls, &mut waker),
            Err(error) => serde_json::json!({ "error": error.to_string() }).to_string(),
        };
        if writeln!(writer, "{answer}").is_err() {
            return;
        }
    }
}

fn ask(request: Request, calls: &Sender<Call>, waker: &mut UnixStream) -> String {
    let (answer, receiver) = channel();
    let sent = calls.send(Call { request, answer }).is_ok() && waker.write_all(&[0]).is_ok();
    match receiver.recv_timeout(PATIENCE) {
        Ok(report) if sent => serde_json::to_string(&report).unwrap_or_else(|error| error.to_string()),
        _ => serde_json::json!({ "error": "the worker does not answer" }).to_string(),
    }
}

/// Asks the network function that listens on `path`.
///
/// # Errors
/// [`Error::Control`] when nobody listens there, [`Error::Answer`] when the answer is an error.
pub fn request(path: &Path, request: Request) -> Result<Report, Error> {
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
