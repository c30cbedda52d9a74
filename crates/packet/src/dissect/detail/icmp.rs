//! The fields of ICMP and IGMP messages.

use std::fmt::{self, Display};
use std::net::{Ipv4Addr, Ipv6Addr};

use zerocopy::FromBytes;

use super::super::options::Shown;
use super::{Lines, Named};
use crate::icmpv4::{self, Icmpv4, Icmpv4Type};
use crate::icmpv6::ndp::{self, NeighbourAdvertisement, Redirect, RouterAdvertisement};
use crate::icmpv6::{self, Icmpv6, Icmpv6Type, mld};
use crate::igmp::{self, Igmp, IgmpType, Records};

pub(super) fn icmpv4(bytes: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((icmp, _)) = Icmpv4::ref_from_prefix(bytes) else { return Ok(()) };
    out.header("ICMP", offset)?;
    out.field("type", Named(icmp.icmp_type, icmp.icmp_type.0.into()))?;
    match icmp.icmp_type {
        Icmpv4Type::UNREACHABLE => {
            out.field("code", Named(icmpv4::UnreachableCode(icmp.code), icmp.code.into()))?;
            out.field("mtu", icmp.mtu())?;
        }
        Icmpv4Type::REDIRECT => {
            out.field("code", Named(icmpv4::RedirectCode(icmp.code), icmp.code.into()))?;
            out.field("gateway", icmp.gateway())?;
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

pub(super) fn icmpv6(bytes: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
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
        Icmpv6Type::REDIRECT => redirect(bytes, out),
        Icmpv6Type::LISTENER_QUERY | Icmpv6Type::LISTENER_REPORT | Icmpv6Type::LISTENER_DONE => {
            listener(bytes, out)
        }
        Icmpv6Type::LISTENER_REPORT_V2 => listeners(bytes, out),
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

fn redirect(bytes: &[u8], out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((message, options)) = Redirect::ref_from_prefix(bytes) else {
        return out.field("malformed", "the message is cut short");
    };
    out.field("target", message.target())?;
    out.field("destination", message.destination())?;
    ndp_options(options, out)
}

fn listener(bytes: &[u8], out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((message, _)) = mld::Listener::ref_from_prefix(bytes) else {
        return out.field("malformed", "the message is cut short");
    };
    out.field("group", message.group())?;
    match mld::Query::ref_from_prefix(bytes) {
        Ok((query, rest)) if message.icmp_type == Icmpv6Type::LISTENER_QUERY => {
            out.field("max response in ms", mld::exponential(message.max_response.get()))?;
            out.field("interval in s", igmp::exponential(query.interval))?;
            out.each(
                "source",
                query.sources(rest).unwrap_or_default().iter().copied().map(Ipv6Addr::from_octets),
            )
        }
        _ => out.field("max response in ms", message.max_response),
    }
}

fn listeners(bytes: &[u8], out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((report, rest)) = mld::Report::ref_from_prefix(bytes) else { return Ok(()) };
    records(mld::records(rest, report.record_count.get()), Ipv6Addr::from_octets, out)
}

pub(super) fn igmp(bytes: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((igmp, _)) = Igmp::ref_from_prefix(bytes) else { return Ok(()) };
    out.header("IGMP", offset)?;
    out.field("type", Named(igmp.igmp_type, igmp.igmp_type.0.into()))?;
    igmp.version(bytes.len()).map_or(Ok(()), |version| out.field("version", version))?;
    out.field("checksum", format_args!("{:#06x}", igmp.checksum.get()))?;
    match (igmp.igmp_type, igmp::Query::ref_from_prefix(bytes), igmp::Report::ref_from_prefix(bytes)) {
        (IgmpType::REPORT_V3, _, Ok((report, rest))) => {
            records(igmp::records(rest, report.record_count.get()), Ipv4Addr::from_octets, out)
        }
        (IgmpType::QUERY, Ok((query, rest)), _) => {
            out.field("group", igmp.group())?;
            out.field("max response in tenths of s", igmp::exponential(igmp.max_response))?;
            out.field("interval in s", igmp::exponential(query.interval))?;
            out.each(
                "source",
                query.sources(rest).unwrap_or_default().iter().copied().map(Ipv4Addr::from_octets),
            )
        }
        _ => {
            out.field("group", igmp.group())?;
            out.field("max response in tenths of s", igmp.max_response)
        }
    }
}

/// Writes the records of a report of IGMP or MLD, whose addresses `address` makes.
fn records<const N: usize, A: Display>(
    records: Records<'_, N>,
    address: impl Fn([u8; N]) -> A,
    out: &mut Lines<'_, '_>,
) -> fmt::Result {
    for record in records {
        match record {
            Ok(record) => {
                out.field("group", format_args!("{}, {}", address(*record.group), record.kind))?;
                out.each("source", record.sources.iter().map(|source| address(*source)))?;
            }
            Err(error) => out.field("malformed", error)?,
        }
    }
    Ok(())
}

fn ndp_options(bytes: &[u8], out: &mut Lines<'_, '_>) -> fmt::Result {
    ndp::options(bytes).try_for_each(|option| out.option(option.map(Shown::Ndp)))
}
