//! Liveness of next hops: who answers is live.

use rackless_nf::{Context, Outcome};
use rackless_packet::L3Kind;

use super::Router;
use super::neighbours::{Held, Id, Probes, State};

impl Router {
    /// Enters the next hops as neighbours and asks them for the first time.
    pub(super) fn start_probes(&mut self, cx: &mut Context<'_>) {
        for &(interface, address) in &self.table.hops {
            let state = State::Incomplete { asked: 0 };
            let id = self.neighbours.add(self.link(interface), address, state, cx.now());
            let id = id.expect("the neighbour table holds all next hops");
            // Nothing was asked yet, so nothing is missed at the first round.
            self.neighbours.get_mut(id).probes = Some(Probes { answered: true, missed: 0 });
            self.hops.push(id);
        }
        self.choose_hops();
        if !self.hops.is_empty() {
            self.probe(cx);
        }
    }

    /// A round of probes: counts who did not answer the last one, and asks all again.
    pub(super) fn probe(&mut self, cx: &mut Context<'_>) {
        let mut died = Vec::new();
        for index in 0..self.hops.len() {
            let id = self.hops[index];
            let neighbour = self.neighbours.get_mut(id);
            let Some(probes) = &mut neighbour.probes else { continue };
            probes.missed = if probes.answered { 0 } else { probes.missed.saturating_add(1) };
            probes.answered = false;
            if probes.missed >= self.file.probe.misses && neighbour.state != State::Dead {
                neighbour.state = State::Dead;
                neighbour.usable = false;
                died.push(id);
            }
        }
        if !died.is_empty() {
            self.choose_hops();
        }
        for id in died {
            self.find_other_ways(id, cx);
        }
        for index in 0..self.hops.len() {
            self.ask(self.hops[index], cx);
        }
        cx.after(self.file.probe.every, Self::PROBE);
    }

    /// Lets every route use its first live next hop; without one, the first that was never probed to its end, for
    /// whose answer packets wait; else none.
    pub(super) fn choose_hops(&mut self) {
        for (active, hops) in self.active.iter_mut().zip(&self.table.routes) {
            let state = |hop: &usize| self.neighbours.get(self.hops[*hop]).state;
            let live = |hop: &&usize| !matches!(state(hop), State::Dead | State::Incomplete { .. });
            let unknown = |hop: &&usize| matches!(state(hop), State::Incomplete { .. });
            let chosen = hops.iter().find(live).or_else(|| hops.iter().find(unknown));
            *active = chosen.map_or(Self::NONE, |hop| self.hops[*hop]);
        }
    }

    /// Packets that waited for a next hop that died are routed again.
    fn find_other_ways(&mut self, id: Id, cx: &mut Context<'_>) {
        let waiting = std::mem::take(&mut self.neighbours.get_mut(id).queue);
        for Held { mut packet, transit } in waiting {
            let outcome = if transit {
                self.route_again(&mut packet, cx)
            } else {
                let interface = packet.in_port() as u8;
                self.route_own(&mut packet, interface, cx)
            };
            self.settle(packet, outcome, cx);
        }
    }

    /// Finds the way of a packet that is forwarded, as if it had just come.
    pub(super) fn route_again(&mut self, packet: &mut rackless_nf::Packet, cx: &mut Context<'_>) -> Outcome {
        if packet.layout().l3.is_some_and(|l3| l3.kind == L3Kind::Ipv6) {
            let ip = packet.ipv6()?;
            let (dst, hops_left) = (ip.dst(), ip.hop_limit);
            let target = self.table.lookup_v6(dst.octets());
            self.forward(packet, target, dst.into(), hops_left, cx)
        } else {
            let ip = packet.ipv4()?;
            let (dst, hops_left) = (ip.dst(), ip.ttl);
            let target = self.table.lookup_v4(dst.octets());
            self.forward(packet, target, dst.into(), hops_left, cx)
        }
    }
}
