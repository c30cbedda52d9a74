//! From a destination to a neighbour that is known to be there.

use std::net::IpAddr;

use rackless_nf::{Context, Outcome, Packet, Reason, Time, Verdict};
use rackless_packet::arp::Arp;
use rackless_packet::build::{Build, Complete};
use rackless_packet::ipv6::solicited_node;
use rackless_packet::{L3Kind, MacAddr};

use super::errors::Problem;
use super::forward::network_len;
use super::interfaces::is_link_local_v6;
use super::neighbours::{Held, Id, Link, REACHABLE, REQUESTS, RETRANSMIT, State};
use super::table::Target;
use super::{Router, RouterDrop};

/// What can be done with a packet to a neighbour.
pub(super) enum Way {
    /// It can be sent.
    Open,
    /// It waits for an answer.
    Waiting,
    /// There is no answer.
    Closed,
}

impl Router {
    /// Set in the key of a held packet that the router sends itself, beside the neighbour's place.
    const OWN: u32 = 1 << 31;

    /// The neighbour that a packet goes to next, asked for when it is new.
    #[inline]
    pub(super) fn next_hop(
        &mut self,
        target: Target,
        dst: IpAddr,
        cx: &mut Context<'_>,
    ) -> Result<Id, RouterDrop> {
        match target {
            Target::Route(route) => match self.active[route as usize] {
                Self::NONE => Err(RouterDrop::NextHopsDead),
                id => Ok(id),
            },
            Target::Connected(interface) => match self.neighbours.find_recent(interface, dst) {
                Some(id) => Ok(id),
                None => self.ask_new(interface, dst, cx),
            },
            _ => Err(RouterDrop::NoRoute),
        }
    }

    #[cold]
    fn ask_new(&mut self, interface: u8, dst: IpAddr, cx: &mut Context<'_>) -> Result<Id, RouterDrop> {
        let state = State::Incomplete { asked: 1 };
        let id = self
            .neighbours
            .add(self.link(interface), dst, state, cx.now())
            .ok_or(RouterDrop::NeighbourTableFull)?;
        self.ask(id, cx);
        self.ask_later(id, cx);
        Ok(id)
    }

    pub(super) fn link(&self, index: u8) -> Link {
        let interface = &self.interfaces[usize::from(index)];
        Link { index, mac: interface.mac, mtu: interface.mtu }
    }

    /// Looks at a neighbour that is not simply reachable, and asks it when it is used for the first time in long.
    #[cold]
    pub(super) fn look(&mut self, id: Id, cx: &mut Context<'_>) -> Way {
        let neighbour = self.neighbours.get_mut(id);
        match neighbour.state {
            State::Incomplete { .. } => Way::Waiting,
            State::Dead | State::Free => Way::Closed,
            State::Probe { .. } => Way::Open,
            State::Reachable | State::Stale => {
                neighbour.state = State::Probe { asked: 1 };
                neighbour.check_at = Time::MAX;
                // Timers that were set before are not this probe's.
                neighbour.generation = neighbour.generation.wrapping_add(1);
                self.ask(id, cx);
                self.ask_later(id, cx);
                Way::Open
            }
        }
    }

    /// Finds the way of a packet that the router sends itself; `interface` is where link-local hosts are.
    pub(super) fn route_own(&mut self, packet: &mut Packet, interface: u8, cx: &mut Context<'_>) -> Outcome {
        let (dst, target) = match packet.layout().l3.map(|l3| l3.kind) {
            Some(L3Kind::Ipv6) => {
                let ip = packet.ipv6()?;
                (IpAddr::V6(ip.dst()), self.table.lookup_v6(ip.dst))
            }
            _ => {
                let ip = packet.ipv4()?;
                (IpAddr::V4(ip.dst()), self.table.lookup_v4(ip.dst))
            }
        };
        let target = if is_link_local_v6(dst) { Target::Connected(interface) } else { target };
        let id = self.next_hop(target, dst, cx)?;
        let neighbour = self.neighbours.get(id);
        if network_len(packet) > neighbour.mtu {
            return Err(RouterDrop::TooBig.into());
        }
        if !neighbour.usable || cx.now() >= neighbour.check_at {
            match self.look(id, cx) {
                Way::Open => {}
                Way::Waiting => return Ok(Verdict::Hold(id | Self::OWN)),
                Way::Closed => return Err(RouterDrop::NeighbourUnreachable.into()),
            }
        }
        self.send_to(packet, id, false)
    }

    /// Does what an outcome says with a packet that the router made or held.
    pub(super) fn settle(&mut self, packet: Packet, outcome: Outcome, cx: &mut Context<'_>) {
        match outcome {
            Ok(Verdict::Out(output)) => cx.emit(output, packet),
            Ok(Verdict::Hold(key)) => {
                let packet = cx.keep(packet);
                self.wait(packet, key, cx);
            }
            Err(reason) => cx.drop_packet(packet, reason),
        }
    }

    /// Queues a packet for the neighbour that its key names, or sends it if the answer came meanwhile.
    pub(super) fn wait(&mut self, mut packet: Packet, key: u32, cx: &mut Context<'_>) {
        let (id, transit) = (key & !Self::OWN, key & Self::OWN == 0);
        let neighbour = self.neighbours.get_mut(id);
        if neighbour.usable {
            let outcome = self.send_to(&mut packet, id, transit);
            self.settle(packet, outcome, cx);
            return;
        }
        if !matches!(neighbour.state, State::Incomplete { .. }) {
            return cx.drop_packet(packet, RouterDrop::NeighbourUnreachable.into());
        }
        neighbour.queue.push_back(Held { packet, transit });
        if neighbour.queue.len() > usize::from(self.file.neighbours.queue)
            && let Some(oldest) = neighbour.queue.pop_front()
        {
            cx.drop_packet(oldest.packet, RouterDrop::NeighbourQueueFull.into());
        }
    }

    /// Asks a neighbour for its MAC address: itself if it answered the last time, else everybody.
    pub(super) fn ask(&mut self, id: Id, cx: &mut Context<'_>) {
        let neighbour = self.neighbours.get(id);
        let interface = &self.interfaces[usize::from(neighbour.interface)];
        let answered = neighbour.probes.is_none_or(|probes| probes.missed == 0);
        let known = (neighbour.usable && answered).then_some(neighbour.mac);
        let mac = interface.mac;
        let question = match neighbour.address {
            IpAddr::V4(target) => {
                let Some(src) = interface.source_v4(target) else { return };
                Build::ethernet(mac, known.unwrap_or(MacAddr::BROADCAST)).arp(&Arp::request(mac, src, target))
            }
            IpAddr::V6(target) => {
                let src = interface.source_v6(target).unwrap_or(interface.link_local);
                let group = solicited_node(target);
                let dst = if known.is_some() { target } else { group };
                Build::ethernet(mac, known.unwrap_or(MacAddr::from_multicast_v6(group)))
                    .ipv6(src, dst)
                    .neighbour_solicitation(target, Some(mac))
            }
        };
        // Without a buffer the question is lost like any frame may be, and asked again.
        let _ = emit(neighbour.interface, &question, cx);
    }

    /// A neighbour's timer: asks again, or gives up.
    pub(super) fn ask_again(&mut self, id: Id, generation: u32, cx: &mut Context<'_>) {
        let Some(neighbour) = self.neighbours.of_timer(id, generation) else { return };
        let (State::Incomplete { asked } | State::Probe { asked }) = &mut neighbour.state else { return };
        if *asked < REQUESTS {
            *asked += 1;
            self.ask(id, cx);
            self.ask_later(id, cx);
            return;
        }
        let queue = std::mem::take(&mut neighbour.queue);
        self.neighbours.remove(id);
        for Held { packet, transit } in queue {
            if transit {
                self.complain(&packet, Problem::Address, cx);
            }
            cx.drop_packet(packet, RouterDrop::NeighbourUnreachable.into());
        }
    }

    /// A host was heard of by its own question: remembers it if it is on the link, to be asked at its first use.
    pub(super) fn hear(&mut self, interface: u8, address: IpAddr, mac: MacAddr, cx: &mut Context<'_>) {
        if !mac.is_unicast() || !self.interfaces[usize::from(interface)].is_on_link(address) {
            return;
        }
        if let Some(id) = self.neighbours.find(interface, address) {
            return self.learn(id, Some(mac), Learned::HEARSAY, cx);
        }
        // A full table does without: the host is asked for when it is needed.
        if let Some(id) = self.neighbours.add(self.link(interface), address, State::Stale, cx.now()) {
            let neighbour = self.neighbours.get_mut(id);
            neighbour.mac = mac;
            neighbour.usable = true;
        }
    }

    /// A neighbour told its MAC address, or without one that it is there (RFC 4861, section 7.2.5).
    pub(super) fn learn(&mut self, id: Id, mac: Option<MacAddr>, how: Learned, cx: &mut Context<'_>) {
        let neighbour = self.neighbours.get_mut(id);
        let is_hop = neighbour.probes.is_some();
        neighbour.seen = cx.now();
        if !neighbour.usable {
            let Some(mac) = mac.filter(|_| how.solicited || !is_hop) else { return };
            neighbour.mac = mac;
            neighbour.usable = true;
            neighbour.state = State::Stale;
            neighbour.check_at = 0;
        } else if let Some(mac) = mac.filter(|mac| *mac != neighbour.mac) {
            if how.overrides {
                neighbour.mac = mac;
            }
            if !is_hop {
                neighbour.state = State::Stale;
                neighbour.check_at = 0;
            }
            if !how.overrides {
                return;
            }
        }
        if how.solicited {
            let was_live = neighbour.state == State::Reachable;
            neighbour.state = State::Reachable;
            neighbour.check_at = if is_hop { Time::MAX } else { cx.now().saturating_add(REACHABLE) };
            if let Some(probes) = &mut neighbour.probes {
                *probes = super::neighbours::Probes { answered: true, missed: 0 };
            }
            if is_hop && !was_live {
                self.choose_hops();
            }
        }
        self.release(id, cx);
    }

    /// Sends what waited for a neighbour.
    fn release(&mut self, id: Id, cx: &mut Context<'_>) {
        let waiting = std::mem::take(&mut self.neighbours.get_mut(id).queue);
        for Held { mut packet, transit } in waiting {
            if self.neighbours.get(id).check_at <= cx.now() {
                self.look(id, cx);
            }
            let outcome = self.send_to(&mut packet, id, transit);
            self.settle(packet, outcome, cx);
        }
    }

    fn ask_later(&self, id: Id, cx: &mut Context<'_>) {
        let generation = self.neighbours.get(id).generation;
        cx.after(RETRANSMIT, u64::from(generation) << 32 | u64::from(id));
    }
}

/// How a MAC address was learned: the flags of a neighbour advertisement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Learned {
    /// It answers a question of ours.
    pub(super) solicited: bool,
    /// It replaces what is known.
    pub(super) overrides: bool,
}

impl Learned {
    /// An answer by ARP.
    pub(super) const ANSWER: Self = Self { solicited: true, overrides: true };
    /// Said without being asked.
    pub(super) const HEARSAY: Self = Self { solicited: false, overrides: true };
}

/// Sends a frame of the router's own.
pub(super) fn emit(output: u8, frame: &Complete<'_>, cx: &mut Context<'_>) -> Result<(), Reason> {
    let packet = write(frame, cx)?;
    cx.emit(output, packet);
    Ok(())
}

/// Writes a frame into a new packet.
pub(super) fn write(frame: &Complete<'_>, cx: &mut Context<'_>) -> Result<Packet, Reason> {
    let mut packet = cx.alloc()?;
    frame.write_into(packet.append(frame.frame_len())?).map_err(|_| Reason::NO_TAILROOM)?;
    Ok(packet)
}
