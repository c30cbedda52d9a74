//! A frame on one line.

use std::fmt::{self, Display};

use zerocopy::FromBytes;

use super::Fault;
use super::options::Shown;
use crate::arp::{Arp, ArpOperation};
use crate::ethernet::{EtherType, Ethernet, VlanTag};
use crate::icmpv4::{self, Icmpv4, Icmpv4Type};
use crate::icmpv6::ndp::{NeighbourSolicitation, Redirect};
use crate::icmpv6::{self, Icmpv6, Icmpv6Type};
use crate::igmp::{Igmp, IgmpType};
use crate::ipv4::Ipv4;
use crate::ipv6::Ipv6;
use crate::layout::{L3Kind, L4, L4Kind, Layout};
use crate::sctp::{self, Sctp};
use crate::tcp::{self, Tcp};
use crate::tunnel::Inner;
use crate::udp::Udp;

pub(super) fn write(frame: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let layout = Layout::scan(frame);
    link(frame, &layout, f)?;
    fault(frame, &layout, 0, f)?;
    let Some(tunnel) = layout.tunnel(frame) else { return Ok(()) };
    write!(f, " | {} | ", tunnel.kind)?;
    let (inner, layout) = (tunnel.bytes(frame), tunnel.layout(frame));
    match tunnel.carries {
        Inner::Ethernet => link(inner, &layout, f)?,
        Inner::Ipv4 | Inner::Ipv6 => network(inner, &layout, f)?,
    }
    fault(inner, &layout, tunnel.inner.into(), f)
}

fn link(frame: &[u8], layout: &Layout, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Ok((ethernet, rest)) = Ethernet::ref_from_prefix(frame) else {
        return write!(f, "{} bytes", frame.len());
    };
    write!(f, "{} > {}, ", ethernet.src, ethernet.dst)?;
    for tag in rest.as_chunks::<4>().0.iter().take(layout.vlans.into()) {
        if let Ok(tag) = VlanTag::ref_from_bytes(tag) {
            write!(f, "vlan {}, ", tag.vid())?;
        }
    }
    network(frame, layout, f)
}

fn fault(frame: &[u8], layout: &Layout, base: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match Fault::find(frame, layout, base) {
        Some(fault) => write!(f, " [{fault}]"),
        None => Ok(()),
    }
}

fn network(frame: &[u8], layout: &Layout, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(l3) = layout.l3 else {
        return write!(f, "{}, length {}", Network(layout.ether_type), layout.payload_range().len());
    };
    let packet = &frame[l3.offset.into()..];
    match l3.kind {
        L3Kind::Arp => Arp::ref_from_prefix(packet).map_or(Ok(()), |(packet, _)| arp(packet, f)),
        L3Kind::Ipv4 => Ipv4::ref_from_prefix(packet)
            .map_or(Ok(()), |(ip, _)| transport(frame, layout, ("IPv4", &ip.src(), &ip.dst()), f)),
        L3Kind::Ipv6 => Ipv6::ref_from_prefix(packet)
            .map_or(Ok(()), |(ip, _)| transport(frame, layout, ("IPv6", &ip.src(), &ip.dst()), f)),
    }
}

fn arp(arp: &Arp, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match arp.operation {
        ArpOperation::REQUEST => {
            write!(f, "ARP request who-has {} tell {}", arp.target_ip(), arp.sender_ip())
        }
        ArpOperation::REPLY => write!(f, "ARP reply {} is-at {}", arp.sender_ip(), arp.sender_mac),
        other => write!(f, "ARP operation {other}, sender {}", arp.sender_ip()),
    }
}

/// Writes addresses and ports, then what layer 4 says.
fn transport(
    frame: &[u8],
    layout: &Layout,
    (version, src, dst): (&str, &dyn Display, &dyn Display),
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let length = layout.payload_range().len();
    let Some(L4 { kind, offset }) = layout.l4 else {
        write!(f, "{version} {src} > {dst}: {}", layout.protocol)?;
        return write!(f, "{}, length {length}", if layout.fragment { " fragment" } else { "" });
    };
    let bytes = &frame[offset.into()..layout.end.into()];
    match kind {
        L4Kind::Tcp | L4Kind::Udp | L4Kind::Sctp => {
            let Ok((ports, _)) = Udp::ref_from_prefix(bytes) else { return Ok(()) };
            write!(f, "{version} {src}.{} > {dst}.{}: ", ports.src_port, ports.dst_port)?;
            match Tcp::ref_from_prefix(bytes) {
                Ok((tcp, _)) if kind == L4Kind::Tcp => segment(tcp, bytes, f)?,
                _ if kind == L4Kind::Sctp => chunks(&bytes[Sctp::LEN..], f)?,
                _ => f.write_str("UDP")?,
            }
        }
        L4Kind::Igmp => {
            write!(f, "{version} {src} > {dst}: IGMP ")?;
            Igmp::ref_from_prefix(bytes).map_or(Ok(()), |(igmp, _)| membership(igmp, f))?;
        }
        L4Kind::Icmpv4 => {
            write!(f, "{version} {src} > {dst}: ICMP ")?;
            Icmpv4::ref_from_prefix(bytes).map_or(Ok(()), |(icmp, rest)| message_v4(icmp, rest, f))?;
        }
        L4Kind::Icmpv6 => {
            write!(f, "{version} {src} > {dst}: ICMPv6 ")?;
            Icmpv6::ref_from_prefix(bytes).map_or(Ok(()), |(icmp, rest)| message_v6(icmp, bytes, rest, f))?;
        }
    }
    write!(f, "{}, length {length}", if layout.fragment { ", first fragment" } else { "" })
}

fn segment(tcp: &Tcp, bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "TCP {}, seq {}", tcp.flags, tcp.seq)?;
    if tcp.flags.contains(tcp::TcpFlags::ACK) {
        write!(f, ", ack {}", tcp.ack)?;
    }
    write!(f, ", win {}", tcp.window)?;
    let options = &bytes[Tcp::LEN..tcp.header_len()];
    let mut separator = ", options [";
    for option in tcp::options(options) {
        f.write_str(separator)?;
        match option {
            Ok(option) => write!(f, "{}", Shown::Tcp(option))?,
            Err(error) => write!(f, "malformed: {error}")?,
        }
        separator = ", ";
    }
    f.write_str(if separator == ", " { "]" } else { "" })
}

fn chunks(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("SCTP")?;
    for chunk in sctp::chunks(bytes) {
        match chunk {
            Ok(chunk) => write!(f, " [{}]", chunk.kind)?,
            Err(error) => write!(f, " [malformed: {error}]")?,
        }
    }
    Ok(())
}

fn membership(igmp: &Igmp, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}", igmp.igmp_type)?;
    let of_group = igmp.igmp_type != IgmpType::REPORT_V3 && igmp.group != [0; 4];
    if of_group { write!(f, " {}", igmp.group()) } else { Ok(()) }
}

fn message_v4(icmp: &Icmpv4, rest: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}", icmp.icmp_type)?;
    match icmp.icmp_type {
        Icmpv4Type::ECHO_REQUEST | Icmpv4Type::ECHO_REPLY => {
            write!(f, " id {}, seq {}", icmp.echo_id(), icmp.echo_seq())?;
        }
        Icmpv4Type::UNREACHABLE => write!(f, " ({})", icmpv4::UnreachableCode(icmp.code))?,
        Icmpv4Type::REDIRECT => {
            write!(f, " ({}) to {}", icmpv4::RedirectCode(icmp.code), icmp.gateway())?;
        }
        Icmpv4Type::TIME_EXCEEDED => write!(f, " ({})", icmpv4::TimeExceededCode(icmp.code))?,
        _ => {}
    }
    match Ipv4::ref_from_prefix(rest) {
        Ok((ip, _)) if icmp.icmp_type.is_error() => {
            write!(f, " about {} > {} {}", ip.src(), ip.dst(), ip.protocol)
        }
        _ => Ok(()),
    }
}

fn message_v6(icmp: &Icmpv6, message: &[u8], rest: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}", icmp.icmp_type)?;
    match icmp.icmp_type {
        Icmpv6Type::ECHO_REQUEST | Icmpv6Type::ECHO_REPLY => {
            write!(f, " id {}, seq {}", icmp.echo_id(), icmp.echo_seq())?;
        }
        Icmpv6Type::UNREACHABLE => write!(f, " ({})", icmpv6::UnreachableCode(icmp.code))?,
        Icmpv6Type::TIME_EXCEEDED => write!(f, " ({})", icmpv6::TimeExceededCode(icmp.code))?,
        Icmpv6Type::PACKET_TOO_BIG => write!(f, " (mtu {})", icmp.mtu())?,
        Icmpv6Type::NEIGHBOUR_SOLICITATION => {
            // Solicitation and advertisement have the target in the same place.
            if let Ok((neighbour, _)) = NeighbourSolicitation::ref_from_prefix(message) {
                write!(f, " who-has {}", neighbour.target())?;
            }
        }
        Icmpv6Type::NEIGHBOUR_ADVERTISEMENT => {
            if let Ok((neighbour, _)) = NeighbourSolicitation::ref_from_prefix(message) {
                write!(f, " {} is here", neighbour.target())?;
            }
        }
        Icmpv6Type::REDIRECT => {
            if let Ok((redirect, _)) = Redirect::ref_from_prefix(message) {
                write!(f, " {} to {}", redirect.destination(), redirect.target())?;
            }
        }
        _ => {}
    }
    match Ipv6::ref_from_prefix(rest) {
        Ok((ip, _)) if icmp.icmp_type.is_error() => {
            write!(f, " about {} > {} {}", ip.src(), ip.dst(), ip.next_header)
        }
        _ => Ok(()),
    }
}

/// The EtherType of a packet that is not shown further, or that it is an IEEE 802.3 length.
struct Network(EtherType);

impl Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_length() { f.write_str("IEEE 802.3") } else { self.0.fmt(f) }
    }
}
