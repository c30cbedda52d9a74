//! Wires: what cables do to frames, done by processes of the lab.
//!
//! A wire process holds the two TAPs of each of its cables and nothing else: it can die at any time and be started
//! again, and what is lost are the frames on their way. The lab keeps the TAPs, so that no interface vanishes.

mod end;
mod frame;
mod protocol;
mod wake;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rackless_link::{Conditions, Counters};

use crate::connection::{Connection, Sender};
use crate::error::Error;
use crate::fault;
use crate::init::Init;
use protocol::{Reply, Request};

pub(crate) use worker::serve;

/// How long a wire process may leave its lab without an answer before it counts as dead.
const PATIENCE: Duration = Duration::from_secs(2);

/// The wire processes of a lab and their cables.
pub(crate) struct Wires {
    fabric: OwnedFd,
    workers: Vec<Worker>,
    /// One process for two cores at most: the ends of the cables need cores, too.
    most: usize,
    cables: BTreeMap<u64, Cable>,
    next: u64,
    deaths: mpsc::Sender<usize>,
    /// Ports at which somebody looks, or has: all their frames go through TAPs.
    shown: BTreeSet<u32>,
}

/// A wire process as the lab sees it.
struct Worker {
    connection: Connection,
    sender: Sender,
}

/// The ends of a cable.
pub(crate) struct Taps {
    pub(crate) fds: [OwnedFd; 2],
    /// Whether frames come and go behind a virtio-net header.
    pub(crate) header: bool,
    /// The ports to which they lead by a redirect, by index.
    pub(crate) ports: [Option<u32>; 2],
}

/// Two TAPs that a wire process joins.
struct Cable {
    worker: usize,
    taps: Taps,
    conditions: [Conditions; 2],
    precise: bool,
}

impl Wires {
    /// Makes the lab's side without a process, and what gives the number of each process that dies.
    ///
    /// `fabric` is the namespace of the ports.
    pub(crate) fn new(fabric: OwnedFd) -> (Self, mpsc::Receiver<usize>) {
        let (deaths, died) = mpsc::channel();
        let most = std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
        let (cables, shown) = (BTreeMap::new(), BTreeSet::new());
        (Self { fabric, workers: Vec::new(), most, cables, next: 1, deaths, shown }, died)
    }

    /// Joins two TAPs; gives the name of the cable.
    pub(crate) fn add(
        &mut self,
        init: &Init,
        taps: Taps,
        conditions: &[Conditions; 2],
        precise: bool,
    ) -> Result<u64, Error> {
        let worker = self.worker(init)?;
        let id = self.next;
        self.next += 1;
        let cable = Cable { worker, taps, conditions: conditions.clone(), precise };
        self.workers[worker].add(id, &cable, &self.shown);
        self.cables.insert(id, cable);
        Ok(id)
    }

    /// Gives a cable other conditions; frames on their way arrive as they would have.
    pub(crate) fn change(&mut self, id: u64, conditions: &[Conditions; 2], precise: bool) {
        let Some(cable) = self.cables.get_mut(&id) else { return };
        (cable.conditions, cable.precise) = (conditions.clone(), precise);
        let conditions = conditions.clone();
        self.workers[cable.worker].send(&Request::Change { cable: id, conditions, precise });
    }

    /// Gives the TAPs of a cable.
    pub(crate) fn taps(&self, id: u64) -> Option<&[OwnedFd; 2]> {
        self.cables.get(&id).map(|cable| &cable.taps.fds)
    }

    /// Removes a cable; its TAPs vanish when the frames on their way have been given to them.
    pub(crate) fn remove(&mut self, id: u64) {
        if let Some(cable) = self.cables.remove(&id) {
            self.workers[cable.worker].send(&Request::Remove { cable: id });
        }
    }

    /// Lets all frames for a port go where packet sockets at that port see them.
    pub(crate) fn show(&mut self, port: u32) {
        if self.shown.insert(port) {
            self.workers.iter_mut().for_each(|worker| worker.send(&Request::Show { port }));
            self.counters(); // whoever has answered has done it
        }
    }

    /// Asks what all cables did so far.
    pub(crate) fn counters(&mut self) -> BTreeMap<u64, [Counters; 2]> {
        self.workers.iter_mut().flat_map(Worker::counters).collect()
    }

    /// Starts a process in the place of one that died, and gives it the same cables.
    pub(crate) fn restart(&mut self, init: &Init, worker: usize) -> Result<(), Error> {
        self.workers[worker] = self.start(init, worker)?;
        for (id, cable) in self.cables.iter().filter(|(_, cable)| cable.worker == worker) {
            self.workers[worker].add(*id, cable, &self.shown);
        }
        Ok(())
    }

    /// Chooses the process with the fewest cables, and starts one if all have some and more are allowed.
    fn worker(&mut self, init: &Init) -> Result<usize, Error> {
        let load = |worker: usize| self.cables.values().filter(|cable| cable.worker == worker).count();
        let idlest = (0..self.workers.len()).min_by_key(|worker| load(*worker));
        if let Some(worker) = idlest.filter(|worker| load(*worker) == 0 || self.workers.len() >= self.most) {
            return Ok(worker);
        }
        let worker = self.start(init, self.workers.len())?;
        self.workers.push(worker);
        Ok(self.workers.len() - 1)
    }

    fn start(&self, init: &Init, number: usize) -> Result<Worker, Error> {
        let failed = |source| Error::Spawn { what: "a wire process".into(), source };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        ours.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        ours.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        init.start_wire(theirs.as_fd(), self.fabric.as_fd())?;
        let watched = ours.try_clone().map_err(failed)?;
        let deaths = self.deaths.clone();
        std::thread::spawn(move || {
            let mut end = [PollFd::new(watched.as_fd(), PollFlags::empty())];
            while let Ok(0) | Err(nix::errno::Errno::EINTR) = poll(&mut end, PollTimeout::NONE) {}
            let _ = deaths.send(number); // the lab has gone
        });
        let connection = Connection::new(ours);
        let sender = connection.sender().map_err(failed)?;
        fault::step();
        Ok(Worker { connection, sender })
    }
}

impl Worker {
    fn add(&mut self, id: u64, cable: &Cable, shown: &BTreeSet<u32>) {
        let Cable { taps, conditions, precise, .. } = cable;
        let conditions = conditions.clone();
        let ports = taps.ports.map(|port| port.filter(|port| !shown.contains(port)));
        let (header, precise) = (taps.header, *precise);
        let request = Request::Add { cable: id, seed: id, header, ports, conditions, precise };
        let sent = self.sender.send(&request, &taps.fds.each_ref().map(AsFd::as_fd));
        self.judge(sent);
    }

    fn send(&mut self, request: &Request) {
        let sent = self.sender.send(request, &[]);
        self.judge(sent);
    }

    fn counters(&mut self) -> Vec<(u64, [Counters; 2])> {
        let asked = self.sender.send(&Request::Counters, &[]);
        let answer = asked.and_then(|()| self.connection.receive::<Reply>());
        match answer {
            Ok(Some(Reply(counters))) => counters,
            answer => {
                self.judge(answer.map(drop));
                Vec::new()
            }
        }
    }

    /// Gives a process up that does not answer: its end of the connection closes, which it and the lab take for its
    /// death.
    fn judge(&self, result: io::Result<()>) {
        if result.is_err() {
            let _ = self.connection.stream().shutdown(std::net::Shutdown::Both); // it may be gone already
        }
    }
}
