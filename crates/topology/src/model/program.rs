//! What runs on a node.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

use super::NodeId;
use crate::units::Duration;

/// A program of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// The name, unique on the node; `None` for the one program of a node that gives it no name.
    pub name: Option<String>,
    /// What is executed.
    pub command: Command,
    /// How to tell that it does its work; `None`: once it is started.
    pub ready: Option<Ready>,
    /// What happens when it ends after it was ready.
    pub restart: Restart,
    /// The programs of the same node that must be ready before, as places in [`Node::programs`](super::Node::programs);
    /// free of cycles.
    pub after: Vec<usize>,
}

/// A program of a topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramId {
    /// The node.
    pub node: NodeId,
    /// The program, as a place in [`Node::programs`](super::Node::programs).
    pub place: usize,
}

/// A command of a lab file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Command {
    /// A line for `/bin/sh -c`.
    Shell(String),
    /// A program and its arguments, never empty.
    Args(Vec<String>),
}

/// How to tell that a program does its work.
#[derive(Debug, Clone, PartialEq)]
pub struct Ready {
    /// What must come true.
    pub condition: Condition,
    /// The time it may take, 10 s unless said.
    pub within: Duration,
}

/// What must come true for a program to be ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A socket listens on this address in the node; an unspecified address means any.
    Tcp(SocketAddr),
    /// The program's output contains this text.
    Log(String),
    /// The command, run on the node, exits with status 0.
    Command(Command),
    /// The file is there, seen from the node; a relative path starts at the lab file's directory.
    File(PathBuf),
}

/// Whether a program that has ended is started again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It stays ended.
    #[default]
    Never,
    /// If it ended otherwise than with status 0.
    OnFailure,
    /// However it ended.
    Always,
}

impl Restart {
    /// Every choice, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Never, Self::OnFailure, Self::Always];

    /// Returns the word of the lab file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::OnFailure => "on-failure",
            Self::Always => "always",
        }
    }
}

impl Command {
    /// Returns the program and its arguments, as `execvp` takes them.
    pub fn argv(&self) -> Vec<&str> {
        match self {
            Self::Shell(line) => vec!["/bin/sh", "-c", line],
            Self::Args(args) => args.iter().map(String::as_str).collect(),
        }
    }
}

impl fmt::Display for Command {
    /// Writes the line, or the arguments with a space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shell(line) => f.write_str(line),
            Self::Args(args) => f.write_str(&args.join(" ")),
        }
    }
}
