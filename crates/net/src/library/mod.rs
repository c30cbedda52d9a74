//! Labs that a program holds: guards, usable from any thread, several at once.

mod executable;
mod fault;
mod hold;
mod process;

use std::fs::File;
use std::io::{self, PipeReader, Read as _};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rackless_topology::model::{LinkChange, LinkState};

use crate::client::{self, Client};
use crate::control::{Event, Exec, Status};
use crate::converge::Source;
use crate::error::Error;
use crate::init::Ended;
use crate::tap::Tap;
pub use fault::Fault;
pub use hold::hold_for_caller;
use process::Process;

/// A lab that this program has brought up: it goes when the value is dropped, and when the program ends, however that
/// happens.
///
/// The lab is a process of its own, made by the program `rackless`: that named by the variable `RACKLESS_PROGRAM`, else
/// the one beside this program or in the folder above (where cargo builds it), else the one in `PATH`. Its name is
/// unique, so that tests bring up the same lab side by side; [`Lab::name`] tells it, and every verb of `rackless` takes
/// it. All methods may be called from several threads at once.
///
/// # Examples
/// ```no_run
/// use rackless_net::Lab;
///
/// let lab = Lab::shape("single,2")?;
/// assert!(lab.run("h1", ["ping", "-c1", "10.0.0.2"])?.status.success());
/// let cut = lab.part("h1 | h2")?;
/// assert!(!lab.run("h1", ["ping", "-c1", "-W1", "10.0.0.2"])?.status.success());
/// drop(cut); // frames pass again
/// # Ok::<(), rackless_net::Error>(())
/// ```
///
/// # Privileges
/// Root, or a system that gives its users user namespaces.
#[derive(Debug)]
pub struct Lab {
    name: String,
    folder: PathBuf,
    /// The lab goes with it.
    _process: Process,
}

impl Lab {
    /// Brings up the lab that a text in the lab file's form describes; programs run in the working directory.
    ///
    /// # Errors
    /// There is no `rackless`, the text has mistakes (with their places), or the lab does not come up; then nothing is
    /// left of it. The same holds for the other ways to bring one up.
    pub fn text(text: &str) -> Result<Self, Error> {
        Self::up("lab", Source::Text(text.to_owned()), &working_directory()?)
    }

    /// Brings up the lab of a shape, such as `single,2`.
    pub fn shape(shape: &str) -> Result<Self, Error> {
        Self::up(shape, Source::Shape(shape.to_owned()), &working_directory()?)
    }

    /// Brings up the lab of a file; programs run in its folder.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
        let path = path.canonicalize().map_err(Error::file("find", path))?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
        Self::up(&stem, Source::File(path, text), &directory)
    }

    fn up(stem: &str, source: Source, directory: &Path) -> Result<Self, Error> {
        let name = unique(stem);
        let folder = client::folder(&name);
        let process = Process::start(&hold::Task::new(&name, source, directory))?;
        Ok(Self { name, folder, _process: process })
    }

    /// Removes the lab and tells what went wrong with that; to drop it is as thorough, and silent.
    pub fn down(self) -> Result<(), Error> {
        self.client()?.down()
    }

    /// Gives the lab's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Connects to the lab, for all that a client can ask of it.
    pub fn client(&self) -> Result<Client, Error> {
        Client::at(&self.folder)
    }

    /// Tells what the lab consists of and how it does.
    pub fn status(&self) -> Result<Status, Error> {
        self.client()?.status()
    }

    /// Runs a program on a node to its end, and gives what it wrote; its input is empty.
    pub fn run<S: Into<String>>(
        &self,
        node: &str,
        argv: impl IntoIterator<Item = S>,
    ) -> Result<Output, Error> {
        let argv: Vec<String> = argv.into_iter().map(Into::into).collect();
        let failed = |source| Error::Spawn { what: format!("'{}' on {node}", argv.join(" ")), source };
        let input = File::open("/dev/null").map_err(failed)?;
        let (read_output, output) = io::pipe().map_err(failed)?;
        let (read_errors, errors) = io::pipe().map_err(failed)?;
        let exec = request(node, argv.clone())?;
        let execution = self.client()?.exec(exec, [input.as_fd(), output.as_fd(), errors.as_fd()])?;
        drop((output, errors));
        let (stdout, stderr) = read_both(read_output, read_errors).map_err(failed)?;
        Ok(Output { status: status(execution.wait()?), stdout, stderr })
    }

    /// Changes the state of the link at an interface.
    pub fn set_link(&self, node: &str, interface: &str, state: LinkState) -> Result<(), Error> {
        self.client()?.set_link(node, interface, state)
    }

    /// Changes what the link at an interface does to frames, in both directions: keys and values of the lab file, such
    /// as `[("delay", "10 ms")]`; the value `none` takes a condition away.
    pub fn set_conditions<'a>(
        &self,
        node: &str,
        interface: &str,
        keys: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Error> {
        self.change_link(node, interface, fault::both_ways(keys))
    }

    /// Changes the link at an interface: its state, and what it does to frames that the interface sends and receives.
    pub fn change_link(&self, node: &str, interface: &str, change: LinkChange) -> Result<(), Error> {
        self.client()?.change_link(node, interface, change)
    }

    /// Opens a tap that sees every frame at an interface from now on; drop it before the lab.
    pub fn tap(&self, node: &str, interface: &str) -> Result<Tap, Error> {
        Tap::open(&mut self.client()?, node, interface)
    }

    /// Waits until something happens in the lab that `wanted` accepts, or has happened since the lab began.
    ///
    /// # Errors
    /// [`Error::NoEvent`] if it does not happen in time.
    pub fn wait_for(&self, within: Duration, wanted: impl FnMut(&Event) -> bool) -> Result<Event, Error> {
        self.client()?.await_event(within, wanted)
    }
}

/// Makes a name that no other lab has: of this program, or of another that runs.
fn unique(stem: &str) -> String {
    /// Leaves room for two numbers in the longest name of a lab.
    const STEM: usize = 40;
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let good = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ',');
    let stem: String = stem.chars().filter(good).take(STEM).collect();
    format!("{stem}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn working_directory() -> Result<PathBuf, Error> {
    std::env::current_dir().map_err(Error::file("find", "the working directory"))
}

/// Describes a program that runs with this one's environment and working directory.
fn request(node: &str, argv: Vec<String>) -> Result<Exec, Error> {
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Ok(Exec { node: node.to_owned(), argv, env, directory: working_directory()?, terminal: false })
}

/// Reads two pipes at once: a program may fill either first.
fn read_both(mut output: PipeReader, mut errors: PipeReader) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (mut of_output, mut of_errors) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let errors = scope.spawn(|| errors.read_to_end(&mut of_errors));
        output.read_to_end(&mut of_output)?;
        errors.join().expect("to read does not panic")
    })?;
    Ok((of_output, of_errors))
}

fn status(ended: Ended) -> ExitStatus {
    // As wait(2) gives it.
    ExitStatus::from_raw(match ended {
        Ended::Exit(code) => (code & 0xff) << 8,
        Ended::Signal(signal) => signal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_labs_differ_and_can_be_folders() {
        let names = ["fat-tree,4", "fat-tree,4", "../a b", &"x".repeat(100)].map(unique);
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
        assert!(names.iter().all(|name| name.len() <= 64 && !name.contains(['/', ' ', '.'])), "{names:?}");
    }

    #[test]
    fn an_end_is_told_as_a_parent_is_told() {
        assert_eq!(status(Ended::Exit(3)).code(), Some(3));
        assert_eq!(status(Ended::Signal(9)).signal(), Some(9));
    }
}
