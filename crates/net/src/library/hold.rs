//! The process that is the lab of another program: `rackless hold`.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::converge::Source;
use crate::detach;
use crate::error::Error;
use crate::lab::Options;

/// What both sides must be to understand each other.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a program asks for: a line of JSON on standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    version: String,
    name: String,
    source: Source,
    directory: PathBuf,
}

impl Task {
    pub(super) fn new(name: &str, source: Source, directory: &Path) -> Self {
        let (name, directory) = (name.to_owned(), directory.to_owned());
        Self { version: VERSION.to_owned(), name, source, directory }
    }
}

/// Becomes the lab that the calling program asks for on standard input; it ends when that is closed.
///
/// What came of it is told on standard output: this is what `rackless hold` does, which [`Lab`](crate::Lab) calls.
///
/// # Errors
/// The standard streams are not those that a `Lab` gives. All other errors go to the caller.
pub fn hold_for_caller() -> Result<(), Error> {
    let failed = |source| Error::Spawn { what: "the lab".into(), source };
    let lifeline = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let answer = File::from(io::stdout().as_fd().try_clone_to_owned().map_err(failed)?);
    match read(&lifeline) {
        Ok((topology, options)) => detach::be_the_lab(topology, options, Some(lifeline), answer),
        Err(error) => {
            detach::tell(answer, &error.reply());
        }
    }
    Ok(())
}

fn read(input: &OwnedFd) -> Result<(rackless_topology::Topology, Options), Error> {
    let failed = |source| Error::Spawn { what: "the lab".into(), source };
    let mut line = String::new();
    // Nothing follows the line.
    BufReader::new(File::from(input.try_clone().map_err(failed)?)).read_line(&mut line).map_err(failed)?;
    let task: Task = serde_json::from_str(&line).map_err(|_| Error::Protocol)?;
    if task.version != VERSION {
        return Err(Error::Protocol);
    }
    let topology = task.source.read(&task.directory)?;
    let (file, shape) = match task.source {
        Source::File(path, _) => (Some(path), None),
        Source::Text(_) => (None, None),
        Source::Shape(shape) => (None, Some(shape)),
    };
    let name = Some(task.name);
    let directory = task.directory;
    Ok((topology, Options { name, file, shape, directory, ends_with_caller: true, ..Options::default() }))
}
