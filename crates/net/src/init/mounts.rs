//! What the processes of a node see besides its network: its own `/run`, `/sys`, `/proc` and host name.

use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, sethostname};

use super::files;
use super::protocol::Job;
use super::spawn::Failure;
use crate::sys;

const NONE: Option<&str> = None;

/// The mount and host name namespaces of a node, shared by all its processes.
pub(super) struct NodeView {
    mounts: File,
    names: File,
}

/// Separates the lab's mounts and host names from the host's, and shows the lab's processes in `/proc`.
pub(super) fn prepare() -> Result<(), Failure> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS)
        .map_err(Failure::at("create mount namespace"))?;
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_SLAVE, NONE)
        .map_err(Failure::at("separate mounts"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    // Inside a container that hides parts of /proc this is refused; the container's own then stays.
    let _ = mount(Some("proc"), "/proc", Some("proc"), flags, NONE);
    Ok(())
}

impl NodeView {
    /// Gives what the calling process sees.
    fn current() -> Result<Self, Failure> {
        let open = |kind| File::open(format!("/proc/self/ns/{kind}")).map_err(Failure::io("open namespace"));
        Ok(Self { mounts: open("mnt")?, names: open("uts")? })
    }

    /// Makes what the processes of a job's node see.
    ///
    /// A process of its own makes it and is gone: the calling one stays where it is, which is in the network the lab
    /// was started in, to which a lab of an ordinary user could not come back.
    pub(super) fn create(job: &Job, network: &OwnedFd, shown: &[&Path]) -> Result<Self, Failure> {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
                .map_err(Failure::at("create a socket"))?;
        match sys::fork().map_err(|_| Failure::at("fork")(Errno::EAGAIN))? {
            ForkResult::Child => {
                let _ = match Self::create_here(job, network, shown) {
                    Ok(made) => sys::send_with(&theirs, b"made", &[made.mounts.as_fd(), made.names.as_fd()]),
                    Err(failure) => sys::send_with(&theirs, failure.to_line().as_bytes(), &[]),
                };
                std::process::exit(0)
            }
            ForkResult::Parent { child } => {
                drop(theirs);
                let mut buffer = vec![0; 4096];
                let received = sys::receive_with(&ours, &mut buffer);
                let _ = waitpid(child, None);
                let (length, fds) = received.map_err(Failure::io("receive namespaces"))?;
                match <[OwnedFd; 2]>::try_from(fds) {
                    Ok([mounts, names]) => Ok(Self { mounts: mounts.into(), names: names.into() }),
                    Err(_) => Err(Failure::from_line(&String::from_utf8_lossy(&buffer[..length]))),
                }
            }
        }
    }

    fn create_here(job: &Job, network: &OwnedFd, shown: &[&Path]) -> Result<Self, Failure> {
        enter_network(network)?;
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS)
            .map_err(Failure::at("create mount namespace"))?;
        sethostname(&job.node).map_err(Failure::at("set host name"))?;
        private_run(shown)?;
        files::show(&job.files)?;
        // Shows the node's interfaces; where it is refused (as in a container) the host's view stays.
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), flags, NONE);
        Self::current()
    }

    /// Moves the calling process, which must have one thread, into this view.
    pub(super) fn enter(&self) -> Result<(), Failure> {
        setns(&self.names, CloneFlags::CLONE_NEWUTS).map_err(Failure::at("enter host name namespace"))?;
        setns(&self.mounts, CloneFlags::CLONE_NEWNS).map_err(Failure::at("enter mount namespace"))
    }
}

/// Moves the calling process into a network namespace.
pub(super) fn enter_network(network: &OwnedFd) -> Result<(), Failure> {
    setns(network, CloneFlags::CLONE_NEWNET).map_err(Failure::at("enter network namespace"))
}

/// Gives the node an empty `/run` of its own; the folders of `shown` that lie in it stay where they were.
fn private_run(shown: &[&Path]) -> Result<(), Failure> {
    let inside = shown.iter().filter(|folder| folder.starts_with("/run"));
    let inside: Vec<(&Path, File)> = inside
        .map(|folder| Ok((*folder, File::open(folder)?)))
        .collect::<Result<_, _>>()
        .map_err(Failure::io("open a folder in /run"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), flags, Some("mode=0755"))
        .map_err(Failure::at("give the node its own /run"))?;
    for (folder, open) in inside {
        fs::create_dir_all(folder).map_err(Failure::io("show a folder in /run"))?;
        let source = format!("/proc/self/fd/{}", open.as_raw_fd());
        mount(Some(source.as_str()), folder, NONE, MsFlags::MS_BIND, NONE)
            .map_err(Failure::at("show a folder in /run"))?;
    }
    Ok(())
}

impl Failure {
    /// Makes the adapter for an I/O error.
    pub(super) fn io(stage: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self {
            stage: stage.to_owned(),
            errno: Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32)),
        }
    }
}
