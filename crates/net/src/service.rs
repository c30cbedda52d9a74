//! The lab's control socket: one thread per client.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, mpsc};

use nix::libc::{SIGCONT, SIGHUP, SIGTERM};
use nix::sys::signal::SigSet;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;
use rackless_topology::NodeId;
use rackless_topology::model::{self, LinkChange};

use crate::connection::{Connection, Sender};
use crate::control::{Event, Exec, NodeStatus, ProgramStatus, Reply, Request, Status};
use crate::environment;
use crate::error::Error;
use crate::fabric::Fabric;
use crate::find;
use crate::history::Record;
use crate::lines;
use crate::links::ends;
use crate::log::Log;
use crate::observe::{self, Observation};
use crate::programs::{Program, names};
use crate::rundir;
use crate::shared::{Invocation, Shared, lock};
use crate::sys;

/// A client that waits for the lab's end.
pub(crate) struct Answer(Sender);

impl Answer {
    /// Tells the client how the removal went.
    pub(crate) fn finish(mut self, result: &Result<(), Error>) {
        let reply = match result {
            Ok(()) => Reply::Done,
            Err(error) => error.reply(),
        };
        let _ = self.0.send(&reply, &[]); // the client may have gone
    }
}

/// Starts the threads that serve clients, pass on news of programs, and wait for what ends the lab.
pub(crate) fn start(
    shared: &Arc<Shared>,
    signals: SigSet,
    lifeline: Option<OwnedFd>,
    wire_deaths: mpsc::Receiver<usize>,
) -> Result<(), Error> {
    let news = shared.init.listener()?;
    let path = shared.folder.join("control.sock");
    let listener = rundir::with_short_path(&shared.folder, |folder| {
        UnixListener::bind(folder.join("control.sock")).map_err(Error::file("create", &path))
    })?;
    crate::fault::step();
    let passing = Arc::clone(shared);
    std::thread::spawn(move || passing.pass_news(&news));
    let watching = Arc::clone(shared);
    std::thread::spawn(move || watching.mend_wires(&wire_deaths));
    let waiting = Arc::clone(shared);
    std::thread::spawn(move || {
        while signals.wait().is_err() {} // interrupted
        waiting.stop(None);
    });
    shared.watch_memory();
    if let Some(lifeline) = lifeline {
        let waiting = Arc::clone(shared);
        std::thread::spawn(move || {
            let mut lifeline = File::from(lifeline);
            while let Ok(1..) = lifeline.read(&mut [0]) {}
            waiting.stop(None);
        });
    }
    let serving = Arc::clone(shared);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&serving);
            std::thread::spawn(move || {
                let _ = serve(&shared, stream); // a client that breaks off harms only itself
            });
        }
    });
    Ok(())
}

/// Serves one client until it goes.
fn serve(shared: &Arc<Shared>, stream: UnixStream) -> io::Result<()> {
    let peer = getsockopt(&stream, PeerCredentials)?;
    let mut connection = Connection::new(stream);
    let mut sender = connection.sender()?;
    if peer.uid() != geteuid().as_raw() {
        let message = format!("lab {} belongs to another user", shared.name);
        return sender.send(&Reply::Error { message, hint: None, failed: false }, &[]);
    }
    while let Some(request) = connection.receive::<Request>()? {
        match request {
            Request::Status => {
                sender.send(&Reply::Status(Box::new(status(shared, &mut shared.fabric()))), &[])?
            }
            Request::Exec(exec) => match start_exec(shared, &exec, connection.take_fds()) {
                Ok(running) => return attend(shared, running, connection, sender),
                Err(error) => sender.send(&error.reply(), &[])?,
            },
            Request::Signal(_) => {}
            Request::Logs { programs, follow } => send_log(shared, &programs, follow, &mut sender)?,
            Request::Restart { programs } => {
                answer(&mut sender, shared.restart(&programs))?;
            }
            Request::Link { node, interface, change } => {
                answer(&mut sender, change_link(shared, &node, &interface, change))?;
            }
            Request::Converge { source, dry, packages } => {
                let reply = shared.converge(&source, dry, packages);
                sender.send(&reply.unwrap_or_else(|error| error.reply()), &[])?;
            }
            Request::Part { groups } => {
                let reply = shared.part(groups.as_deref()).map(Reply::Links);
                sender.send(&reply.unwrap_or_else(|error| error.reply()), &[])?;
            }
            Request::Tap { node, interface } => {
                answer_with_fd(&mut sender, open_tap(shared, &node, &interface))?;
            }
            Request::Namespace { node } => {
                answer_with_fd(&mut sender, namespace(shared, node.as_deref()))?;
            }
            Request::Subscribe => {
                let (_, records) = shared.follow();
                sender.send(&Reply::Done, &[])?;
                for Record { event, .. } in records {
                    let last = event == Event::Stopping;
                    sender.send(&Reply::Event(event), &[])?;
                    if last {
                        break;
                    }
                }
            }
            Request::History { follow } => send_history(shared, follow, &mut sender)?,
            Request::Observe => {
                let reply = inspect(shared).map(|both| Reply::Observation(Box::new(both)));
                sender.send(&reply.unwrap_or_else(|error| error.reply()), &[])?;
            }
            Request::Down => {
                shared.stop(Some(Answer(sender)));
                return Ok(());
            }
        }
    }
    Ok(())
}

fn answer(sender: &mut Sender, result: Result<(), Error>) -> io::Result<()> {
    match result {
        Ok(()) => sender.send(&Reply::Done, &[]),
        Err(error) => sender.send(&error.reply(), &[]),
    }
}

fn answer_with_fd(sender: &mut Sender, result: Result<OwnedFd, Error>) -> io::Result<()> {
    match result {
        Ok(fd) => sender.send(&Reply::Done, &[fd.as_fd()]),
        Err(error) => sender.send(&error.reply(), &[]),
    }
}

/// Finds the logs of programs, at least one, with their names where several are asked for.
fn find_logs(shared: &Shared, text: &str) -> Result<Vec<(Option<String>, Log)>, Error> {
    let topology = shared.topology();
    let found = find::programs(&topology, text)?;
    let several = found.len() > 1;
    let programs = lock(&shared.programs);
    let names = found.into_iter().map(|id| names(&topology, id));
    let logs = names.filter_map(|name| {
        let log = programs.get(&name)?.log.clone();
        Some((name.1.filter(|_| several), log))
    });
    let logs: Vec<_> = logs.collect();
    if logs.is_empty() { Err(Error::NoProgram { node: text.to_owned() }) } else { Ok(logs) }
}

fn start_exec(shared: &Arc<Shared>, exec: &Exec, fds: Vec<OwnedFd>) -> Result<crate::shared::Running, Error> {
    let topology = shared.topology();
    let node = find::node(&topology, &exec.node)?;
    let streams: [OwnedFd; 3] = fds.try_into().map_err(|_| Error::Protocol)?;
    let invocation =
        Invocation { argv: &exec.argv, env: &exec.env, directory: &exec.directory, terminal: exec.terminal };
    shared.start_job(&topology[node], &invocation, streams.each_ref().map(AsFd::as_fd))
}

/// Passes the client's signals on to its program and tells it of the end; a client that goes takes it along.
fn attend(
    shared: &Arc<Shared>,
    running: crate::shared::Running,
    mut connection: Connection,
    mut sender: Sender,
) -> io::Result<()> {
    sender.send(&Reply::Started { pid: running.pid }, &[])?;
    let id = running.id;
    let waiter = std::thread::spawn(move || {
        if let Some(ended) = running.wait() {
            let _ = sender.send(&Reply::Ended(ended), &[]); // the client may have gone first
        }
    });
    while let Ok(Some(request)) = connection.receive::<Request>() {
        if let Request::Signal(signal) = request {
            shared.init.signal(id, signal)?;
        }
    }
    if !waiter.is_finished() {
        // To a daemon, and to our own functions, a hangup says to read their configuration again.
        for signal in [SIGHUP, SIGTERM, SIGCONT] {
            shared.init.signal(id, signal)?;
        }
    }
    Ok(())
}

fn send_log(shared: &Shared, programs: &str, follow: bool, sender: &mut Sender) -> io::Result<()> {
    let logs = match find_logs(shared, programs) {
        Ok(logs) => logs,
        Err(error) => return sender.send(&error.reply(), &[]),
    };
    let (content, rest) = match logs.as_slice() {
        [(None, log)] => log.follow()?,
        _ => {
            let named = logs.into_iter().map(|(name, log)| (name.unwrap_or_default(), log));
            lines::merged(named.collect(), follow)?
        }
    };
    for chunk in content.chunks(64 * 1024) {
        sender.send(&Reply::Log { bytes: chunk.to_vec() }, &[])?;
    }
    if follow {
        for bytes in rest {
            sender.send(&Reply::Log { bytes }, &[])?;
        }
    }
    sender.send(&Reply::Done, &[])
}

fn send_history(shared: &Shared, follow: bool, sender: &mut Sender) -> io::Result<()> {
    let (past, rest) = shared.follow();
    for record in past {
        sender.send(&Reply::Record(record), &[])?;
    }
    if follow {
        for record in rest {
            let last = record.event == Event::Stopping;
            sender.send(&Reply::Record(record), &[])?;
            if last {
                break;
            }
        }
    }
    sender.send(&Reply::Done, &[])
}

/// Changes a link; `change` has the conditions from the named end first.
fn change_link(shared: &Shared, node: &str, interface: &str, change: LinkChange) -> Result<(), Error> {
    let topology = shared.topology();
    let (link, end) = find::end(&topology, node, interface)?;
    let LinkChange { state, conditions: [tx, rx] } = change;
    let first = topology.links[link].ends[0] == end;
    let conditions = if first { [tx, rx] } else { [rx, tx] };
    shared.change_link(&ends(&topology, link), &LinkChange { state, conditions }).map(drop)
}

fn open_tap(shared: &Shared, node: &str, interface: &str) -> Result<OwnedFd, Error> {
    let mut fabric = shared.fabric();
    let topology = shared.topology();
    let (link, end) = find::end(&topology, node, interface)?;
    let side = usize::from(topology.links[link].ends[0] != end);
    let index = fabric.port(link, side);
    let index = index.ok_or_else(|| Error::InMemory { link: ends(&topology, link).join(" - ") })?;
    let failed = |source| Error::Tap { interface: format!("{node}:{interface}"), source };
    fabric.show_port(index);
    fabric.namespace().within(|| sys::open_tap(index).map_err(failed))
}

fn namespace(shared: &Shared, node: Option<&str>) -> Result<OwnedFd, Error> {
    let fabric = shared.fabric();
    match node {
        None => fabric.namespace().try_clone(),
        Some(name) => {
            find::node(&shared.topology(), name)?;
            fabric.node_fd(name).unwrap_or_else(|| Err(Error::NoNetwork { node: name.to_owned() }))
        }
    }
}

fn program_status(program: &model::Program, state: Option<&Program>) -> ProgramStatus {
    let ended = state.and_then(|state| state.ended);
    ProgramStatus {
        name: program.name.clone(),
        command: program.command.to_string(),
        pid: state.filter(|_| ended.is_none()).map(|state| state.pid),
        ready: state.is_some_and(|state| state.ready),
        ended,
        restarts: state.map_or(0, |state| state.restarts),
    }
}

/// Tells how the lab is and what its kernel knows of it, at one moment.
fn inspect(shared: &Shared) -> Result<(Status, Observation), Error> {
    let mut fabric = shared.fabric();
    Ok((status(shared, &mut fabric), observe::observe(shared, &mut fabric)?))
}

/// Tells how the lab is, whose fabric stays as it is meanwhile.
fn status(shared: &Shared, fabric: &mut Fabric) -> Status {
    let topology = shared.topology();
    let programs = lock(&shared.programs);
    let nodes = topology.nodes.iter().enumerate().map(|(place, node)| NodeStatus {
        name: node.name.clone(),
        kind: node.kind.to_string(),
        programs: topology
            .programs_of(NodeId(place))
            .map(|id| program_status(&topology[id], programs.get(&names(&topology, id))))
            .collect(),
        limits: shared.limits(node),
        interfaces: environment::interfaces(&topology, NodeId(place), &shared.folder),
    });
    let nodes = nodes.collect();
    drop(programs);
    let links = shared.links_of(fabric);
    Status {
        lab: shared.name.clone(),
        pid: nix::unistd::getpid().as_raw(),
        file: shared.options.file.clone(),
        shape: shared.options.shape.clone(),
        up: shared.is_up(),
        folder: shared.folder.clone(),
        nodes,
        links,
    }
}
