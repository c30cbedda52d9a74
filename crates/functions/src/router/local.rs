//! Packets to the router itself: echo, and no service.

use rackless_nf::{Context, Outcome, Packet, Reason};
use rackless_packet::checksum::{combine, internet, ones_complement, pseudo_v6, update_u16};
use rackless_packet::icmpv4::Icmpv4Type;
use rackless_packet::icmpv6::Icmpv6Type;
use rackless_packet::ipv4::IpProtocol;

use super::errors::Problem;
use super::{Router, RouterDrop};

/// The hop limit of what the router sends itself (RFC 1700).
const HOP_LIMIT: u8 = 64;

impl Router {
    /// An IPv4 packet to an address of the router.
    #[cold]
    pub(super) fn local_v4(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        let layout = packet.layout();
        match layout.protocol {
            _ if layout.fragment => Err(RouterDrop::Fragment.into()),
            IpProtocol::ICMPV4 => self.icmp_v4(packet, cx),
            _ => self.no_service(packet, cx),
        }
    }

    /// An IPv6 packet to an address of the router.
    #[cold]
    pub(super) fn local_v6(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        let layout = packet.layout();
        match layout.protocol {
            _ if layout.fragment => Err(RouterDrop::Fragment.into()),
            IpProtocol::ICMPV6 => self.icmp_v6(packet, cx),
            _ => self.no_service(packet, cx),
        }
    }

    fn no_service(&mut self, packet: &Packet, cx: &mut Context<'_>) -> Outcome {
        let layout = packet.layout();
        match layout.protocol {
            IpProtocol::UDP => {
                self.complain(packet, Problem::Port, cx);
                Err(RouterDrop::NoUdpService.into())
            }
            IpProtocol::TCP => Err(RouterDrop::NoTcpService.into()),
            _ if layout.malformed.is_some() => Err(Reason::MALFORMED),
            IpProtocol::NO_NEXT_HEADER => Err(RouterDrop::UnknownProtocol.into()),
            _ => {
                self.complain(packet, Problem::Protocol, cx);
                Err(RouterDrop::UnknownProtocol.into())
            }
        }
    }

    fn icmp_v4(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        let (ip, message) = packet.ipv4_l4_mut()?;
        if internet(message) != 0 {
            return Err(RouterDrop::BadIcmpChecksum.into());
        }
        if message.first() != Some(&Icmpv4Type::ECHO_REQUEST.0) {
            return Err(RouterDrop::Icmp.into());
        }
        std::mem::swap(&mut ip.src, &mut ip.dst); // which leaves the checksum as it is
        let word = |ttl| u16::from_be_bytes([ttl, IpProtocol::ICMPV4.0]);
        ip.checksum.set(update_u16(ip.checksum.get(), word(ip.ttl), word(HOP_LIMIT)));
        ip.ttl = HOP_LIMIT;
        let icmp = packet.icmpv4_mut()?;
        let word = |icmp_type: Icmpv4Type| u16::from_be_bytes([icmp_type.0, icmp.code]);
        let (old, new) = (word(Icmpv4Type::ECHO_REQUEST), word(Icmpv4Type::ECHO_REPLY));
        icmp.checksum.set(update_u16(icmp.checksum.get(), old, new));
        icmp.icmp_type = Icmpv4Type::ECHO_REPLY;
        self.route_own(packet, cx.input(), cx)
    }

    fn icmp_v6(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        check_icmp_v6(packet)?;
        let icmp = packet.icmpv6()?;
        match icmp.icmp_type {
            Icmpv6Type::ECHO_REQUEST => {}
            Icmpv6Type::NEIGHBOUR_SOLICITATION | Icmpv6Type::NEIGHBOUR_ADVERTISEMENT => {
                return self.ndp(packet, cx);
            }
            _ => return Err(RouterDrop::Icmp.into()),
        }
        let (ip, _) = packet.ipv6_l4_mut()?;
        std::mem::swap(&mut ip.src, &mut ip.dst); // which leaves the checksum as it is
        ip.hop_limit = HOP_LIMIT;
        let icmp = packet.icmpv6_mut()?;
        let word = |icmp_type: Icmpv6Type| u16::from_be_bytes([icmp_type.0, icmp.code]);
        let (old, new) = (word(Icmpv6Type::ECHO_REQUEST), word(Icmpv6Type::ECHO_REPLY));
        icmp.checksum.set(update_u16(icmp.checksum.get(), old, new));
        icmp.icmp_type = Icmpv6Type::ECHO_REPLY;
        self.route_own(packet, cx.input(), cx)
    }
}

/// Verifies the checksum of an ICMPv6 message.
pub(super) fn check_icmp_v6(packet: &mut Packet) -> Result<(), Reason> {
    let (ip, message) = packet.ipv6_l4_mut()?;
    let pseudo = pseudo_v6(ip.src(), ip.dst(), IpProtocol::ICMPV6, message.len() as u32);
    if combine(pseudo, ones_complement(message)) != 0xffff {
        return Err(RouterDrop::BadIcmpChecksum.into());
    }
    Ok(())
}
