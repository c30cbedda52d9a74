//! A device with one queue, shared by several workers: one of them has it, and shares out what it receives by flows;
//! the others hand it what they send.

use std::borrow::Cow;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use rackless_nf::{Graph, Packet, Port, PortChange, PortError, PortInfo, PortState, PortStats};

use super::bell::Bell;
use super::stop::Stop;

/// Packets that may be on their way from one worker to another, for each device: some milliseconds at the rates that
/// a worker handles.
pub(super) const RING: usize = 1024;

/// Bursts that a worker takes for others before it looks at its own work: one that finds nothing for itself is thought
/// to be idle.
const BURSTS: usize = 16;

/// The way of packets to another worker.
struct Ring {
    sender: SyncSender<Packet>,
    bell: Arc<Bell>,
}

impl Ring {
    fn new(bell: &Arc<Bell>) -> (Self, Receiver<Packet>) {
        let (sender, receiver) = sync_channel(RING);
        (Self { sender, bell: Arc::clone(bell) }, receiver)
    }

    /// Hands over packets from the front as far as there is room, and gives how many; the rest stays.
    fn hand_over(&self, packets: &mut Vec<Packet>) -> usize {
        let all = packets.len();
        self.bell.expect(all);
        let mut left = packets.drain(..);
        let refused = left.by_ref().find_map(|packet| match self.sender.try_send(packet) {
            Ok(()) => None,
            Err(TrySendError::Full(packet) | TrySendError::Disconnected(packet)) => Some(packet),
        });
        let rest: Vec<Packet> = refused.into_iter().chain(left).collect();
        packets.extend(rest);
        let handed = all - packets.len();
        self.bell.done(packets.len());
        self.bell.ring();
        handed
    }
}

/// The port of the worker that has the device.
struct Home {
    device: Box<dyn Port>,
    worker: usize,
    bell: Arc<Bell>,
    stop: Arc<Stop>,
    /// To the workers by their numbers; none to itself.
    rings: Vec<Option<Ring>>,
    /// What was received and is for each worker.
    shares: Vec<Vec<Packet>>,
    received: Vec<Packet>,
    /// What the others send.
    to_send: Vec<Receiver<Packet>>,
    backlog: Vec<Packet>,
    handed: u64,
    ring_full: u64,
}

/// The port of another worker.
struct Guest {
    info: PortInfo,
    bell: Arc<Bell>,
    share: Receiver<Packet>,
    home: Ring,
    /// Never readable: the bell wakes this worker.
    quiet: UnixStream,
    _quiet_end: UnixStream,
}

/// Makes a port for each worker of a device that `home` has.
pub(super) fn share(
    device: Box<dyn Port>,
    home: usize,
    bells: &[Arc<Bell>],
    stop: &Arc<Stop>,
) -> io::Result<Vec<Box<dyn Port>>> {
    let (mut rings, mut to_send, mut guests) = (Vec::new(), Vec::new(), Vec::new());
    for (worker, bell) in bells.iter().enumerate() {
        if worker == home {
            rings.push(None);
            continue;
        }
        let (ring, share) = Ring::new(bell);
        let (to_home, from_guest) = Ring::new(&bells[home]);
        let (quiet, quiet_end) = UnixStream::pair()?;
        let (info, bell) = (device.info().clone(), Arc::clone(bell));
        guests.push(Guest { info, bell, share, home: to_home, quiet, _quiet_end: quiet_end });
        rings.push(Some(ring));
        to_send.push(from_guest);
    }
    let shares = bells.iter().map(|_| Vec::new()).collect();
    let (bell, stop) = (Arc::clone(&bells[home]), Arc::clone(stop));
    let (received, backlog) = (Vec::new(), Vec::new());
    let owner = Home {
        device,
        worker: home,
        bell,
        stop,
        rings,
        shares,
        received,
        to_send,
        backlog,
        handed: 0,
        ring_full: 0,
    };
    let mut ports: Vec<Box<dyn Port>> =
        guests.into_iter().map(|guest| Box::new(guest) as Box<dyn Port>).collect();
    ports.insert(home, Box::new(owner));
    Ok(ports)
}

impl Home {
    /// Hands the packets of a burst to the workers of their flows.
    fn share_out(&mut self, into: &mut Vec<Packet>) {
        let workers = self.shares.len();
        for packet in self.received.drain(..) {
            let worker = packet.flow_share(workers);
            if worker == self.worker { into.push(packet) } else { self.shares[worker].push(packet) }
        }
        for (ring, share) in self.rings.iter().zip(&mut self.shares) {
            let Some(ring) = ring.as_ref().filter(|_| !share.is_empty()) else { continue };
            self.handed += ring.hand_over(share) as u64;
            self.ring_full += share.len() as u64;
            Packet::free_burst(share);
        }
    }
}

impl Port for Home {
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        let before = into.len();
        for _ in 0..BURSTS {
            if self.stop.is_set() || self.device.rx_burst(&mut self.received, max) == 0 {
                break;
            }
            self.share_out(into);
            if into.len() > before {
                break;
            }
        }
        into.len() - before
    }

    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
        self.device.tx_burst(packets)
    }

    /// Also sends what the others have handed over.
    fn flush(&mut self) {
        if self.backlog.is_empty() {
            for guest in &self.to_send {
                self.backlog.extend(guest.try_iter().take(Graph::BURST));
            }
        }
        let before = self.backlog.len();
        while !self.backlog.is_empty() && self.device.tx_burst(&mut self.backlog) > 0 {}
        self.bell.done(before - self.backlog.len());
        self.device.flush();
    }

    fn info(&self) -> &PortInfo {
        self.device.info()
    }

    fn stats(&self) -> PortStats {
        self.device.stats()
    }

    fn xstats(&self) -> Vec<(Cow<'static, str>, u64)> {
        let mut all = self.device.xstats();
        all.push(("handed to other workers".into(), self.handed));
        all.push(("dropped: ring to another worker full".into(), self.ring_full));
        all
    }

    fn state(&self) -> PortState {
        self.device.state()
    }

    fn change(&mut self, change: PortChange) -> Result<(), PortError> {
        self.device.change(change)
    }

    fn wait_fd(&self) -> Option<BorrowedFd<'_>> {
        self.device.wait_fd()
    }
}

impl Port for Guest {
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        let before = into.len();
        into.extend(self.share.try_iter().take(max));
        let received = into.len() - before;
        self.bell.done(received);
        received
    }

    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
        self.home.hand_over(packets)
    }

    fn info(&self) -> &PortInfo {
        &self.info
    }

    /// What the device counts, its owner tells.
    fn stats(&self) -> PortStats {
        PortStats::default()
    }

    fn wait_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.quiet.as_fd())
    }
}

/// A queue of its own that a worker has; it receives nothing more once all are to stop.
pub(super) struct Queue {
    pub(super) device: Box<dyn Port>,
    pub(super) stop: Arc<Stop>,
}

impl Port for Queue {
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        if self.stop.is_set() { 0 } else { self.device.rx_burst(into, max) }
    }

    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
        self.device.tx_burst(packets)
    }

    fn flush(&mut self) {
        self.device.flush();
    }

    fn info(&self) -> &PortInfo {
        self.device.info()
    }

    fn stats(&self) -> PortStats {
        self.device.stats()
    }

    fn xstats(&self) -> Vec<(Cow<'static, str>, u64)> {
        self.device.xstats()
    }

    fn state(&self) -> PortState {
        self.device.state()
    }

    fn change(&mut self, change: PortChange) -> Result<(), PortError> {
        self.device.change(change)
    }

    fn wait_fd(&self) -> Option<BorrowedFd<'_>> {
        self.device.wait_fd()
    }
}
