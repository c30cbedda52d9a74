//! A configuration that is read again while the function runs.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rackless_nf::{Graph, GraphBuilder, PortInfo, Succession};
use serde::{Deserialize, Serialize};
use signal_hook::consts::SIGHUP;

use crate::config::{Config, File};
use crate::control::Caller;
use crate::setup::{NodeFile, PortSetup, Setup};
use crate::{Error, chain, devices};

/// What makes a function's graph, for any thread.
pub(crate) type Build = Box<dyn Fn(&Setup) -> Result<GraphBuilder, Error> + Send + Sync>;

/// Makes the graph anew from what the configuration says now.
#[derive(Clone)]
pub(crate) struct Reloader(Arc<Source>);

/// What a graph is made from.
pub(crate) struct Source {
    pub(crate) name: String,
    /// The configuration file; `None` for a function without one.
    pub(crate) path: Option<PathBuf>,
    /// What the runtime reads of it, which stays as it is.
    pub(crate) config: Config,
    pub(crate) ports: Vec<PortInfo>,
    pub(crate) workers: usize,
    pub(crate) build: Build,
}

/// What became of the nodes of a graph when its configuration was read again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Reloaded {
    /// The nodes, in the order in which packets pass them; those that are gone last.
    pub nodes: Vec<ReloadedNode>,
}

/// What became of a node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ReloadedNode {
    /// Its name.
    pub name: String,
    /// What became of what it knew.
    pub fate: Fate,
    /// How many of the packets that it held were dropped.
    pub dropped: u64,
}

/// What became of what a node knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It goes on with it.
    TakenOver,
    /// It begins anew.
    Anew,
    /// The configuration does not name the node any more.
    Gone,
}

impl ReloadedNode {
    /// Adds what became of it at another worker: it goes on as it was if it does so at every one.
    fn with(mut self, other: &Self) -> Self {
        self.dropped += other.dropped;
        if other.fate != Fate::TakenOver {
            self.fate = other.fate;
        }
        self
    }
}

impl From<Succession> for ReloadedNode {
    fn from(succession: Succession) -> Self {
        let fate = match succession.fate {
            rackless_nf::Fate::TakenOver => Fate::TakenOver,
            rackless_nf::Fate::Anew => Fate::Anew,
            rackless_nf::Fate::Gone => Fate::Gone,
        };
        Self { name: succession.node, fate, dropped: succession.dropped }
    }
}

impl Reloader {
    pub(crate) fn new(source: Source) -> Self {
        Self(Arc::new(source))
    }

    /// Reads the configuration, and replaces the graph of each worker between two turns; what is wrong changes nothing.
    pub(crate) fn reload(&self, caller: &mut Caller) -> Result<Reloaded, Error> {
        let graphs: Vec<_> =
            (0..self.0.workers).map(|worker| self.graph(worker)).collect::<Result<_, _>>()?;
        let graphs = Arc::new(Mutex::new(graphs.into_iter().map(Some).collect::<Vec<_>>()));
        let replace = move |worker: usize, running: &mut Graph| {
            let mut graphs = graphs.lock().unwrap_or_else(PoisonError::into_inner);
            let graph = graphs.get_mut(worker).and_then(Option::take)?;
            drop(graphs);
            Some(running.replace(graph))
        };
        let replaced = caller.on_graphs(replace).ok_or(Error::NoWorker)?;
        // The graphs are of one configuration: what one worker refuses, all refuse.
        let replaced = replaced.into_iter().flatten().collect::<Result<Vec<_>, _>>()?;
        let of_workers =
            replaced.into_iter().map(|nodes| nodes.into_iter().map(ReloadedNode::from).collect());
        let nodes = of_workers.reduce(|sum: Vec<ReloadedNode>, other| {
            sum.into_iter().zip(other).map(|(sum, other)| sum.with(&other)).collect()
        });
        Ok(Reloaded { nodes: nodes.unwrap_or_default() })
    }

    /// Reloads whenever a SIGHUP comes, in a thread of its own, and says what came of it.
    pub(crate) fn on_hangup(&self, caller: &Caller) -> Result<(), Error> {
        let system = |source| Error::System { what: "watch for SIGHUP", source };
        let (mut hangups, signalled) = UnixStream::pair().map_err(system)?;
        signal_hook::low_level::pipe::register(SIGHUP, signalled).map_err(system)?;
        let (reloader, mut caller) = (self.clone(), caller.try_clone().map_err(system)?);
        let wait = move || {
            while matches!(hangups.read(&mut [0; 16]), Ok(1..)) {
                let name = &reloader.0.name;
                match reloader.reload(&mut caller) {
                    Ok(_) => eprintln!("{name}: the configuration was read again"),
                    Err(error) => eprintln!("{name}: the configuration stays as it was: {}", chain(&error)),
                }
            }
        };
        std::thread::Builder::new().name("reload".into()).spawn(wait).map(drop).map_err(system)
    }

    fn graph(&self, worker: usize) -> Result<GraphBuilder, Error> {
        let source = &*self.0;
        let file = source.path.as_deref().map(File::read).transpose()?.unwrap_or_default();
        if let Some(key) = source.config.first_difference(&file.config) {
            return Err(Error::Fixed { path: file.path.clone(), line: file.line_of(&key), key });
        }
        let node = NodeFile::from_env()?;
        let ports = source.ports.iter().map(|port| devices::setup(port, node.as_ref()));
        let ports: Vec<PortSetup> = ports.collect();
        let (name, workers) = (source.name.clone(), source.workers);
        let setup = Setup { name, ports, worker, workers, file, settings_read: false.into() };
        let graph = (source.build)(&setup)?;
        match setup.file.unknown_key().filter(|_| !setup.settings_read.get()) {
            Some(error) => Err(error),
            None => Ok(graph),
        }
    }
}
