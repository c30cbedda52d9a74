//! Which inside host has which public port.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use ahash::RandomState;
use rackless_nf::{Context, Time};
use rackless_packet::ipv4::IpProtocol;
use rackless_packet::{L4Kind, MacAddr};

use super::config::NatConfig;
use super::rewrite::Side;

/// What is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Protocol {
    Tcp,
    Udp,
    /// Echo, by its identifier.
    Icmp,
}

impl Protocol {
    pub(super) fn of(kind: L4Kind) -> Option<Self> {
        match kind {
            L4Kind::Tcp => Some(Self::Tcp),
            L4Kind::Udp => Some(Self::Udp),
            L4Kind::Icmpv4 => Some(Self::Icmp),
            L4Kind::Icmpv6 | L4Kind::Sctp | L4Kind::Igmp => None,
        }
    }

    pub(super) fn of_number(number: IpProtocol) -> Option<Self> {
        match number {
            IpProtocol::TCP => Some(Self::Tcp),
            IpProtocol::UDP => Some(Self::Udp),
            IpProtocol::ICMPV4 => Some(Self::Icmp),
            _ => None,
        }
    }

    /// Where in the layer 4 header the port of this side stands; an echo has one identifier for both.
    pub(super) fn port_at(self, side: Side) -> usize {
        match (self, side) {
            (Self::Icmp, _) => 4,
            (_, Side::Source) => 0,
            (_, Side::Destination) => 2,
        }
    }

    pub(super) fn port(self, l4: &[u8], side: Side) -> Option<u16> {
        let at = self.port_at(side);
        Some(u16::from_be_bytes(l4.get(at..at + 2)?.try_into().ok()?))
    }
}

/// An inside host's port, and how to reach the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inside {
    pub(super) protocol: Protocol,
    pub(super) address: Ipv4Addr,
    pub(super) port: u16,
    pub(super) mac: MacAddr,
}

struct Binding {
    inside: Inside,
    used: Time,
}

/// All bindings, by both ends. Never iterated, so that their order does not matter.
pub(super) struct Bindings {
    ports: RangeInclusive<u16>,
    by_inside: HashMap<(Protocol, Ipv4Addr, u16), u16, RandomState>,
    by_public: HashMap<(Protocol, u16), Binding, RandomState>,
}

impl Bindings {
    pub(super) fn new(ports: RangeInclusive<u16>) -> Self {
        let state = || RandomState::with_seeds(1, 2, 3, 4);
        Self { ports, by_inside: HashMap::with_hasher(state()), by_public: HashMap::with_hasher(state()) }
    }

    /// Draws the keys of the hash tables, while they are empty: senders choose what is hashed.
    pub(super) fn seed(&mut self, mut random: impl FnMut() -> u64) {
        let mut state = || RandomState::with_seeds(random(), random(), random(), random());
        self.by_inside = HashMap::with_hasher(state());
        self.by_public = HashMap::with_hasher(state());
    }

    /// The public port of an inside port, bound when it is new: the same number if it is free, else the next free
    /// one from a random start. `None` when all are in use.
    pub(super) fn bind(&mut self, inside: Inside, timeout: Time, cx: &mut Context<'_>) -> Option<u16> {
        let key = (inside.protocol, inside.address, inside.port);
        if let Some(&public) = self.by_inside.get(&key) {
            if let Some(binding) = self.by_public.get_mut(&(inside.protocol, public)) {
                binding.used = cx.now();
                binding.inside.mac = inside.mac;
            }
            return Some(public);
        }
        let public = self.free_port(inside.protocol, inside.port, cx)?;
        self.by_inside.insert(key, public);
        self.by_public.insert((inside.protocol, public), Binding { inside, used: cx.now() });
        cx.after(timeout, token(inside.protocol, public));
        Some(public)
    }

    /// Notes that a binding was used from outside.
    pub(super) fn used(&mut self, protocol: Protocol, public: u16, now: Time) {
        if let Some(binding) = self.by_public.get_mut(&(protocol, public)) {
            binding.used = now;
        }
    }

    /// Ends a binding that was not used for its time, or waits for the rest of it.
    pub(super) fn expire(&mut self, token: u64, config: &NatConfig, cx: &mut Context<'_>) {
        let protocol = match token >> 16 {
            0 => Protocol::Tcp,
            1 => Protocol::Udp,
            _ => Protocol::Icmp,
        };
        let key = (protocol, token as u16);
        let Some(binding) = self.by_public.get(&key) else { return };
        let ends = binding.used.saturating_add(config.timeout(protocol));
        if ends > cx.now() {
            return cx.after(ends - cx.now(), token);
        }
        let inside = binding.inside;
        self.by_public.remove(&key);
        self.by_inside.remove(&(protocol, inside.address, inside.port));
    }

    /// Takes the bindings of another NAT, as far as their ports are given out here, and lets each live for the rest of its
    /// time.
    pub(super) fn inherit(&mut self, old: Self, config: &NatConfig, cx: &mut Context<'_>) {
        let mut bindings: Vec<_> = old.by_public.into_iter().collect();
        // In an order that does not depend on the keys of a hash table.
        bindings.sort_unstable_by_key(|((protocol, public), _)| token(*protocol, *public));
        for ((protocol, public), binding) in bindings {
            if !self.ports.contains(&public) {
                continue;
            }
            let Inside { address, port, .. } = binding.inside;
            let ends = binding.used.saturating_add(config.timeout(protocol));
            cx.after(ends.saturating_sub(cx.now()), token(protocol, public));
            self.by_inside.insert((protocol, address, port), public);
            self.by_public.insert((protocol, public), binding);
        }
    }

    pub(super) fn inside_of(&self, protocol: Protocol, public: u16) -> Option<Inside> {
        self.by_public.get(&(protocol, public)).map(|binding| binding.inside)
    }

    pub(super) fn find(&self, protocol: Protocol, address: Ipv4Addr, port: u16) -> Option<Inside> {
        let public = self.by_inside.get(&(protocol, address, port))?;
        self.inside_of(protocol, *public)
    }

    pub(super) fn public_of(&self, inside: &Inside) -> Option<u16> {
        self.by_inside.get(&(inside.protocol, inside.address, inside.port)).copied()
    }

    fn free_port(&self, protocol: Protocol, wanted: u16, cx: &mut Context<'_>) -> Option<u16> {
        let is_free = |port: &u16| !self.by_public.contains_key(&(protocol, *port));
        if self.ports.contains(&wanted) && is_free(&wanted) {
            return Some(wanted);
        }
        if self.ports.is_empty() {
            return None;
        }
        let start = cx.rng().u16(self.ports.clone());
        (start..=*self.ports.end()).chain(*self.ports.start()..start).find(is_free)
    }
}

fn token(protocol: Protocol, public: u16) -> u64 {
    (protocol as u64) << 16 | u64::from(public)
}
