//! Why a case cannot run.

use std::io;
use std::path::PathBuf;

/// Why a case cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program of ours is missing.
    #[error("{} is missing; 'make bench' builds it", path.display())]
    NotBuilt { path: PathBuf },
    /// A program of somebody else is missing.
    #[error("{program} is missing; 'apt-get install {package}' brings it")]
    NotInstalled { program: &'static str, package: &'static str },
    /// The case needs root.
    #[error("it needs root: network namespaces, packet sockets and live frames of BPF")]
    NotRoot,
    /// Source and forwarder need a core each.
    #[error("it needs two processor cores, and there is {0}")]
    Cores(usize),
    /// A step with the system failed.
    #[error("cannot {what}")]
    System { what: String, source: io::Error },
    /// A program failed.
    #[error("{program} failed ({status}): {output}")]
    Failed { program: String, status: String, output: String },
    /// A program did not come to where it should in time.
    #[error("{program} did not say '{expected}' within {seconds} s: {output}")]
    Silent { program: String, expected: String, seconds: u64, output: String },
    /// A measurement is not what it is taken for.
    #[error("the measurement is void: {0}")]
    Void(String),
    /// A packet or file of the bench's own could not be made.
    #[error("cannot make {what}")]
    Make { what: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
}

impl Error {
    /// Makes the adapter for a failed step with the system.
    pub(crate) fn system<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |source| Self::System { what: what.into(), source: source.into() }
    }

    /// Gives the error and its causes in one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}
