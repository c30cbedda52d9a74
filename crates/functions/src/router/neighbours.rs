//! The neighbour table: who is on the links, at which MAC address, and which packets wait for the answer.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use ahash::RandomState;
use rackless_nf::{Packet, Time, time};
use rackless_packet::MacAddr;

/// A neighbour's place in the table.
pub(crate) type Id = u32;

/// How long an answer is trusted (RFC 4861, section 10: REACHABLE_TIME).
pub(crate) const REACHABLE: Time = 30 * time::SECOND;
/// How long a neighbour that nobody asks about is remembered.
pub(crate) const REMEMBERED: Time = 120 * time::SECOND;
/// The time between requests to a neighbour that is no next hop (RFC 4861: RETRANS_TIMER), and how many are sent
/// (MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT).
pub(crate) const RETRANSMIT: Time = time::SECOND;
pub(crate) const REQUESTS: u8 = 3;

/// What is known of a neighbour; the states of RFC 4861, section 7.3.2, without DELAY, and with one for next hops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The place is free.
    Free,
    /// Asked this many times and not answered yet; packets wait. A next hop waits for its first probes here.
    Incomplete { asked: u8 },
    /// Answered, and trusted until `check_at`. A next hop stays here while it is live.
    Reachable,
    /// Its MAC address is known, by hearsay or from long ago; the first use asks.
    Stale,
    /// In use while asked this many times.
    Probe { asked: u8 },
    /// A next hop that does not answer.
    Dead,
}

/// A neighbour.
pub(crate) struct Neighbour {
    pub(crate) mac: MacAddr,
    /// The MAC address and MTU of the interface, beside what is read with them.
    pub(crate) src: MacAddr,
    pub(crate) mtu: u16,
    pub(crate) interface: u8,
    /// Whether packets are sent to `mac`.
    pub(crate) usable: bool,
    /// From when on a packet has to look at the state first.
    pub(crate) check_at: Time,
    pub(crate) state: State,
    pub(crate) address: IpAddr,
    /// When it was heard of or used last.
    pub(crate) seen: Time,
    pub(crate) queue: VecDeque<Held>,
    /// Tells timers of an earlier neighbour at this place from those of this one.
    pub(crate) generation: u32,
    /// For a next hop: how its probes went.
    pub(crate) probes: Option<Probes>,
}

/// How the probes of a next hop went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probes {
    pub(crate) answered: bool,
    pub(crate) missed: u8,
}

/// A packet that waits for a neighbour.
pub(crate) struct Held {
    pub(crate) packet: Packet,
    /// Whether the router forwards it, and not sends it itself: its hop limit is decreased when it goes on.
    pub(crate) transit: bool,
}

/// The interface that a neighbour is on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) index: u8,
    pub(crate) mac: MacAddr,
    pub(crate) mtu: u16,
}

/// An address on an interface, as two numbers, which hash faster than an enum of arrays.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key(u128, u16);

impl Key {
    #[inline]
    fn new(interface: u8, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self(address.to_bits().into(), u16::from(interface)),
            IpAddr::V6(address) => Self(address.to_bits(), u16::from(interface) | 1 << 8),
        }
    }
}

/// All neighbours, by place and by address.
pub(crate) struct Neighbours {
    places: Vec<Neighbour>,
    free: Vec<Id>,
    /// Keyed, for senders choose the addresses; never iterated.
    by_address: HashMap<Key, Id, RandomState>,
    /// Who was found of late, one per hash of the address; checked at each use.
    recent: Box<[Id; 256]>,
    limit: usize,
}

impl Neighbours {
    pub(crate) fn new(limit: usize) -> Self {
        let by_address = HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4));
        Self { places: Vec::new(), free: Vec::new(), by_address, recent: Box::new([0; 256]), limit }
    }

    /// Draws the key of the hash table, while it is empty.
    pub(crate) fn seed(&mut self, mut random: impl FnMut() -> u64) {
        let state = RandomState::with_seeds(random(), random(), random(), random());
        self.by_address = HashMap::with_hasher(state);
    }

    #[inline]
    pub(crate) fn find(&self, interface: u8, address: IpAddr) -> Option<Id> {
        self.by_address.get(&Key::new(interface, address)).copied()
    }

    /// As [`Neighbours::find`], by way of who was found of late.
    #[inline]
    pub(crate) fn find_recent(&mut self, interface: u8, address: IpAddr) -> Option<Id> {
        let low = match address {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(address) => address.octets()[15],
        };
        let recent = self.recent[usize::from(low)];
        if let Some(place) = self.places.get(recent as usize)
            && place.address == address
            && place.interface == interface
            && place.state != State::Free
        {
            return Some(recent);
        }
        let found = self.find(interface, address)?;
        self.recent[usize::from(low)] = found;
        Some(found)
    }

    /// Adds a neighbour that is not there yet; `None` when the table is full.
    pub(crate) fn add(&mut self, link: Link, address: IpAddr, state: State, now: Time) -> Option<Id> {
        if self.by_address.len() >= self.limit {
            return None;
        }
        let id = self.free.pop().unwrap_or(self.places.len() as Id);
        let generation = self.places.get(id as usize).map_or(0, |place| place.generation.wrapping_add(1));
        let neighbour = Neighbour {
            mac: MacAddr::ZERO,
            src: link.mac,
            mtu: link.mtu,
            interface: link.index,
            usable: false,
            check_at: 0,
            state,
            address,
            seen: now,
            queue: VecDeque::new(),
            generation,
            probes: None,
        };
        match self.places.get_mut(id as usize) {
            Some(place) => *place = neighbour,
            None => self.places.push(neighbour),
        }
        self.by_address.insert(Key::new(link.index, address), id);
        Some(id)
    }

    /// Forgets a neighbour, whose queue must be empty.
    pub(crate) fn remove(&mut self, id: Id) {
        let place = &mut self.places[id as usize];
        debug_assert!(place.queue.is_empty(), "packets of a forgotten neighbour would be lost");
        place.state = State::Free;
        place.usable = false;
        self.by_address.remove(&Key::new(place.interface, place.address));
        self.free.push(id);
    }

    /// The neighbour at a place if it is the one that a timer was set for.
    pub(crate) fn of_timer(&mut self, id: Id, generation: u32) -> Option<&mut Neighbour> {
        let place = self.places.get_mut(id as usize)?;
        (place.generation == generation && place.state != State::Free).then_some(place)
    }

    /// All that are known, in the order of their places.
    pub(crate) fn into_known(self) -> impl Iterator<Item = Neighbour> {
        self.places.into_iter().filter(|place| place.state != State::Free)
    }

    /// Forgets whom nobody heard of or used for long.
    pub(crate) fn forget_old(&mut self, now: Time) {
        for id in 0..self.places.len() {
            let place = &self.places[id];
            let idle = matches!(place.state, State::Reachable | State::Stale) && place.probes.is_none();
            if idle && now.saturating_sub(place.seen) > REMEMBERED {
                self.remove(id as Id);
            }
        }
    }

    #[inline]
    pub(crate) fn get(&self, id: Id) -> &Neighbour {
        &self.places[id as usize]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: Id) -> &mut Neighbour {
        &mut self.places[id as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u8) -> Link {
        Link { index, mac: MacAddr::ZERO, mtu: 1500 }
    }

    #[test]
    fn a_full_table_takes_nobody_and_a_place_is_used_again() {
        let mut table = Neighbours::new(2);
        let address = |n: u8| IpAddr::from([10, 0, 0, n]);
        let first = table.add(link(0), address(1), State::Stale, 0).unwrap();
        table.add(link(1), address(1), State::Stale, 0).unwrap();
        assert_eq!(table.add(link(0), address(2), State::Stale, 0), None);
        let generation = table.get(first).generation;
        table.remove(first);
        assert_eq!(table.find(0, address(1)), None);
        assert_eq!(table.add(link(0), address(2), State::Stale, 0), Some(first));
        assert!(table.of_timer(first, generation).is_none());
        assert!(table.of_timer(first, generation + 1).is_some());
    }

    #[test]
    fn who_is_idle_for_long_is_forgotten() {
        let mut table = Neighbours::new(2);
        let id = table.add(link(0), [10, 0, 0, 1].into(), State::Stale, 0).unwrap();
        table.forget_old(REMEMBERED);
        assert_eq!(table.get(id).state, State::Stale);
        table.forget_old(REMEMBERED + 1);
        assert_eq!(table.get(id).state, State::Free);
    }
}
