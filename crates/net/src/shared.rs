//! What the threads of a lab process share.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, mpsc};
use std::time::Duration;

use rackless_topology::Topology;
use rackless_topology::model::{Kind, Node};

use crate::cgroup::Groups;
use crate::control::{Event, Warning};
use crate::error::Error;
use crate::fabric::Fabric;
use crate::find;
use crate::history::{History, Record};
use crate::init::{Ended, Init, Job, News};
use crate::lab::{Made, Options, Packages};
use crate::outside::Uplinks;
use crate::programs::Program;
use crate::service::Answer;

/// How events name a program: its node, and its own name if it has one.
pub(crate) type ProgramName = (String, Option<String>);

/// What wakes the lab's main thread.
pub(crate) enum Message {
    /// Something happened.
    Event(Event),
    /// The lab shall end; the client that asked is told when it has.
    Stop(Option<Answer>),
}

/// A running lab.
pub(crate) struct Shared {
    pub(crate) topology: RwLock<Arc<Topology>>,
    pub(crate) options: Options,
    /// Where the executables of packages are now.
    pub(crate) packages: Mutex<Packages>,
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) groups: Groups,
    pub(crate) init: Init,
    pub(crate) programs: Mutex<BTreeMap<ProgramName, Program>>,
    /// Notified when a program has ended.
    pub(crate) program_change: Condvar,
    /// Held by who starts a program again.
    pub(crate) restarting: Mutex<()>,
    pub(crate) stopping: AtomicBool,
    fabric: Mutex<Fabric>,
    uplinks: Mutex<Uplinks>,
    inbox: mpsc::Sender<Message>,
    history: History,
    jobs: Mutex<HashMap<u64, mpsc::Sender<News>>>,
    pub(crate) next_job: AtomicU64,
    up: AtomicBool,
    /// The number of the agenda that counts.
    pub(crate) agenda: AtomicU64,
}

/// A job that runs.
pub(crate) struct Running {
    pub(crate) id: u64,
    pub(crate) pid: i32,
    /// Keeps the process's number from being given to another while we show it.
    _process: OwnedFd,
    news: mpsc::Receiver<News>,
}

/// What a program on a node shall be.
pub(crate) struct Invocation<'a> {
    pub(crate) argv: &'a [String],
    pub(crate) env: &'a [(String, String)],
    pub(crate) directory: &'a Path,
    pub(crate) terminal: bool,
}

impl Shared {
    pub(crate) fn new(
        topology: Topology,
        options: Options,
        name: String,
        folder: &Path,
        made: Made,
        inbox: mpsc::Sender<Message>,
    ) -> Self {
        let Made { groups, init, fabric, uplinks } = made;
        Self {
            topology: RwLock::new(Arc::new(topology)),
            packages: Mutex::new(options.packages.clone()),
            options,
            name,
            folder: folder.to_owned(),
            groups,
            init,
            programs: Mutex::default(),
            program_change: Condvar::new(),
            restarting: Mutex::default(),
            stopping: AtomicBool::new(false),
            fabric: Mutex::new(fabric),
            uplinks: Mutex::new(uplinks),
            inbox,
            history: History::begin(),
            jobs: Mutex::default(),
            next_job: AtomicU64::new(1),
            up: AtomicBool::new(false),
            agenda: AtomicU64::new(0),
        }
    }

    /// Gives what the lab is now. Whoever needs the fabric as well locks that first: both change together.
    pub(crate) fn topology(&self) -> Arc<Topology> {
        Arc::clone(&self.topology.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts a program on a node, with three streams; on return it has been executed.
    pub(crate) fn start_job(
        &self,
        node: &Node,
        program: &Invocation<'_>,
        streams: [BorrowedFd<'_>; 3],
    ) -> Result<Running, Error> {
        let name = &node.name;
        let beside = node.kind == Kind::Process;
        let network = self.fabric().node_fd(name).transpose()?;
        if network.is_none() && !beside {
            find::node(&self.topology(), name)?; // it may have gone meanwhile
            return Err(Error::NoPrograms { node: name.clone() });
        }
        let id = self.next_job.fetch_add(1, Ordering::Relaxed);
        let (sender, news) = mpsc::channel();
        lock(&self.jobs).insert(id, sender);
        let job = Job {
            id,
            node: name.clone(),
            argv: program.argv.to_vec(),
            env: self.environment(node, program.env)?,
            directory: program.directory.to_owned(),
            beside,
            files: crate::files::of(&self.folder, node),
            terminal: program.terminal,
            entrances: self.groups.entrances(name),
        };
        let what = |stage: &str| format!("'{}' on {name} ({stage})", program.argv.join(" "));
        let sent = self.init.start_job(&job, streams, network.as_ref().map(AsFd::as_fd));
        let answer = sent.map(|()| news.recv());
        crate::fault::step();
        match answer {
            Ok(Ok(News::Started { pid, process, .. })) => Ok(Running { id, pid, _process: process, news }),
            Ok(Ok(News::Failed { stage, source, .. })) => Err(Error::Spawn { what: what(&stage), source }),
            Ok(_) => {
                let source = io::Error::from(io::ErrorKind::BrokenPipe);
                Err(Error::Spawn { what: what("the lab is going down"), source })
            }
            Err(error) => {
                lock(&self.jobs).remove(&id);
                Err(error)
            }
        }
    }

    /// Passes news of the init process on to those who wait for them, until it is gone.
    pub(crate) fn pass_news(&self, listener: &OwnedFd) {
        while let Ok(Some(news)) = Init::news(listener) {
            let (id, last) = match &news {
                News::Started { id, .. } => (*id, false),
                News::Failed { id, .. } | News::Ended { id, .. } => (*id, true),
            };
            if last {
                self.tell_memory_kills(); // it may be why
            }
            let mut jobs = lock(&self.jobs);
            if let Some(waiting) = jobs.get(&id) {
                let _ = waiting.send(news); // nobody waits for a job whose client has gone
            }
            if last {
                jobs.remove(&id);
            }
        }
        lock(&self.jobs).clear();
    }

    /// Tells the main thread and all followers what happened.
    pub(crate) fn publish(&self, event: Event) {
        self.history.add(event.clone());
        let _ = self.inbox.send(Message::Event(event)); // the main thread may be removing the lab already
    }

    /// Gives what has happened, and what happens from now on.
    pub(crate) fn follow(&self) -> (Vec<Record>, mpsc::Receiver<Record>) {
        self.history.follow()
    }

    /// Asks the main thread to remove the lab.
    pub(crate) fn stop(&self, client: Option<Answer>) {
        let _ = self.inbox.send(Message::Stop(client)); // it is being removed already
    }

    /// Marks the lab as up; gives the event that followers get too.
    pub(crate) fn set_up(&self, took: Duration, warnings: Vec<Warning>) -> Event {
        self.up.store(true, Ordering::Release);
        let topology = self.topology();
        let event = Event::Up {
            lab: self.name.clone(),
            nodes: topology.nodes.len(),
            links: topology.links.len(),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            warnings,
        };
        self.history.add(event.clone());
        event
    }

    /// Whether all programs have been started and found ready.
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    /// Ends all processes, then removes all interfaces.
    pub(crate) fn tear_down(&self) -> Result<(), Error> {
        self.stopping.store(true, Ordering::Release);
        self.init.finish();
        let closed = self.uplinks().remove_all_but(|_| false, &self.folder);
        self.fabric().tear_down().and(closed)
    }

    /// Whoever needs the fabric as well locks that first.
    pub(crate) fn uplinks(&self) -> MutexGuard<'_, Uplinks> {
        lock(&self.uplinks)
    }

    pub(crate) fn fabric(&self) -> MutexGuard<'_, Fabric> {
        lock(&self.fabric)
    }
}

impl Running {
    /// Waits for the end of the job.
    pub(crate) fn wait(&self) -> Option<Ended> {
        match self.news.recv() {
            Ok(News::Ended { ended, .. }) => Some(ended),
            _ => None,
        }
    }
}

/// Locks a mutex, also when a thread has panicked while holding it: the lab goes on.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
