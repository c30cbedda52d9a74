//! A place of its own for each test: a user, a folder, and the labs in it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The user `nobody`, as on every Linux.
const NOBODY: u32 = 65534;

/// How long anything in these tests may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder for labs, at the same time the mark by which all processes of these labs are known.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    program: PathBuf,
    user: Option<u32>,
}

impl Home {
    /// A place for labs of the user who runs the tests.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder, program: PathBuf::from(env!("CARGO_BIN_EXE_rackless")), user: None }
    }

    /// A place for labs of an ordinary user; the user who runs the tests, if that is one.
    pub(crate) fn ordinary_user() -> Self {
        let mut home = Self::new();
        if fs::metadata(home.path()).is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) != 0) {
            return home;
        }
        // The build's own folder may be closed to other users.
        let program = home.path().join("bin/rackless");
        fs::create_dir(home.path().join("bin")).expect("a folder for the program");
        // By a process of its own: a child that another test starts meanwhile would hold a file that we write, which
        // the kernel then does not execute.
        let copied = Command::new("cp").args([&home.program, &program]).status();
        assert!(copied.expect("cp runs").success(), "a copy of the program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its permissions");
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("its folder's");
        chown(home.path(), Some(NOBODY), Some(NOBODY)).expect("a folder for nobody");
        home.program = program;
        home.user = Some(NOBODY);
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a lab file and gives its path.
    pub(crate) fn lab(&self, name: &str, content: &str) -> String {
        let path = self.path().join(name);
        fs::write(&path, content).expect("a lab file");
        path.into_os_string().into_string().expect("a path in UTF-8")
    }

    /// Prepares a call of the program.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: &[A]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        command.env("XDG_RUNTIME_DIR", self.path()).env("HOME", self.path()).env("NO_COLOR", "1");
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Output {
        self.command(args).output().expect("the program runs")
    }

    /// Runs the program, which must succeed, and gives its output.
    pub(crate) fn ok<A: AsRef<OsStr>>(&self, args: &[A]) -> String {
        let output = self.run(args);
        let args: Vec<_> = args.iter().map(AsRef::as_ref).collect();
        assert!(output.status.success(), "{args:?}: {}: {}", output.status, text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs the program, which must end with this status, and gives its messages.
    pub(crate) fn fails<A: AsRef<OsStr>>(&self, code: i32, args: &[A]) -> String {
        let output = self.run(args);
        let args: Vec<_> = args.iter().map(AsRef::as_ref).collect();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output.stderr));
        text(&output.stderr)
    }

    /// Whether an echo request from a node is answered: at once as a rule, late on a machine that has much to do.
    pub(crate) fn pings(&self, node: &str, target: &str) -> bool {
        self.is_answered(node, target, 10)
    }

    /// Whether an echo request from a node has no answer within a second.
    pub(crate) fn is_silent(&self, node: &str, target: &str) -> bool {
        !self.is_answered(node, target, 1)
    }

    fn is_answered(&self, node: &str, target: &str, seconds: u32) -> bool {
        let output =
            self.run(&["exec", node, "--", "ping", "-n", "-c", "1", "-W", &seconds.to_string(), target]);
        match output.status.code() {
            Some(0) => true,
            Some(1) => false,
            _ => panic!("ping (Debian: iputils-ping) does not run: {}", text(&output.stderr)),
        }
    }

    /// Waits until an echo request is answered: a neighbour that was given up is asked for again in a second.
    pub(crate) fn reaches(&self, node: &str, target: &str) {
        until("an answer comes", || match self.is_answered(node, target, 1) {
            true => Ok(()),
            false => Err(format!("{target} does not answer {node}")),
        });
    }

    /// The processes that belong to labs of this place.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mark = format!("XDG_RUNTIME_DIR={}", self.path().display());
        let marked = |pid: &Path| {
            let environment = fs::read(pid.join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        };
        let entries = fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
        let marked = entries.filter(|path| marked(path));
        marked.map(|path| fs::read_to_string(path.join("stat")).unwrap_or_default()).collect()
    }

    /// The network namespaces in which processes of this place are, or which they hold.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        let mut found = Vec::new();
        for stat in self.processes() {
            let pid = stat.split(' ').next().unwrap_or_default().to_owned();
            found.extend(held_by(&pid));
        }
        found.sort();
        found.dedup();
        found
    }

    /// Waits until no process, no file and none of the namespaces is left.
    pub(crate) fn assert_nothing_left(&self, namespaces: &[String], when: &str) {
        until(&format!("processes are gone {when}"), || {
            let left = self.processes();
            if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
        });
        until(&format!("files are gone {when}"), || {
            let folder = self.path().join("rackless");
            let left =
                fs::read_dir(&folder).map(|entries| entries.flatten().map(|e| e.path()).collect::<Vec<_>>());
            match left {
                Err(_) => Ok(()),
                Ok(left) => Err(format!("{} holds {left:?}", folder.display())),
            }
        });
        // Until a lab of another test, which the kernel may have given the number of a namespace that has gone, is gone.
        until(&format!("nobody holds a namespace {when}"), || {
            let everything = fs::read_dir("/proc").expect("/proc").flatten();
            for pid in everything.filter_map(|entry| entry.file_name().into_string().ok()) {
                if let Some(held) = held_by(&pid).into_iter().find(|held| namespaces.contains(held)) {
                    return Err(format!("process {pid} holds {held}"));
                }
            }
            Ok(())
        });
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A test that failed leaves its labs; the next one shall not suffer from it.
        for stat in self.processes() {
            if stat.contains("(rackless)") {
                let _ = Command::new("kill").args(["-9", stat.split(' ').next().unwrap_or("0")]).output();
            }
        }
    }
}

fn held_by(pid: &str) -> Vec<String> {
    let own = fs::read_link("/proc/self/ns/net").expect("our own namespace");
    let process = Path::new("/proc").join(pid);
    let open = fs::read_dir(process.join("fd")).into_iter().flatten().flatten().map(|entry| entry.path());
    open.chain([process.join("ns/net")])
        .filter_map(|path| fs::read_link(path).ok())
        .filter(|link| *link != own && link.to_string_lossy().starts_with("net:["))
        .map(|link| link.to_string_lossy().into_owned())
        .collect()
}

/// Waits for a condition; its last word is the message if it never comes true.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(state) = condition() {
        assert!(Instant::now() < deadline, "{what}: {state}");
        std::thread::yield_now();
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
