//! How options of TCP, IPv4 and neighbour discovery are shown.

use std::fmt::{self, Display};
use std::net::Ipv6Addr;

use crate::icmpv6::ndp::NdpOption;
use crate::ipv4::Ipv4Option;
use crate::tcp::TcpOption;

/// One option of any protocol.
pub(super) enum Shown<'a> {
    Tcp(TcpOption<'a>),
    Ipv4(Ipv4Option<'a>),
    Ndp(NdpOption<'a>),
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(option) => tcp(option, f),
            Self::Ipv4(option) => ipv4(option, f),
            Self::Ndp(option) => ndp(option, f),
        }
    }
}

fn tcp(option: &TcpOption<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match option {
        TcpOption::NoOperation => f.write_str("nop"),
        TcpOption::MaximumSegmentSize(size) => write!(f, "mss {size}"),
        TcpOption::WindowScale(shift) => write!(f, "wscale {shift}"),
        TcpOption::SackPermitted => f.write_str("sackOK"),
        TcpOption::Sack(blocks) => {
            f.write_str("sack")?;
            let edge = |bytes: [u8; 4]| u32::from_be_bytes(bytes);
            for &[a, b, c, d, e, g, h, i] in blocks.as_chunks::<8>().0 {
                write!(f, " {}:{}", edge([a, b, c, d]), edge([e, g, h, i]))?;
            }
            Ok(())
        }
        TcpOption::Timestamps { value, echo } => write!(f, "TS val {value} ecr {echo}"),
        TcpOption::Other { kind, data } => other(f, *kind, data),
    }
}

fn ipv4(option: &Ipv4Option<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match option.kind {
        Ipv4Option::NOP => f.write_str("nop"),
        Ipv4Option::ROUTER_ALERT => f.write_str("router alert"),
        Ipv4Option::RECORD_ROUTE => f.write_str("record route"),
        Ipv4Option::TIMESTAMP => f.write_str("timestamp"),
        Ipv4Option::LOOSE_SOURCE_ROUTE => f.write_str("loose source route"),
        Ipv4Option::STRICT_SOURCE_ROUTE => f.write_str("strict source route"),
        kind => other(f, kind, option.data),
    }
}

fn ndp(option: &NdpOption<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match option {
        NdpOption::SourceLinkLayer(mac) => write!(f, "source link-layer address {mac}"),
        NdpOption::TargetLinkLayer(mac) => write!(f, "target link-layer address {mac}"),
        NdpOption::Prefix(prefix) => write!(f, "prefix {}/{}", prefix.prefix(), prefix.prefix_len),
        NdpOption::RedirectedHeader(bytes) => write!(f, "redirected header of {} bytes", bytes.len()),
        NdpOption::Mtu(mtu) => write!(f, "mtu {mtu}"),
        NdpOption::Nonce(nonce) => write!(f, "nonce of {} bytes", nonce.len()),
        NdpOption::RecursiveDnsServers { servers, .. } => {
            f.write_str("name servers")?;
            servers.iter().try_for_each(|&server| write!(f, " {}", Ipv6Addr::from_octets(server)))
        }
        NdpOption::Other { kind, data } => other(f, *kind, data),
    }
}

fn other(f: &mut fmt::Formatter<'_>, kind: u8, data: &[u8]) -> fmt::Result {
    write!(f, "option {kind}")?;
    if !data.is_empty() {
        f.write_str(" 0x")?;
    }
    data.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
