//! The configuration file of a network function.
//!
//! ```toml
//! name = "og_west"            # default: the lab's node, else the program's name
//! driver = "af_packet"        # or "af_xdp" or "dpdk": how the lab's interfaces are opened when [[ports]] is absent
//! core = 1                    # pins the worker; default: not pinned
//! workers = 2                 # threads with a graph each; a flow's packets come to one of them; default 1
//! cores = [1, 2]              # instead of both: a worker for each of these cores, pinned
//! idle = "park"               # or "spin": what the worker does when there is nothing to do
//! seed = 7                    # of the nodes' random numbers; default 0
//! control = "/tmp/nf.sock"    # default in a lab: /run/rackless-nf.sock of the node
//! metrics = "127.0.0.1:9900"  # serves counters to Prometheus, as http://127.0.0.1:9900/metrics; default: not
//! on_panic = "end"            # or "restart": what a panic of a node does to the function
//! crash = "/tmp"              # folder for the frames of a panic; default in a lab: /run of the node, else here
//! last_frames = 256           # keeps the last frames received in that folder, for when the process dies; default 0
//! core_dump = true            # lets the kernel write a core then, whatever the soft limit is; default false
//!
//! [pool]
//! count = 8192                # buffers
//! room = 2048                 # bytes of frame that fit in one
//!
//! [[ports]]                   # default: the interfaces that the lab gave to this node
//! name = "west"
//! device = "af_packet:eth0"
//! worker = 0                  # of several, the one that has the device; the n-th port is with worker n, in turn
//!
//! [dpdk]
//! eal = ["--log-level=8"]     # further EAL arguments
//! ```
//!
//! Every other key belongs to the function itself ([`Setup::settings`](crate::Setup::settings)).
//!
//! A file whose name ends in `.click` has no keys: it is a graph's text ([`Setup::click`](crate::Setup::click)), and the
//! ports come from the command line or the lab.

use std::net::SocketAddr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, NodeInterface};

/// The keys of the configuration file that the runtime reads.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Config {
    /// Which function of the library to run; read by `rackless nf run` alone.
    pub nf: Option<String>,
    /// The name in reports.
    pub name: Option<String>,
    /// How the lab's interfaces are opened.
    pub driver: Option<Driver>,
    /// The processor core that the worker is pinned to.
    pub core: Option<usize>,
    /// How many workers there are.
    pub workers: Option<usize>,
    /// The processor cores of workers, one each.
    pub cores: Option<Vec<usize>>,
    /// What the worker does when there is nothing to do.
    #[serde(default)]
    pub idle: Idle,
    /// Seed of the nodes' random numbers.
    #[serde(default)]
    pub seed: u64,
    /// Path of the control socket.
    pub control: Option<PathBuf>,
    /// Where counters are served to Prometheus.
    pub metrics: Option<SocketAddr>,
    /// What a panic of a node does to the function.
    #[serde(default)]
    pub on_panic: OnPanic,
    /// Folder for the frames at which a node panicked.
    pub crash: Option<PathBuf>,
    /// How many of the frames received last each worker keeps in a file, which stays if the process does not end well;
    /// 0 for none. It costs a copy of 1.5 KiB a frame and a write a burst.
    #[serde(default)]
    pub last_frames: usize,
    /// Whether a crash leaves a core, where the machine allows.
    #[serde(default)]
    pub core_dump: bool,
    /// The packet buffers.
    #[serde(default)]
    pub pool: PoolConfig,
    /// The ports, in the order of their indexes.
    #[serde(default)]
    pub ports: Vec<PortConfig>,
    /// What only DPDK ports use.
    #[serde(default)]
    pub dpdk: DpdkConfig,
}

/// How an interface of the lab becomes a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// `af_packet:IFACE`
    #[default]
    AfPacket,
    /// `af_xdp:IFACE`
    AfXdp,
    /// `dpdk:net_af_packet,iface=IFACE`
    Dpdk,
}

/// What a worker does when there is nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Idle {
    /// Sleeps until a port is readable or a timer expires; ports that can only be polled are polled ever less often,
    /// down to 2,000 times a second.
    #[default]
    Park,
    /// Polls without pause: the lowest latency, a whole core.
    Spin,
}

/// What a panic of a node does to the function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPanic {
    /// Ends it, with an error that names node and reason.
    #[default]
    End,
    /// Makes the node anew; what it held is dropped.
    Restart,
}

/// The packet buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolConfig {
    /// How many; without any, nothing could be received.
    pub count: NonZero<usize>,
    /// Bytes of frame that fit in one.
    pub room: usize,
}

/// A port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PortConfig {
    /// The name that the graph's wiring uses.
    pub name: String,
    /// The device string, such as `af_packet:eth0`.
    pub device: String,
    /// Of several workers, the one that has a device with one queue; the others send and receive through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<usize>,
}

/// What only DPDK ports use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DpdkConfig {
    /// Further arguments of the Environment Abstraction Layer; they come after ours and so override them.
    pub eal: Vec<String>,
}

impl Config {
    /// The most workers: more than a machine's cores are of no use, and each has buffers of its own.
    pub const MOST_WORKERS: usize = 64;

    /// The cores of the workers, one each; `None` for one that is not pinned.
    pub(crate) fn cores_of_workers(&self) -> Result<Vec<Option<usize>>, Error> {
        let cores: Vec<Option<usize>> = match (&self.cores, self.core, self.workers) {
            (Some(_), Some(_), _) => return Err(Error::CoreAndCores),
            (Some(cores), None, workers) if workers.is_some_and(|workers| workers != cores.len()) => {
                return Err(Error::WorkersAndCores {
                    workers: workers.unwrap_or_default(),
                    cores: cores.len(),
                });
            }
            (Some(cores), None, _) => cores.iter().copied().map(Some).collect(),
            (None, core, workers) => vec![core; workers.unwrap_or(1).min(Self::MOST_WORKERS + 1)],
        };
        match cores.len() {
            1..=Self::MOST_WORKERS if self.core.is_none() || cores.len() == 1 => Ok(cores),
            1..=Self::MOST_WORKERS => Err(Error::CoreAndCores),
            _ => Err(Error::NoWorkers),
        }
    }

    /// The first key that another configuration has otherwise, but for the function's name in the library: what the
    /// runtime has set up by it cannot change while it runs.
    pub(crate) fn first_difference(&self, other: &Self) -> Option<String> {
        let table =
            |config: &Self| toml::Table::try_from(Self { nf: None, ..config.clone() }).unwrap_or_default();
        let (one, other) = (table(self), table(other));
        let keys = one.keys().chain(other.keys()).find(|key| one.get(*key) != other.get(*key));
        keys.cloned()
    }
}

impl Default for PoolConfig {
    fn default() -> Self {
        // Twice the receive ring of a port, so that a full ring and its packets in flight both have buffers.
        let count = const { NonZero::new(8192).expect("it is not zero") };
        Self { count, room: rackless_nf::Pool::ROOM }
    }
}

impl Driver {
    /// The device string that opens an interface of a lab.
    pub fn device_of(self, interface: &NodeInterface) -> String {
        interface.device.clone().unwrap_or_else(|| self.device(&interface.name))
    }

    /// The device string that opens an interface of the kernel.
    pub fn device(self, interface: &str) -> String {
        match self {
            Self::AfPacket => format!("af_packet:{interface}"),
            Self::AfXdp => format!("af_xdp:{interface}"),
            Self::Dpdk => format!("dpdk:net_af_packet,iface={interface}"),
        }
    }
}

impl FromStr for Driver {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "af_packet" => Ok(Self::AfPacket),
            "af_xdp" => Ok(Self::AfXdp),
            "dpdk" => Ok(Self::Dpdk),
            _ => Err(Error::Driver(text.to_owned())),
        }
    }
}

/// A configuration file: the runtime's keys, and the rest for the function.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    pub(crate) config: Config,
    pub(crate) rest: toml::Table,
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// Whether it is a graph's text, and no TOML.
    pub(crate) is_click: bool,
}

impl File {
    /// The runtime's keys; a test compares them with [`Config`].
    const KEYS: [&str; 17] = [
        "nf",
        "name",
        "driver",
        "core",
        "workers",
        "cores",
        "idle",
        "seed",
        "control",
        "metrics",
        "on_panic",
        "crash",
        "last_frames",
        "core_dump",
        "pool",
        "ports",
        "dpdk",
    ];

    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        match path.extension() {
            Some(extension) if extension == "click" => {
                Ok(Self { path: path.to_owned(), text, is_click: true, ..Self::default() })
            }
            _ => Self::parse(path, text),
        }
    }

    pub(crate) fn parse(path: &Path, text: String) -> Result<Self, Error> {
        let syntax = |source| Error::Syntax { path: path.to_owned(), source: Box::new(source) };
        let config: Config = toml::from_str(&text).map_err(syntax)?;
        let mut rest: toml::Table = toml::from_str(&text).map_err(syntax)?;
        rest.retain(|key, _| !Self::KEYS.contains(&key));
        Ok(Self { config, rest, path: path.to_owned(), text, is_click: false })
    }

    /// The error for keys, or a graph, that nobody asked for.
    pub(crate) fn unknown_key(&self) -> Option<Error> {
        if self.is_click {
            return Some(Error::Click(self.path.clone()));
        }
        let key = self.rest.keys().next()?;
        Some(Error::UnknownKey {
            path: self.path.clone(),
            line: self.line_of(key),
            key: key.clone(),
            allowed: Self::KEYS.join(", "),
        })
    }

    /// The line on which a top-level key or table stands.
    pub(crate) fn line_of(&self, key: &str) -> usize {
        let name =
            |line: &str| line.trim_start_matches(['[', ' ']).split([' ', '=', ']', '.']).next() == Some(key);
        self.text.lines().position(name).map_or(1, |index| index + 1)
    }
}

#[cfg(test)]
mod tests;
