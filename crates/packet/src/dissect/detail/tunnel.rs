//! The headers of tunnels.

use std::fmt;

use zerocopy::FromBytes;

use super::{Lines, Named};
use crate::gre::Gre;
use crate::gtpu::GtpU;
use crate::layout::Layout;
use crate::mpls;
use crate::tunnel::{Tunnel, TunnelKind};
use crate::vxlan::Vxlan;

/// Writes what lies between the last header of the layout and what the tunnel carries.
pub(super) fn tunnel_headers(
    frame: &[u8],
    layout: &Layout,
    tunnel: &Tunnel,
    out: &mut Lines<'_, '_>,
) -> fmt::Result {
    let offset = usize::from(layout.payload);
    let bytes = &frame[offset..tunnel.inner.into()];
    match tunnel.kind {
        TunnelKind::IpInIp => Ok(()),
        TunnelKind::Gre { .. } => gre(bytes, offset, out),
        TunnelKind::Vxlan { .. } => vxlan(bytes, offset, out),
        TunnelKind::GtpU { .. } => gtpu(bytes, offset, out),
        TunnelKind::Mpls { .. } => labels(bytes, offset, out),
    }
}

fn gre(bytes: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((gre, rest)) = Gre::ref_from_prefix(bytes) else { return Ok(()) };
    out.header("GRE", offset)?;
    out.field("protocol", Named(gre.protocol, gre.protocol.get().into()))?;
    out.each("checksum", gre.checksum(rest).map(|checksum| format!("{checksum:#06x}")))?;
    out.each("key", gre.key(rest))?;
    out.each("sequence number", gre.sequence(rest))
}

fn vxlan(bytes: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((vxlan, _)) = Vxlan::ref_from_prefix(bytes) else { return Ok(()) };
    out.header("VXLAN", offset)?;
    out.field("flags", format_args!("{:#04x}", vxlan.flags))?;
    out.field("vni", vxlan.vni())
}

fn gtpu(bytes: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    let Ok((gtpu, rest)) = GtpU::ref_from_prefix(bytes) else { return Ok(()) };
    out.header("GTP-U", offset)?;
    out.field("message type", Named(gtpu.message_type, gtpu.message_type.0.into()))?;
    out.field("length", gtpu.len)?;
    out.field("TEID", format_args!("{:#x}", gtpu.teid.get()))?;
    out.each("sequence number", gtpu.sequence(rest))?;
    out.each("N-PDU number", gtpu.n_pdu(rest))?;
    out.each("extension", gtpu.extensions(rest).map_while(Result::ok).map(|extension| extension.kind))
}

fn labels(bytes: &[u8], offset: usize, out: &mut Lines<'_, '_>) -> fmt::Result {
    for (n, entry) in mpls::stack(bytes).map_while(Result::ok).enumerate() {
        out.header("label", offset + n * mpls::Mpls::LEN)?;
        out.field("label", entry.label())?;
        out.field("traffic class", entry.traffic_class())?;
        out.field("TTL", entry.ttl())?;
    }
    Ok(())
}
