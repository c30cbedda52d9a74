//! A frame with all its fields.

mod icmp;
mod tunnel;

use std::fmt::{self, Display};
use std::net::Ipv6Addr;

use zerocopy::FromBytes;

use self::icmp::{icmpv4, icmpv6, igmp};
use self::tunnel::tunnel_headers;
use super::options::Shown;
use super::{Fault, hexdump};
use crate::arp::Arp;
use crate::checksum::{Verdict, verify_at};
use crate::ethernet::{Ethernet, VlanTag};
use crate::ipv4::{self, Ipv4};
use crate::ipv6::{self, Fragment, Ipv6};
use crate::layout::{L3Kind, L4Kind, Layout};
use crate::sctp::{self, Sctp};
use crate::tcp::{self, Tcp};
use crate::udp::Udp;

pub(super) fn write(frame: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let layout = Layout::scan(frame);
    let mut out = Lines { f, base: 0 };
    headers(frame, &layout, &mut out)?;
    let tunnel = layout.tunnel(frame);
    match tunnel {
        Some(tunnel) => tunnel_headers(frame, &layout, &tunnel, &mut out)?,
        None => payload(frame, &layout, &mut out)?,
    }
    padding(frame, &layout, &mut out)?;
    fault(frame, &layout, &mut out)?;
    let Some(tunnel) = tunnel else { return Ok(()) };
    out.base = tunnel.inner.into();
    let (inner, layout) = (tunnel.bytes(frame), tunnel.layout(frame));
    headers(inner, &layout, &mut out)?;
    payload(inner, &layout, &mut out)?;
    padding(inner, &layout, &mut out)?;
    fault(inner, &layout, &mut out)
}

fn headers(frame: &[u8], layout: &Layout, out: &mut Lines<'_, '_>) -> fmt::Result {
    if let Ok((header, rest)) = Ethernet::ref_from_prefix(frame)
        && layout.l2_len > 0
    {
        ethernet(header, rest, layout, out)?;
    }
    if let Some(l3) = layout.l3 {
        let offset = usize::from(l3.offset);
        let packet = &frame[offset..layout.end.into()];
        match l3.kind {
            L3Kind::Arp => arp(packet, offset, out)?,
            L3Kind::Ipv4 => ipv4(packet, offset, out)?,
            L3Kind::Ipv6 => ipv6(packet, offset, out)?,
        }
    }
    let Some(l4) = layout.l4 else { return Ok(()) };
    let offset = usize::from(l4.offset);
    let bytes = &frame[offset..layout.end.into()];
    match l4.kind {
        L4Kind::Tcp => tcp(bytes, offset, out),
        L4Kind::Udp => udp(bytes, offset, out),
        L4Kind::Icmpv4 => icmpv4(bytes, offset, out),
        L4Kind::Icmpv6 => icmpv6(bytes, offset, out),
        L4Kind::Sctp => sctp(bytes, offset, out),
        L4Kind::Igmp => igmp(bytes, offset, out),
    }
}

fn payload(frame: &[u8], layout: &Layout, out: &mut Lines<'_, '_>) -> fmt::Result {
    let payload = &frame[layout.payload_range()];
    if payload.is_empty() {
        return Ok(());
    }
    out.header(format_args!("payload of {} bytes", payload.len()), layout.payload.into())?;
    write!(out.f, "{}", hexdump(payload))
}

fn padding(frame: &[u8], layout: &Layout, out: &mut Lines<'_, '_>) -> fmt::Result {
    match frame.len() - usize::from(layout.end) {
        0 => Ok(()),
        padding => out.header(format_args!("padding of {padding} bytes"), layout.end.into()),
    }
}

fn fault(frame: &[u8], layout: &Layout, out: &mut Lines<'_, '_>) -> fmt::Result {
    match Fault::find(frame, layout, out.base) {
        Some(fault) => writeln!(out.f, "{fault}"),
        None if layout.l3.is_none() || verify_at(frame, layout) == Verdict::Partial => Ok(()),
        None => writeln!(out.f, "{}", Verdict::Correct),
    }
}

/// Writes the lines of headers and fields.
struct Lines<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    /// Where what is shown starts in the frame: behind the headers of a tunnel.
    base: usize,
}

impl Lines<'_, '_> {
    fn header(&mut self, name: impl Display, offset: usize) -> fmt::Result {
        writeln!(self.f, "{name} at {}", self.base + offset)
    }

    fn field(&mut self, name: &str, value: impl Display) -> fmt::Result {
        writeln!(self.f, "  {name}: {value}")
    }

    fn each(&mut self, name: &str, values: impl IntoIterator<Item = impl Display>) -> fmt::Result {
        values.into_iter().try_for_each(|value| self.field(name, value))
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
        if let Some(srh) = header.segment_routing() {
            out.field("segments left", srh.header.segments_left)?;
            out.each("segment", srh.segments.iter().copied().map(Ipv6Addr::from_octets))?;
        }
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

fn sctp(bytes: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((sctp, rest)) = Sctp::ref_from_prefix(bytes) else { return Ok(()) };
    out.header("SCTP", offset)?;
    out.field("src port", sctp.src_port)?;
    out.field("dst port", sctp.dst_port)?;
    out.field("verification tag", format_args!("{:#010x}", sctp.verification_tag.get()))?;
    out.field("checksum", format_args!("{:#010x}", sctp.checksum.get()))?;
    for chunk in sctp::chunks(rest) {
        match chunk {
            Ok(chunk) => out.field("chunk", format_args!("{} of {} bytes", chunk.kind, chunk.data.len()))?,
            Err(error) => out.field("malformed", error)?,
        }
    }
    Ok(())
}

/// A name and its number.
struct Named<T>(T, u32);

impl<T: Display> Display for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.to_string();
        if name.starts_with("0x") { f.write_str(&name) } else { write!(f, "{name} ({:#x})", self.1) }
    }
}
