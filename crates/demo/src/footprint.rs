//! What a lab could leave behind on the machine, listed before and after.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Namespaces, interfaces, processes, files and sockets at one moment.
#[derive(Default)]
pub(crate) struct Footprint {
    namespaces: BTreeSet<String>,
    interfaces: BTreeSet<String>,
    processes: BTreeSet<String>,
    files: BTreeSet<String>,
    sockets: BTreeSet<String>,
}

impl Footprint {
    /// Lists what is there now.
    pub(crate) fn take() -> std::io::Result<Self> {
        let mut footprint = Self::default();
        for entry in fs::read_dir("/proc")?.flatten() {
            let name = entry.file_name();
            if let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) {
                footprint.process(pid, &entry.path());
            }
        }
        let names = |path: &str| -> BTreeSet<String> {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        footprint.interfaces = names("/sys/class/net");
        for folder in run_folders() {
            let inside = names(&folder.to_string_lossy());
            footprint
                .files
                .extend(inside.into_iter().map(|name| folder.join(name).to_string_lossy().into_owned()));
        }
        let ours = |line: &&str| line.contains("rackless") || line.contains("dpdk");
        let sockets = fs::read_to_string("/proc/net/unix").unwrap_or_default();
        footprint.sockets = sockets
            .lines()
            .filter(ours)
            .filter_map(|line| line.split_whitespace().nth(7))
            .map(str::to_owned)
            .collect();
        Ok(footprint)
    }

    /// Notes a process that this demo has started, and its network namespace: others come and go as they like.
    fn process(&mut self, pid: u32, path: &Path) {
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        let (name, value) = mark();
        let mark = format!("{name}={value}");
        if !environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            return;
        }
        // A zombie is gone but for its parent, which is not ours to hurry.
        let status = fs::read_to_string(path.join("stat")).unwrap_or_default();
        if status.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')) {
            return;
        }
        if let Ok(namespace) = fs::read_link(path.join("ns/net")) {
            self.namespaces.insert(namespace.to_string_lossy().into_owned());
        }
        let command = fs::read(path.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        self.processes.insert(format!("process {pid} ({})", command.trim()));
    }

    /// What is here and was not there before.
    pub(crate) fn beyond(&self, before: &Self) -> Vec<String> {
        let beyond = |what: &str, now: &BTreeSet<String>, then: &BTreeSet<String>| -> Vec<String> {
            now.difference(then).map(|name| format!("{what} {name}")).collect()
        };
        [
            beyond("namespace", &self.namespaces, &before.namespaces),
            beyond("interface", &self.interfaces, &before.interfaces),
            beyond("", &self.processes, &before.processes),
            beyond("file", &self.files, &before.files),
            beyond("socket", &self.sockets, &before.sockets),
        ]
        .concat()
    }

    /// How much of each kind there is.
    pub(crate) fn summary(&self) -> String {
        format!(
            "{} network namespaces and {} processes of the demo, {} interfaces, {} files, {} sockets",
            self.namespaces.len(),
            self.processes.len(),
            self.interfaces.len(),
            self.files.len(),
            self.sockets.len()
        )
    }
}

/// The variable in the environment of all that a demo starts, and its value: labs hand it on to their programs.
pub(crate) fn mark() -> (&'static str, String) {
    ("RACKLESS_DEMO", std::process::id().to_string())
}

/// Where labs and DPDK keep what lives as long as they do.
fn run_folders() -> Vec<PathBuf> {
    let user = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let user = user.into_iter().flat_map(|folder| [folder.join("rackless"), folder.join("dpdk")]);
    let temporary = fs::read_dir("/tmp").into_iter().flatten().flatten().map(|entry| entry.path());
    let temporary = temporary
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rackless-")));
    let system = ["/run/rackless", "/run/dpdk", "/run/netns", "/dev/hugepages"].map(PathBuf::from);
    system.into_iter().chain(user).chain(temporary).collect()
}
