//! A client of running labs.

mod wait;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;

use rackless_topology::Change;
use rackless_topology::model::{LinkChange, LinkState};

use crate::connection::{Connection, Sender};
use crate::control::{Event, Exec, Reply, Request, Status, Warning};
use crate::converge::Source;
use crate::error::Error;
use crate::history::Record;
use crate::init::Ended;
use crate::lab::Packages;
use crate::observe::Observation;
use crate::rundir::{self, Base};
use crate::{neighbours, sys};

/// How long a lab may take from its folder to its control socket.
const FIRST_BREATH: Duration = Duration::from_secs(20);
/// How long a lab's process may live on after it has said that the lab is gone.
const LAST_BREATH: Duration = Duration::from_secs(10);

/// A connection to a running lab.
pub struct Client {
    lab: String,
    connection: Connection,
    packages: Packages,
    sender: Sender,
}

/// What a lab was made from.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// A lab file: its absolute path, and what it says.
    File(&'a Path, &'a str),
    /// A text in the lab file's form, of a lab that was made from one.
    Text(&'a str),
    /// A shape.
    Shape(&'a str),
}

/// Lists the running labs of this user by name.
pub fn labs() -> Result<Vec<String>, Error> {
    Base::find().labs()
}

/// Gives the folder that a lab of this name has when it runs, as [`Status::folder`] tells it.
///
/// Ask before the calling process becomes a lab: as root of a user namespace it would be told another.
pub fn folder(lab: &str) -> PathBuf {
    Base::find().lab(lab)
}

impl Client {
    /// Connects to a lab by its name, or to the only one that runs.
    ///
    /// # Errors
    /// [`Error::NoLab`] and [`Error::ManyLabs`] if there is not exactly the one meant.
    pub fn connect(lab: Option<&str>) -> Result<Self, Error> {
        let base = Base::find();
        let labs = base.labs()?;
        let lab = match (lab, labs.as_slice()) {
            (Some(name), labs) if labs.iter().any(|lab| lab == name) => name.to_owned(),
            (Some(name), _) => return Err(Error::NoLab { lab: Some(name.to_owned()), labs }),
            (None, [only]) => only.clone(),
            (None, []) => return Err(Error::NoLab { lab: None, labs }),
            (None, _) => return Err(Error::ManyLabs { labs }),
        };
        Self::at(&base.lab(&lab))
    }

    /// Connects to the lab that has this folder, as [`Status::folder`] tells it.
    pub fn at(folder: &Path) -> Result<Self, Error> {
        let lab = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let broken = |source| Error::Connection { lab: lab.clone(), source };
        let deadline = Instant::now() + FIRST_BREATH;
        let stream = loop {
            let tried = rundir::with_short_path(folder, |folder| {
                UnixStream::connect(folder.join("control.sock")).map_err(broken)
            });
            match tried {
                // A lab has its folder first, and listens when its interfaces are made.
                Err(Error::Connection { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && Instant::now() < deadline =>
                {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    return Err(Error::NoLab { lab: Some(lab), labs: Vec::new() });
                }
                tried => break tried?,
            }
        };
        let connection = Connection::new(stream);
        let sender = connection.sender().map_err(broken)?;
        Ok(Self { lab, connection, sender, packages: Packages::new() })
    }

    /// Gives the lab's name.
    pub fn lab(&self) -> &str {
        &self.lab
    }

    /// Asks what the lab consists of and how it does.
    pub fn status(&mut self) -> Result<Status, Error> {
        match self.ask(&Request::Status, &[])? {
            Reply::Status(status) => Ok(*status),
            _ => Err(Error::Protocol),
        }
    }

    /// Starts a program on a node with the given standard streams.
    pub fn exec(mut self, exec: Exec, streams: [BorrowedFd<'_>; 3]) -> Result<Execution, Error> {
        match self.ask(&Request::Exec(exec), &streams)? {
            Reply::Started { pid } => Ok(Execution { client: self, pid }),
            _ => Err(Error::Protocol),
        }
    }

    /// Gives what programs wrote to `write`; with `follow`, until they end.
    ///
    /// `programs` is `node` or `node:program`; of several programs, each line begins with the name of its own.
    pub fn logs(
        &mut self,
        programs: &str,
        follow: bool,
        mut write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Error> {
        let mut reply = self.ask(&Request::Logs { programs: programs.to_owned(), follow }, &[])?;
        loop {
            match reply {
                Reply::Log { bytes } => write(&bytes).map_err(|source| Error::Output { source })?,
                Reply::Done => return Ok(()),
                _ => return Err(Error::Protocol),
            }
            reply = match self.connection.receive() {
                Ok(Some(reply)) => reply,
                Ok(None) => return Ok(()), // the lab has ended, and the program with it
                Err(source) => return Err(self.broken(source)),
            };
        }
    }

    /// Ends programs, `node` or `node:program`, and starts them again; on return they are ready. Links stay as they are.
    pub fn restart(&mut self, programs: &str) -> Result<(), Error> {
        self.ask(&Request::Restart { programs: programs.to_owned() }, &[]).map(drop)
    }

    /// Changes the state of the link at an interface.
    pub fn set_link(&mut self, node: &str, interface: &str, state: LinkState) -> Result<(), Error> {
        self.change_link(node, interface, LinkChange { state: Some(state), ..LinkChange::default() })
    }

    /// Changes the link at an interface: its state, and what it does to frames that the interface sends and receives.
    pub fn change_link(&mut self, node: &str, interface: &str, change: LinkChange) -> Result<(), Error> {
        let (node, interface) = (node.to_owned(), interface.to_owned());
        self.ask(&Request::Link { node, interface, change }, &[]).map(drop)
    }

    /// Opens a packet socket that sees every frame at an interface's fabric side, in both directions.
    ///
    /// What the node sends comes in there; what it receives goes out (`PACKET_OUTGOING`). The socket
    /// keeps the fabric's namespace alive: close it when the lab ends.
    pub fn open_tap(&mut self, node: &str, interface: &str) -> Result<OwnedFd, Error> {
        let (node, interface) = (node.to_owned(), interface.to_owned());
        self.ask_fd(&Request::Tap { node, interface })
    }

    /// Gives the network namespace of a node, or (`None`) the one in which the links lie.
    pub fn namespace(&mut self, node: Option<&str>) -> Result<OwnedFd, Error> {
        self.ask_fd(&Request::Namespace { node: node.map(str::to_owned) })
    }

    /// Gives what happens in the lab from now on, until it ends.
    pub fn events(mut self) -> Result<impl Iterator<Item = Event>, Error> {
        self.ask(&Request::Subscribe, &[])?;
        Ok(std::iter::from_fn(move || match self.connection.receive() {
            Ok(Some(Reply::Event(event))) => Some(event),
            _ => None,
        }))
    }

    /// Gives what has happened in the lab since it began to `each`; with `follow`, until the lab ends.
    pub fn history(
        &mut self,
        follow: bool,
        mut each: impl FnMut(&Record) -> io::Result<()>,
    ) -> Result<(), Error> {
        let mut reply = self.ask(&Request::History { follow }, &[])?;
        loop {
            match reply {
                Reply::Record(record) => each(&record).map_err(|source| Error::Output { source })?,
                Reply::Done => return Ok(()),
                _ => return Err(Error::Protocol),
            }
            reply = match self.connection.receive() {
                Ok(Some(reply)) => reply,
                Ok(None) => return Ok(()), // the lab has ended
                Err(source) => return Err(self.broken(source)),
            };
        }
    }

    /// Tells where the packages are built that the lab's file names, for [`Client::converge`].
    pub fn with_packages(mut self, packages: Packages) -> Self {
        self.packages = packages;
        self
    }

    /// Makes the lab what `origin` describes now, which must be what it was made from: `dry` only tells what would change.
    ///
    /// Gives the changes, and what the user should know of this machine if the lab needs more of it than before. What is
    /// the same in both goes on undisturbed. When this fails, the lab is what it was, but for a program that does
    /// not become ready.
    pub fn converge(&mut self, origin: Origin<'_>, dry: bool) -> Result<(Vec<Change>, Vec<Warning>), Error> {
        let source = match origin {
            Origin::File(path, text) => Source::File(path.to_owned(), text.to_owned()),
            Origin::Text(text) => Source::Text(text.to_owned()),
            Origin::Shape(shape) => Source::Shape(shape.to_owned()),
        };
        let packages = self.packages.clone();
        match self.ask(&Request::Converge { source, dry, packages }, &[])? {
            Reply::Changes { changes, neighbours } => Ok((changes, neighbours::warnings(neighbours))),
            _ => Err(Error::Protocol),
        }
    }

    /// Drops all frames between groups of nodes, as [`Topology::cut`](rackless_topology::Topology::cut) reads them;
    /// gives the ends of the links that are silent now.
    pub fn part(&mut self, groups: &str) -> Result<Vec<[String; 2]>, Error> {
        self.ask_links(Some(groups.to_owned()))
    }

    /// Lets frames pass again on all links that drop every one; gives their ends.
    pub fn heal(&mut self) -> Result<Vec<[String; 2]>, Error> {
        self.ask_links(None)
    }

    fn ask_links(&mut self, groups: Option<String>) -> Result<Vec<[String; 2]>, Error> {
        match self.ask(&Request::Part { groups }, &[])? {
            Reply::Links(links) => Ok(links),
            _ => Err(Error::Protocol),
        }
    }

    /// Looks at interfaces, queues and processes of the whole lab.
    pub fn observe(&mut self) -> Result<Observation, Error> {
        self.inspect().map(|(_, observation)| observation)
    }

    /// Asks how the lab is, and looks at it at the same moment: both have the same nodes and links.
    pub fn inspect(&mut self) -> Result<(Status, Observation), Error> {
        match self.ask(&Request::Observe, &[])? {
            Reply::Observation(both) => Ok(*both),
            _ => Err(Error::Protocol),
        }
    }

    /// Removes the lab; on return its last interface, process and file are gone.
    pub fn down(mut self) -> Result<(), Error> {
        let peer = getsockopt(self.connection.stream(), PeerCredentials);
        let process = peer.ok().and_then(|peer| sys::pidfd_open(Pid::from_raw(peer.pid())).ok());
        let lab = self.lab.clone();
        self.ask(&Request::Down, &[])?;
        if let Some(process) = process {
            wait_for_end(&process).map_err(|source| Error::Connection { lab, source })?;
        }
        Ok(())
    }

    fn ask_fd(&mut self, request: &Request) -> Result<OwnedFd, Error> {
        self.ask(request, &[])?;
        self.connection.take_fds().pop().ok_or(Error::Protocol)
    }

    fn ask(&mut self, request: &Request, fds: &[BorrowedFd<'_>]) -> Result<Reply, Error> {
        let answer = self.sender.send(request, fds).and_then(|()| self.connection.receive());
        match answer {
            Ok(Some(Reply::Error { message, hint, failed })) => Err(Error::Lab { message, hint, failed }),
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(self.broken(io::ErrorKind::UnexpectedEof.into())),
            Err(source) => Err(self.broken(source)),
        }
    }

    fn broken(&self, source: io::Error) -> Error {
        Error::Connection { lab: self.lab.clone(), source }
    }
}

/// A program that was started on a node; it gets `SIGHUP` and `SIGTERM` when this is dropped before its end.
pub struct Execution {
    client: Client,
    pid: i32,
}

/// Sends signals to a program that was started on a node.
pub struct Signals(Sender);

impl Execution {
    /// Gives the program's process in this PID namespace.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Gives a handle that sends signals to the program.
    pub fn signals(&self) -> Result<Signals, Error> {
        self.client.connection.sender().map(Signals).map_err(|source| self.client.broken(source))
    }

    /// Waits for the program's end.
    pub fn wait(mut self) -> Result<Ended, Error> {
        match self.client.connection.receive() {
            Ok(Some(Reply::Ended(ended))) => Ok(ended),
            Ok(Some(_)) => Err(Error::Protocol),
            Ok(None) => Err(self.client.broken(io::ErrorKind::UnexpectedEof.into())),
            Err(source) => Err(self.client.broken(source)),
        }
    }
}

impl Signals {
    /// Sends a signal to the program's process group.
    pub fn send(&mut self, signal: i32) -> io::Result<()> {
        self.0.send(&Request::Signal(signal), &[])
    }
}

/// Waits until a process has ended, for a limited time.
pub(crate) fn wait_for_end(process: &OwnedFd) -> io::Result<()> {
    let limit = PollTimeout::try_from(LAST_BREATH).unwrap_or(PollTimeout::MAX);
    let mut ready = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    match poll(&mut ready, limit)? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}
