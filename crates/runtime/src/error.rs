//! What can go wrong before and while a network function runs.

use std::path::PathBuf;

/// Why a network function cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration is not valid TOML, or a value has the wrong type.
    #[error("{path}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and what is allowed.
        source: Box<toml::de::Error>,
    },
    /// A key that neither the runtime nor the function reads.
    #[error("{path}:{line}: unknown key '{key}'; the runtime reads: {allowed}")]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line it stands on.
        line: usize,
        /// The key.
        key: String,
        /// The keys that the runtime reads.
        allowed: String,
    },
    /// A graph's text for a program that has a graph of its own.
    #[error("{0} is a graph's text, which this program does not read")]
    Click(PathBuf),
    /// The function's own part of the configuration is wrong.
    #[error("{path}: {message}")]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// The lab's description of this node is not what it should be.
    #[error("the lab's description of this node in {path} is wrong")]
    NodeFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// No driver of this name.
    #[error("unknown driver '{0}'; there are: af_packet, af_xdp, dpdk")]
    Driver(String),
    /// `--port` without a name or device.
    #[error("'{0}' is no port; write NAME=DEVICE, for example a=af_packet:eth0")]
    PortArgument(String),
    /// Neither configuration nor lab names a port.
    #[error(
        "no ports: name them with --port NAME=DEVICE, in [[ports]] of the configuration, or run in a lab"
    )]
    NoPorts,
    /// Two ports have one name.
    #[error("two ports are named '{0}'")]
    DuplicatePort(String),
    /// The number of workers is none that can be.
    #[error("'workers', or the length of 'cores', is a number from 1 to 64")]
    NoWorkers,
    /// The number of workers is not that of their cores.
    #[error("{workers} workers and {cores} cores: 'cores' has one for each")]
    WorkersAndCores {
        /// The number of workers.
        workers: usize,
        /// The number of cores.
        cores: usize,
    },
    /// One core for several workers.
    #[error("'core' is for one worker; 'cores' names one for each of several")]
    CoreAndCores,
    /// A port's device is to be with a worker that there is not.
    #[error("port '{port}' is with a worker that there is not: there are {workers}, from 0 on")]
    PortWorker {
        /// The port's name.
        port: String,
        /// The number of workers.
        workers: usize,
    },
    /// A worker's thread has ended by a panic of the runtime.
    #[error("worker {0} has ended by a panic of its own")]
    WorkerDied(usize),
    /// A port cannot be opened.
    #[error("cannot open port '{name}'")]
    Port {
        /// The port's name.
        name: String,
        /// Why.
        source: rackless_ports::Error,
    },
    /// The program did not say what to run.
    #[error("cannot set up the network function")]
    Build(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The graph does not fit its ports.
    #[error("the graph is wrong")]
    Graph(#[from] rackless_nf::GraphError),
    /// A node is to be made anew after a panic, and does not say how.
    #[error(
        "on_panic = \"restart\": node '{0}' cannot be made anew; it is added without GraphBuilder::remade_by"
    )]
    NotRemade(String),
    /// A node panicked, which is a bug of the network function.
    #[error("{crash}{}", crate::crash::saved(file.as_deref()))]
    Panicked {
        /// What happened.
        crash: Box<rackless_nf::Crash>,
        /// Where its frames are, if there were any and they could be written.
        file: Option<PathBuf>,
    },
    /// More of the last frames are to be kept than can be.
    #[error("last_frames = {frames}: at most {most} frames can be kept")]
    LastFrames {
        /// How many were asked for.
        frames: usize,
        /// How many there may be.
        most: usize,
    },
    /// The last frames cannot be kept.
    #[error("cannot keep the last frames in {folder}")]
    Record {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The control socket cannot be made or reached.
    #[error("cannot use the control socket {path}")]
    Control {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Counters cannot be served to Prometheus.
    #[error("cannot serve metrics on {address}")]
    Metrics {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The answer on a control socket is not what it should be.
    #[error("the answer on the control socket {path} cannot be read")]
    Answer {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A key that the runtime has set up by has changed.
    #[error("{path}:{line}: '{key}' cannot change while the function runs; it takes a new start")]
    Fixed {
        /// The file.
        path: PathBuf,
        /// The line it stands on, or the first where it is gone.
        line: usize,
        /// The key.
        key: String,
    },
    /// A worker is stuck in a function.
    #[error("the worker does not answer")]
    NoWorker,
    /// The running function says why it does not do what was asked.
    #[error("{0}")]
    Refused(String),
    /// A system call of the worker failed.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the function ran and failed, and not that it cannot run.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Panicked { .. } | Self::WorkerDied(_))
    }
}

/// The error and its causes on one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text.trim_end().to_owned()
}
