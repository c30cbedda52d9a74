//! Processes by the network namespace they are in.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{SysconfVar, sysconf};

use super::ProcessObservation;

/// The processes that this user may look at, by the inode of their network namespace.
pub(super) struct ByNamespace(BTreeMap<u64, Vec<ProcessObservation>>);

/// Looks at all processes but one; those that end meanwhile are left out.
pub(super) fn by_namespace(but: i32) -> ByNamespace {
    let own = fs::metadata("/proc/self/ns/net").map_or(0, |meta| meta.ino());
    let mut found: BTreeMap<u64, Vec<ProcessObservation>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let folder = entry.path();
        let Ok(namespace) = fs::metadata(folder.join("ns/net")).map(|meta| meta.ino()) else { continue };
        if namespace != own
            && pid != but
            && let Some(process) = read(&folder, pid)
        {
            found.entry(namespace).or_default().push(process);
        }
    }
    ByNamespace(found)
}

impl ByNamespace {
    /// Gives the processes in the namespace that a descriptor of ours holds.
    pub(super) fn of(&self, descriptor: RawFd) -> Vec<ProcessObservation> {
        let inode = fs::metadata(format!("/proc/self/fd/{descriptor}")).map_or(0, |meta| meta.ino());
        self.0.get(&inode).cloned().unwrap_or_default()
    }
}

/// Looks at one process.
pub(super) fn one(pid: i32) -> Option<ProcessObservation> {
    read(&Path::new("/proc").join(pid.to_string()), pid)
}

fn read(folder: &Path, pid: i32) -> Option<ProcessObservation> {
    let value = |name| sysconf(name).ok().flatten().and_then(|value| u64::try_from(value).ok());
    let ticks_per_second = value(SysconfVar::CLK_TCK).unwrap_or(100);
    let page = value(SysconfVar::PAGE_SIZE).unwrap_or(4096);
    parse(&fs::read_to_string(folder.join("stat")).ok()?, pid, ticks_per_second, page)
}

/// Reads `/proc/PID/stat`: the name stands in parentheses, and may contain some itself.
fn parse(stat: &str, pid: i32, ticks_per_second: u64, page: u64) -> Option<ProcessObservation> {
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect(); // the first is the third, the state
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = number(14)? + number(15)?; // utime and stime
    let memory = number(24)? * page; // rss
    Some(ProcessObservation { pid, name: name.to_owned(), cpu_ms: ticks * 1000 / ticks_per_second, memory })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_read_whole() {
        let stat =
            "7 (a) (b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 100 2000 300 18446744073709551615";
        let process = parse(stat, 7, 100, 4096).expect("a process");
        assert_eq!((process.name.as_str(), process.cpu_ms, process.memory), ("a) (b", 2000, 300 * 4096));
        for length in 0..stat.len() - 21 {
            assert!(parse(&stat[..length], 7, 100, 4096).is_none_or(|process| process.name == "a) (b"));
        }
    }
}
