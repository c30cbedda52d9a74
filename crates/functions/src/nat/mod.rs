//! A NAT: many IPv4 hosts behind one address (NAPT, RFC 3022).
//!
//! Input 0 is the inside, input 1 the outside. TCP, UDP and ICMP echo are translated, and ICMP errors about them.
//! A binding belongs to an inside address and port whatever the destination, and anybody outside may answer through
//! it (endpoint-independent mapping and filtering, RFC 4787); it ends when it was not used for a while.
//!
//! On Ethernet the NAT is a bump in the wire: inside hosts see the MAC addresses of outside gateways and ask for them
//! by ARP through the NAT, which answers ARP for its public address outside.
//!
//! It is a sketch: fragments are dropped by name; TCP bindings end by time alone, not by FIN or RST; inside hosts do
//! not reach each other by the public address; the TTL is not decreased.

mod bindings;
mod config;
mod rewrite;

use std::net::Ipv4Addr;

use rackless_nf::{Context, Nf, Outcome, Packet, Reason, State, Verdict};
use rackless_packet::arp::{Arp, ArpOperation};
use rackless_packet::checksum::internet;
use rackless_packet::icmpv4::{Icmpv4, Icmpv4Type};
use rackless_packet::{L3Kind, L4Kind};

use self::bindings::{Bindings, Inside, Protocol};
pub use self::config::NatConfig;
use self::rewrite::{Side, quoted, rewrite};

rackless_nf::drop_reasons! {
    /// Why the NAT drops.
    pub enum NatDrop {
        /// From outside, and no inside host has used the port.
        NoBinding = "no binding",
        /// From outside, and not to the public address.
        NotForUs = "not to the public address",
        /// All public ports are in use.
        NoFreePort = "no free port",
        /// Neither TCP, UDP nor ICMP echo, nor an ICMP error about them.
        NotTranslated = "protocol not translated",
        /// A fragment, which does not tell its ports.
        Fragment = "fragment not translated",
        /// From inside to the public address.
        Hairpin = "inside to the public address",
        /// An ICMP error whose checksum is wrong.
        BadIcmpChecksum = "bad ICMP checksum",
    }
}

const INSIDE: u8 = 0;
const OUTSIDE: u8 = 1;

/// A NAT with one public IPv4 address.
pub struct Nat {
    config: NatConfig,
    bindings: Bindings,
}

impl Nat {
    /// Makes a NAT without bindings.
    pub fn new(config: NatConfig) -> Self {
        Self { bindings: Bindings::new(config.first_port..=config.last_port), config }
    }

    fn outbound(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        let layout = packet.layout();
        let mac = packet.ethernet()?.src;
        let (ip, l4) = packet.ipv4_l4_mut()?;
        if ip.dst() == self.config.public {
            return Err(NatDrop::Hairpin.into());
        }
        let kind = layout.l4.map(|l4| l4.kind).ok_or(Reason::MALFORMED)?;
        if kind == L4Kind::Icmpv4 && l4.first().is_some_and(|kind| Icmpv4Type(*kind).is_error()) {
            self.error(packet, Side::Source)?;
        } else {
            let protocol = Protocol::of(kind).ok_or(NatDrop::NotTranslated)?;
            if protocol == Protocol::Icmp && l4.first() != Some(&Icmpv4Type::ECHO_REQUEST.0) {
                return Err(NatDrop::NotTranslated.into());
            }
            let port = protocol.port(l4, Side::Source).ok_or(Reason::MALFORMED)?;
            let inside = Inside { protocol, address: ip.src(), port, mac };
            let timeout = self.config.timeout(protocol);
            let public = self.bindings.bind(inside, timeout, cx).ok_or(NatDrop::NoFreePort)?;
            rewrite(ip, l4, protocol, Side::Source, (self.config.public, public))?;
        }
        if let Some(port) = cx.interface(OUTSIDE) {
            packet.ethernet_mut()?.src = port.mac;
        }
        Ok(Verdict::Out(OUTSIDE))
    }

    fn inbound(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        let layout = packet.layout();
        let (ip, l4) = packet.ipv4_l4_mut()?;
        if ip.dst() != self.config.public {
            return Err(NatDrop::NotForUs.into());
        }
        let kind = layout.l4.map(|l4| l4.kind).ok_or(Reason::MALFORMED)?;
        let inside = if kind == L4Kind::Icmpv4 && l4.first().is_some_and(|kind| Icmpv4Type(*kind).is_error())
        {
            self.error(packet, Side::Destination)?
        } else {
            let protocol = Protocol::of(kind).ok_or(NatDrop::NotTranslated)?;
            if protocol == Protocol::Icmp && l4.first() != Some(&Icmpv4Type::ECHO_REPLY.0) {
                return Err(NatDrop::NotTranslated.into());
            }
            let port = protocol.port(l4, Side::Destination).ok_or(Reason::MALFORMED)?;
            let inside = self.bindings.inside_of(protocol, port).ok_or(NatDrop::NoBinding)?;
            self.bindings.used(protocol, port, cx.now());
            rewrite(ip, l4, protocol, Side::Destination, (inside.address, inside.port))?;
            inside
        };
        let src = cx.interface(INSIDE).map(|port| port.mac);
        let ethernet = packet.ethernet_mut()?;
        ethernet.dst = inside.mac;
        ethernet.src = src.unwrap_or(ethernet.src);
        Ok(Verdict::Out(INSIDE))
    }

    /// Translates an ICMP error and the packet that it quotes, which went the other way; gives the inside host.
    fn error(&self, packet: &mut Packet, side: Side) -> Result<Inside, Reason> {
        let public = self.config.public;
        let (ip, message) = packet.ipv4_l4_mut()?;
        if internet(message) != 0 {
            return Err(NatDrop::BadIcmpChecksum.into());
        }
        let quote = message.get_mut(Icmpv4::LEN..).ok_or(Reason::MALFORMED)?;
        let (quoted_ip, quoted_l4) = quoted(quote).ok_or(Reason::MALFORMED)?;
        let protocol = Protocol::of_number(quoted_ip.protocol).ok_or(NatDrop::NotTranslated)?;
        let port = protocol.port(quoted_l4, side.other()).ok_or(Reason::MALFORMED)?;
        let inside = match side {
            Side::Destination => self.bindings.inside_of(protocol, port),
            Side::Source => self.bindings.find(protocol, quoted_ip.dst(), port),
        };
        let (inside, public_port) = match (inside, side) {
            (Some(inside), Side::Destination) if quoted_ip.src() == public => (inside, port),
            (Some(inside), Side::Source) => {
                (inside, self.bindings.public_of(&inside).ok_or(NatDrop::NoBinding)?)
            }
            _ => return Err(NatDrop::NoBinding.into()),
        };
        let (new, outer) = match side {
            Side::Destination => ((inside.address, inside.port), inside.address),
            Side::Source => ((public, public_port), public),
        };
        rewrite(quoted_ip, quoted_l4, protocol, side.other(), new)?;
        // The message changed in more places than is worth following.
        message[2..4].fill(0);
        let sum = internet(message).to_be_bytes();
        message[2..4].copy_from_slice(&sum);
        rewrite::rewrite_address(ip, side, outer);
        Ok(inside)
    }

    /// ARP passes, but for questions from outside about the public address, which are answered.
    fn arp(&self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        let arp = *packet.arp()?;
        let asked = arp.operation == ArpOperation::REQUEST && arp.target_ip() == self.config.public;
        let Some(port) = cx.interface(OUTSIDE).filter(|_| asked && cx.input() == OUTSIDE) else {
            return Ok(Verdict::Out(cx.input() ^ 1));
        };
        let sender: Ipv4Addr = arp.sender_ip();
        *packet.arp_mut()? = Arp::reply(port.mac, self.config.public, arp.sender_mac, sender);
        let ethernet = packet.ethernet_mut()?;
        ethernet.dst = arp.sender_mac;
        ethernet.src = port.mac;
        Ok(Verdict::Out(OUTSIDE))
    }
}

impl Nf for Nat {
    fn packet(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        let layout = packet.layout();
        match layout.l3.map(|l3| l3.kind) {
            Some(L3Kind::Arp) => self.arp(packet, cx),
            Some(L3Kind::Ipv4) if layout.fragment => Err(NatDrop::Fragment.into()),
            Some(L3Kind::Ipv4) if layout.l4.is_none() && layout.malformed.is_none() => {
                Err(NatDrop::NotTranslated.into())
            }
            Some(L3Kind::Ipv4) if cx.input() == INSIDE => self.outbound(packet, cx),
            Some(L3Kind::Ipv4) => self.inbound(packet, cx),
            _ => Err(Reason::NOT_IPV4),
        }
    }

    fn timer(&mut self, token: u64, cx: &mut Context<'_>) {
        self.bindings.expire(token, &self.config, cx);
    }

    fn start(&mut self, cx: &mut Context<'_>) {
        self.bindings.seed(|| cx.rng().u64(..));
    }

    /// Bindings outlive a change of the configuration, but for ports that are given out no more.
    fn hand_over(&mut self, _: &mut Context<'_>) -> Option<State> {
        let none = Bindings::new(self.config.first_port..=self.config.last_port);
        Some(Box::new(std::mem::replace(&mut self.bindings, none)))
    }

    fn take_over(&mut self, state: State, cx: &mut Context<'_>) -> Result<(), State> {
        let old = state.downcast::<Bindings>()?;
        self.bindings.inherit(*old, &self.config, cx);
        Ok(())
    }

    fn inputs(&self) -> Option<usize> {
        Some(2)
    }

    fn outputs(&self) -> Option<usize> {
        Some(2)
    }

    fn drop_reasons(&self) -> &'static [&'static str] {
        NatDrop::NAMES
    }
}
