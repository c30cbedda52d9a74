//! Network namespaces for the cases, held by descriptor: they go with the process.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sched::{CloneFlags, setns, unshare};

use crate::error::Error;

/// A network namespace.
pub(crate) struct Namespace(File);

impl Namespace {
    /// Makes a namespace and leaves the calling thread in it.
    pub(crate) fn create() -> Result<Self, Error> {
        unshare(CloneFlags::CLONE_NEWNET).map_err(Error::system("make a network namespace"))?;
        File::open("/proc/thread-self/ns/net").map(Self).map_err(Error::system("open a network namespace"))
    }

    /// Holds the namespace that `file` of `/proc` stands for.
    pub(crate) fn of(file: File) -> Self {
        Self(file)
    }

    /// Runs `work` in this namespace, on a thread of its own; programs that it starts are in the namespace too.
    pub(crate) fn within<T: Send>(&self, work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
        let enter =
            || setns(&self.0, CloneFlags::CLONE_NEWNET).map_err(Error::system("enter a network namespace"));
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| enter().and_then(|()| work()));
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Gives the counters of an interface in this namespace.
    pub(crate) fn counters(&self, interface: &str) -> Result<Counters, Error> {
        let read = || std::fs::read_to_string("/proc/thread-self/net/dev");
        let text = self.within(|| read().map_err(Error::system("read interface counters")))?;
        Counters::find(&text, interface).ok_or_else(|| Error::Void(format!("interface {interface} is gone")))
    }

    /// Counts its interfaces besides the loopback.
    pub(crate) fn interfaces(&self) -> Result<usize, Error> {
        self.within(interfaces_here)
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Counts the interfaces besides the loopback in the calling thread's namespace.
pub(crate) fn interfaces_here() -> Result<usize, Error> {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev");
    let text = text.map_err(Error::system("list interfaces"))?;
    // Two lines of headings, and the loopback.
    Ok(text.lines().count().saturating_sub(3))
}

/// Packets that an interface received and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) rx: u64,
    pub(crate) rx_dropped: u64,
}

impl Counters {
    /// Reads a line of `/proc/net/dev`: `name: bytes packets errs drop …`.
    fn find(text: &str, interface: &str) -> Option<Self> {
        let line =
            text.lines().find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'))?;
        let mut words = line.split_whitespace().skip(1).map(str::parse::<u64>);
        let rx = words.next()?.ok()?;
        Some(Self { rx, rx_dropped: words.nth(1)?.ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_the_interfaces_name() {
        let text = "Inter-|   Receive  |  Transmit\n face |bytes    packets errs drop fifo\n    lo: 1 2 3 4 5\n\
                    k0: 640 10 0 3 0 0 0 0 64 1 0 0 0 0 0 0\n k01: 0 99 0 0\n";
        assert_eq!(Counters::find(text, "k0"), Some(Counters { rx: 10, rx_dropped: 3 }));
        assert_eq!(Counters::find(text, "k"), None);
    }
}
