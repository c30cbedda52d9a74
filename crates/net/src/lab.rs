//! The lab process: makes a lab, serves it, and removes it.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

use nix::sys::signal::{SigSet, Signal};
use rackless_topology::Topology;

use crate::cgroup::Groups;
use crate::control::Event;
use crate::error::Error;
use crate::fabric::Fabric;
use crate::init::Init;
use crate::namespace::Namespace;
use crate::outside::Uplinks;
use crate::reaper::Reaper;
use crate::rundir::{Base, RunDir};
use crate::service::{self, Answer};
use crate::shared::{Message, Shared};
use crate::{descriptors, files, hosts, neighbours, outside, programs, sys, userns};

/// The folders that have the executables of cargo packages, by the packages' folders as the lab file names them.
///
/// The lab builds none: who brings it up does, so that it can tell of errors and knows when something is built anew.
pub type Packages = BTreeMap<PathBuf, Vec<PathBuf>>;

/// Where a lab comes from and what it is called.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The lab's name; `None`: the topology's.
    pub name: Option<String>,
    /// The lab file, which clients may ask for.
    pub file: Option<PathBuf>,
    /// The shape that was asked for instead of a lab file.
    pub shape: Option<String>,
    /// The working directory of the nodes' programs: the lab file's folder.
    pub directory: PathBuf,
    /// Where the executables of the packages are that nodes name.
    pub packages: Packages,
    /// Whether a lab in the background ends when the process that asked for it does, however that happens.
    pub ends_with_caller: bool,
}

/// Makes the lab, tells `observe` what happens, and comes back when the lab is gone.
///
/// The calling process becomes the lab: it holds all namespaces, and they go when it ends, however
/// that happens. It ends at `SIGINT`, `SIGTERM`, `SIGHUP`, or when a client asks.
///
/// # Errors
/// Whatever kept the lab from coming up or going down; nothing is left of it in either case.
///
/// # Privileges
/// Root, or a system that gives its users user namespaces.
pub fn run(topology: Topology, options: Options, observe: impl FnMut(&Event)) -> Result<(), Error> {
    run_until(topology, options, None, observe)
}

/// Does what [`run`] does, and ends the lab when the other end of the pipe `lifeline` is closed.
pub(crate) fn run_until(
    topology: Topology,
    options: Options,
    lifeline: Option<OwnedFd>,
    mut observe: impl FnMut(&Event),
) -> Result<(), Error> {
    let begin = Instant::now();
    sys::share_memory_pools();
    let name = options.name.clone().unwrap_or_else(|| topology.name.clone());
    check_name(&name)?;
    let base = Base::find();
    outside::check(&topology)?;
    let rootless = !nix::unistd::geteuid().is_root();
    userns::enter()?;
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    signals.thread_block().map_err(|errno| Error::Spawn { what: "signals".into(), source: errno.into() })?;
    descriptors::reserve(&topology)?;
    let warnings = neighbours::warnings(neighbours::needed(&topology));
    let reaper = Reaper::start(&base.lab(&name))?;
    let dir = match RunDir::claim(&base, &name) {
        Ok(dir) => dir,
        Err(error) => {
            reaper.finish();
            return Err(error);
        }
    };
    let made = hosts::write(&topology, dir.path())
        .and_then(|()| files::write(&topology.nodes, &options.directory, dir.path()))
        .and_then(|()| make(&topology, &name, dir.path(), &options.directory, rootless));
    let (made, wire_deaths) = match made {
        Ok(made) => made,
        Err(error) => {
            let _ = dir.remove(); // the first error is the one that counts
            reaper.finish();
            return Err(error);
        }
    };
    let (sender, inbox) = mpsc::channel();
    let shared = Arc::new(Shared::new(topology, options, name, dir.path(), made, sender));
    let mut asked = None;
    let mut result = service::start(&shared, signals, lifeline, wire_deaths)
        .and_then(|()| programs::start_all(&shared, &inbox, &mut observe, &mut asked));
    if result.is_ok() && asked.is_none() {
        observe(&shared.set_up(begin.elapsed(), warnings));
        shared.begin_agenda();
        asked = Some(wait(&inbox, &mut observe));
    }
    observe(&Event::Stopping);
    shared.publish(Event::Stopping);
    let gone = shared.tear_down();
    let removed = dir.remove();
    reaper.finish();
    if result.is_ok() {
        result = gone.and(removed);
    }
    if let Some(Some(client)) = asked {
        client.finish(&result);
    }
    result
}

/// Handles what happens until somebody asks for the end.
fn wait(inbox: &mpsc::Receiver<Message>, observe: &mut impl FnMut(&Event)) -> Option<Answer> {
    loop {
        match inbox.recv() {
            Ok(Message::Event(event)) => observe(&event),
            Ok(Message::Stop(client)) => return client,
            Err(_) => return None,
        }
    }
}

/// What a lab consists of in the kernel.
pub(crate) struct Made {
    pub(crate) groups: Groups,
    pub(crate) init: Init,
    pub(crate) fabric: Fabric,
    pub(crate) uplinks: Uplinks,
}

/// Makes the init process and everything in the kernel, or nothing but groups, which go with the lab's folder.
fn make(
    topology: &Topology,
    name: &str,
    folder: &Path,
    directory: &Path,
    rootless: bool,
) -> Result<(Made, mpsc::Receiver<usize>), Error> {
    let groups = Groups::none(name, folder);
    groups.converge(topology, |_| Vec::new())?;
    let mut uplinks = Uplinks::none(Namespace::current()?, rootless);
    let init = Init::start(&[folder, directory])?;
    let made = Fabric::build(topology, &init).and_then(|(mut fabric, wire_deaths)| {
        match uplinks.make(topology, &fabric, folder) {
            Ok(()) => Ok((fabric, uplinks, wire_deaths)),
            Err(error) => {
                let _ = uplinks.remove_all_but(|_| false, folder); // the first error is the one that counts
                let _ = fabric.tear_down();
                Err(error)
            }
        }
    });
    match made {
        Ok((fabric, uplinks, wire_deaths)) => Ok((Made { groups, init, fabric, uplinks }, wire_deaths)),
        Err(error) => {
            init.finish();
            Err(error)
        }
    }
}

/// A lab's name is a folder's, and shows up in prompts and file names.
fn check_name(name: &str) -> Result<(), Error> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ',' | '=');
    if !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.chars().all(good) {
        return Ok(());
    }
    Err(Error::Name { name: name.to_owned() })
}
