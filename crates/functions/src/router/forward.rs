//! Forwarding: from the header to the output.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rackless_nf::{Context, Outcome, Packet, Reason, Verdict};
use rackless_packet::L3Kind;
use rackless_packet::checksum;
use rackless_packet::ethernet::Ethernet;
use rackless_packet::ipv4::Ipv4;

use super::errors::Problem;
use super::neighbours::Id;
use super::resolve::Way;
use super::table::Target;
use super::{Router, RouterDrop};

impl Router {
    /// An IPv6 packet to the interface's MAC address.
    #[inline]
    pub(super) fn ipv6(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        let ip = packet.ipv6()?;
        let (src, dst, hop_limit) = (ip.src, ip.dst, ip.hop_limit);
        if matches!(src[0], 0 | 0xff) && is_martian_v6(src) || self.own.has_v6(src) {
            return Err(RouterDrop::MartianSource.into());
        }
        let target = self.table.lookup_recent_v6(dst);
        match target {
            Target::Route(_) | Target::Connected(_) => {
                if Ipv6Addr::from_octets(src).is_unicast_link_local() {
                    return Err(RouterDrop::LinkLocal.into());
                }
                self.forward(packet, target, Ipv6Addr::from_octets(dst).into(), hop_limit, cx)
            }
            Target::Local => self.local_v6(packet, cx),
            Target::LinkLocal if self.interfaces[usize::from(cx.input())].link_local.octets() == dst => {
                self.local_v6(packet, cx)
            }
            _ => self.not_forwarded(packet, target, cx),
        }
    }

    /// An IPv4 packet to the interface's MAC address.
    #[inline]
    pub(super) fn ipv4(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        let ip = packet.ipv4()?;
        let (src, dst, ttl, header_len) = (ip.src, ip.dst, ip.ttl, ip.header_len());
        let header = packet.data().get(Ethernet::LEN..Ethernet::LEN + header_len).ok_or(Reason::MALFORMED)?;
        // A length that the compiler knows makes the usual case straight code.
        let sum = match <&[u8; Ipv4::LEN]>::try_from(header) {
            Ok(header) => checksum::internet(header),
            Err(_) => checksum::internet(header),
        };
        if sum != 0 {
            return Err(RouterDrop::BadChecksum.into());
        }
        if matches!(src[0], 0 | 127 | 224..) || self.own.has_v4(src) {
            return Err(RouterDrop::MartianSource.into());
        }
        let target = self.table.lookup_recent_v4(dst);
        match target {
            Target::Route(_) | Target::Connected(_) => {
                self.forward(packet, target, Ipv4Addr::from_octets(dst).into(), ttl, cx)
            }
            Target::Local => self.local_v4(packet, cx),
            _ => self.not_forwarded(packet, target, cx),
        }
    }

    /// Forwards a packet to a route or neighbour; it is left as it came unless it goes out.
    #[inline]
    pub(super) fn forward(
        &mut self,
        packet: &mut Packet,
        target: Target,
        dst: IpAddr,
        hops_left: u8,
        cx: &mut Context<'_>,
    ) -> Outcome {
        if hops_left <= 1 {
            self.complain(packet, Problem::HopLimit, cx);
            return Err(RouterDrop::TtlExceeded.into());
        }
        let id = match self.next_hop(target, dst, cx) {
            Ok(id) => id,
            Err(reason) => return self.refuse(packet, reason, cx),
        };
        let neighbour = self.neighbours.get(id);
        if network_len(packet) > neighbour.mtu {
            let mtu = neighbour.mtu;
            return self.too_big(packet, mtu, cx);
        }
        if !neighbour.usable || cx.now() >= neighbour.check_at {
            match self.look(id, cx) {
                Way::Open => {}
                Way::Waiting => return Ok(Verdict::Hold(id)),
                Way::Closed => return self.refuse(packet, RouterDrop::NeighbourUnreachable, cx),
            }
        }
        self.send_to(packet, id, true)
    }

    /// Writes the hop that is taken and the MAC addresses, and says which output it goes to.
    #[inline]
    pub(super) fn send_to(&mut self, packet: &mut Packet, id: Id, transit: bool) -> Outcome {
        let neighbour = self.neighbours.get(id);
        let layout = packet.layout();
        // Whoever forwards has seen that a hop is left.
        let (ethernet, hop_left) = match layout.l3.map(|l3| l3.kind) {
            Some(L3Kind::Ipv6) => {
                let (ethernet, ip) = packet.ethernet_ipv6_mut()?;
                (ethernet, !transit || ip.decrement_hop_limit())
            }
            _ => {
                let (ethernet, ip) = packet.ethernet_ipv4_mut()?;
                (ethernet, !transit || ip.decrement_ttl())
            }
        };
        if !hop_left {
            return Err(RouterDrop::TtlExceeded.into());
        }
        ethernet.dst = neighbour.mac;
        ethernet.src = neighbour.src;
        // Padding belongs to the link it came by.
        if packet.len() > usize::from(layout.end) {
            packet.truncate(usize::from(layout.end));
        }
        Ok(Verdict::Out(neighbour.interface))
    }

    /// A packet to an address that is not forwarded to.
    #[cold]
    fn not_forwarded(&mut self, packet: &Packet, target: Target, cx: &mut Context<'_>) -> Outcome {
        match target {
            Target::NoRoute => self.refuse(packet, RouterDrop::NoRoute, cx),
            Target::Multicast => Err(RouterDrop::Multicast.into()),
            Target::Broadcast => Err(RouterDrop::Broadcast.into()),
            Target::LinkLocal => Err(RouterDrop::LinkLocal.into()),
            _ => Err(RouterDrop::MartianDestination.into()),
        }
    }

    /// Drops a packet that cannot be delivered and tells its sender.
    #[cold]
    pub(super) fn refuse(&mut self, packet: &Packet, reason: RouterDrop, cx: &mut Context<'_>) -> Outcome {
        let problem = match reason {
            RouterDrop::NeighbourUnreachable | RouterDrop::NeighbourTableFull => Problem::Address,
            _ => Problem::NoRoute,
        };
        self.complain(packet, problem, cx);
        Err(reason.into())
    }

    #[cold]
    fn too_big(&mut self, packet: &Packet, mtu: u16, cx: &mut Context<'_>) -> Outcome {
        if packet.ipv4().is_ok_and(|ip| !ip.dont_fragment()) {
            return Err(RouterDrop::NeedsFragmentation.into());
        }
        self.complain(packet, Problem::TooBig(mtu), cx);
        Err(RouterDrop::TooBig.into())
    }
}

/// Groups, and of the addresses that start with 0: unspecified, loopback, and IPv4 in IPv6 clothes (RFC 4291).
#[cold]
fn is_martian_v6(src: [u8; 16]) -> bool {
    let src = Ipv6Addr::from_octets(src);
    src.is_multicast() || src.to_ipv4().is_some()
}

/// Length of the packet by its own header, without padding.
#[inline]
pub(super) fn network_len(packet: &Packet) -> u16 {
    let layout = packet.layout();
    layout.end - layout.l2_len
}
