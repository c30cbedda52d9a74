//! ICMP errors about packets that cannot be delivered.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rackless_nf::{Context, Packet, Reason};
use rackless_packet::build::{Build, may_answer_with_error};
use rackless_packet::icmpv4::{TimeExceededCode as TimeExceededV4, UnreachableCode as UnreachableV4};
use rackless_packet::icmpv6::{
    Icmpv6Type, TimeExceededCode as TimeExceededV6, UnreachableCode as UnreachableV6,
};
use rackless_packet::ipv6::{Ipv6, extensions};
use rackless_packet::{L3Kind, MacAddr};

use super::interfaces::{Interface, is_link_local_v6};
use super::resolve::write;
use super::table::Target;
use super::{Router, RouterDrop};

/// What the sender of a packet is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    HopLimit,
    NoRoute,
    /// The last hop does not find the host.
    Address,
    Port,
    Protocol,
    /// The MTU of the next link.
    TooBig(u16),
}

impl Router {
    /// Tells the sender of a packet, which is as it came, what happened to it, if that is allowed.
    #[cold]
    pub(super) fn complain(&mut self, packet: &Packet, problem: Problem, cx: &mut Context<'_>) {
        let layout = packet.layout();
        if !may_answer_with_error(packet.data(), &layout) {
            return;
        }
        let message = if self.errors.take(1, cx.now()) {
            match layout.l3.map(|l3| l3.kind) {
                Some(L3Kind::Ipv6) => self.error_v6(packet, problem, cx),
                _ => self.error_v4(packet, problem, cx),
            }
        } else {
            Err(RouterDrop::IcmpRateLimited.into())
        };
        match message {
            Ok(mut message) => {
                message.set_in_port(packet.in_port());
                let outcome = self.route_own(&mut message, packet.in_port() as u8, cx);
                self.settle(message, outcome, cx);
            }
            // The error that was not sent is counted as one that was made and dropped.
            Err(reason) => {
                if let Ok(message) = cx.alloc() {
                    cx.drop_packet(message, reason);
                }
            }
        }
    }

    fn error_v4(&self, packet: &Packet, problem: Problem, cx: &mut Context<'_>) -> Result<Packet, Reason> {
        let ip = packet.ipv4()?;
        let (to, about) = (ip.src(), ip.dst());
        let src = self.error_source_v4(packet.in_port(), to, about).ok_or(RouterDrop::NoSourceAddress)?;
        let offending = network_packet(packet)?;
        let stage = Build::ethernet(MacAddr::ZERO, MacAddr::ZERO).ipv4(src, to);
        let message = match problem {
            Problem::HopLimit => stage.time_exceeded(TimeExceededV4::TTL, offending),
            Problem::NoRoute => stage.unreachable(UnreachableV4::NET, offending),
            Problem::Address => stage.unreachable(UnreachableV4::HOST, offending),
            Problem::Port => stage.unreachable(UnreachableV4::PORT, offending),
            Problem::Protocol => stage.unreachable(UnreachableV4::PROTOCOL, offending),
            Problem::TooBig(mtu) => stage.fragmentation_needed(mtu, offending),
        };
        write(&message, cx)
    }

    fn error_v6(&self, packet: &Packet, problem: Problem, cx: &mut Context<'_>) -> Result<Packet, Reason> {
        let ip = packet.ipv6()?;
        let (to, about) = (ip.src(), ip.dst());
        let src = self.error_source_v6(packet.in_port(), to, about).ok_or(RouterDrop::NoSourceAddress)?;
        let offending = network_packet(packet)?;
        let stage = Build::ethernet(MacAddr::ZERO, MacAddr::ZERO).ipv6(src, to);
        let message = match problem {
            Problem::HopLimit => stage.time_exceeded(TimeExceededV6::HOP_LIMIT, offending),
            Problem::NoRoute => stage.unreachable(UnreachableV6::NO_ROUTE, offending),
            Problem::Address => stage.unreachable(UnreachableV6::ADDRESS, offending),
            Problem::Port => stage.unreachable(UnreachableV6::PORT, offending),
            Problem::TooBig(mtu) => stage.packet_too_big(mtu.into(), offending),
            Problem::Protocol => {
                // RFC 4443, section 3.4: code 1, a pointer to the byte that names the unknown header; the whole
                // message stays within the minimum MTU.
                let pointer = (next_header_at(ip, offending) as u32).to_be_bytes();
                let quoted = offending.len().min(Ipv6::MIN_MTU - Ipv6::LEN - 8);
                stage.icmp(Icmpv6Type::PARAMETER_PROBLEM, 1, pointer, &offending[..quoted])
            }
        };
        write(&message, cx)
    }

    /// The address that an error comes from: the one that the packet was for, else one of the interface that the
    /// error leaves by, else any (RFC 1812, section 4.3.2.4; RFC 4443, section 2.2).
    fn error_source_v4(&self, in_port: u16, to: Ipv4Addr, about: Ipv4Addr) -> Option<Ipv4Addr> {
        if self.own.has_v4(about.octets()) {
            return Some(about);
        }
        let near = self.output_to(self.table.lookup_v4(to.octets()), in_port);
        let near = near.and_then(|interface| interface.source_v4(to));
        near.or_else(|| self.interfaces.iter().find_map(|interface| interface.source_v4(to)))
    }

    fn error_source_v6(&self, in_port: u16, to: Ipv6Addr, about: Ipv6Addr) -> Option<Ipv6Addr> {
        if self.own.has_v6(about.octets()) {
            return Some(about);
        }
        if is_link_local_v6(IpAddr::V6(to)) {
            return self.interfaces.get(usize::from(in_port)).map(|interface| interface.link_local);
        }
        let near = self.output_to(self.table.lookup_v6(to.octets()), in_port);
        let near = near.and_then(|interface| interface.source_v6(to));
        near.or_else(|| self.interfaces.iter().find_map(|interface| interface.source_v6(to)))
    }

    /// The interface that leads to a target, or the one that the packet came by where none does.
    fn output_to(&self, target: Target, in_port: u16) -> Option<&Interface> {
        let index = match target {
            Target::Connected(interface) => usize::from(interface),
            Target::Route(route) if self.active[route as usize] != Self::NONE => {
                usize::from(self.neighbours.get(self.active[route as usize]).interface)
            }
            _ => usize::from(in_port),
        };
        self.interfaces.get(index)
    }
}

/// The packet without its Ethernet header and padding.
fn network_packet(packet: &Packet) -> Result<&[u8], Reason> {
    let layout = packet.layout();
    let range = usize::from(layout.l2_len)..usize::from(layout.end);
    packet.data().get(range).ok_or(Reason::MALFORMED)
}

/// Where in an IPv6 packet the byte stands that names what follows the last extension header.
fn next_header_at(ip: &Ipv6, packet: &[u8]) -> usize {
    let payload = packet.get(Ipv6::LEN..).unwrap_or_default();
    let last = extensions(ip.next_header, payload).map_while(Result::ok).last();
    last.map_or(6, |header| Ipv6::LEN + header.offset)
}
