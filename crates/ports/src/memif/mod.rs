//! Memory shared with another process, by the protocol of libmemif: a unix socket over which the two agree, then
//! rings of frames in shared memory without system calls but to wake who sleeps.

mod channel;
mod control;
mod data;
mod event;
mod handshake;
mod layout;
mod message;
mod peer;
mod region;
mod ring;

use std::borrow::Cow;
use std::cell::Cell;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rackless_nf::{Allocator as _, Packet, Pool, Port, PortInfo, PortState, PortStats};
use rackless_packet::MacAddr;

use self::channel::Listener;
use self::data::{Broken, Received};
use self::event::Timer;
use self::peer::{Peer, disconnect};
use crate::epoll::Epoll;
use crate::interface::L2_MAX;
use crate::spec::{MemifRole, MemifSpec};
use crate::{DeviceSpec, Error, Options};

/// Bursts between two looks at the control socket: a look is a system call.
const BURSTS_PER_LOOK: u32 = 64;
/// How long a client waits before it tries to connect again.
const RETRY: Duration = Duration::from_millis(20);
/// How long after it asked to be woken a receiver looks into its ring once more: a peer that does not order its look
/// at the flag behind its frame (DPDK 22.11 does not) may have missed it, but not for longer than a write takes to be
/// seen.
const SECOND_LOOK: Duration = Duration::from_millis(1);
/// Bytes of a client's buffers at least: DPDK writes what fits its own, whatever it is offered.
const BUFFER: usize = 2048;

/// Different refusals that are counted.
const REFUSALS: usize = 8;

/// Memory shared with another process.
pub(crate) struct Memif {
    spec: MemifSpec,
    listener: Option<Listener>,
    peer: Option<Peer>,
    wait: Epoll,
    /// Of a client without a server, when to try again; while asleep, when to look once more.
    timer: Timer,
    /// Whether the peer was asked to wake us, and nothing came since.
    asleep: Cell<bool>,
    bursts: u32,
    pool: Pool,
    info: PortInfo,
    max_frame: usize,
    stats: PortStats,
    ups: u64,
    downs: u64,
    /// What ended connections that were to be made, and how often.
    refusals: Vec<(String, u64)>,
    sent: Vec<Packet>,
}

impl Memif {
    pub(crate) fn open(name: &str, spec: &MemifSpec, options: &Options) -> Result<Self, Error> {
        let failed = |action| {
            move |source: io::Error| Error::Socket { action, socket: spec.socket.to_string(), source }
        };
        let listener = match spec.role {
            MemifRole::Server => Some(Listener::bind(&spec.socket).map_err(failed("listen on"))?),
            MemifRole::Client => None,
        };
        let timer = Timer::new().map_err(failed("wait for"))?;
        let wait = Epoll::new().and_then(|wait| {
            wait.add(timer.fd())?;
            listener.iter().try_for_each(|listener| wait.add(listener.fd()))?;
            Ok(wait)
        });
        let device = DeviceSpec::Memif(spec.clone()).to_string();
        let mac = spec.mac.unwrap_or_else(|| address(spec));
        let mut port = Self {
            spec: spec.clone(),
            listener,
            peer: None,
            wait: wait.map_err(failed("wait for"))?,
            timer,
            asleep: false.into(),
            bursts: 0,
            pool: options.pool.clone(),
            info: PortInfo { name: name.into(), device, mac, mtu: spec.mtu },
            max_frame: usize::from(spec.mtu) + L2_MAX,
            stats: PortStats::default(),
            ups: 0,
            downs: 0,
            refusals: Vec::new(),
            sent: Vec::new(),
        };
        if spec.role == MemifRole::Client {
            port.timer.set(RETRY, RETRY);
            port.connect();
        }
        Ok(port)
    }

    /// Takes what has woken us.
    fn wake_up(&mut self) {
        if let Some(rings) = self.peer.as_ref().and_then(Peer::open_rings) {
            rings.rx.event.clear();
            self.timer.take();
        }
    }

    /// Receives frames from an open connection.
    fn receive(&mut self, into: &mut Vec<Packet>, max: usize) -> Result<(), Broken> {
        let Some((side, rings)) = self.peer.as_mut().and_then(Peer::rings) else { return Ok(()) };
        let mut ready = rings.ready(side)?;
        if ready == 0 {
            return Ok(());
        }
        if self.asleep.replace(false) {
            rings.rx.set_polled(&rings.regions, true);
        }
        let start = into.len();
        // Frames for which there is no buffer stay in the ring.
        let buffers = self.pool.alloc_burst(into, max.min(ready.into()));
        let (mut kept, mut released) = (start, 0);
        for index in start..start + buffers {
            if ready == 0 {
                break;
            }
            let (places, received) = rings.receive(side, ready, &mut into[index]);
            (ready, released) = (ready - places, released + places);
            let len = into[index].len();
            if received == Received::Unusable || len > self.max_frame {
                self.stats.rx_errors += 1;
                continue;
            }
            self.stats.rx_packets += 1;
            self.stats.rx_bytes += len as u64;
            into.swap(kept, index);
            kept += 1;
        }
        rings.release(side, released);
        into.truncate(kept);
        Ok(())
    }

    /// Sends packets from the front, and gives how many are done with.
    fn send(&mut self, packets: &[Packet]) -> usize {
        let Some((side, rings)) = self.peer.as_mut().and_then(Peer::rings) else {
            // Nobody is there: not to be sent when somebody comes.
            self.stats.tx_errors += packets.len() as u64;
            return packets.len();
        };
        let (mut done, mut put, mut broken) = (0, 0, None);
        let mut room = rings.room(side).unwrap_or_else(|error| {
            broken = Some(error);
            0
        });
        for packet in packets {
            if packet.is_empty() || packet.len() > self.max_frame {
                self.stats.tx_errors += 1;
                done += 1;
                continue;
            }
            match rings.put(side, room, packet) {
                Ok(Some(places)) => room -= places,
                Ok(None) => break,
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
            (done, put) = (done + 1, put + 1);
            self.stats.tx_packets += 1;
            self.stats.tx_bytes += packet.len() as u64;
        }
        if put > 0 {
            rings.publish(side);
        }
        if let Some(broken) = broken {
            self.lose(broken.into());
        }
        done
    }
}

impl Port for Memif {
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        self.bursts = self.bursts.wrapping_add(1);
        if self.asleep.get() {
            self.wake_up();
        }
        let is_open = self.peer.as_ref().is_some_and(Peer::is_open);
        if !is_open || self.asleep.get() || self.bursts.is_multiple_of(BURSTS_PER_LOOK) {
            self.attend();
        }
        let start = into.len();
        if let Err(broken) = self.receive(into, max) {
            self.lose(broken.into());
        }
        into.len() - start
    }

    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
        let done = self.send(packets);
        if done == packets.len() {
            Packet::free_burst(packets);
        } else {
            self.sent.extend(packets.drain(..done));
            Packet::free_burst(&mut self.sent);
        }
        done
    }

    fn info(&self) -> &PortInfo {
        &self.info
    }

    fn stats(&self) -> PortStats {
        self.stats
    }

    fn xstats(&self) -> Vec<(Cow<'static, str>, u64)> {
        let named = [("the peer came".into(), self.ups), ("the peer went away".into(), self.downs)];
        let refusals = self.refusals.iter().map(|(why, count)| (why.clone().into(), *count));
        named.into_iter().chain(refusals).collect()
    }

    fn state(&self) -> PortState {
        let link_up = Some(self.peer.as_ref().is_some_and(Peer::is_open));
        PortState { link_up, ..PortState::default() }
    }

    fn wait_fd(&self) -> Option<BorrowedFd<'_>> {
        if !self.asleep.get()
            && let Some(waits) = self.peer.as_ref().and_then(Peer::ask_to_be_woken)
        {
            self.asleep.set(true);
            let at_once = if waits { Duration::from_nanos(1) } else { SECOND_LOOK };
            self.timer.set(at_once, Duration::ZERO);
        }
        Some(self.wait.fd())
    }
}

impl Drop for Memif {
    fn drop(&mut self) {
        if let Some(peer) = &self.peer {
            disconnect(&peer.channel, "Port closed");
        }
    }
}

/// An address of this machine's own making: always the same for the same end of a connection.
fn address(spec: &MemifSpec) -> MacAddr {
    let mut hasher = DefaultHasher::new();
    (spec.socket.to_string(), spec.id, spec.role == MemifRole::Server).hash(&mut hasher);
    let [a, b, c, d, e, ..] = hasher.finish().to_be_bytes();
    MacAddr([2, a, b, c, d, e])
}
