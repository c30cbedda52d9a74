//! `rackless up --watch`: what is edited runs in the lab again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use rackless_net::{Client, Event, Options, Origin, Packages};
use rackless_topology::Topology;
use rackless_topology::model::Node;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::watched::{self, Cause, Snapshot};
use crate::failure::Failure;
use crate::packages::{self, Built};

/// How long nothing may change before a change counts as whole: editors write in several steps.
const QUIET: Duration = Duration::from_millis(50);

/// A lab that follows its files.
struct Watch {
    lab: String,
    file: PathBuf,
    topology: Topology,
    traces: Vec<PathBuf>,
    /// By their folders, which are absolute.
    packages: BTreeMap<PathBuf, Built>,
}

/// Brings the lab up, or a running one up to date if `detached`, and follows its files until Ctrl-C.
pub(super) fn run(topology: Topology, mut options: Options, detached: bool) -> Result<ExitCode, Failure> {
    let Some(file) = options.file.clone() else {
        return Err(Failure::cannot("--watch without a lab file: there is nothing to watch"));
    };
    let lab = options.name.clone().unwrap_or_else(|| topology.name.clone());
    let text = fs::read_to_string(&file).map_err(Failure::io(format!("read {}", file.display())))?;
    let (topology, traces) = watched::parse(&file, &text)?;
    let mut watch = Watch { lab, file, topology, traces, packages: BTreeMap::new() };
    let topology = watch.topology.clone();
    options.packages = watch.build_for(&topology)?;
    // From here on, an edit is one of the lab that runs.
    let seen = watch.snapshot();
    options.ends_with_caller = !detached;
    if detached && rackless_net::labs()?.contains(&watch.lab) {
        super::change::run(&watch.lab, &options, false, false)?;
        // What runs may have been built earlier than what is there now.
        let users: Vec<String> = watch.packages.keys().flat_map(|folder| watch.users(folder)).collect();
        users.iter().try_for_each(|programs| watch.restart(programs))?;
    } else {
        let event = rackless_net::run_detached(topology, options)?;
        super::show(&event, false, true);
    }
    watch.follow(seen, detached)
}

impl Watch {
    /// Acts on every change until the lab ends or a signal comes.
    fn follow(&mut self, mut seen: Snapshot, detached: bool) -> Result<ExitCode, Failure> {
        let mut signals = signals()?;
        let ended = follow_events(&self.lab)?;
        let cannot = |errno: Errno| Failure::cannot(format!("cannot watch files: {errno}"));
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(cannot)?;
        eprintln!("watching {} and what it refers to", self.file.display());
        loop {
            for folder in self.snapshot().folders() {
                watch_folder(&inotify, &folder)?;
            }
            // What changed before its folder was watched is seen here.
            let now = self.snapshot();
            let changes = seen.changes(&now);
            if !changes.is_empty() {
                seen = now;
                self.act(changes);
                continue;
            }
            let fds = [inotify.as_fd(), signals.as_fd(), ended.as_fd()];
            let [changed, signalled, gone] = wait(fds, PollTimeout::NONE)?;
            if signalled {
                let _ = signals.read(&mut [0; 16]);
                return self.leave(detached);
            }
            if gone {
                return Ok(ExitCode::SUCCESS);
            }
            let mut busy = changed;
            while busy {
                while inotify.read_events().is_ok_and(|events| !events.is_empty()) {}
                let quiet = PollTimeout::try_from(QUIET).unwrap_or(PollTimeout::ZERO);
                busy = wait([inotify.as_fd()], quiet)?[0];
            }
        }
    }

    /// Ends the lab, unless it was to stay.
    fn leave(&self, detached: bool) -> Result<ExitCode, Failure> {
        if detached {
            eprintln!("lab {} goes on, unwatched", self.lab);
        } else {
            Client::connect(Some(&self.lab))?.down()?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Does what changes ask for; what fails is told, and what runs goes on.
    fn act(&mut self, changes: BTreeMap<Cause, PathBuf>) {
        let mut told = BTreeSet::new();
        for (cause, file) in changes {
            if told.insert(file.clone()) {
                eprintln!("{} has changed", self.shown(&file));
            }
            let done = match cause {
                Cause::Lab => self.change_lab(),
                Cause::Package(folder) => self.rebuild(&folder),
                Cause::Program(program) => self.restart(&program),
            };
            if let Err(failure) = done {
                failure.report();
            }
        }
    }

    /// Makes the lab what its file says now.
    fn change_lab(&mut self) -> Result<(), Failure> {
        let path = self.file.display();
        let text = fs::read_to_string(&self.file).map_err(Failure::io(format!("read {path}")))?;
        let (topology, traces) = watched::parse(&self.file, &text)?;
        let packages = self.build_for(&topology)?;
        let begin = Instant::now();
        let mut client = Client::connect(Some(&self.lab))?.with_packages(packages);
        // A program that did not become ready does not undo the change: the file is what counts from now on.
        (self.topology, self.traces) = (topology, traces);
        let (changes, warnings) = client.converge(Origin::File(&self.file, &text), false)?;
        changes.iter().for_each(|change| eprintln!("{change}"));
        eprint!("{}", super::told(&warnings));
        eprintln!("lab {} is what its file says, {} ms", self.lab, begin.elapsed().as_millis());
        Ok(())
    }

    /// Builds a package; if that makes another executable, the programs that use it start again.
    fn rebuild(&mut self, folder: &Path) -> Result<(), Failure> {
        let begin = Instant::now();
        let built = packages::build(folder)?;
        let old = self.packages.insert(folder.to_owned(), built);
        if old.is_some_and(|old| old.made == self.packages[folder].made) {
            return Ok(());
        }
        eprintln!("{} is built, {} ms", self.shown(folder), begin.elapsed().as_millis());
        self.users(folder).iter().try_for_each(|programs| self.restart(programs))
    }

    fn restart(&self, programs: &str) -> Result<(), Failure> {
        let begin = Instant::now();
        Client::connect(Some(&self.lab))?.restart(programs)?;
        eprintln!("{programs} runs anew, {} ms", begin.elapsed().as_millis());
        Ok(())
    }

    /// Builds the packages of a lab; gives the folders of their executables.
    fn build_for(&mut self, topology: &Topology) -> Result<Packages, Failure> {
        let mut places = Packages::new();
        let mut packages = BTreeMap::new();
        for package in topology.nodes.iter().filter_map(|node| node.package.as_ref()) {
            if places.contains_key(package) {
                continue;
            }
            let folder = self.folder_of(package);
            let built = packages::build(&folder)?;
            places.insert(package.clone(), built.folders());
            packages.insert(folder, built);
        }
        self.packages = packages;
        Ok(places)
    }

    /// The programs that run executables of a package, as `rackless restart` names them.
    fn users(&self, folder: &Path) -> Vec<String> {
        let Some(built) = self.packages.get(folder) else { return Vec::new() };
        let of_package =
            |node: &&Node| node.package.as_ref().is_some_and(|package| self.folder_of(package) == folder);
        self.topology.nodes.iter().filter(of_package).flat_map(|node| users_on(node, built)).collect()
    }

    fn folder_of(&self, package: &Path) -> PathBuf {
        let folder = self.file.parent().unwrap_or(Path::new("/")).join(package);
        fs::canonicalize(&folder).unwrap_or(folder)
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.file, &self.topology, &self.traces, &self.packages)
    }

    /// A path as the user knows it: from the lab file's folder on.
    fn shown<'p>(&self, path: &'p Path) -> std::path::Display<'p> {
        let directory = self.file.parent().unwrap_or(Path::new("/"));
        match path.strip_prefix(directory) {
            Ok(inner) if !inner.as_os_str().is_empty() => inner.display(),
            _ => path.display(),
        }
    }
}

/// The programs of a node whose commands name an executable of its package; all of them if none does, as a script may.
fn users_on(node: &Node, built: &Built) -> Vec<String> {
    let names: BTreeSet<_> = built.made.iter().filter_map(|(path, _)| path.file_name()).collect();
    let uses = |word: &String| Path::new(word).file_name().is_some_and(|name| names.contains(name));
    let using = node.programs.iter().filter(|program| watched::words(&program.command).iter().any(uses));
    let named: Vec<String> = using.map(|program| super::named(&node.name, &program.name)).collect();
    if named.is_empty() { vec![node.name.clone()] } else { named }
}

/// Readable when a signal asks for the end.
fn signals() -> Result<UnixStream, Failure> {
    let cannot = || Failure::io("watch for signals");
    let (signals, signalled) = UnixStream::pair().map_err(cannot())?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let end = signalled.try_clone().map_err(cannot())?;
        signal_hook::low_level::pipe::register(signal, end).map_err(cannot())?;
    }
    Ok(signals)
}

/// Tells the lab's events from a thread of its own; what it gives is readable when the lab has ended.
fn follow_events(lab: &str) -> Result<UnixStream, Failure> {
    let events = Client::connect(Some(lab))?.events()?;
    let (ended, held) = UnixStream::pair().map_err(Failure::io("watch the lab"))?;
    std::thread::spawn(move || {
        let _held = held; // closed when the events end
        for event in events {
            // What a change of the lab consists of is told by who makes it.
            let text = match event {
                Event::Changed { .. } | Event::Ready { .. } => None,
                event => super::describe(&event, true),
            };
            text.into_iter().for_each(|text| eprintln!("{text}"));
        }
    });
    Ok(ended)
}

fn watch_folder(inotify: &Inotify, folder: &Path) -> Result<(), Failure> {
    let what = AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVED_FROM
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_ATTRIB
        | AddWatchFlags::IN_ONLYDIR;
    match inotify.add_watch(folder, what) {
        // One that has gone meanwhile is seen by the folder that it was in.
        Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(()),
        Err(Errno::ENOSPC) => {
            Err(Failure::cannot(format!("cannot watch {}: no watch is left", folder.display()))
                .hint("as root, 'sysctl fs.inotify.max_user_watches=524288' allows more"))
        }
        Err(errno) => Err(Failure::cannot(format!("cannot watch {}: {errno}", folder.display()))),
    }
}

/// Waits until one of these can be read, or has been closed; which can.
fn wait<const N: usize>(fds: [BorrowedFd<'_>; N], timeout: PollTimeout) -> Result<[bool; N], Failure> {
    let mut polled = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    match poll(&mut polled, timeout) {
        Ok(_) | Err(Errno::EINTR) => {
            Ok(polled.map(|fd| fd.revents().is_some_and(|events| !events.is_empty())))
        }
        Err(errno) => Err(Failure::cannot(format!("cannot wait for changes: {errno}"))),
    }
}
