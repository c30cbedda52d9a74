//! ICMP and neighbour discovery messages, and when an error may be sent.

use std::net::{Ipv4Addr, Ipv6Addr};

use zerocopy::FromBytes;

use super::headers::Head;
use super::ip::{Ipv4Stage, Ipv6Stage, MAX_HEAD};
use super::write::Complete;
use crate::ethernet::Ethernet;
use crate::icmpv4::{
    Icmpv4, Icmpv4Type, RedirectCode, TimeExceededCode as TimeExceededV4, UnreachableCode as UnreachableV4,
};
use crate::icmpv6::{
    Icmpv6, Icmpv6Type, TimeExceededCode as TimeExceededV6, UnreachableCode as UnreachableV6,
};
use crate::igmp::IgmpType;
use crate::ipv4::{IpProtocol, Ipv4};
use crate::ipv6::Ipv6;
use crate::layout::{L3Kind, L4Kind, Layout};
use crate::mac::MacAddr;

/// The longest ICMPv4 error, as an IPv4 packet (RFC 1812, section 4.3.2.3).
const MAX_ERROR_V4: usize = 576;

impl<'a> Ipv4Stage<'a> {
    /// Adds an echo request, which completes the packet.
    pub fn echo_request(self, id: u16, seq: u16, payload: &'a [u8]) -> Complete<'a> {
        self.icmp(Icmpv4Type::ECHO_REQUEST, 0, echo(id, seq), payload)
    }

    /// Adds an echo reply, which completes the packet.
    pub fn echo_reply(self, id: u16, seq: u16, payload: &'a [u8]) -> Complete<'a> {
        self.icmp(Icmpv4Type::ECHO_REPLY, 0, echo(id, seq), payload)
    }

    /// Adds "time exceeded" about the packet `offending`, which starts with its IPv4 header and is quoted as far as
    /// the error stays within 576 bytes (RFC 1812, section 4.3.2.3).
    pub fn time_exceeded(self, code: TimeExceededV4, offending: &'a [u8]) -> Complete<'a> {
        self.error(Icmpv4Type::TIME_EXCEEDED, code.0, [0; 4], offending)
    }

    /// Adds "destination unreachable" about the packet `offending`, quoted as in [`Ipv4Stage::time_exceeded`].
    pub fn unreachable(self, code: UnreachableV4, offending: &'a [u8]) -> Complete<'a> {
        self.error(Icmpv4Type::UNREACHABLE, code.0, [0; 4], offending)
    }

    /// Adds "fragmentation needed" for a next link of `mtu` bytes (RFC 1191) about the packet `offending`, quoted
    /// as in [`Ipv4Stage::time_exceeded`].
    pub fn fragmentation_needed(self, mtu: u16, offending: &'a [u8]) -> Complete<'a> {
        let code = UnreachableV4::FRAGMENTATION_NEEDED.0;
        self.error(Icmpv4Type::UNREACHABLE, code, echo(0, mtu), offending)
    }

    /// Adds a redirect to `gateway` about the packet `offending`, quoted as in [`Ipv4Stage::time_exceeded`].
    pub fn redirect(self, code: RedirectCode, gateway: Ipv4Addr, offending: &'a [u8]) -> Complete<'a> {
        self.error(Icmpv4Type::REDIRECT, code.0, gateway.octets(), offending)
    }

    /// Adds an IGMP message, which completes the packet: `rest` is what follows the checksum in the first eight bytes,
    /// the group in versions 1 and 2.
    pub fn igmp(
        mut self,
        igmp_type: IgmpType,
        max_response: u8,
        rest: [u8; 4],
        payload: &'a [u8],
    ) -> Complete<'a> {
        self.header.protocol = IpProtocol::IGMP;
        let complete = Complete::new(self.ethernet, self.network(), payload);
        complete.with_head(Head::Icmp, &message(igmp_type.0, max_response, rest))
    }

    /// Adds any ICMP message, which completes the packet: `rest` is what follows the checksum.
    pub fn icmp(mut self, icmp_type: Icmpv4Type, code: u8, rest: [u8; 4], payload: &'a [u8]) -> Complete<'a> {
        self.header.protocol = IpProtocol::ICMPV4;
        let complete = Complete::new(self.ethernet, self.network(), payload);
        complete.with_head(Head::Icmp, &message(icmp_type.0, code, rest))
    }

    fn error(self, icmp_type: Icmpv4Type, code: u8, rest: [u8; 4], offending: &'a [u8]) -> Complete<'a> {
        let headers = Ipv4::LEN + self.options.len().next_multiple_of(4) + Icmpv4::LEN;
        let quoted = offending.len().min(MAX_ERROR_V4.saturating_sub(headers));
        self.icmp(icmp_type, code, rest, &offending[..quoted])
    }
}

impl<'a> Ipv6Stage<'a> {
    /// Adds an echo request, which completes the packet.
    pub fn echo_request(self, id: u16, seq: u16, payload: &'a [u8]) -> Complete<'a> {
        self.icmp(Icmpv6Type::ECHO_REQUEST, 0, echo(id, seq), payload)
    }

    /// Adds an echo reply, which completes the packet.
    pub fn echo_reply(self, id: u16, seq: u16, payload: &'a [u8]) -> Complete<'a> {
        self.icmp(Icmpv6Type::ECHO_REPLY, 0, echo(id, seq), payload)
    }

    /// Adds "time exceeded" about the packet `offending`, which starts with its IPv6 header and is quoted as far as
    /// the error stays within the minimum MTU of 1,280 bytes (RFC 4443, section 3.3).
    pub fn time_exceeded(self, code: TimeExceededV6, offending: &'a [u8]) -> Complete<'a> {
        self.error(Icmpv6Type::TIME_EXCEEDED, code.0, [0; 4], offending)
    }

    /// Adds "destination unreachable" about the packet `offending`, quoted as in [`Ipv6Stage::time_exceeded`].
    pub fn unreachable(self, code: UnreachableV6, offending: &'a [u8]) -> Complete<'a> {
        self.error(Icmpv6Type::UNREACHABLE, code.0, [0; 4], offending)
    }

    /// Adds "packet too big" for a next link of `mtu` bytes about the packet `offending`, quoted as in
    /// [`Ipv6Stage::time_exceeded`].
    pub fn packet_too_big(self, mtu: u32, offending: &'a [u8]) -> Complete<'a> {
        self.error(Icmpv6Type::PACKET_TOO_BIG, 0, mtu.to_be_bytes(), offending)
    }

    /// Adds a neighbour solicitation with a hop limit of 255, which completes the packet; `source` is the link
    /// address of the sender, to be left out when the source address is unspecified.
    pub fn neighbour_solicitation(self, target: Ipv6Addr, source: Option<MacAddr>) -> Complete<'a> {
        let message = message(Icmpv6Type::NEIGHBOUR_SOLICITATION.0, 0, [0; 4]);
        self.neighbour(message, target, 1, source)
    }

    /// Adds a neighbour advertisement with a hop limit of 255, which completes the packet; `flags` are those of
    /// [`crate::icmpv6::ndp::NeighbourAdvertisement`], `mac` is the link address of the target.
    pub fn neighbour_advertisement(self, target: Ipv6Addr, mac: Option<MacAddr>, flags: u32) -> Complete<'a> {
        let message = message(Icmpv6Type::NEIGHBOUR_ADVERTISEMENT.0, 0, flags.to_be_bytes());
        self.neighbour(message, target, 2, mac)
    }

    /// Adds any ICMPv6 message, which completes the packet: `rest` is what follows the checksum.
    pub fn icmp(self, icmp_type: Icmpv6Type, code: u8, rest: [u8; 4], payload: &'a [u8]) -> Complete<'a> {
        let complete = Complete::new(self.ethernet, self.network(IpProtocol::ICMPV6), payload);
        complete.with_head(Head::Icmp, &message(icmp_type.0, code, rest))
    }

    fn error(self, icmp_type: Icmpv6Type, code: u8, rest: [u8; 4], offending: &'a [u8]) -> Complete<'a> {
        let headers = Ipv6::LEN + self.extensions.len() + Icmpv6::LEN;
        let quoted = offending.len().min(Ipv6::MIN_MTU.saturating_sub(headers));
        self.icmp(icmp_type, code, rest, &offending[..quoted])
    }

    /// Completes a solicitation or advertisement with one option, a link address of kind `option`.
    fn neighbour(self, message: [u8; 8], target: Ipv6Addr, option: u8, mac: Option<MacAddr>) -> Complete<'a> {
        let mut head = [0; MAX_HEAD];
        head[..8].copy_from_slice(&message);
        head[8..24].copy_from_slice(&target.octets());
        let mut len = 24;
        if let Some(MacAddr(mac)) = mac {
            head[24..26].copy_from_slice(&[option, 1]);
            head[26..].copy_from_slice(&mac);
            len = MAX_HEAD;
        }
        let stage = self.hop_limit(255); // receivers drop anything else (RFC 4861, section 7.1)
        let complete = Complete::new(stage.ethernet, stage.network(IpProtocol::ICMPV6), &[]);
        complete.with_head(Head::Icmp, &head[..len])
    }
}

/// Returns whether an ICMP error may be sent about this frame (RFC 1812, section 4.3.2.7; RFC 4443, section 2.4 e):
/// not about an ICMP error or redirect, a later fragment, a group or broadcast, or from a source that is not one
/// host.
///
/// "Packet too big" may be sent about multicast; whoever does so asks no further than this function's other rules.
/// A directed broadcast is not known here, for it needs the prefix of the link.
pub fn may_answer_with_error(frame: &[u8], layout: &Layout) -> bool {
    let Some(l3) = layout.l3 else { return false };
    let packet = &frame[usize::from(l3.offset).min(frame.len())..];
    if layout.later_fragment || !Ethernet::ref_from_prefix(frame).is_ok_and(|(e, _)| !e.dst.is_multicast()) {
        return false;
    }
    let addresses_allow = match l3.kind {
        L3Kind::Arp => false,
        L3Kind::Ipv4 => Ipv4::ref_from_prefix(packet).is_ok_and(|(ip, _)| {
            let (src, dst) = (ip.src(), ip.dst());
            let one_host = !src.is_unspecified() && !src.is_loopback() && src.octets()[0] < 224;
            one_host && !dst.is_multicast() && !dst.is_broadcast()
        }),
        L3Kind::Ipv6 => Ipv6::ref_from_prefix(packet).is_ok_and(|(ip, _)| {
            !ip.src().is_unspecified() && !ip.src().is_multicast() && !ip.dst().is_multicast()
        }),
    };
    let is_error = layout.l4.is_some_and(|l4| {
        let icmp_type = frame.get(usize::from(l4.offset)).copied().unwrap_or(0);
        match l4.kind {
            L4Kind::Icmpv4 => Icmpv4Type(icmp_type).is_error(),
            L4Kind::Icmpv6 => {
                Icmpv6Type(icmp_type).is_error() || Icmpv6Type(icmp_type) == Icmpv6Type::REDIRECT
            }
            _ => false,
        }
    });
    addresses_allow && !is_error
}

fn echo(id: u16, seq: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (id.to_be_bytes(), seq.to_be_bytes());
    [a, b, c, d]
}

fn message(icmp_type: u8, code: u8, [a, b, c, d]: [u8; 4]) -> [u8; 8] {
    [icmp_type, code, 0, 0, a, b, c, d]
}
