//! New addresses and ports in old packets, with their checksums.

use std::net::Ipv4Addr;

use rackless_nf::Reason;
use rackless_packet::checksum::Change;
use rackless_packet::ipv4::Ipv4;
use zerocopy::FromBytes;
use zerocopy::network_endian::U16;

use super::bindings::Protocol;

/// Which end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Destination,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }
}

/// Writes a new address and port, and repairs the checksums of both headers; that of layer 4 only as far as it is
/// there, for a quoted packet may end before it.
pub(super) fn rewrite(
    ip: &mut Ipv4,
    l4: &mut [u8],
    protocol: Protocol,
    side: Side,
    (address, port): (Ipv4Addr, u16),
) -> Result<(), Reason> {
    let old = rewrite_address(ip, side, address);
    let at = protocol.port_at(side);
    let old_port = protocol.port(l4, side).ok_or(Reason::MALFORMED)?;
    l4[at..at + 2].copy_from_slice(&port.to_be_bytes());
    let ports = Change::new().u16(old_port, port);
    let both = ports.v4(old, address);
    match protocol {
        Protocol::Tcp => field(l4, 16).into_iter().for_each(|checksum| both.apply(checksum)),
        Protocol::Udp => field(l4, 6).into_iter().for_each(|checksum| both.apply_udp(checksum)),
        // ICMP has no pseudo-header.
        Protocol::Icmp => field(l4, 2).into_iter().for_each(|checksum| ports.apply(checksum)),
    }
    Ok(())
}

/// Writes a new address and repairs the header checksum; gives the old address.
pub(super) fn rewrite_address(ip: &mut Ipv4, side: Side, address: Ipv4Addr) -> Ipv4Addr {
    let old = match side {
        Side::Source => ip.src(),
        Side::Destination => ip.dst(),
    };
    match side {
        Side::Source => ip.set_src(address),
        Side::Destination => ip.set_dst(address),
    }
    Change::new().v4(old, address).apply(&mut ip.checksum);
    old
}

/// The IPv4 header of a quoted packet and what there is of its layer 4.
pub(super) fn quoted(quote: &mut [u8]) -> Option<(&mut Ipv4, &mut [u8])> {
    let (header, _) = Ipv4::ref_from_prefix(quote).ok()?;
    let (version, header_len, later) = (header.version(), header.header_len(), header.fragment_offset() != 0);
    if version != 4 || header_len < Ipv4::LEN || later {
        return None;
    }
    let (header, l4) = quote.split_at_mut_checked(header_len)?;
    Some((Ipv4::mut_from_prefix(header).ok()?.0, l4))
}

fn field(l4: &mut [u8], at: usize) -> Option<&mut U16> {
    U16::mut_from_bytes(l4.get_mut(at..at + 2)?).ok()
}
