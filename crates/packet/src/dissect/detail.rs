//! A frame with all its fields.

use std::fmt::{self, Display};

use zerocopy::FromBytes;

use super::options::Shown;
use super::{Fault, hexdump};
use crate::arp::Arp;
use crate::checksum::{Verdict, verify};
use crate::ethernet::{Ethernet, VlanTag};
use crate::icmpv4::{self, Icmpv4, Icmpv4Type};
use crate::icmpv6::ndp::{self, NeighbourAdvertisement, RouterAdvertisement};
use crate::icmpv6::{self, Icmpv6, Icmpv6Type};
use crate::ipv4::{self, Ipv4};
use crate::ipv6::{self, Fragment, Ipv6};
use crate::layout::{L3Kind, L4Kind, Layout};
use crate::tcp::{self, Tcp};
use crate::udp::Udp;

pub(super) fn write(frame: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let layout = Layout::scan(frame);
    let mut out = Lines(f);
    if let Ok((header, rest)) = Ethernet::ref_from_prefix(frame) {
        ethernet(header, rest, &layout, &mut out)?;
    }
    if let Some(l3) = layout.l3 {
        let offset = usize::from(l3.offset);
        let packet = &frame[offset..layout.end.into()];
        match l3.kind {
            L3Kind::Arp => arp(packet, offset, &mut out)?,
            L3Kind::Ipv4 => ipv4(packet, offset, &mut out)?,
            L3Kind::Ipv6 => ipv6(packet, offset, &mut out)?,
        }
    }
    if let Some(l4) = layout.l4 {
        let offset = usize::from(l4.offset);
        let bytes = &frame[offset..layout.end.into()];
        match l4.kind {
            L4Kind::Tcp => tcp(bytes, offset, &mut out)?,
            L4Kind::Udp => udp(bytes, offset, &mut out)?,
            L4Kind::Icmpv4 => icmpv4(bytes, offset, &mut out)?,
            L4Kind::Icmpv6 => icmpv6(bytes, offset, &mut out)?,
        }
    }
    let payload = &frame[layout.payload_range()];
    if !payload.is_empty() {
        out.header(format_args!("payload of {} bytes", payload.len()), layout.payload.into())?;
        write!(out.0, "{}", hexdump(payload))?;
    }
    let padding = frame.len() - usize::from(layout.end);
    if padding > 0 {
        out.header(format_args!("padding of {padding} bytes"), layout.end.into())?;
    }
    match Fault::find(frame, &layout) {
        Some(fault) => writeln!(out.0, "{fault}"),
        None if layout.l3.is_none() || verify(frame) == Verdict::Partial => Ok(()),
        None => writeln!(out.0, "{}", Verdict::Correct),
    }
}

/// Writes the lines of headers and fields.
struct Lines<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Lines<'_, '_> {
    fn header(&mut self, name: impl Display, offset: usize) -> fmt::Result {
        writeln!(self.0, "{name} at {offset}")
    }

    fn field(&mut self, name: &str, value: impl Display) -> fmt::Result {
        writeln!(self.0, "  {name}: {value}")
    }

    fn option<E: Display>(&mut self, option: Result<Shown<'_>, E>) -> fmt::Result {
        match option {
            Ok(option) => self.field("option", option),
            Err(error) => self.field("malformed", error),
        }
    }
}

fn ethernet(header: &Ethernet, rest: &[u8], layout: &Layout, out: &mut Lines<'_, '_>) -> fmt::Result {
    out.header("Ethernet", 0)?;
    out.field("dst", header.dst)?;
    out.field("src", header.src)?;
    out.field("type", Named(header.ether_type, header.ether_type.get().into()))?;
    for (n, tag) in rest.as_chunks::<4>().0.iter().take(layout.vlans.into()).enumerate() {
        if let Ok(tag) = VlanTag::ref_from_bytes(tag) {
            out.header("VLAN tag", Ethernet::LEN + n * VlanTag::LEN)?;
            out.field("vid", tag.vid())?;
            out.field("priority", tag.pcp())?;
            out.field("drop eligible", tag.dei())?;
            out.field("type", Named(tag.ether_type, tag.ether_type.get().into()))?;
        }
    }
    Ok(())
}

fn arp(packet: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((arp, _)) = Arp::ref_from_prefix(packet) else { return Ok(()) };
    out.header("ARP", offset)?;
    out.field("operation", Named(arp.operation, arp.operation.get().into()))?;
    out.field("sender MAC", arp.sender_mac)?;
    out.field("sender IP", arp.sender_ip())?;
    out.field("target MAC", arp.target_mac)?;
    out.field("target IP", arp.target_ip())
}

fn ipv4(packet: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((ip, rest)) = Ipv4::ref_from_prefix(packet) else { return Ok(()) };
    out.header("IPv4", offset)?;
    out.field("header length", ip.header_len())?;
    out.field("DSCP", ip.dscp())?;
    out.field("ECN", ip.ecn())?;
    out.field("total length", ip.total_len)?;
    out.field("identification", ip.id)?;
    out.field("don't fragment", ip.dont_fragment())?;
    out.field("more fragments", ip.more_fragments())?;
    out.field("fragment offset", ip.fragment_offset())?;
    out.field("TTL", ip.ttl)?;
    out.field("protocol", Named(ip.protocol, ip.protocol.0.into()))?;
    out.field("checksum", format_args!("{:#06x}", ip.checksum.get()))?;
    out.field("src", ip.src())?;
    out.field("dst", ip.dst())?;
    let options = &rest[..ip.header_len() - Ipv4::LEN];
    ipv4::options(options).try_for_each(|option| out.option(option.map(Shown::Ipv4)))
}

fn ipv6(packet: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((ip, payload)) = Ipv6::ref_from_prefix(packet) else { return Ok(()) };
    out.header("IPv6", offset)?;
    out.field("traffic class", ip.traffic_class())?;
    out.field("flow label", format_args!("{:#07x}", ip.flow_label()))?;
    out.field("payload length", ip.payload_len)?;
    out.field("next header", Named(ip.next_header, ip.next_header.0.into()))?;
    out.field("hop limit", ip.hop_limit)?;
    out.field("src", ip.src())?;
    out.field("dst", ip.dst())?;
    for header in ipv6::extensions(ip.next_header, payload).map_while(Result::ok) {
        out.header(format_args!("{} header", header.protocol), offset + Ipv6::LEN + header.offset)?;
        out.field("next header", Named(header.next_header, header.next_header.0.into()))?;
        out.field("length", header.bytes.len())?;
        match Fragment::ref_from_bytes(header.bytes) {
            Ok(fragment) if header.protocol == ipv4::IpProtocol::FRAGMENT => {
                out.field("offset", fragment.offset())?;
                out.field("more fragments", fragment.more_fragments())?;
                out.field("identification", fragment.id)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn tcp(bytes: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((tcp, rest)) = Tcp::ref_from_prefix(bytes) else { return Ok(()) };
    out.header("TCP", offset)?;
    out.field("src port", tcp.src_port)?;
    out.field("dst port", tcp.dst_port)?;
    out.field("sequence number", tcp.seq)?;
    out.field("acknowledgement number", tcp.ack)?;
    out.field("header length", tcp.header_len())?;
    out.field("flags", tcp.flags)?;
    out.field("window", tcp.window)?;
    out.field("checksum", format_args!("{:#06x}", tcp.checksum.get()))?;
    out.field("urgent pointer", tcp.urgent)?;
    let options = &rest[..tcp.header_len() - Tcp::LEN];
    tcp::options(options).try_for_each(|option| out.option(option.map(Shown::Tcp)))
}

fn udp(bytes: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((udp, _)) = Udp::ref_from_prefix(bytes) else { return Ok(()) };
    out.header("UDP", offset)?;
    out.field("src port", udp.src_port)?;
    out.field("dst port", udp.dst_port)?;
    out.field("length", udp.len)?;
    out.field("checksum", format_args!("{:#06x}", udp.checksum.get()))
}

fn icmpv4(bytes: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((icmp, _)) = Icmpv4::ref_from_prefix(bytes) else { return Ok(()) };
    out.header("ICMP", offset)?;
    out.field("type", Named(icmp.icmp_type, icmp.icmp_type.0.into()))?;
    match icmp.icmp_type {
        Icmpv4Type::UNREACHABLE => {
            out.field("code", Named(icmpv4::UnreachableCode(icmp.code), icmp.code.into()))?;
            out.field("mtu", icmp.mtu())?;
        }
        Icmpv4Type::TIME_EXCEEDED => {
            out.field("code", Named(icmpv4::TimeExceededCode(icmp.code), icmp.code.into()))?;
        }
        _ => out.field("code", icmp.code)?,
    }
    out.field("checksum", format_args!("{:#06x}", icmp.checksum.get()))?;
    if matches!(icmp.icmp_type, Icmpv4Type::ECHO_REQUEST | Icmpv4Type::ECHO_REPLY) {
        out.field("identifier", icmp.echo_id())?;
        out.field("sequence number", icmp.echo_seq())?;
    }
    Ok(())
}

fn icmpv6(bytes: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((icmp, _)) = Icmpv6::ref_from_prefix(bytes) else { return Ok(()) };
    out.header("ICMPv6", offset)?;
    out.field("type", Named(icmp.icmp_type, icmp.icmp_type.0.into()))?;
    match icmp.icmp_type {
        Icmpv6Type::UNREACHABLE => {
            out.field("code", Named(icmpv6::UnreachableCode(icmp.code), icmp.code.into()))?;
        }
        Icmpv6Type::TIME_EXCEEDED => {
            out.field("code", Named(icmpv6::TimeExceededCode(icmp.code), icmp.code.into()))?;
        }
        _ => out.field("code", icmp.code)?,
    }
    out.field("checksum", format_args!("{:#06x}", icmp.checksum.get()))?;
    match icmp.icmp_type {
        Icmpv6Type::ECHO_REQUEST | Icmpv6Type::ECHO_REPLY => {
            out.field("identifier", icmp.echo_id())?;
            out.field("sequence number", icmp.echo_seq())
        }
        Icmpv6Type::PACKET_TOO_BIG => out.field("mtu", icmp.mtu()),
        Icmpv6Type::NEIGHBOUR_SOLICITATION | Icmpv6Type::NEIGHBOUR_ADVERTISEMENT => neighbour(bytes, out),
        Icmpv6Type::ROUTER_ADVERTISEMENT => router(bytes, out),
        Icmpv6Type::ROUTER_SOLICITATION => ndp_options(&bytes[Icmpv6::LEN..], out),
        _ => Ok(()),
    }
}

fn neighbour(bytes: &[u8], out: &mut Lines<'_, '_>) -> fmt::Result {
    // A solicitation has the same fields, with no flags.
    let Ok((message, options)) = NeighbourAdvertisement::ref_from_prefix(bytes) else {
        return out.field("malformed", "the message is cut short");
    };
    if message.icmp_type == Icmpv6Type::NEIGHBOUR_ADVERTISEMENT {
        out.field("router", message.is_router())?;
        out.field("solicited", message.is_solicited())?;
        out.field("override", message.is_override())?;
    }
    out.field("target", message.target())?;
    ndp_options(options, out)
}

fn router(bytes: &[u8], out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((message, options)) = RouterAdvertisement::ref_from_prefix(bytes) else {
        return out.field("malformed", "the message is cut short");
    };
    out.field("hop limit", message.hop_limit)?;
    out.field("flags", format_args!("{:#04x}", message.flags))?;
    out.field("lifetime in s", message.lifetime_s)?;
    out.field("reachable time in ms", message.reachable_ms)?;
    out.field("retransmit time in ms", message.retransmit_ms)?;
    ndp_options(options, out)
}

fn ndp_options(bytes: &[u8], out: &mut Lines<'_, '_>) -> fmt::Result {
    ndp::options(bytes).try_for_each(|option| out.option(option.map(Shown::Ndp)))
}

/// A name and its number.
struct Named<T>(T, u32);

impl<T: Display> Display for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.to_string();
        if name.starts_with("0x") { f.write_str(&name) } else { write!(f, "{name} ({:#x})", self.1) }
    }
}
