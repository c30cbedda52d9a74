//! The programs of a lab's nodes: started in order, awaited, watched.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use rackless_topology::Topology;
use rackless_topology::model::{self, Command, Condition, Node, ProgramId};

use crate::control::Event;
use crate::environment;
use crate::error::Error;
use crate::init::Ended;
use crate::log::Log;
use crate::service::Answer;
use crate::shared::{Invocation, Message, ProgramName, Shared, lock};
use crate::{shell, sockets};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How often a condition that costs a process is tried.
const TRY: Duration = Duration::from_millis(100);
/// How long a program without a condition must not have failed to count as started.
const GRACE: Duration = Duration::from_millis(50);
/// How long the rest of a program's output is waited for when it has ended.
const DRAIN: Duration = Duration::from_millis(200);
/// The lines of output that an error shows.
const TAIL_LINES: usize = 20;

/// A program that was started.
pub(crate) struct Program {
    pub(crate) job: u64,
    pub(crate) pid: i32,
    pub(crate) ready: bool,
    pub(crate) ended: Option<Ended>,
    pub(crate) log: Log,
    /// How often it was started after the first time.
    pub(crate) restarts: u32,
    /// How often in a row it ended soon.
    pub(crate) failures: u32,
    /// Whether it, or a run before this one, has been found ready.
    pub(crate) proven: bool,
    /// Whether its end was asked for.
    pub(crate) ending: bool,
    pub(crate) started: Instant,
    tried: Instant,
}

/// Starts all programs in the order of their `after`, and waits until each is ready.
///
/// A request to stop ends the wait and is left in `asked`.
pub(crate) fn start_all(
    shared: &Arc<Shared>,
    inbox: &mpsc::Receiver<Message>,
    observe: &mut impl FnMut(&Event),
    asked: &mut Option<Option<Answer>>,
) -> Result<(), Error> {
    let all = shared.topology().program_ids().collect();
    start_in_order(shared, &all, || match inbox.recv_timeout(LOOK) {
        Ok(Message::Event(event)) => {
            observe(&event);
            true
        }
        Ok(Message::Stop(client)) => {
            *asked = Some(client);
            false
        }
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => true,
    })
}

/// Starts some programs of a running lab, and waits until each is ready; the others count as ready.
pub(crate) fn start_some(shared: &Arc<Shared>, some: &BTreeSet<ProgramId>) -> Result<(), Error> {
    start_in_order(shared, some, || {
        std::thread::sleep(LOOK);
        !shared.is_stopping()
    })
}

/// Starts programs, each when those that it waits for are ready, until all are or `go_on` says no.
fn start_in_order(
    shared: &Arc<Shared>,
    programs: &BTreeSet<ProgramId>,
    mut go_on: impl FnMut() -> bool,
) -> Result<(), Error> {
    let topology = shared.topology();
    let mut waiting = programs.clone();
    let mut ready: BTreeSet<ProgramId> = topology.program_ids().filter(|id| !programs.contains(id)).collect();
    while !programs.is_subset(&ready) {
        for id in programs {
            if waiting.contains(id) && may_start(&topology, *id, &ready) {
                start(shared, *id)?;
                waiting.remove(id);
            }
        }
        if !go_on() {
            return Ok(());
        }
        for id in programs {
            if !waiting.contains(id) && !ready.contains(id) && look(shared, *id)? {
                ready.insert(*id);
                shared.tell_ready(*id);
            }
        }
    }
    Ok(())
}

/// Whether all that a program waits for is ready: programs of its node, and all programs of other nodes.
fn may_start(topology: &Topology, id: ProgramId, ready: &BTreeSet<ProgramId>) -> bool {
    let beside = topology[id].after.iter().map(|place| ProgramId { node: id.node, place: *place });
    let of_nodes = topology[id.node].after.iter().flat_map(|node| topology.programs_of(*node));
    beside.chain(of_nodes).all(|before| ready.contains(&before))
}

/// Waits until a started program is ready.
pub(crate) fn await_ready(shared: &Arc<Shared>, id: ProgramId) -> Result<(), Error> {
    while !look(shared, id)? {
        std::thread::sleep(LOOK);
    }
    shared.tell_ready(id);
    Ok(())
}

/// Starts a program, for the first time or again.
pub(crate) fn start(shared: &Arc<Shared>, id: ProgramId) -> Result<(), Error> {
    let topology = shared.topology();
    let model::Program { command, ready, .. } = &topology[id];
    let wanted = match ready.as_ref().map(|ready| &ready.condition) {
        Some(Condition::Log(text)) => Some(text.as_str()),
        _ => None,
    };
    let what = || format!("'{command}' on {}", topology[id.node].name);
    let spawn = |source: io::Error| Error::Spawn { what: what(), source };
    let null = fs::File::open("/dev/null").map_err(Error::file("open", "/dev/null"))?;
    let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| spawn(errno.into()))?;
    let argv = arguments(command);
    let invocation = Invocation {
        argv: &argv,
        env: &environment::inherited(),
        directory: &shared.options.directory,
        terminal: false,
    };
    let name = names(&topology, id);
    let before = lock(&shared.programs)
        .get(&name)
        .map(|old| (old.log.clone(), old.restarts + 1, old.failures, old.proven));
    let (log, restarts, failures, proven) = match before {
        Some(before) => before,
        None => (open_log(shared, id, wanted)?, 0, 0, false),
    };
    let running =
        shared.start_job(&topology[id.node], &invocation, [null.as_fd(), write.as_fd(), write.as_fd()])?;
    if restarts > 0 {
        log.go_on(wanted);
    }
    drop(write);
    let now = Instant::now();
    let program = Program {
        job: running.id,
        pid: running.pid,
        ready: false,
        ended: None,
        log: log.clone(),
        restarts,
        failures,
        proven,
        ending: false,
        started: now,
        tried: now.checked_sub(TRY).unwrap_or(now),
    };
    lock(&shared.programs).insert(name.clone(), program);
    let (node, program) = name.clone();
    shared.publish(Event::Started { node, program, pid: running.pid });
    let copied = log.clone();
    std::thread::spawn(move || copied.copy(fs::File::from(read)));
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        if let Some(ended) = running.wait() {
            log.wait_for_end(DRAIN);
            let output = if ended == Ended::Exit(0) { String::new() } else { log.tail(TAIL_LINES) };
            shared.program_ended(&name, running.id, ended, output);
        }
    });
    Ok(())
}

fn open_log(shared: &Shared, id: ProgramId, wanted: Option<&str>) -> Result<Log, Error> {
    let folder = shared.folder.join("logs");
    // No node has a dot in its name, so that no other program has this file.
    let path = folder.join(format!("{}.log", shared.topology().program_name(id).replace(':', ".")));
    fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    let log = Log::open(path.clone(), wanted).map_err(Error::file("create", path))?;
    crate::fault::step();
    Ok(log)
}

/// Looks whether a started program is ready.
fn look(shared: &Arc<Shared>, id: ProgramId) -> Result<bool, Error> {
    let topology = shared.topology();
    let wanted = topology[id].ready.as_ref();
    let name = || topology.program_name(id);
    let key = names(&topology, id);
    let (pid, ended, log, started, tried) = match lock(&shared.programs).get(&key) {
        Some(program) => (program.pid, program.ended, program.log.clone(), program.started, program.tried),
        None => return Ok(false),
    };
    let failed = |ended| Error::ProgramEnded {
        node: name(),
        ended,
        output: log.tail(TAIL_LINES),
        over: shared.over_memory(&topology[id.node]),
    };
    match ended {
        Some(Ended::Exit(0)) => {}
        Some(ended) => return Err(failed(ended)),
        None => {}
    }
    let is_ready = match wanted.map(|ready| &ready.condition) {
        None => ended.is_some() || started.elapsed() >= GRACE,
        Some(Condition::Log(_)) => log.found(),
        Some(Condition::Tcp(address)) => listens(shared, &topology[id.node], pid, *address)?,
        Some(Condition::File(path)) => exists(pid, &shared.options.directory.join(path)),
        Some(Condition::Command(_)) if tried.elapsed() < TRY => false,
        Some(Condition::Command(command)) => succeeds(shared, &topology[id.node], command)?,
    };
    if let Some(program) = lock(&shared.programs).get_mut(&key) {
        program.ready = is_ready;
        program.proven |= is_ready;
        if tried.elapsed() >= TRY {
            program.tried = Instant::now();
        }
    }
    let Some(ready) = wanted.filter(|_| !is_ready) else { return Ok(is_ready) };
    let within = Duration::from_nanos(ready.within.as_ps() / 1000);
    if started.elapsed() > within {
        return Err(Error::NotReady { node: name(), within, output: log.tail(TAIL_LINES) });
    }
    Ok(false)
}

impl Shared {
    fn tell_ready(&self, id: ProgramId) {
        let (node, program) = names(&self.topology(), id);
        self.publish(Event::Ready { node, program });
    }
}

/// Names a program as events do.
pub(crate) fn names(topology: &Topology, id: ProgramId) -> ProgramName {
    (topology[id.node].name.clone(), topology[id].name.clone())
}

fn arguments(command: &Command) -> Vec<String> {
    let mut arguments: Vec<String> = command.argv().into_iter().map(str::to_owned).collect();
    if let (Command::Shell(line), Some(last)) = (command, arguments.last_mut()) {
        *last = shell::becoming(line);
    }
    arguments
}

/// Whether a socket listens on the address in the network of the node, or of its process if it has none.
fn listens(shared: &Shared, node: &Node, pid: i32, address: SocketAddr) -> Result<bool, Error> {
    let read = |process: &str| {
        let table = |name| fs::read_to_string(format!("/proc/{process}/net/{name}")).unwrap_or_default();
        [table("tcp"), table("tcp6")]
    };
    let fabric = shared.fabric();
    let tables = match fabric.node(&node.name) {
        Some(namespace) => namespace.within(|| Ok(read("thread-self")))?,
        None => read(&pid.to_string()), // a process beside the network
    };
    Ok(tables
        .iter()
        .flat_map(|table| sockets::listening(table))
        .any(|listening| listening.port() == address.port() && covers(listening.ip(), address.ip())))
}

/// Whether a socket bound to `bound` takes connections to `wanted`; the unspecified address means any.
fn covers(bound: IpAddr, wanted: IpAddr) -> bool {
    let family = |ip: IpAddr| ip.is_ipv6();
    bound == wanted
        || wanted.is_unspecified()
        || (bound.is_unspecified() && (family(bound) || !family(wanted)))
}

/// Whether the file is there, as the process sees it.
fn exists(pid: i32, path: &Path) -> bool {
    let path = path.strip_prefix("/").unwrap_or(path);
    Path::new("/proc").join(pid.to_string()).join("root").join(path).exists()
}

/// Runs a command on the node and says whether it succeeds.
fn succeeds(shared: &Shared, node: &Node, command: &Command) -> Result<bool, Error> {
    let null = fs::File::options().read(true).write(true).open("/dev/null");
    let null = null.map_err(Error::file("open", "/dev/null"))?;
    let invocation = Invocation {
        argv: &arguments(command),
        env: &environment::inherited(),
        directory: &shared.options.directory,
        terminal: false,
    };
    let running = shared.start_job(node, &invocation, [null.as_fd(); 3])?;
    Ok(running.wait() == Some(Ended::Exit(0)))
}
