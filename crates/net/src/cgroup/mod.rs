//! Limits of nodes: control groups of the kernel, version 2 or 1, whichever has the controller.
//!
//! A lab that limits nodes has a group of its own in each hierarchy that it needs, below the one in which it was
//! started or (version 2, where a group with processes can have no groups with limits) beside it. In that, each node
//! with a limit has a group, which a program enters before it is executed. The groups are listed in the lab's folder
//! before they are made, and whoever removes the folder removes them first: the lab, its reaper, or the next command.
//!
//! A group of version 2 hands controllers on to those in it only when it is told to. One that was told for
//! a lab keeps doing so: to take controllers back would take them from groups that others have made meanwhile.

mod converge;
mod hierarchy;
mod list;
mod usage;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rackless_topology::model::Limits;

use crate::error::Error;
use crate::fault;
use crate::shared::lock;
use hierarchy::{Hierarchy, Version};
pub(crate) use list::remove;
pub use usage::Usage;

/// What limits processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Controller {
    Cpu,
    Memory,
}

/// The groups of a lab.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// The name of the lab's group in each hierarchy.
    name: String,
    /// The lab's folder.
    folder: PathBuf,
    /// The lab's groups: they stay as long as the lab.
    roots: Mutex<Vec<PathBuf>>,
    nodes: Mutex<BTreeMap<String, Group>>,
    /// How many processes of a node were killed for its memory, as far as it was told.
    told: Mutex<BTreeMap<String, u64>>,
    /// Whether somebody looks for such processes.
    watched: AtomicBool,
}

/// The groups of a node: one, or one for each controller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    cpu: Option<Place>,
    memory: Option<Place>,
}

/// A group in a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    version: Version,
    folder: PathBuf,
}

impl Controller {
    const ALL: [Self; 2] = [Self::Cpu, Self::Memory];

    /// Gives the kernel's name.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }

    /// Gives the key of the lab file.
    const fn key(self) -> &'static str {
        match self {
            Self::Cpu => "cpus",
            Self::Memory => "memory",
        }
    }

    fn is_in(self, limits: &Limits) -> bool {
        match self {
            Self::Cpu => limits.cpus.is_some(),
            Self::Memory => limits.memory.is_some(),
        }
    }
}

impl Groups {
    /// Makes what the groups of a lab begin with; there is none yet. `folder` is the lab's.
    pub(crate) fn none(lab: &str, folder: &Path) -> Self {
        let name = format!("rackless-{lab}-{}", nix::unistd::getpid());
        Self { name, folder: folder.to_owned(), ..Self::default() }
    }

    /// Gives the files that take a process into the groups of a node.
    pub(crate) fn entrances(&self, node: &str) -> Vec<PathBuf> {
        let nodes = lock(&self.nodes);
        let folders = nodes.get(node).into_iter().flat_map(Group::folders);
        folders.map(|folder| folder.join("cgroup.procs")).collect()
    }

    /// Gives what the programs of a limited node have used.
    pub(crate) fn usage(&self, node: &str) -> Option<Usage> {
        lock(&self.nodes).get(node).map(Group::usage)
    }

    /// Whether somebody must begin to look for processes that are killed for their node's memory.
    pub(crate) fn begin_watch(&self) -> bool {
        lock(&self.nodes).values().any(|group| group.memory.is_some())
            && !self.watched.swap(true, Ordering::AcqRel)
    }

    /// Gives the nodes of which processes were killed for their memory since the last call.
    pub(crate) fn new_memory_kills(&self) -> Vec<String> {
        let nodes = lock(&self.nodes);
        let mut told = lock(&self.told);
        let mut is_new = |node: &String, group: &Group| {
            let kills = group.usage().memory_kills;
            told.insert(node.clone(), kills).unwrap_or_default() < kills
        };
        nodes.iter().filter(|(node, group)| is_new(node, group)).map(|(node, _)| node.clone()).collect()
    }
}

impl Group {
    fn planned(limits: &Limits, hierarchies: &[Hierarchy<'_>], folder: impl Fn(&Path) -> PathBuf) -> Self {
        let place = |controller: Controller| {
            let found = hierarchies.iter().find(|hierarchy| hierarchy.has(controller));
            let found = found.filter(|_| controller.is_in(limits))?;
            Some(Place { version: found.version, folder: folder(&found.base) })
        };
        Self { cpu: place(Controller::Cpu), memory: place(Controller::Memory) }
    }

    /// Gives the groups' folders, each once.
    fn folders(&self) -> impl Iterator<Item = &Path> {
        let memory = self.memory.as_ref().filter(|memory| self.cpu.as_ref() != Some(memory));
        self.cpu.iter().chain(memory).map(|place| place.folder.as_path())
    }
}

/// A step with a control group that failed, and its reason.
pub(crate) type Refused = (&'static str, PathBuf, io::Error);

impl Place {
    fn write(&self, file: &str, text: &str) -> Result<(), Refused> {
        write(&self.folder.join(file), text)
    }
}

/// Makes a group that may be there already: its name is this lab's.
fn create(folder: &Path) -> Result<(), Refused> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(("create", folder.to_owned(), error)),
        Ok(()) => {
            fault::step();
            Ok(())
        }
    }
}

/// Writes to a file of a group, which the kernel has made.
fn write(path: &Path, text: &str) -> Result<(), Refused> {
    let file = fs::OpenOptions::new().write(true).open(path);
    let written = file.and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|error| ("write", path.to_owned(), error))?;
    fault::step();
    Ok(())
}

/// Tries whether processes can be limited: makes groups, and removes them and what was changed for them.
pub(crate) fn attempt() -> Result<(), Error> {
    let needed = Controller::ALL.map(|controller| (controller, "a node"));
    let hierarchies = hierarchy::find(&needed)?;
    let name = format!("rackless-try-{}", nix::unistd::getpid());
    let attempts = hierarchies.iter().map(|hierarchy| {
        let root = hierarchy.base.join(&name);
        let (controller, node) = hierarchy.needed[0];
        let made = hierarchy.make_root(&root);
        let _ = fs::remove_dir(&root);
        hierarchy.take_back();
        made.map_err(Error::limit(node, controller.key()))
    });
    let attempts: Vec<Result<(), Error>> = attempts.collect(); // all, so that all is taken back
    attempts.into_iter().collect()
}
