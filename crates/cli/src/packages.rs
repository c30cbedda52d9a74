//! The cargo packages that a lab's nodes name: built before the lab needs their programs.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use rackless_net::Packages;
use rackless_topology::Topology;
use serde::Deserialize;

use crate::failure::Failure;

/// A package that is built.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// Its executables, and when each was made.
    pub(crate) made: Vec<(PathBuf, Option<SystemTime>)>,
}

/// What cargo says of something that it has built, as far as it matters here.
#[derive(Deserialize)]
struct Artifact {
    reason: String,
    executable: Option<PathBuf>,
}

/// Builds every package that the lab's nodes name; `directory` is where relative paths start.
pub(crate) fn build_all(topology: &Topology, directory: &Path) -> Result<Packages, Failure> {
    let packages: BTreeSet<&PathBuf> =
        topology.nodes.iter().filter_map(|node| node.package.as_ref()).collect();
    let built = packages.into_iter().map(|package| {
        let folders = build(&directory.join(package))?.folders();
        Ok((package.clone(), folders))
    });
    built.collect()
}

/// Builds the package in a folder, by the cargo that the variable `CARGO` names or that is in `PATH`.
///
/// Errors of the compiler go to standard error, as cargo tells them.
pub(crate) fn build(folder: &Path) -> Result<Built, Failure> {
    let shown = folder.display();
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        let hint =
            "the key 'package' of a node is the folder of a cargo package, from the lab file's folder on";
        return Err(
            Failure::cannot(format!("there is no cargo package in {shown}: no Cargo.toml")).hint(hint)
        );
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.args(["build", "--bins", "--message-format=json-render-diagnostics"]).current_dir(folder);
    if !std::io::stderr().is_terminal() {
        command.arg("--quiet");
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|error| {
        Failure::cannot(format!("cannot run {} for the package in {shown}: {error}", cargo.display()))
            .hint("install Rust (https://rustup.rs), or name cargo by the variable CARGO")
    })?;
    if !output.status.success() {
        return Err(Failure::cannot(format!("the package in {shown} does not build: {}", output.status)));
    }
    let executables = executables(&String::from_utf8_lossy(&output.stdout));
    match executables.is_empty() {
        true => Err(Failure::cannot(format!("the package in {shown} has no executable"))
            .hint("a network function's program is made by rackless::main! in src/main.rs")),
        false => Ok(Built::of(executables)),
    }
}

/// Gives the executables of which cargo's messages tell, a message a line.
fn executables(messages: &str) -> Vec<PathBuf> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    let built = artifacts.filter(|artifact| artifact.reason == "compiler-artifact");
    let found: BTreeSet<PathBuf> = built.filter_map(|artifact| artifact.executable).collect();
    found.into_iter().collect()
}

impl Built {
    /// Looks at executables.
    pub(crate) fn of(executables: Vec<PathBuf>) -> Self {
        let time = |path: &PathBuf| path.metadata().and_then(|meta| meta.modified()).ok();
        let made = executables.into_iter().map(|path| (time(&path), path)).map(|(time, path)| (path, time));
        Self { made: made.collect() }
    }

    /// The folders that the executables are in.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let folders: BTreeSet<PathBuf> =
            self.made.iter().filter_map(|(path, _)| path.parent()).map(Path::to_owned).collect();
        folders.into_iter().collect()
    }

    /// The files that the executables were made of, as cargo's lists beside them tell.
    pub(crate) fn sources(&self) -> BTreeSet<PathBuf> {
        let lists = self.made.iter().map(|(path, _)| path.with_extension("d"));
        // Without a list nothing is known to be watched but the package's own folder.
        let texts = lists.filter_map(|list| std::fs::read_to_string(list).ok());
        texts.flat_map(|text| listed(&text)).collect()
    }
}

/// Reads a list in make's form: `target: file file`, in which a space of a name has a backslash before it.
fn listed(text: &str) -> Vec<PathBuf> {
    let files = text.lines().filter_map(|line| line.split_once(": ")).map(|(_, files)| files);
    let names = files.flat_map(|files| {
        let joined = files.replace("\\ ", "\0");
        joined.split_whitespace().map(|name| PathBuf::from(name.replace('\0', " "))).collect::<Vec<_>>()
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executables_are_those_of_which_cargo_tells() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"lib"},"executable":null}
{"reason":"build-script-executed","executable":"/no"}
not json
{"reason":"compiler-artifact","executable":"/t/debug/b"}
{"reason":"compiler-artifact","executable":"/t/debug/a"}
{"reason":"build-finished","success":true}"#;
        let found = executables(messages);
        assert_eq!(found, [Path::new("/t/debug/a"), Path::new("/t/debug/b")]);
        assert_eq!(Built::of(found).folders(), [Path::new("/t/debug")]);
    }

    #[test]
    fn names_with_spaces_are_one_name_in_a_list_of_sources() {
        let list = "/t/debug/a: /src/main.rs /my\\ code/lib.rs\n";
        assert_eq!(listed(list), [Path::new("/src/main.rs"), Path::new("/my code/lib.rs")]);
    }
}
