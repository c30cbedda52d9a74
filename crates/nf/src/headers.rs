//! Typed views of a packet's headers, in place.
//!
//! Each accessor finds its header through [`Packet::layout`] and fails with the [`Reason`] that a function returns
//! by `?`. A mutable view must not change what header follows (an EtherType, a protocol number, a header length):
//! that is [`Packet::data_mut`]'s work, after which the headers are scanned anew.

use std::mem::size_of;

use rackless_packet::arp::Arp;
use rackless_packet::ethernet::{EtherType, Ethernet, VlanTag};
use rackless_packet::gre::Gre;
use rackless_packet::gtpu::GtpU;
use rackless_packet::icmpv4::Icmpv4;
use rackless_packet::icmpv6::Icmpv6;
use rackless_packet::igmp::Igmp;
use rackless_packet::ipv4::{IpProtocol, Ipv4};
use rackless_packet::ipv6::{Extension, Ipv6, Srh, extensions};
use rackless_packet::mpls::Mpls;
use rackless_packet::sctp::Sctp;
use rackless_packet::tcp::Tcp;
use rackless_packet::udp::Udp;
use rackless_packet::vxlan::Vxlan;
use rackless_packet::{L3Kind, L4Kind};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Packet, Reason};

/// What a header struct of the crate `rackless-packet` is.
trait Header: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned {}
impl<T: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned> Header for T {}

#[inline]
fn view<H: Header>(bytes: &[u8], offset: usize) -> Result<&H, Reason> {
    let bytes = bytes.get(offset..).ok_or(Reason::MALFORMED)?;
    H::ref_from_prefix(bytes).map(|(header, _)| header).map_err(|_| Reason::MALFORMED)
}

#[inline]
fn view_mut<H: Header>(bytes: &mut [u8], offset: usize) -> Result<&mut H, Reason> {
    let bytes = bytes.get_mut(offset..).ok_or(Reason::MALFORMED)?;
    H::mut_from_prefix(bytes).map(|(header, _)| header).map_err(|_| Reason::MALFORMED)
}

/// An accessor for a header, shared and mutable.
macro_rules! header {
    ($what:literal, $header:ty, $get:ident, $get_mut:ident, $offset:ident, $kind:expr, $reason:ident) => {
        #[doc = concat!("The ", $what, " header.")]
        ///
        /// # Errors
        #[doc = concat!("[`Reason::", stringify!($reason), "`], or [`Reason::MALFORMED`].")]
        #[inline]
        pub fn $get(&self) -> Result<&$header, Reason> {
            view(self.data(), self.$offset($kind, Reason::$reason)?)
        }

        #[doc = concat!("The ", $what, " header, to be changed.")]
        ///
        /// # Errors
        #[doc = concat!("[`Reason::", stringify!($reason), "`], or [`Reason::MALFORMED`].")]
        #[inline]
        pub fn $get_mut(&mut self) -> Result<&mut $header, Reason> {
            let offset = self.$offset($kind, Reason::$reason)?;
            view_mut(self.bytes_mut(), offset)
        }
    };
}

/// An accessor for the Ethernet header and a network header at once.
macro_rules! ethernet_and {
    ($what:literal, $header:ty, $name:ident, $kind:expr, $reason:ident) => {
        #[doc = concat!("The Ethernet header and the ", $what, " header at once, to be changed.")]
        ///
        /// # Errors
        #[doc = concat!("[`Reason::", stringify!($reason), "`], or [`Reason::MALFORMED`].")]
        #[inline]
        pub fn $name(&mut self) -> Result<(&mut Ethernet, &mut $header), Reason> {
            let l3 = self.l3_at($kind, Reason::$reason)?;
            let (l2, rest) = self.bytes_mut().split_at_mut_checked(l3).ok_or(Reason::MALFORMED)?;
            Ok((view_mut(l2, 0)?, view_mut(rest, 0)?))
        }
    };
}

/// An accessor for a network header and the bytes from layer 4 on.
macro_rules! header_and_l4 {
    ($what:literal, $header:ty, $name:ident, $kind:expr, $reason:ident) => {
        #[doc = concat!("The ", $what, " header and the bytes from the layer 4 header to the packet's end.")]
        ///
        /// # Errors
        #[doc = concat!("[`Reason::", stringify!($reason), "`]; [`Reason::MALFORMED`] when layer 4 is cut short,")]
        /// unknown or in another fragment.
        #[inline]
        pub fn $name(&mut self) -> Result<(&mut $header, &mut [u8]), Reason> {
            let l3 = self.l3_at($kind, Reason::$reason)?;
            let layout = self.layout();
            let l4 = usize::from(layout.l4.ok_or(Reason::MALFORMED)?.offset);
            let end = usize::from(layout.end);
            let (head, rest) = self.bytes_mut().split_at_mut_checked(l4).ok_or(Reason::MALFORMED)?;
            let l4 = rest.get_mut(..end.saturating_sub(l4)).ok_or(Reason::MALFORMED)?;
            Ok((view_mut(head, l3)?, l4))
        }
    };
}

impl Packet {
    /// The Ethernet header.
    ///
    /// # Errors
    /// [`Reason::MALFORMED`] when the frame is shorter.
    #[inline]
    pub fn ethernet(&self) -> Result<&Ethernet, Reason> {
        view(self.data(), 0)
    }

    /// The Ethernet header, to be changed.
    ///
    /// # Errors
    /// [`Reason::MALFORMED`] when the frame is shorter.
    #[inline]
    pub fn ethernet_mut(&mut self) -> Result<&mut Ethernet, Reason> {
        view_mut(self.bytes_mut(), 0)
    }

    header!("ARP", Arp, arp, arp_mut, l3_at, L3Kind::Arp, NOT_ARP);
    header!("IPv4", Ipv4, ipv4, ipv4_mut, l3_at, L3Kind::Ipv4, NOT_IPV4);
    header!("IPv6", Ipv6, ipv6, ipv6_mut, l3_at, L3Kind::Ipv6, NOT_IPV6);
    header!("TCP", Tcp, tcp, tcp_mut, l4_at, L4Kind::Tcp, NOT_TCP);
    header!("UDP", Udp, udp, udp_mut, l4_at, L4Kind::Udp, NOT_UDP);
    header!("ICMPv4", Icmpv4, icmpv4, icmpv4_mut, l4_at, L4Kind::Icmpv4, NOT_ICMP);
    header!("ICMPv6", Icmpv6, icmpv6, icmpv6_mut, l4_at, L4Kind::Icmpv6, NOT_ICMP);
    header!("SCTP", Sctp, sctp, sctp_mut, l4_at, L4Kind::Sctp, NOT_SCTP);
    header!("IGMP", Igmp, igmp, igmp_mut, l4_at, L4Kind::Igmp, NOT_IGMP);
    header!("GRE", Gre, gre, gre_mut, carried_at, IpProtocol::GRE, NOT_GRE);
    header!("VXLAN", Vxlan, vxlan, vxlan_mut, datagram_at, Vxlan::PORT, NOT_VXLAN);
    header!("GTP-U", GtpU, gtpu, gtpu_mut, datagram_at, GtpU::PORT, NOT_GTPU);
    header!("outermost MPLS", Mpls, mpls, mpls_mut, announced_at, EtherType::is_mpls, NOT_MPLS);
    header!("outermost VLAN", VlanTag, vlan, vlan_mut, tag_at, 0, NOT_TAGGED);

    ethernet_and!("IPv4", Ipv4, ethernet_ipv4_mut, L3Kind::Ipv4, NOT_IPV4);
    ethernet_and!("IPv6", Ipv6, ethernet_ipv6_mut, L3Kind::Ipv6, NOT_IPV6);
    header_and_l4!("IPv4", Ipv4, ipv4_l4_mut, L3Kind::Ipv4, NOT_IPV4);
    header_and_l4!("IPv6", Ipv6, ipv6_l4_mut, L3Kind::Ipv6, NOT_IPV6);

    /// The segment routing header.
    ///
    /// # Errors
    /// [`Reason::NOT_IPV6`], [`Reason::NOT_SEGMENT_ROUTED`]
    pub fn segment_routing(&self) -> Result<Srh<'_>, Reason> {
        let ip = self.l3_at(L3Kind::Ipv6, Reason::NOT_IPV6)?;
        let packet = self.data().get(ip..usize::from(self.layout().end)).ok_or(Reason::MALFORMED)?;
        let (header, payload) = Ipv6::ref_from_prefix(packet).map_err(|_| Reason::MALFORMED)?;
        let mut headers = extensions(header.next_header, payload).map_while(Result::ok);
        headers.find_map(|header: Extension<'_>| header.segment_routing()).ok_or(Reason::NOT_SEGMENT_ROUTED)
    }

    /// The bytes behind the last known header, without padding.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        let layout = self.layout();
        self.data().get(usize::from(layout.payload)..usize::from(layout.end)).unwrap_or_default()
    }

    /// Puts a header in front of the frame.
    ///
    /// # Errors
    /// [`Reason::NO_HEADROOM`]
    pub fn push_header<H: IntoBytes + Immutable>(&mut self, header: &H) -> Result<(), Reason> {
        self.push(size_of::<H>())?.copy_from_slice(header.as_bytes());
        Ok(())
    }

    #[inline]
    fn l3_at(&self, kind: L3Kind, reason: Reason) -> Result<usize, Reason> {
        match self.layout().l3 {
            Some(l3) if l3.kind == kind => Ok(usize::from(l3.offset)),
            _ => Err(reason),
        }
    }

    #[inline]
    fn l4_at(&self, kind: L4Kind, reason: Reason) -> Result<usize, Reason> {
        match self.layout().l4 {
            Some(l4) if l4.kind == kind => Ok(usize::from(l4.offset)),
            _ => Err(reason),
        }
    }

    /// Where what IP carries starts, if it is of a protocol that the layout does not look into.
    #[inline]
    fn carried_at(&self, protocol: IpProtocol, reason: Reason) -> Result<usize, Reason> {
        let layout = self.layout();
        let whole = layout.malformed.is_none() && !layout.later_fragment;
        if whole && layout.protocol == protocol { Ok(usize::from(layout.payload)) } else { Err(reason) }
    }

    /// Where the payload of a UDP datagram to this port starts.
    #[inline]
    fn datagram_at(&self, port: u16, reason: Reason) -> Result<usize, Reason> {
        let udp = self.udp().map_err(|_| reason)?;
        if udp.dst_port.get() == port { Ok(usize::from(self.layout().payload)) } else { Err(reason) }
    }

    /// Where what the last EtherType announces starts, if it is such.
    #[inline]
    fn announced_at(&self, is: fn(EtherType) -> bool, reason: Reason) -> Result<usize, Reason> {
        let layout = self.layout();
        if is(layout.ether_type) { Ok(usize::from(layout.l2_len)) } else { Err(reason) }
    }

    /// Where a VLAN tag starts, 0 being the outermost.
    #[inline]
    fn tag_at(&self, tag: u8, reason: Reason) -> Result<usize, Reason> {
        let offset = Ethernet::LEN + usize::from(tag) * VlanTag::LEN;
        if tag < self.layout().vlans { Ok(offset) } else { Err(reason) }
    }
}
