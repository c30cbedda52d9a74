//! Builds packets, with all lengths and checksums filled in.
//!
//! Each layer is a type of its own that offers what may come next, so a half-built packet does not compile:
//!
//! ```compile_fail
//! use rackless_packet::{MacAddr, build::Build};
//!
//! // An IPv4 header with nothing in it is no packet: there is no `to_vec` yet.
//! Build::ethernet(MacAddr::ZERO, MacAddr::BROADCAST).ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).to_vec();
//! ```
//!
//! Nothing is allocated until `to_vec`, and nothing at all with `write_into`. [`Headers`] are the same without a payload:
//! they are written in front of one that is in place, as tunnels need it.

mod headers;
mod icmp;
mod ip;
mod tunnel;
mod write;

use std::net::{Ipv4Addr, Ipv6Addr};

use headers::Head;
pub use headers::Headers;
pub use icmp::may_answer_with_error;
use ip::Network;
pub use ip::{Ipv4Stage, Ipv6Stage, TcpStage, UdpStage};
pub use write::Complete;
use zerocopy::IntoBytes;

use crate::arp::Arp;
use crate::ethernet::{EtherType, Ethernet};
use crate::icmpv6::ndp::NeighbourAdvertisement;
use crate::ipv6::solicited_node;
use crate::mac::MacAddr;

/// A packet cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The slice is shorter than the frame.
    #[error("cannot write a frame of {needed} bytes into {available}")]
    NoRoom {
        /// The length of the frame.
        needed: usize,
        /// The length of the slice.
        available: usize,
    },
    /// A length field does not hold the length.
    #[error("packet of {len} bytes is longer than its header can say")]
    TooLong {
        /// The length that does not fit.
        len: usize,
    },
    /// A header does not hold its options.
    #[error("{len} bytes of options do not fit into a header, 40 do")]
    Options {
        /// Their length.
        len: usize,
    },
    /// The bytes given as extension headers are not whole headers.
    #[error("IPv6 extension headers are not whole")]
    Extensions,
    /// A third VLAN tag.
    #[error("more than two VLAN tags")]
    VlanTags,
    /// What IP in IP is to carry is no IP packet.
    #[error("IP in IP carries IP packets only")]
    NoPacket,
}

/// The start of every packet.
///
/// # Examples
/// ```
/// use rackless_packet::build::Build;
/// use rackless_packet::tcp::TcpFlags;
/// use rackless_packet::MacAddr;
///
/// let (src, dst) = (MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
/// let syn = Build::ethernet(src, dst)
///     .ipv6("fd00::1".parse()?, "fd00::2".parse()?)
///     .hop_limit(64)
///     .tcp(40000, 80)
///     .flags(TcpFlags::SYN);
/// let mut buffer = [0; 128];
/// let len = syn.write_into(&mut buffer)?;
/// assert_eq!(buffer[..len], syn.to_vec()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum Build {}

/// A frame that has its Ethernet header.
#[derive(Debug, Clone, Copy)]
#[must_use = "a stage builds nothing until it is written"]
pub struct EthernetStage {
    pub(super) src: MacAddr,
    pub(super) dst: MacAddr,
    /// The type that announces each tag, and its TCI.
    pub(super) tags: [(EtherType, u16); 2],
    /// How many tags were asked for; more than two cannot be written.
    pub(super) tag_count: usize,
}

impl Build {
    /// Starts a frame.
    pub fn ethernet(src: MacAddr, dst: MacAddr) -> EthernetStage {
        EthernetStage { src, dst, tags: [(EtherType::VLAN, 0); 2], tag_count: 0 }
    }

    /// Makes the broadcast question "who has `target_ip`?".
    pub fn arp_request(src_mac: MacAddr, src_ip: Ipv4Addr, target_ip: Ipv4Addr) -> Complete<'static> {
        Self::ethernet(src_mac, MacAddr::BROADCAST).arp(&Arp::request(src_mac, src_ip, target_ip))
    }

    /// Makes the answer "I, `src_mac`, have `src_ip`" to a station.
    pub fn arp_reply(
        src_mac: MacAddr,
        src_ip: Ipv4Addr,
        dst_mac: MacAddr,
        dst_ip: Ipv4Addr,
    ) -> Complete<'static> {
        Self::ethernet(src_mac, dst_mac).arp(&Arp::reply(src_mac, src_ip, dst_mac, dst_ip))
    }

    /// Makes the multicast question "who has `target`?" (RFC 4861, section 4.3), which carries `src_mac` as source
    /// link-layer address unless `src_ip` is unspecified.
    pub fn neighbour_solicitation(src_mac: MacAddr, src_ip: Ipv6Addr, target: Ipv6Addr) -> Complete<'static> {
        let group = solicited_node(target);
        let source = (!src_ip.is_unspecified()).then_some(src_mac);
        Self::ethernet(src_mac, MacAddr::from_multicast_v6(group))
            .ipv6(src_ip, group)
            .neighbour_solicitation(target, source)
    }

    /// Makes the answer "I, `src_mac`, have `target`" to a station (RFC 4861, section 4.4), sent from `target`.
    ///
    /// `flags` are those of [`NeighbourAdvertisement`], such as
    /// `NeighbourAdvertisement::SOLICITED | NeighbourAdvertisement::OVERRIDE`.
    pub fn neighbour_advertisement(
        src_mac: MacAddr,
        target: Ipv6Addr,
        dst_mac: MacAddr,
        dst_ip: Ipv6Addr,
        flags: u32,
    ) -> Complete<'static> {
        Self::ethernet(src_mac, dst_mac).ipv6(target, dst_ip).neighbour_advertisement(
            target,
            Some(src_mac),
            flags,
        )
    }
}

impl EthernetStage {
    /// Adds an 802.1Q tag behind those before; only the low 12 bits of `vid` count.
    pub fn vlan(self, vid: u16) -> Self {
        self.tag(EtherType::VLAN, vid & 0x0fff)
    }

    /// Adds an 802.1ad service tag behind those before; only the low 12 bits of `vid` count.
    pub fn qinq(self, vid: u16) -> Self {
        self.tag(EtherType::QINQ, vid & 0x0fff)
    }

    /// Adds a tag with all its bits behind those before; a third tag makes writing fail.
    pub fn tag(mut self, announced_by: EtherType, tci: u16) -> Self {
        if let Some(tag) = self.tags.get_mut(self.tag_count) {
            *tag = (announced_by, tci);
        }
        self.tag_count += 1;
        self
    }

    /// Adds an IPv4 header with a TTL of 64.
    pub fn ipv4<'a>(self, src: Ipv4Addr, dst: Ipv4Addr) -> Ipv4Stage<'a> {
        Ipv4Stage::new(self, src, dst)
    }

    /// Adds an IPv6 header with a hop limit of 64.
    pub fn ipv6<'a>(self, src: Ipv6Addr, dst: Ipv6Addr) -> Ipv6Stage<'a> {
        Ipv6Stage::new(self, src, dst)
    }

    /// Adds an ARP packet, which completes the frame.
    pub fn arp(self, arp: &Arp) -> Complete<'static> {
        Complete::new(self, Network::Other(EtherType::ARP), &[]).with_head(Head::Fixed, arp.as_bytes())
    }

    /// Adds any other payload, which completes the frame.
    pub fn payload(self, ether_type: EtherType, payload: &[u8]) -> Complete<'_> {
        Complete::new(self, Network::Other(ether_type), payload)
    }

    pub(super) fn len(&self) -> usize {
        Ethernet::LEN + 4 * self.tag_count
    }
}

/// The flags of an answer to a solicitation: solicited, override.
pub const SOLICITED_OVERRIDE: u32 = NeighbourAdvertisement::SOLICITED | NeighbourAdvertisement::OVERRIDE;
