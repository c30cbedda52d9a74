//! The one XDP program that an interface can have, shared by the ports of a process on its queues.

use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::bpf;
use crate::Error;
use crate::interface::Interface;
use crate::spec::{AfXdpSpec, XdpMode};

/// The XDP programs that ports of this process attached. Clones share them, as ports on different queues of one
/// interface must.
#[derive(Clone, Default)]
pub struct Xdp(Arc<Mutex<Programs>>);

/// A program on an interface, detached when this goes.
pub(super) struct Attached {
    map: OwnedFd,
    native: bool,
    _link: OwnedFd,
}

/// Programs by place, as long as a port has them.
type Programs = Vec<(Place, Weak<Attached>)>;

/// Network namespace, by its inode, and interface index.
type Place = (u64, i32);

impl Xdp {
    /// The program of an interface of the calling thread's network namespace: that of another port, or a new one.
    pub(super) fn attached(
        &self,
        interface: &Interface,
        queues: u32,
        spec: &AfXdpSpec,
    ) -> Result<Arc<Attached>, Error> {
        let failed = |action, source| Error::Interface { action, interface: interface.name.clone(), source };
        let namespace = std::fs::metadata("/proc/thread-self/ns/net");
        let namespace = namespace.map_err(|error| failed("find the network namespace", error))?.ino();
        let place = (namespace, interface.index);
        // The list is changed in one step at a time, so a panic cannot have left it half changed.
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|(_, attached)| attached.strong_count() > 0);
        let found = list.iter().find(|(at, _)| *at == place).and_then(|(_, attached)| attached.upgrade());
        if let Some(attached) = found {
            let wanted = [XdpMode::Auto, if attached.native { XdpMode::Native } else { XdpMode::Generic }];
            return match wanted.contains(&spec.mode) {
                true => Ok(attached),
                false => Err(Error::XdpBusy { interface: interface.name.clone() }),
            };
        }
        let attached = Arc::new(Attached::new(interface, queues, spec.mode)?);
        list.push((place, Arc::downgrade(&attached)));
        Ok(attached)
    }
}

impl fmt::Debug for Xdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Xdp").finish_non_exhaustive()
    }
}

impl Attached {
    fn new(interface: &Interface, queues: u32, mode: XdpMode) -> Result<Self, Error> {
        let name = || interface.name.clone();
        let loaded = bpf::socket_map(queues).and_then(|map| Ok((bpf::load(map.as_fd())?, map)));
        let (program, map) = loaded.map_err(|source| match source.raw_os_error() {
            Some(libc::EPERM) => Error::XdpNotPermitted { interface: name(), source },
            _ => Error::Interface { action: "load an XDP program", interface: name(), source },
        })?;
        let attach = |native| bpf::attach(program.as_fd(), interface.index, native);
        let tried = match mode {
            XdpMode::Native => attach(true).map(|link| (link, true)),
            XdpMode::Generic => attach(false).map(|link| (link, false)),
            XdpMode::Auto => match attach(true) {
                Ok(link) => Ok((link, true)),
                Err(error) if is_busy(&error) => Err(error),
                Err(_) => attach(false).map(|link| (link, false)),
            },
        };
        let (link, native) = tried.map_err(|source| match is_busy(&source) {
            true => Error::XdpBusy { interface: name() },
            false if mode == XdpMode::Native => {
                Error::Interface { action: "attach a native XDP program", interface: name(), source }
            }
            false => Error::Interface { action: "attach an XDP program", interface: name(), source },
        })?;
        Ok(Self { map, native, _link: link })
    }

    /// Has the frames of a queue handed to a socket.
    pub(super) fn set_socket(&self, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        bpf::set_socket(self.map.as_fd(), queue, socket)
    }

    pub(super) fn is_native(&self) -> bool {
        self.native
    }
}

fn is_busy(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBUSY | libc::EEXIST))
}
