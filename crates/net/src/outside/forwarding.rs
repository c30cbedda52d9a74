//! The switches by which the machine's interfaces let answers pass to the lab, and their way back.
//!
//! What was changed stands in the lab's folder before it is changed, and is undone by whoever removes the folder: the
//! lab, its reaper, or the next command in the same network.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::{fault, rundir};

const FILE: &str = "forwarding";
const FOLDER: &str = "/proc/sys/net/ipv4/conf";
const ALL: &str = "all";

/// The interfaces that forward for a lab and did not before.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Changed {
    /// The network namespace, by its inode.
    namespace: u64,
    /// What the switch of all interfaces was.
    all: String,
    interfaces: BTreeSet<String>,
}

/// Finds the interfaces in the calling thread's namespace that do not forward, and lists them in the lab's folder.
///
/// An interface that forwards for another lab already counts as changed by both; what is listed stays listed.
pub(super) fn plan(folder: &Path) -> Result<BTreeSet<String>, Error> {
    let namespace = namespace().map_err(Error::file("read", "/proc/thread-self/ns/net"))?;
    let of_others = of_others(folder, namespace);
    let own = list(folder).filter(|own| own.namespace == namespace).unwrap_or_default().interfaces;
    let closed = |name: &String| {
        of_others.contains(name) || own.contains(name) || read(name).is_ok_and(|value| value.trim() == "0")
    };
    let entries = fs::read_dir(FOLDER).map_err(Error::file("read", FOLDER))?.flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let interfaces: BTreeSet<String> =
        names.filter(|name| !matches!(name.as_str(), ALL | "default" | "lo")).filter(closed).collect();
    let all = read(ALL).map_err(Error::file("read", path(ALL)))?;
    let changed = Changed { namespace, all, interfaces };
    rundir::replace(folder, FILE, &serde_json::to_vec(&changed).expect("names are plain data"))?;
    Ok(changed.interfaces)
}

/// Lets an interface forward: one of the lab's own, or one that is listed.
pub(super) fn open(name: &str) -> Result<(), Error> {
    write(name, true).map_err(Error::file("write", path(name)))
}

/// Undoes what a lab's folder lists, but for what other labs need too.
///
/// If all interfaces were told to forward, or not to, since then, that counts.
///
/// # Errors
/// Something could not be undone, also because the folder tells of another network than that of the calling thread.
pub(crate) fn close(folder: &Path) -> Result<(), Error> {
    let Some(changed) = list(folder) else { return Ok(()) };
    if namespace().ok() != Some(changed.namespace) {
        let elsewhere =
            || io::Error::other("this is to be undone in the network in which the lab was started");
        return if lives(changed.namespace) { Err(Error::file("undo", folder)(elsewhere())) } else { Ok(()) };
    }
    let of_others = of_others(folder, changed.namespace);
    let same = read(ALL).is_ok_and(|all| all == changed.all);
    for name in changed.interfaces.difference(&of_others).filter(|_| same) {
        match write(name, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // the interface is gone
            result => result.map_err(Error::file("write", path(name)))?,
        }
    }
    let file = folder.join(FILE);
    fs::remove_file(&file).map_err(Error::file("remove", file))
}

/// Gives the interfaces that forward for other labs in the same network.
fn of_others(folder: &Path, namespace: u64) -> BTreeSet<String> {
    let base = folder.parent().unwrap_or(folder);
    let folders = fs::read_dir(base).into_iter().flatten().flatten().map(|entry| entry.path());
    let others = folders.filter(|other| other != folder).filter_map(|other| list(&other));
    others.filter(|other| other.namespace == namespace).flat_map(|other| other.interfaces).collect()
}

/// Reads a lab's list; one that was cut short was of changes that were not made yet.
fn list(folder: &Path) -> Option<Changed> {
    serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()
}

fn namespace() -> io::Result<u64> {
    Ok(fs::metadata("/proc/thread-self/ns/net")?.ino())
}

/// Whether a process is in a network namespace.
fn lives(namespace: u64) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| fs::metadata(process.path().join("ns/net")).ok())
        .any(|of| of.ino() == namespace)
}

fn path(interface: &str) -> PathBuf {
    Path::new(FOLDER).join(interface).join("forwarding")
}

fn read(interface: &str) -> io::Result<String> {
    fs::read_to_string(path(interface))
}

fn write(interface: &str, on: bool) -> io::Result<()> {
    fs::write(path(interface), if on { "1" } else { "0" })?;
    fault::step();
    Ok(())
}
