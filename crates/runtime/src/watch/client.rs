//! The asking side.

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::{CaptureRequest, Edge, Line, TraceRequest};
use crate::Error;
use crate::control::Request;

/// A trace or capture that runs: an iterator over its lines, which ends with it.
pub struct Watching {
    path: PathBuf,
    lines: std::io::Lines<BufReader<UnixStream>>,
    stream: UnixStream,
    edges: Vec<Edge>,
    missed: Option<u64>,
}

/// Ends a trace or capture from another thread; what was seen until then still comes.
pub struct Stopper(UnixStream);

impl Watching {
    /// Asks the function that listens on `path` to follow packets.
    ///
    /// # Errors
    /// [`Error::Control`] when nobody listens there, [`Error::Refused`] when the function says why not.
    pub fn trace(path: &Path, request: TraceRequest) -> Result<Self, Error> {
        Self::begin(path, &Request::Trace(request))
    }

    /// Asks the function that listens on `path` to capture frames.
    ///
    /// # Errors
    /// As [`Watching::trace`].
    pub fn capture(path: &Path, request: CaptureRequest) -> Result<Self, Error> {
        Self::begin(path, &Request::Capture(request))
    }

    fn begin(path: &Path, request: &Request) -> Result<Self, Error> {
        let control = |source| Error::Control { path: path.to_owned(), source };
        let mut stream = UnixStream::connect(path).map_err(control)?;
        let request = serde_json::to_string(request).map_err(|error| control(error.into()))?;
        writeln!(stream, "{request}").map_err(control)?;
        let lines = BufReader::new(stream.try_clone().map_err(control)?).lines();
        let mut watching = Self { path: path.to_owned(), lines, stream, edges: Vec::new(), missed: None };
        match watching.line()? {
            Some(Line::Watching { edges }) => watching.edges = edges,
            Some(Line::Error(message)) => return Err(Error::Refused(message)),
            _ => return Err(control(std::io::ErrorKind::UnexpectedEof.into())),
        }
        Ok(watching)
    }

    /// The edges that are captured at.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// How much was lost because this side was slow; `None` until the function said so, at the end.
    pub fn missed(&self) -> Option<u64> {
        self.missed
    }

    /// Something to end it with.
    ///
    /// # Errors
    /// [`Error::Control`]
    pub fn stopper(&self) -> Result<Stopper, Error> {
        let control = |source| Error::Control { path: self.path.clone(), source };
        self.stream.try_clone().map(Stopper).map_err(control)
    }

    fn line(&mut self) -> Result<Option<Line>, Error> {
        let control = |source| Error::Control { path: self.path.clone(), source };
        let answer = |source| Error::Answer { path: self.path.clone(), source };
        let Some(line) = self.lines.next() else { return Ok(None) };
        serde_json::from_str(&line.map_err(control)?).map(Some).map_err(answer)
    }
}

impl Stopper {
    /// Ends it; does nothing when it has ended.
    pub fn stop(&self) {
        // A function that is gone has ended it, too.
        let _ = self.0.shutdown(Shutdown::Write);
    }
}

impl Iterator for Watching {
    type Item = Result<Line, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.line().transpose()? {
            Ok(Line::End { missed }) => {
                self.missed = Some(missed);
                None
            }
            line => Some(line),
        }
    }
}
