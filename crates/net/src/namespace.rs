//! Network namespaces held by file descriptor, never by a name in the file system.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sched::{CloneFlags, setns, unshare};

use crate::error::Error;
use crate::fault;

/// A network namespace; the kernel removes it when the last descriptor and process are gone.
#[derive(Debug)]
pub(crate) struct Namespace(OwnedFd);

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Namespace {
    /// Gives the namespace the calling thread is in.
    pub(crate) fn current() -> Result<Self, Error> {
        let file = File::open("/proc/thread-self/ns/net").map_err(Error::namespace("open", "network"))?;
        Ok(Self(file.into()))
    }

    /// Makes a namespace and leaves the calling thread in it.
    pub(crate) fn create() -> Result<Self, Error> {
        unshare(CloneFlags::CLONE_NEWNET).map_err(Error::namespace("create", "network"))?;
        let made = Self::current();
        fault::step();
        made
    }

    /// Moves the calling thread into this namespace.
    pub(crate) fn enter(&self) -> Result<(), Error> {
        setns(self, CloneFlags::CLONE_NEWNET).map_err(Error::namespace("enter", "network"))
    }

    /// Runs `work` on the calling thread inside this namespace, and comes back.
    pub(crate) fn within<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let home = Self::current()?;
        self.enter()?;
        let result = work();
        home.enter()?;
        result
    }

    /// Gives a second descriptor of the same namespace.
    pub(crate) fn try_clone(&self) -> Result<OwnedFd, Error> {
        self.0.try_clone().map_err(Error::namespace("duplicate", "network"))
    }
}
