//! Addresses, networks, ports and protocol numbers behind their qualifiers.

use std::net::{IpAddr, Ipv4Addr};

use super::ParseFilterError;
use super::parser::{IdKind, Parsed, Parser, Qualifiers, int};
use super::primitive::{Family, Protocol};
use super::program::Program;
use crate::ipv4::IpProtocol;

/// EtherTypes start here; below lie lengths (IEEE 802.3).
const FIRST_ETHER_TYPE: u32 = 1536;

impl Parser<'_> {
    /// Reads one address or number.
    pub(super) fn id(&mut self, qualifiers: &Qualifiers) -> Parsed<Program> {
        let side = qualifiers.side;
        let protocol = qualifiers.protocol.as_ref().map(|(protocol, _)| *protocol);
        match (qualifiers.kind, protocol) {
            (IdKind::Host, Some(Protocol::Ether)) => {
                let form = "an Ethernet address such as 02:00:00:00:00:01";
                let mac = self.value(form, |text| text.parse().ok())?;
                Ok(self.place.station(side, mac))
            }
            (IdKind::Net, Some(Protocol::Ether)) => {
                Err(self.unfit(qualifiers, "'ip', 'ip6', 'arp' or 'rarp' before 'net'"))
            }
            (IdKind::Host | IdKind::Net, Some(Protocol::Upper(..))) => {
                Err(self.unfit(qualifiers, "'ip', 'ip6', 'arp', 'rarp' or 'ether' before 'host'"))
            }
            (IdKind::Host, _) => {
                let start = self.at;
                let address: IpAddr = self.value("an address", |text| text.parse().ok())?;
                self.within(qualifiers, start, address, if address.is_ipv4() { 32 } else { 128 })
            }
            (IdKind::Net, _) => self.net(qualifiers),
            (IdKind::Proto, protocol) => self.proto(protocol, qualifiers),
            (IdKind::Port | IdKind::PortRange, protocol) => {
                let number = match protocol {
                    Some(Protocol::Upper(number, _)) if has_ports(number) => Some(number),
                    Some(_) => return Err(self.unfit(qualifiers, "'tcp', 'udp' or 'sctp' before 'port'")),
                    None => None,
                };
                let (first, last) = self.ports(qualifiers.kind)?;
                Ok(self.place.ports(number, side, first, last))
            }
        }
    }

    /// Reads `10.0.0.0/8`, `10.1`, `10.0.0.0 mask 255.0.0.0` or `fd00::/8`.
    fn net(&mut self, qualifiers: &Qualifiers) -> Parsed<Program> {
        let start = self.at;
        let (address, given_len) = self.value("a network such as 10.0.0.0/8", network)?;
        if address.is_ipv4() && self.accept(&["mask"]) {
            let mask: Ipv4Addr = self.value("a mask such as 255.0.0.0", |text| text.parse().ok())?;
            return self.masked(qualifiers, start, address, u128::from(u32::from(mask)));
        }
        let len = match self.accept(&["/"]) {
            true => self.value("a prefix length", int)?,
            false => given_len,
        };
        match address {
            IpAddr::V4(_) if len > 32 => Err(self.wrong(start, "a prefix length of at most 32")),
            IpAddr::V6(_) if len > 128 => Err(self.wrong(start, "a prefix length of at most 128")),
            _ => self.within(qualifiers, start, address, len),
        }
    }

    /// An address of the packet starts with the first `len` bits of this one, and this one has no others.
    fn within(&self, qualifiers: &Qualifiers, start: usize, address: IpAddr, len: u32) -> Parsed<Program> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let ones = u128::MAX.checked_shr(128 - len).unwrap_or(0);
        self.masked(qualifiers, start, address, ones << (bits - len).min(127))
    }

    fn masked(&self, qualifiers: &Qualifiers, start: usize, address: IpAddr, mask: u128) -> Parsed<Program> {
        let protocol = qualifiers.protocol.as_ref().map(|(protocol, _)| *protocol);
        let stray = match address {
            IpAddr::V4(ip) => u128::from(u32::from(ip)) & !mask,
            IpAddr::V6(ip) => ip.to_bits() & !mask,
        };
        if stray != 0 {
            return Err(self.wrong(start, "a network without bits behind its prefix"));
        }
        match (address, protocol) {
            (IpAddr::V4(_), Some(Protocol::Ip6)) => Err(self.wrong(start, "an IPv6 address behind 'ip6'")),
            (IpAddr::V4(ip), protocol) => {
                Ok(self.place.net_v4(protocol, qualifiers.side, ip, mask as u32)) // no bit is cut
            }
            (IpAddr::V6(ip), None | Some(Protocol::Ip6)) => Ok(self.place.net_v6(qualifiers.side, ip, mask)),
            (IpAddr::V6(_), Some(_)) => Err(self.wrong(start, "an IPv4 address behind this protocol")),
        }
    }

    fn ports(&mut self, kind: IdKind) -> Parsed<(u16, u16)> {
        let port = |text: &str| int(text)?.try_into().ok();
        let first = self.value("a port from 0 to 65535", port)?;
        if kind == IdKind::Port {
            return Ok((first, first));
        }
        self.expect("-", "a range such as 1000-2000")?;
        let last = self.value("a port from 0 to 65535", port)?;
        Ok((first.min(last), first.max(last)))
    }

    /// Reads the number of a protocol, or its name behind a backslash.
    fn proto(&mut self, above: Option<Protocol>, qualifiers: &Qualifiers) -> Parsed<Program> {
        if above == Some(Protocol::Ether) {
            let form = "an EtherType from 1536 to 65535 such as 0x88cc, or a name such as \\arp";
            let ether_type = |text: &str| match text.strip_prefix('\\') {
                Some(name) => Protocol::of_name(name)?.ether_type(),
                None => u16::try_from(int(text).filter(|number| *number >= FIRST_ETHER_TYPE)?).ok(),
            };
            let ether_type = self.value(form, ether_type)?;
            return Ok(self.place.carries(ether_type));
        }
        let family = match above {
            None => Family::Both,
            Some(Protocol::Ip) => Family::V4,
            Some(Protocol::Ip6) => Family::V6,
            Some(_) => return Err(self.unfit(qualifiers, "'ip', 'ip6' or 'ether' before 'proto'")),
        };
        let number = |text: &str| match text.strip_prefix('\\').map(Protocol::of_name) {
            Some(Some(Protocol::Upper(number, _))) => Some(number.0),
            Some(_) => None,
            None => int(text)?.try_into().ok(),
        };
        let number = self.value("a protocol from 0 to 255, or a name such as \\tcp", number)?;
        Ok(self.place.upper(number, family))
    }

    /// Says that the protocol does not go with what follows it.
    fn unfit(&self, qualifiers: &Qualifiers, expected: &'static str) -> ParseFilterError {
        let span = qualifiers.protocol.as_ref().map(|(_, span)| span.clone()).unwrap_or_default();
        ParseFilterError::new(self.source, span, expected)
    }
}

fn has_ports(protocol: IpProtocol) -> bool {
    matches!(protocol, IpProtocol::TCP | IpProtocol::UDP | IpProtocol::SCTP)
}

/// Reads an address, of IPv4 also its first octets alone; with the number of bits that were given.
fn network(text: &str) -> Option<(IpAddr, u32)> {
    if text.contains(':') {
        return Some((IpAddr::V6(text.parse().ok()?), 128));
    }
    let given: Vec<u8> = text.split('.').map(|octet| octet.parse().ok()).collect::<Option<_>>()?;
    let mut octets = [0; 4];
    octets.get_mut(..given.len())?.copy_from_slice(&given);
    Some((IpAddr::V4(octets.into()), given.len() as u32 * 8))
}
