//! Neighbour discovery (RFC 4861).

use std::net::{IpAddr, Ipv6Addr};

use rackless_nf::{Context, Outcome, Packet, Reason};
use rackless_packet::build::Build;
use rackless_packet::icmpv6::Icmpv6Type;
use rackless_packet::icmpv6::ndp::{NdpOption, NeighbourAdvertisement, NeighbourSolicitation, options};
use rackless_packet::ipv6::solicited_node;
use rackless_packet::{L4Kind, MacAddr};
use zerocopy::FromBytes;

use super::local::check_icmp_v6;
use super::resolve::{Learned, emit};
use super::{Router, RouterDrop};

/// All nodes of a link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// What a message says, with its options read.
struct Message {
    target: Ipv6Addr,
    /// The flags of an advertisement.
    flags: u32,
    /// The link address that the options give.
    mac: Option<MacAddr>,
}

impl Router {
    /// An IPv6 packet to a group: neighbour discovery, or nothing to a router without multicast.
    pub(super) fn multicast_v6(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        let dst = packet.ipv6()?.dst();
        let icmp_type = packet.icmpv6().map(|icmp| icmp.icmp_type);
        let is_ndp =
            matches!(icmp_type, Ok(Icmpv6Type::NEIGHBOUR_SOLICITATION | Icmpv6Type::NEIGHBOUR_ADVERTISEMENT));
        if !is_ndp || !dst.is_multicast() {
            return Err(RouterDrop::Multicast.into());
        }
        let interface = self.interfaces.get(usize::from(cx.input())).ok_or(RouterDrop::NotForUs)?;
        if dst != ALL_NODES && !interface.is_in_group(dst) {
            return Err(RouterDrop::NdpForOthers.into());
        }
        check_icmp_v6(packet)?;
        self.ndp(packet, cx)
    }

    /// A solicitation or advertisement with a right checksum.
    pub(super) fn ndp(&mut self, packet: &Packet, cx: &mut Context<'_>) -> Outcome {
        let ip = packet.ipv6()?;
        let (icmp_type, code) = packet.icmpv6().map(|icmp| (icmp.icmp_type, icmp.code))?;
        // A hop limit of 255 says that no router passed it on (sections 7.1.1 and 7.1.2).
        if ip.hop_limit != 255 || code != 0 || packet.layout().fragment {
            return Err(RouterDrop::InvalidNdp.into());
        }
        let message = read(packet)?;
        if message.target.is_multicast() || message.mac.is_some_and(|mac| !mac.is_unicast()) {
            return Err(RouterDrop::InvalidNdp.into());
        }
        if icmp_type == Icmpv6Type::NEIGHBOUR_SOLICITATION {
            let mac = packet.ethernet()?.src;
            self.solicitation(&message, ip.src(), ip.dst(), mac, cx)
        } else {
            self.advertisement(&message, ip.dst(), cx)
        }
    }

    /// Answers who asks for an address of the interface.
    fn solicitation(
        &mut self,
        message: &Message,
        src: Ipv6Addr,
        dst: Ipv6Addr,
        frame_src: MacAddr,
        cx: &mut Context<'_>,
    ) -> Outcome {
        let input = cx.input();
        let target = message.target;
        let detects_duplicates = src.is_unspecified();
        if src.is_multicast()
            || detects_duplicates && (message.mac.is_some() || dst != solicited_node(target))
        {
            return Err(RouterDrop::InvalidNdp.into());
        }
        let interface = &self.interfaces[usize::from(input)];
        let own = interface.mac;
        if interface.has(src.into()) {
            return Err(RouterDrop::AddressConflict.into());
        }
        if !interface.has(target.into()) {
            return Err(RouterDrop::NdpForOthers.into());
        }
        // Who gives no link address is answered where its frame came from.
        let to = message.mac.unwrap_or(frame_src);
        if !detects_duplicates && !to.is_unicast() {
            return Err(RouterDrop::InvalidNdp.into());
        }
        if let Some(mac) = message.mac {
            self.hear(input, src.into(), mac, cx);
        }
        let (dst, dst_mac, flags) = if detects_duplicates {
            (ALL_NODES, MacAddr::from_multicast_v6(ALL_NODES), NeighbourAdvertisement::OVERRIDE)
        } else {
            (src, to, NeighbourAdvertisement::SOLICITED | NeighbourAdvertisement::OVERRIDE)
        };
        let flags = flags | NeighbourAdvertisement::ROUTER;
        emit(input, &Build::neighbour_advertisement(own, target, dst_mac, dst, flags), cx)?;
        Err(RouterDrop::Ndp.into())
    }

    /// Learns from an advertisement.
    fn advertisement(&mut self, message: &Message, dst: Ipv6Addr, cx: &mut Context<'_>) -> Outcome {
        let input = cx.input();
        let how = Learned {
            solicited: message.flags & NeighbourAdvertisement::SOLICITED != 0,
            overrides: message.flags & NeighbourAdvertisement::OVERRIDE != 0,
        };
        if dst.is_multicast() && how.solicited {
            return Err(RouterDrop::InvalidNdp.into());
        }
        if self.interfaces[usize::from(input)].has(message.target.into()) {
            return Err(RouterDrop::AddressConflict.into());
        }
        if let Some(id) = self.neighbours.find(input, IpAddr::V6(message.target)) {
            self.learn(id, message.mac, how, cx);
        }
        Err(RouterDrop::Ndp.into())
    }
}

/// Reads a message and its options, one of which may be the sender's or target's link address.
fn read(packet: &Packet) -> Result<Message, Reason> {
    let invalid = Reason::from(RouterDrop::InvalidNdp);
    let layout = packet.layout();
    let l4 = layout.l4.filter(|l4| l4.kind == L4Kind::Icmpv6).ok_or(invalid)?;
    let bytes = packet.data().get(usize::from(l4.offset)..usize::from(layout.end)).ok_or(invalid)?;
    let (message, rest) = NeighbourAdvertisement::ref_from_prefix(bytes).map_err(|_| invalid)?;
    // A solicitation has the same shape, with nothing where the flags are.
    const _: () = assert!(NeighbourAdvertisement::LEN == NeighbourSolicitation::LEN);
    let solicits = message.icmp_type == Icmpv6Type::NEIGHBOUR_SOLICITATION;
    let mut mac = None;
    for option in options(rest) {
        match option.map_err(|_| invalid)? {
            NdpOption::SourceLinkLayer(address) if solicits => mac = Some(address),
            NdpOption::TargetLinkLayer(address) if !solicits => mac = Some(address),
            _ => {}
        }
    }
    Ok(Message { target: message.target(), flags: message.flags.get(), mac })
}
