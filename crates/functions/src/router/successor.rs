//! What a router hands over when its configuration changes: who its neighbours are, and the packets that wait for them.
//!
//! Routes and addresses are those of the new configuration, and so is the way of each packet that waited.

use std::net::IpAddr;

use rackless_nf::{Context, Reason, Time};

use super::Router;
use super::neighbours::{Held, Neighbour, Neighbours, State};

/// What a router knew that went.
pub(super) struct Predecessor {
    /// The names of its interfaces, in their order.
    interfaces: Vec<String>,
    neighbours: Neighbours,
}

impl Router {
    pub(super) fn part(&mut self) -> Predecessor {
        Predecessor {
            interfaces: self.interfaces.iter().map(|interface| interface.name.clone()).collect(),
            neighbours: std::mem::replace(&mut self.neighbours, Neighbours::new(0)),
        }
    }

    /// Goes on with what another router knew; this one has started.
    pub(super) fn follow(&mut self, old: Predecessor, cx: &mut Context<'_>) {
        let Predecessor { interfaces, neighbours } = old;
        let mut waiting = Vec::new();
        for mut neighbour in neighbours.into_known() {
            waiting.extend(std::mem::take(&mut neighbour.queue));
            let index = self.index_of(&interfaces, neighbour.interface);
            if let Some(index) = index.filter(|index| self.is_near(*index, neighbour.address)) {
                self.inherit(index, &neighbour);
            }
        }
        self.choose_hops();
        for held in waiting {
            self.send_again(held, &interfaces, cx);
        }
    }

    /// The interface that had this number in the old router, by its name.
    fn index_of(&self, names: &[String], old: u8) -> Option<u8> {
        let name = names.get(usize::from(old))?;
        let index = self.interfaces.iter().position(|interface| interface.name == *name)?;
        u8::try_from(index).ok()
    }

    fn is_near(&self, interface: u8, address: IpAddr) -> bool {
        self.interfaces[usize::from(interface)].is_on_link(address)
    }

    /// Knows a neighbour that the old router knew. One whose answer was awaited is asked when a packet is for it.
    fn inherit(&mut self, interface: u8, old: &Neighbour) {
        let known = match self.neighbours.find(interface, old.address) {
            Some(id) => Some(id),
            // A full table does without.
            None if old.usable => {
                self.neighbours.add(self.link(interface), old.address, State::Stale, old.seen)
            }
            None => None,
        };
        let Some(id) = known else { return };
        let neighbour = self.neighbours.get_mut(id);
        match (&mut neighbour.probes, old.probes) {
            // A next hop that stays one: live or dead as it was, until its next probes tell.
            (Some(probes), Some(was)) => {
                probes.missed = was.missed;
                neighbour.state = old.state;
                neighbour.check_at = old.check_at;
            }
            // A new next hop that has answered of late is live until its first probes tell.
            (Some(_), None) if old.state == State::Reachable => {
                neighbour.state = State::Reachable;
                neighbour.check_at = Time::MAX;
            }
            (Some(_), None) => return,
            (None, was) if was.is_none() && old.state == State::Reachable => {
                neighbour.state = State::Reachable;
                neighbour.check_at = old.check_at;
            }
            (None, _) => neighbour.state = State::Stale,
        }
        neighbour.mac = old.mac;
        neighbour.usable = old.usable;
        neighbour.seen = old.seen;
    }

    /// Routes a packet that waited for a neighbour of the old router.
    fn send_again(&mut self, held: Held, names: &[String], cx: &mut Context<'_>) {
        let Held { mut packet, transit } = held;
        let from = u8::try_from(packet.in_port()).ok().and_then(|old| self.index_of(names, old));
        let Some(from) = from else { return cx.drop_packet(packet, Reason::REPLACED) };
        packet.set_in_port(from.into());
        let outcome = match transit {
            true => self.route_again(&mut packet, cx),
            false => self.route_own(&mut packet, from, cx),
        };
        self.settle(packet, outcome, cx);
    }
}
