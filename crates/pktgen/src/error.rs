//! What can keep a run from starting.

use std::io;
use std::path::PathBuf;

/// Why a script could not be run.
///
/// A script that starts and then fails is no error of this kind: it says so itself, and the run ends with an
/// [`ExitStatus`](crate::ExitStatus) other than success.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The script cannot be read.
    #[error("cannot read the script {}", path.display())]
    Script {
        /// The path as it was given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The Lua machine or the library could not be set up.
    #[error("cannot set up the Lua machine")]
    Lua(#[from] mlua::Error),
    /// The handler for interrupts could not be installed.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
}
