//! What the lab and its init process say to each other: one JSON text per message.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The most bytes in one message: the default send buffer of a socket, which also bounds it.
pub(super) const MESSAGE_MAX: usize = 208 * 1024;

/// A program to be started on a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Names the job in later messages.
    pub(crate) id: u64,
    /// The node, and the host name it sees.
    pub(crate) node: String,
    /// The program, looked up in `PATH` of `env`, and its arguments.
    pub(crate) argv: Vec<String>,
    /// The whole environment.
    pub(crate) env: Vec<(String, String)>,
    /// The working directory.
    pub(crate) directory: PathBuf,
    /// Whether it runs beside the network: where the lab was started, and seeing what is there.
    pub(crate) beside: bool,
    /// The node's own files: where they are, and where its programs see them.
    pub(crate) files: Vec<(PathBuf, PathBuf)>,
    /// Whether standard input becomes the controlling terminal.
    pub(crate) terminal: bool,
    /// The files that take a process into the control groups of its node, as the init process sees them.
    pub(crate) entrances: Vec<PathBuf>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// By itself, with this status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
}

impl Ended {
    /// Gives the status that a shell would report: 128 plus the signal's number for a signal.
    pub fn code(self) -> i32 {
        match self {
            Self::Exit(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => match nix::sys::signal::Signal::try_from(*number) {
                Ok(signal) => write!(f, "killed by {signal}"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    Start(Job),
    Signal {
        id: u64,
        signal: i32,
    },
    /// The node's processes have ended, and its next one sees files and host name anew.
    Forget {
        node: String,
    },
    /// The end of all jobs of a node, with their groups.
    Kill {
        node: String,
    },
    /// A process that carries frames, for the socket sent along.
    Wire,
    /// A signal, and the end of what is left of the job's group when its process has ended.
    End {
        id: u64,
        signal: i32,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    Started { id: u64 },
    Failed { id: u64, stage: String, errno: i32 },
    Ended { id: u64, ended: Ended },
}
