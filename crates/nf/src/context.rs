//! What a network function may use besides its packets.

use fastrand::Rng;

use crate::graph::counters::NodeCounters;
use crate::graph::timers::Timers;
use crate::graph::watch::Watch;
use crate::{Allocator, Packet, PortInfo, Reason, Time};

/// The world as a network function sees it: time, randomness, timers, buffers, further packets.
pub struct Context<'a> {
    pub(crate) now: Time,
    pub(crate) node: usize,
    pub(crate) input: u8,
    pub(crate) ports: &'a [PortInfo],
    pub(crate) interfaces: &'a [Option<usize>],
    pub(crate) allocator: &'a dyn Allocator,
    pub(crate) timers: &'a mut Timers,
    pub(crate) rng: &'a mut Rng,
    pub(crate) counters: &'a mut NodeCounters,
    pub(crate) emitted: &'a mut Vec<(u8, Packet)>,
    pub(crate) watch: &'a mut Option<Box<Watch>>,
}

impl Context<'_> {
    /// Sends a packet out of an output besides the one at hand: a generated one, or one held before.
    pub fn emit(&mut self, output: u8, mut packet: Packet) {
        if packet.is_held() {
            packet.release();
            self.counters.held -= 1;
        } else {
            self.counters.generated += 1;
        }
        self.emitted.push((output, packet));
    }

    /// Takes a packet that the function made into keeping: it counts as generated, and as held until
    /// [`Context::emit`] or [`Context::drop_packet`].
    #[must_use = "the packet is the caller's to keep"]
    pub fn keep(&mut self, mut packet: Packet) -> Packet {
        if !packet.is_held() {
            packet.set_held(true);
            self.counters.generated += 1;
            self.counters.held += 1;
            if let Some(watch) = self.watch {
                watch.kept(self.now, self.node, &mut packet);
            }
        }
        packet
    }

    /// Drops a packet that the function owns: a held one whose time is up, or a generated one it gave up on.
    pub fn drop_packet(&mut self, packet: Packet, reason: Reason) {
        if packet.is_held() {
            self.counters.held -= 1;
        } else {
            self.counters.generated += 1;
        }
        self.counters.drop(reason, 1);
        if let Some(watch) = self.watch {
            watch.dropped(self.now, self.node, &packet, reason);
        }
    }

    /// An empty packet from the worker's pool.
    ///
    /// # Errors
    /// [`Reason::NO_BUFFER`]
    pub fn alloc(&mut self) -> Result<Packet, Reason> {
        self.allocator.alloc().ok_or(Reason::NO_BUFFER)
    }

    /// A packet with a copy of `bytes`.
    ///
    /// # Errors
    /// [`Reason::NO_BUFFER`], [`Reason::NO_TAILROOM`]
    pub fn alloc_with(&mut self, bytes: &[u8]) -> Result<Packet, Reason> {
        let mut packet = self.alloc()?;
        packet.set_data(bytes)?;
        Ok(packet)
    }

    /// A copy of a packet, with its port, time and notes.
    ///
    /// # Errors
    /// [`Reason::NO_BUFFER`], [`Reason::NO_TAILROOM`]
    pub fn copy(&mut self, packet: &Packet) -> Result<Packet, Reason> {
        let mut copy = self.alloc_with(packet.data())?;
        copy.set_in_port(packet.in_port());
        copy.set_rx_time(packet.rx_time());
        (0..Packet::NOTES).for_each(|slot| copy.set_note(slot, packet.note(slot)));
        if let Some(watch) = self.watch {
            watch.copied(self.now, self.node, packet, &mut copy);
        }
        Ok(copy)
    }

    /// Counts a packet that should have been made and could not be, as generated and dropped.
    pub fn drop_unmade(&mut self, reason: Reason) {
        self.counters.generated += 1;
        self.counters.drop(reason, 1);
    }

    /// Calls [`Nf::timer`](crate::Nf::timer) with `token` once `delay_ps` picoseconds have passed.
    pub fn after(&mut self, delay_ps: Time, token: u64) {
        self.timers.set(self.now.saturating_add(delay_ps), self.node, token);
    }

    /// Random numbers, seeded per node: the same seed gives the same numbers.
    pub fn rng(&mut self) -> &mut Rng {
        self.rng
    }

    /// The time in picoseconds; only differences mean something.
    #[inline]
    pub fn now(&self) -> Time {
        self.now
    }

    /// The input of this node that the batch came by; 0 in `start` and `timer`.
    #[inline]
    pub fn input(&self) -> u8 {
        self.input
    }

    /// The ports of the graph, in the order of the configuration.
    pub fn ports(&self) -> &[PortInfo] {
        self.ports
    }

    /// The port at which an input of this node and the output of the same number stand, directly or behind nodes
    /// with a single input; `None` in the middle of a graph. A node alone stands at all ports, in their order.
    pub fn interface(&self, number: u8) -> Option<&PortInfo> {
        let port = self.interfaces.get(usize::from(number)).copied().flatten()?;
        self.ports.get(port)
    }
}
