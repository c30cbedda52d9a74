//! What `rackless up --watch` looks at: the lab file, what it refers to, and the sources of packages.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rackless_topology::model::{Command, FileContent, Node};
use rackless_topology::{Error, Topology};

use crate::packages::Built;

/// Folders that hold what is made, and not what it is made of.
const NOT_SOURCES: [&str; 2] = ["target", "node_modules"];

/// What a changed file concerns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// The description of the lab.
    Lab,
    /// The package in this folder.
    Package(PathBuf),
    /// A program, as `rackless restart` names it.
    Program(String),
}

/// What tells one content of a file from another: device, inode, size, and time of the last change.
type Fingerprint = (u64, u64, u64, i64, i64);

/// Files, what they concern, and how they were when looked at.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    files: BTreeMap<PathBuf, (BTreeSet<Cause>, Fingerprint)>,
    folders: BTreeSet<PathBuf>,
}

impl Snapshot {
    /// Looks at everything that a lab is made of.
    pub(super) fn take(
        file: &Path,
        topology: &Topology,
        traces: &[PathBuf],
        packages: &BTreeMap<PathBuf, Built>,
    ) -> Self {
        let directory = file.parent().unwrap_or(Path::new("/"));
        let mut snapshot = Self::default();
        for path in traces.iter().map(|path| directory.join(path)).chain([file.to_owned()]) {
            snapshot.add(path, Cause::Lab);
        }
        for node in &topology.nodes {
            snapshot.add_programs(node, directory);
        }
        for (folder, built) in packages {
            snapshot.add_package(folder, built);
        }
        snapshot
    }

    /// Gives what is different in `now`: the causes, each with a file that tells of it.
    pub(super) fn changes(&self, now: &Self) -> BTreeMap<Cause, PathBuf> {
        let mut found = BTreeMap::new();
        for path in self.files.keys().chain(now.files.keys()) {
            let (before, after) = (self.files.get(path), now.files.get(path));
            if before.map(|(_, print)| print) == after.map(|(_, print)| print) {
                continue;
            }
            let causes = before.iter().chain(&after).flat_map(|(causes, _)| causes);
            for cause in causes {
                found.entry(cause.clone()).or_insert_with(|| path.clone());
            }
        }
        found
    }

    /// The folders in which something may change.
    pub(super) fn folders(&self) -> BTreeSet<PathBuf> {
        let parents = self.files.keys().filter_map(|path| path.parent()).map(Path::to_owned);
        parents.chain(self.folders.iter().cloned()).collect()
    }

    fn add(&mut self, path: PathBuf, cause: Cause) {
        let Ok(meta) = fs::metadata(&path) else {
            // It may come: where it would be is looked at.
            self.folders.extend(path.parent().filter(|folder| folder.is_dir()).map(Path::to_owned));
            return;
        };
        let print = (meta.dev(), meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec());
        self.files.entry(path).or_insert_with(|| (BTreeSet::new(), print)).0.insert(cause);
    }

    /// Adds the files that programs of a node get, and those that their commands name.
    fn add_programs(&mut self, node: &Node, directory: &Path) {
        if node.programs.is_empty() {
            return;
        }
        for content in node.files.values() {
            if let FileContent::From(from) = content {
                self.add(directory.join(from), Cause::Program(node.name.clone()));
            }
        }
        for program in &node.programs {
            let name = super::named(&node.name, &program.name);
            for path in words(&program.command).iter().map(|word| directory.join(word)) {
                if path.is_file() && path.starts_with(directory) {
                    self.add(path, Cause::Program(name.clone()));
                }
            }
        }
    }

    /// Adds what a package is made of, and where a new part of it would be.
    fn add_package(&mut self, folder: &Path, built: &Built) {
        let cause = || Cause::Package(folder.to_owned());
        let mut sources = built.sources();
        let manifests: BTreeSet<PathBuf> =
            sources.iter().filter_map(|source| manifest(source)).chain([folder.join("Cargo.toml")]).collect();
        let locks = folder.ancestors().map(|above| above.join("Cargo.lock")).find(|path| path.is_file());
        let mut folders: BTreeSet<PathBuf> =
            sources.iter().filter_map(|path| path.parent()).map(Path::to_owned).collect();
        walk(&folder.join("src"), &mut folders);
        sources.extend(folders.iter().flat_map(|folder| rust_files(folder)));
        for path in sources.into_iter().chain(manifests).chain(locks) {
            self.add(path, cause());
        }
        self.folders.extend(folders);
    }
}

/// Reads a lab file's text; gives the traces that it names, too.
pub(super) fn parse(file: &Path, text: &str) -> Result<(Topology, Vec<PathBuf>), Error> {
    let directory = file.parent().unwrap_or(Path::new("/"));
    let traces = RefCell::default();
    let topology = Topology::parse_with(&file.display().to_string(), text, &|path| {
        RefCell::<Vec<PathBuf>>::borrow_mut(&traces).push(path.to_owned());
        fs::read_to_string(directory.join(path))
    })?;
    Ok((topology, traces.into_inner()))
}

/// The words of a command; a line that a shell would not understand has none.
pub(super) fn words(command: &Command) -> Vec<String> {
    match command {
        Command::Shell(line) => shlex::split(line).unwrap_or_default(),
        Command::Args(words) => words.clone(),
    }
}

/// The manifest of the package that a source belongs to.
fn manifest(source: &Path) -> Option<PathBuf> {
    source.ancestors().skip(1).map(|folder| folder.join("Cargo.toml")).find(|path| path.is_file())
}

/// Lists a folder and those below it; what cannot be read is not there.
fn walk(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    found.insert(folder.to_owned());
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && !NOT_SOURCES.contains(&name.as_ref()) {
            walk(&entry.path(), found);
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAB: &str = "[node.a]\nrun = \"cat ./a.conf 'other file' gone\"\n[node.b]\nfiles.\"/etc/b\".from = \"b.conf\"\n\
                       [[node.b.run]]\nname = \"one\"\ncommand = [\"cat\", \"a.conf\", \"/etc/hostname\"]\n";

    fn snapshot(folder: &Path, packages: &BTreeMap<PathBuf, Built>) -> Snapshot {
        let (topology, traces) = parse(&folder.join("lab.toml"), LAB).unwrap();
        Snapshot::take(&folder.join("lab.toml"), &topology, &traces, packages)
    }

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_changed_file_concerns_the_programs_that_name_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["lab.toml", "a.conf", "b.conf", "other file", "unrelated"] {
            write(folder.path(), name, "");
        }
        let nothing = BTreeMap::new();
        let changes = |name: &str| {
            let before = snapshot(folder.path(), &nothing);
            write(folder.path(), name, &format!("longer than {}", before.files.len()));
            let changes = before.changes(&snapshot(folder.path(), &nothing)).into_keys().collect::<Vec<_>>();
            write(folder.path(), name, "");
            changes
        };
        let program = |name: &str| Cause::Program(name.to_owned());
        assert_eq!(changes("lab.toml"), [Cause::Lab]);
        assert_eq!(changes("a.conf"), [program("a"), program("b:one")]);
        assert_eq!(changes("other file"), [program("a")]);
        assert_eq!(changes("b.conf"), [program("b")]);
        assert_eq!(changes("gone"), [program("a")]);
        assert_eq!(changes("unrelated"), []);
    }

    #[test]
    fn a_package_is_its_sources_wherever_they_are_and_what_comes_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["nf/Cargo.toml", "nf/src/main.rs", "dep/Cargo.toml", "dep/src/lib.rs", "dep/src/data.txt"]
        {
            write(folder.path(), name, "");
        }
        let list = ["nf/src/main.rs", "dep/src/lib.rs", "dep/src/data.txt"]
            .map(|name| folder.path().join(name).display().to_string())
            .join(" ");
        write(folder.path(), "target/nf.d", &format!("nf: {list}\n"));
        let built = Built::of(vec![folder.path().join("target/nf")]);
        let packages = BTreeMap::from([(folder.path().join("nf"), built)]);
        let before = snapshot(folder.path(), &packages);
        for name in
            ["nf/Cargo.toml", "nf/src/part/new.rs", "dep/Cargo.toml", "dep/src/new.rs", "dep/src/data.txt"]
        {
            let old = fs::read_to_string(folder.path().join(name)).ok();
            write(folder.path(), name, "changed");
            let changes = before.changes(&snapshot(folder.path(), &packages));
            assert_eq!(
                changes.into_keys().collect::<Vec<_>>(),
                packages.keys().map(|folder| Cause::Package(folder.clone())).collect::<Vec<_>>(),
                "{name}"
            );
            assert!(before.folders().contains(&folder.path().join("nf/src")), "a new folder is seen there");
            match old {
                Some(_) => {}
                None => fs::remove_file(folder.path().join(name)).unwrap(),
            }
        }
        write(folder.path(), "target/debug.txt", "changed");
        write(folder.path(), "nf/notes.txt", "changed");
        let later = snapshot(folder.path(), &packages);
        write(folder.path(), "nf/notes.txt", "changed again");
        assert_eq!(later.changes(&snapshot(folder.path(), &packages)), BTreeMap::new());
    }
}
