//! A running lab becomes another: what differs is changed, all else goes on.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rackless_topology::model::{LinkState, Node, ProgramId};
use rackless_topology::{Action, Change, Diff, Topology};
use serde::{Deserialize, Serialize};

use crate::client::wait_for_end;
use crate::control::{Event, Reply};
use crate::error::Error;
use crate::fabric::{Fabric, Keep};
use crate::init::Ended;
use crate::lab::Packages;
use crate::namespace::Namespace;
use crate::programs::{self, Program, names};
use crate::shared::{Shared, lock};
use crate::{descriptors, files, hosts, neighbours, observe, sys};

/// How often the processes of a node that goes are looked for, as they may make others while they are killed.
const KILLS: usize = 10;

/// Where the description of a lab comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// A lab file: its path, and what it says.
    File(PathBuf, String),
    /// A text in the lab file's form.
    Text(String),
    /// A shape.
    Shape(String),
}

impl Source {
    /// Reads the description; `directory` is where the files are that it names.
    pub(crate) fn read(&self, directory: &Path) -> Result<Topology, Error> {
        let wrong = |message: String| Error::Description { message };
        let parse = |name: &str, text: &str| {
            crate::description::parse(name, text, directory).map_err(|error| wrong(error.to_string()))
        };
        match self {
            Self::File(path, text) => parse(&path.display().to_string(), text),
            Self::Text(text) => parse("lab", text),
            Self::Shape(shape) => Topology::shape(shape).map_err(|error| wrong(error.to_string())),
        }
    }
}

/// What a lab is now.
struct Live {
    topology: Topology,
    /// Of its links.
    states: Vec<LinkState>,
    /// The places of links of which something is gone.
    broken: BTreeSet<usize>,
}

impl Shared {
    /// Makes the lab what `source` describes, or only tells what would change.
    ///
    /// When a change fails, the lab is brought back to what it was; but if a program fails or does not become ready, the
    /// lab is what `source` describes, and the next call starts again what is missing.
    pub(crate) fn converge(
        self: &Arc<Self>,
        source: &Source,
        dry: bool,
        packages: Packages,
    ) -> Result<Reply, Error> {
        self.check_origin(source)?;
        let wanted = Arc::new(source.read(&self.options.directory)?);
        if !self.is_up() {
            return Err(Error::ComingUp { lab: self.name.clone() });
        }
        let _only_one = lock(&self.restarting);
        let live = self.live()?;
        let mut diff = Diff::between(&live.topology, &live.states, &wanted);
        diff.mend(&live.broken);
        let again = self.unwell(&diff, &wanted);
        let mut changes = diff.changes(&live.topology, &wanted);
        changes.extend(again.iter().map(|id| started_again(&wanted, *id)));
        self.uplinks().check(&wanted)?;
        files::check(&wanted.nodes, &self.options.directory)?;
        self.fabric().check_mended(diff.mended.iter().map(|(old, _)| *old))?;
        if !diff.is_empty() {
            descriptors::reserve_for(&diff, &wanted, &self.fabric())?;
        }
        let neighbours = neighbours::needed_more(&live.topology, &wanted);
        if !dry {
            lock(&self.packages).extend(packages);
        }
        if dry || changes.is_empty() {
            return Ok(Reply::Changes { changes, neighbours });
        }
        if !diff.is_empty() {
            self.carry_out(&diff, &live, &wanted)?;
        }
        self.publish(Event::Changed { changes: changes.iter().map(ToString::to_string).collect() });
        self.tell_interfaces()?;
        let started = self.end_all(&again).and_then(|()| {
            programs::start_some(self, &diff.programs.new.iter().copied().chain(again).collect())
        });
        if diff.events {
            self.begin_agenda();
        }
        started.map(|()| Reply::Changes { changes, neighbours })
    }

    /// A lab is changed by what it came from, so that nobody's lab is changed by another's of the same name.
    fn check_origin(&self, source: &Source) -> Result<(), Error> {
        let same = match (source, &self.options.file) {
            (Source::File(path, _), Some(file)) => path == file,
            (Source::Text(_), None) => self.options.shape.is_none(),
            (Source::Shape(_), None) => self.options.shape.is_some(),
            _ => false,
        };
        if same {
            return Ok(());
        }
        let origin = match (&self.options.file, &self.options.shape) {
            (Some(file), _) => file.display().to_string(),
            (None, Some(shape)) => format!("the shape {shape}"),
            (None, None) => "the text of a program".to_owned(),
        };
        Err(Error::OtherLab { lab: self.name.clone(), origin })
    }

    /// Gives what the lab is now: its file's description, and what became of its links since.
    fn live(&self) -> Result<Live, Error> {
        let mut fabric = self.fabric();
        let mut topology = Topology::clone(&self.topology());
        for (place, link) in topology.links.iter_mut().enumerate() {
            link.conditions = fabric.conditions(place).clone();
        }
        let states = (0..topology.links.len()).map(|place| fabric.link_state(place)).collect();
        Ok(Live { topology, states, broken: fabric.broken()? })
    }

    /// Gives the programs that go on by their description and do not run: they failed, or never became ready.
    fn unwell(&self, diff: &Diff, wanted: &Topology) -> Vec<ProgramId> {
        let programs = lock(&self.programs);
        let is_well =
            |program: &Program| program.ready && program.ended.is_none_or(|end| end == Ended::Exit(0));
        let kept = diff.programs.kept.iter().map(|(_, id, _)| *id);
        kept.filter(|id| !programs.get(&names(wanted, *id)).is_some_and(is_well)).collect()
    }

    fn carry_out(self: &Arc<Self>, diff: &Diff, live: &Live, wanted: &Arc<Topology>) -> Result<(), Error> {
        let nodes = &diff.nodes;
        let old =
            || nodes.gone.iter().chain(diff.files.iter().map(|(old, _)| old)).map(|id| &live.topology[*id]);
        let new = || nodes.new.iter().chain(diff.files.iter().map(|(_, new)| new)).map(|id| &wanted[*id]);
        let changed = self
            .end_all(&diff.programs.gone)
            .and_then(|()| self.replace_files(old(), new()))
            .and_then(|()| hosts::write(wanted, &self.folder))
            .and_then(|()| self.change_network(diff, live, wanted));
        if changed.is_err() {
            // The first error is the one that counts.
            let _ = self.replace_files(new(), old());
            let _ = hosts::write(&live.topology, &self.folder);
            let _ = programs::start_some(self, &diff.programs.gone.iter().copied().collect());
            return changed;
        }
        let programs: BTreeSet<_> = wanted.program_ids().map(|id| names(wanted, id)).collect();
        let gone: BTreeSet<&str> = nodes.gone.iter().map(|id| live.topology[*id].name.as_str()).collect();
        lock(&self.programs).retain(|name, _| programs.contains(name) && !gone.contains(name.0.as_str()));
        Ok(())
    }

    /// Takes the files of nodes away, and writes those of others.
    pub(crate) fn replace_files<'a>(
        &self,
        old: impl Iterator<Item = &'a Node>,
        new: impl Iterator<Item = &'a Node>,
    ) -> Result<(), Error> {
        for node in old {
            self.init.forget(&node.name);
            let _ = fs::remove_dir_all(self.folder.join("files").join(&node.name)); // it may have none
        }
        files::write(new, &self.options.directory, &self.folder)
    }

    /// Changes namespaces and links, and with them what the lab is, or leaves them as they were.
    fn change_network(
        self: &Arc<Self>,
        diff: &Diff,
        live: &Live,
        wanted: &Arc<Topology>,
    ) -> Result<(), Error> {
        let mut fabric = self.fabric();
        for node in &diff.nodes.gone {
            let name = &live.topology[*node].name;
            self.init.kill(name);
            if let Some(namespace) = fabric.node(name) {
                kill_all(namespace);
            }
        }
        let keep = Keep::of(diff, wanted);
        let Err(error) = self.become_in_kernel(&mut fabric, wanted, &[], &keep) else {
            *self.topology.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(wanted);
            if diff.events {
                self.agenda.fetch_add(1, Ordering::AcqRel); // nothing of the old one happens any more
            }
            self.watch_memory();
            return Ok(());
        };
        // What is the same in both is kept on the way back, too.
        match self.become_in_kernel(&mut fabric, &live.topology, &live.states, &keep) {
            Ok(()) => Err(error),
            Err(second) => {
                self.stop(None); // nobody knows what such a lab is
                Err(Error::NotUndone { error: error.chain(), second: second.chain() })
            }
        }
    }

    /// Changes all that the kernel has of the lab.
    fn become_in_kernel(
        &self,
        fabric: &mut Fabric,
        wanted: &Topology,
        states: &[LinkState],
        keep: &Keep,
    ) -> Result<(), Error> {
        let mut uplinks = self.uplinks();
        uplinks.remove_all_but(|node| keep.has_node(node), &self.folder)?;
        fabric.converge(wanted, states, keep, &self.init)?;
        self.groups.converge(wanted, |node| self.processes_of(fabric, node))?;
        uplinks.make(wanted, fabric, &self.folder)
    }

    /// Gives the processes of a node: all in its network, or its programs with all that they have started.
    fn processes_of(&self, fabric: &Fabric, node: &str) -> Vec<i32> {
        if let Some(namespace) = fabric.node(node) {
            let descriptor = namespace.try_clone();
            return descriptor.map_or_else(|_| Vec::new(), |held| observe::processes_in(held.as_raw_fd()));
        }
        let programs = lock(&self.programs);
        let own = programs.iter().filter(|((of, _), program)| of == node && program.ended.is_none());
        let mut found: Vec<i32> = own.map(|(_, program)| program.pid).collect();
        let mut next = 0;
        while let Some(pid) = found.get(next) {
            let children = observe::children(*pid);
            found.extend(children);
            next += 1;
        }
        found
    }

    /// Writes again what programs were told of their nodes' interfaces.
    fn tell_interfaces(&self) -> Result<(), Error> {
        let topology = self.topology();
        let entries = fs::read_dir(self.folder.join("nodes")).into_iter().flatten().flatten();
        let files = entries.map(|entry| entry.path());
        for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            match topology.node(&name) {
                Some(node) => drop(self.write_node_file(node)?),
                None => drop(fs::remove_file(&file)), // it goes with the lab at the latest
            }
        }
        Ok(())
    }
}

/// Tells that a program is started again.
fn started_again(topology: &Topology, id: ProgramId) -> Change {
    let program = topology[id].name.as_ref().map_or_else(String::new, |name| format!(" {name}"));
    let details = vec![format!("run{program} again")];
    Change { action: Action::Change, what: format!("node {}", topology[id.node].name), details }
}

/// Ends all processes in a namespace, also those that the lab did not start itself.
fn kill_all(namespace: &Namespace) {
    let Ok(descriptor) = namespace.try_clone() else { return };
    for _ in 0..KILLS {
        let found: Vec<Pid> =
            observe::processes_in(descriptor.as_raw_fd()).into_iter().map(Pid::from_raw).collect();
        if found.is_empty() {
            return;
        }
        // One that cannot be opened or killed has ended by itself.
        let watched: Vec<_> = found.iter().filter_map(|pid| sys::pidfd_open(*pid).ok()).collect();
        for pid in found {
            let _ = kill(pid, Signal::SIGKILL);
        }
        for process in watched {
            let _ = wait_for_end(&process); // the next round sees whether it is there still
        }
    }
}
