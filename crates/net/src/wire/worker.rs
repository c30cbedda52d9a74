//! A wire process: carries frames between TAPs under the conditions of their links.
//!
//! One thread for many cables, since there are fewer cores than cables. It sleeps until shortly before the next
//! frame is due and spins for the rest: a process that is woken by a timer comes 50 to 100 us late.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sched::{CloneFlags, setns};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use rackless_link::{Conditions, Count, Direction};

use super::end::End;
use super::frame::{Buffers, WireFrame};
use super::protocol::{Reply, Request};
use super::wake::{Pass, WakeUp};
use crate::connection::{Connection, Sender};

/// Frames that are read from one TAP before the others get their turn.
const BURST: usize = 64;
/// A process that sleeps a part of each such time runs before ordinary ones, which on a busy machine make it
/// milliseconds late otherwise. One that sleeps less runs among them: it would leave them a core less for good, and the
/// kernel takes the processor from such a process for 50 ms in each second (`sched_rt_runtime_us`).
const WINDOW: Duration = Duration::from_millis(20);
/// One in so many parts of the time.
const ASLEEP: u64 = 4;
/// What a direction holds at most: 1 GiB of memory, where short frames take 2 KiB each. That is half a second of as many
/// short frames as a wire carries, and a second of 8 Gbit/s.
const MOST_HELD: Count = Count { frames: 500_000, bytes: 1 << 30 };
/// The event of the lab's socket; those of TAPs are twice the place of their cable, plus the end.
const CONTROL: u64 = u64::MAX;

/// Two ends, and what happens to frames between them.
struct Cable {
    id: u64,
    precise: bool,
    leaving: bool,
    ends: [End; 2],
    /// The one of place 0 takes from the first end and gives to the second.
    directions: [Direction<WireFrame>; 2],
    /// For when each direction is in the agenda.
    planned: [Option<u64>; 2],
}

struct Worker {
    start: Instant,
    epoll: Epoll,
    connection: Connection,
    sender: Sender,
    cables: Vec<Option<Cable>>,
    /// What is due when: time, place and direction; entries that are no longer planned are passed over.
    agenda: BinaryHeap<Reverse<(u64, usize, usize)>>,
    buffers: Buffers,
    wake: WakeUp,
    /// Whether the process is in the fabric's namespace, where the ports are.
    at_ports: bool,
    /// When the last look at its sleep was taken, and how long it has slept since.
    slept: (u64, u64),
    /// Whether it runs before ordinary processes; `None` if it may not.
    first: Option<bool>,
}

/// Serves the lab at the other end of `socket` until it has gone; `fabric` is the namespace of its ports.
pub(crate) fn serve(socket: OwnedFd, fabric: OwnedFd) -> io::Result<()> {
    let _ = nix::sys::prctl::set_name(c"rackless-wire");
    // Both are favours: without them a busy machine makes delays less exact.
    let _ = nix::sys::prctl::set_timerslack(1);
    let _ = crate::sys::raise_priority();
    let at_ports = setns(fabric, CloneFlags::CLONE_NEWNET).is_ok();
    let stream = UnixStream::from(socket);
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, CONTROL))?;
    let connection = Connection::new(stream);
    let sender = connection.sender()?;
    let (cables, agenda) = (Vec::new(), BinaryHeap::new());
    let (buffers, wake) = (Buffers::new(), WakeUp::new());
    let start = Instant::now();
    // On the only core, a flood would leave the rest of the machine nothing.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let first = (cores > 1).then_some(false);
    let slept = (0, 0);
    Worker { start, epoll, connection, sender, cables, agenda, buffers, wake, at_ports, slept, first }.work()
}

impl Worker {
    fn work(&mut self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); 64];
        loop {
            self.wait()?;
            let ready = self.epoll.wait(&mut events, EpollTimeout::ZERO)?;
            let pass = self.wake.pass();
            for event in &events[..ready] {
                match event.data() {
                    CONTROL if !self.obey()? => return Ok(()),
                    CONTROL => {}
                    tap => self.read(tap as usize / 2, tap as usize % 2, pass),
                }
            }
            self.deliver();
        }
    }

    /// Sleeps until there is something to read or until shortly before a frame is due.
    fn wait(&mut self) -> io::Result<()> {
        let (now, margin) = (self.now(), self.wake.margin());
        let left = self.agenda.peek().map(|Reverse((due, ..))| due.saturating_sub(now));
        let precise = self.cables.iter().flatten().any(|cable| cable.precise);
        if precise || left.is_some_and(|left| left <= margin) {
            self.choose_class(now);
            return Ok(());
        }
        let sleep = left.map(|left| Duration::from_nanos((left - margin) / 1000));
        let mut fds = [PollFd::new(self.epoll.0.as_fd(), PollFlags::POLLIN)];
        let ready = match ppoll(&mut fds, sleep.map(TimeSpec::from), None) {
            Err(nix::errno::Errno::EINTR) => 0,
            ready => ready?,
        };
        let woken = self.now();
        self.slept.1 += woken.saturating_sub(now);
        self.choose_class(woken);
        let wanted = (ready == 0).then(|| sleep.map(|sleep| now + ps(sleep))).flatten();
        self.wake.woken(now, wanted, woken);
        Ok(())
    }

    /// Reads a burst of frames that came to a TAP.
    ///
    /// Each is dated when it has been read: a process that loses its core between two would let the later one arrive
    /// too early.
    fn read(&mut self, place: usize, end: usize, pass: Pass) {
        let Some(cable) = self.cables.get_mut(place).and_then(Option::as_mut) else { return };
        let from = &cable.ends[end];
        for _ in 0..BURST {
            let Some(frame) = self.buffers.frame(|bytes| from.read(bytes)) else { break };
            cable.directions[end].offer(frame, pass.arrival(ps(self.start.elapsed())));
        }
        plan(&mut self.agenda, cable, place, end);
    }

    /// Delivers what is due.
    fn deliver(&mut self) {
        loop {
            let now = self.now();
            let Some(Reverse((due, place, end))) = self.agenda.peek().copied() else { return };
            if due > now {
                return;
            }
            self.agenda.pop();
            let Some(cable) = self.cables.get_mut(place).and_then(Option::as_mut) else { continue };
            if cable.planned[end] != Some(due) {
                continue; // planned anew since
            }
            cable.planned[end] = None;
            let to = &mut cable.ends[1 - end];
            while let Some((frame, _)) = cable.directions[end].take_due(now) {
                to.write(&frame);
                self.buffers.recycle(frame);
            }
            to.flush();
            plan(&mut self.agenda, cable, place, end);
            if cable.leaving && cable.planned == [None, None] {
                self.forget(place);
            }
        }
    }

    /// Does what the lab asks; gives whether it is still there.
    fn obey(&mut self) -> io::Result<bool> {
        loop {
            let Some(request) = self.connection.receive::<Request>()? else { return Ok(false) };
            match request {
                Request::Add { cable, seed, header, ports, conditions, precise } => {
                    let taps = <[OwnedFd; 2]>::try_from(self.connection.take_fds());
                    let [a, b] = taps.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
                    let ports = ports.map(|port| port.filter(|_| self.at_ports));
                    let ends = [End::new(a, header, ports[0]), End::new(b, header, ports[1])];
                    self.add(cable, seed, &conditions, precise, ends)?;
                }
                Request::Change { cable, conditions, precise } => self.change(cable, &conditions, precise),
                Request::Remove { cable } => self.remove(cable),
                Request::Show { port } => {
                    let ends = self.cables.iter_mut().flatten().flat_map(|cable| &mut cable.ends);
                    ends.for_each(|end| end.show(port));
                }
                Request::Counters => {
                    let all = self.cables.iter().flatten();
                    let counters =
                        all.map(|cable| (cable.id, cable.directions.each_ref().map(|d| *d.counters())));
                    self.sender.send(&Reply(counters.collect()), &[])?;
                }
            }
            if !self.connection.has_message() {
                return Ok(true);
            }
        }
    }

    /// Runs before ordinary processes, or among them, as it has slept of late.
    fn choose_class(&mut self, now: u64) {
        let (since, slept) = self.slept;
        let time = now.saturating_sub(since);
        if time < ps(WINDOW) {
            return;
        }
        self.slept = (now, 0);
        let first = slept > time / ASLEEP;
        if self.first.is_some_and(|before| before != first) {
            self.first = crate::sys::run_first(first).is_ok().then_some(first);
        }
    }

    fn add(
        &mut self,
        id: u64,
        seed: u64,
        conditions: &[Conditions; 2],
        precise: bool,
        ends: [End; 2],
    ) -> io::Result<()> {
        let free = self.cables.iter().position(Option::is_none);
        let place = free.unwrap_or(self.cables.len());
        for (place_of_end, end) in ends.iter().enumerate() {
            let data = (place * 2 + place_of_end) as u64;
            self.epoll.add(&end.tap, EpollEvent::new(EpollFlags::EPOLLIN, data))?;
        }
        let now = self.now();
        let [there, back] = conditions;
        // Two directions with one seed would lose the same frames.
        let directions = [(there, seed), (back, !seed)]
            .map(|(conditions, seed)| Direction::new(conditions, seed, now).bounded(MOST_HELD));
        let cable = Cable { id, precise, leaving: false, ends, directions, planned: [None, None] };
        match free {
            Some(place) => self.cables[place] = Some(cable),
            None => self.cables.push(Some(cable)),
        }
        Ok(())
    }

    fn change(&mut self, id: u64, conditions: &[Conditions; 2], precise: bool) {
        let now = self.now();
        let Some((place, cable)) = find(&mut self.cables, id) else { return };
        cable.precise = precise;
        for (end, conditions) in conditions.iter().enumerate() {
            cable.directions[end].change(conditions, now);
            plan(&mut self.agenda, cable, place, end);
        }
    }

    /// Forgets a cable when its last frame has arrived.
    fn remove(&mut self, id: u64) {
        let now = self.now();
        let Some((place, cable)) = find(&mut self.cables, id) else { return };
        // Nothing is led here any more, and what has come before is carried on.
        for end in 0..2 {
            while let Some(frame) = self.buffers.frame(|bytes| cable.ends[end].read(bytes)) {
                cable.directions[end].offer(frame, now);
            }
            plan(&mut self.agenda, cable, place, end);
        }
        cable.leaving = true;
        cable.precise = false;
        let idle = cable.planned == [None, None];
        for end in &cable.ends {
            let _ = self.epoll.delete(&end.tap); // nothing comes any more
        }
        if idle {
            self.forget(place);
        }
    }

    /// Lets go of a cable: the kernel takes its time to remove a TAP, and the others' frames shall not wait for it.
    fn forget(&mut self, place: usize) {
        let cable = self.cables[place].take();
        std::thread::spawn(move || drop(cable));
    }

    /// Picoseconds since the process started.
    fn now(&self) -> u64 {
        ps(self.start.elapsed())
    }
}

/// Puts the next time of a direction into the agenda, if it is not there.
fn plan(agenda: &mut BinaryHeap<Reverse<(u64, usize, usize)>>, cable: &mut Cable, place: usize, end: usize) {
    let next = cable.directions[end].next_due();
    if next != cable.planned[end] {
        cable.planned[end] = next;
        agenda.extend(next.map(|due| Reverse((due, place, end))));
    }
}

fn find(cables: &mut [Option<Cable>], id: u64) -> Option<(usize, &mut Cable)> {
    let all = cables.iter_mut().enumerate();
    all.filter_map(|(place, cable)| Some((place, cable.as_mut()?))).find(|(_, cable)| cable.id == id)
}

fn ps(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).saturating_mul(1000)
}
