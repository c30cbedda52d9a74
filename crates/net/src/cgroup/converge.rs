//! The groups of a lab become those that its nodes' limits need, also while it runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rackless_topology::Topology;
use rackless_topology::model::Limits;

use super::hierarchy::{self, Hierarchy};
use super::{Controller, Group, Groups, Place, create, list};
use crate::error::Error;
use crate::shared::lock;

impl Groups {
    /// Makes the groups that the nodes' limits need, changes limits in place, and removes groups of nodes that are gone.
    ///
    /// A process that `processes` finds on a node which is limited anew enters the node's groups. A node that loses its
    /// limits keeps its groups, which limit nothing then. After an error, another call may bring back what was.
    pub(crate) fn converge(
        &self,
        topology: &Topology,
        processes: impl Fn(&str) -> Vec<i32>,
    ) -> Result<(), Error> {
        let needed = needed(topology);
        // There is one change at a time; those who ask for usage meanwhile are not kept waiting.
        let before = lock(&self.nodes).clone();
        if needed.is_empty() && before.is_empty() {
            return Ok(());
        }
        let hierarchies = if needed.is_empty() { Vec::new() } else { hierarchy::find(&needed)? };
        let nodes = self.planned(topology, &hierarchies, &before);
        // What is about to be made is listed, and what is there still.
        let mut roots = lock(&self.roots);
        let new = hierarchies.iter().map(|hierarchy| hierarchy.base.join(&self.name));
        for root in new.filter(|root| !roots.contains(root)).collect::<Vec<_>>() {
            roots.push(root);
        }
        self.list(&[&before, &nodes], &roots)?;
        let left: Vec<&Path> = before.values().flat_map(Group::folders).collect();
        let stays: Vec<&Path> = nodes.values().flat_map(Group::folders).collect();
        if let Err(error) = self.make(topology, &hierarchies, &before, &nodes, processes) {
            for folder in stays.iter().filter(|folder| !left.contains(folder)) {
                let _ = list::remove_one(folder); // the first error is the one that counts
            }
            return Err(error);
        }
        *lock(&self.nodes) = nodes.clone();
        let gone = left.into_iter().filter(|folder| !stays.contains(folder));
        gone.inspect(|folder| kill_in(folder)).try_for_each(list::remove_one)?;
        lock(&self.told).retain(|node, _| nodes.contains_key(node));
        self.list(&[&nodes], &roots)
    }

    /// Makes groups, sets limits, and takes processes in.
    fn make(
        &self,
        topology: &Topology,
        hierarchies: &[Hierarchy<'_>],
        before: &BTreeMap<String, Group>,
        nodes: &BTreeMap<String, Group>,
        processes: impl Fn(&str) -> Vec<i32>,
    ) -> Result<(), Error> {
        for hierarchy in hierarchies {
            let (controller, node) = hierarchy.needed[0];
            let root = hierarchy.base.join(&self.name);
            hierarchy.make_root(&root).map_err(Error::limit(node, controller.key()))?;
        }
        for (name, group) in nodes {
            let limits = topology.node(name).map(|node| node.limits).unwrap_or_default();
            group.make(name, &limits)?;
            let old = before.get(name);
            if old != Some(group) {
                group.take(name, &limits, &members(old, processes(name)))?;
            }
        }
        Ok(())
    }

    /// Settles which groups nodes shall have: those that have some keep what they need no more.
    fn planned(
        &self,
        topology: &Topology,
        hierarchies: &[Hierarchy<'_>],
        before: &BTreeMap<String, Group>,
    ) -> BTreeMap<String, Group> {
        let group = |node: &rackless_topology::model::Node| {
            let old = before.get(&node.name);
            let folder = |base: &Path| base.join(&self.name).join(&node.name);
            let planned = Group::planned(&node.limits, hierarchies, folder);
            let has = |group: &Group| group.folders().next().is_some();
            let group = Group {
                cpu: planned.cpu.or_else(|| old.and_then(|old| old.cpu.clone())),
                memory: planned.memory.or_else(|| old.and_then(|old| old.memory.clone())),
            };
            has(&group).then(|| (node.name.clone(), group))
        };
        topology.nodes.iter().filter_map(group).collect()
    }

    /// Writes the list of groups, the inner ones first.
    fn list(&self, nodes: &[&BTreeMap<String, Group>], roots: &[PathBuf]) -> Result<(), Error> {
        let mut folders: Vec<&Path> =
            nodes.iter().flat_map(|nodes| nodes.values()).flat_map(Group::folders).collect();
        folders.sort_unstable();
        folders.dedup();
        list::write(&self.folder, folders.into_iter().chain(roots.iter().map(PathBuf::as_path)))
    }
}

impl Group {
    /// Makes the groups that are not there, and sets their limits, or lifts those that are wanted no more.
    fn make(&self, node: &str, limits: &Limits) -> Result<(), Error> {
        let key = if self.cpu.is_some() { Controller::Cpu } else { Controller::Memory }.key();
        for folder in self.folders() {
            create(folder).map_err(Error::limit(node, key))?;
        }
        if let Some(place) = &self.cpu {
            let cpus = limits.cpus.map(|cpus| cpus.as_thousandths());
            place.limit_cpu(cpus).map_err(Error::limit(node, Controller::Cpu.key()))?;
        }
        if let Some(place) = &self.memory {
            let size = limits.memory.map(|size| size.as_bytes());
            place.limit_memory(size).map_err(Error::limit(node, Controller::Memory.key()))?;
        }
        Ok(())
    }

    /// Takes processes in; one that ends meanwhile does not mind.
    fn take(&self, node: &str, limits: &Limits, processes: &[i32]) -> Result<(), Error> {
        let key = if limits.cpus.is_some() { Controller::Cpu } else { Controller::Memory }.key();
        for entrance in self.folders().map(|folder| folder.join("cgroup.procs")) {
            for pid in processes {
                match super::write(&entrance, &pid.to_string()) {
                    Err((.., error)) if error.raw_os_error() == Some(nix::libc::ESRCH) => {}
                    result => result.map_err(Error::limit(node, key))?,
                }
            }
        }
        Ok(())
    }
}

/// Gives the controllers that limits need, each with the first node that needs it: errors about it name that.
fn needed(topology: &Topology) -> Vec<(Controller, &str)> {
    let first = |controller: Controller| {
        let node = topology.nodes.iter().find(|node| controller.is_in(&node.limits))?;
        Some((controller, node.name.as_str()))
    };
    Controller::ALL.into_iter().filter_map(first).collect()
}

/// Gives the processes of a node: in its groups, and others that were found.
fn members(group: Option<&Group>, mut found: Vec<i32>) -> Vec<i32> {
    found.extend(group.into_iter().flat_map(Group::folders).flat_map(processes_in));
    found.sort_unstable();
    found.dedup();
    found
}

fn processes_in(folder: &Path) -> Vec<i32> {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 0).collect()
}

/// Ends what is left in a group that goes.
fn kill_in(folder: &Path) {
    for pid in processes_in(folder) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL); // it may have ended by itself
    }
}

impl Place {
    fn limit_cpu(&self, thousandths: Option<u32>) -> Result<(), super::Refused> {
        /// The kernel's own, in microseconds: a shorter one costs more, a longer one lets programs stand still longer.
        const PERIOD: u64 = 100_000;
        let quota = thousandths.map(|thousandths| (u64::from(thousandths) * PERIOD / 1000).to_string());
        match self.version {
            super::Version::One => {
                self.write("cpu.cfs_period_us", &PERIOD.to_string())?;
                self.write("cpu.cfs_quota_us", quota.as_deref().unwrap_or("-1"))
            }
            super::Version::Two => {
                self.write("cpu.max", &format!("{} {PERIOD}", quota.as_deref().unwrap_or("max")))
            }
        }
    }

    fn limit_memory(&self, bytes: Option<u64>) -> Result<(), super::Refused> {
        let bytes = bytes.map(|bytes| bytes.to_string());
        if self.version == super::Version::Two {
            self.write("memory.max", bytes.as_deref().unwrap_or("max"))?;
            return self.write_if_there("memory.swap.max", if bytes.is_some() { "0" } else { "max" });
        }
        // Version 1 counts memory and swap together, and wants the one never above both: what fits depends on the order.
        let bytes = bytes.as_deref().unwrap_or("-1");
        let (memory, both) = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes");
        if self.write(memory, bytes).is_err() {
            self.write_if_there(both, bytes)?;
            self.write(memory, bytes)?;
        }
        self.write_if_there(both, bytes)
    }

    /// Writes to a file that a kernel which does not count swap has not got.
    fn write_if_there(&self, file: &str, text: &str) -> Result<(), super::Refused> {
        if self.folder.join(file).exists() { self.write(file, text) } else { Ok(()) }
    }
}
