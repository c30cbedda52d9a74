//! What the words of a filter mean, as comparisons. The numbers are offsets in the headers of RFC 791, 826, 8200.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::program::{Base, Number, Program, Size};
use crate::ethernet::EtherType;
use crate::ipv4::IpProtocol;
use crate::mac::MacAddr;

/// The EtherType of the Reverse Address Resolution Protocol (RFC 903).
const RARP: u16 = 0x8035;
/// The EtherTypes that announce a VLAN tag; the third is older than 802.1ad and still met.
const VLANS: [u16; 3] = [EtherType::VLAN.get(), EtherType::QINQ.get(), 0x9100];
/// How many protocols have ports.
const WITH_PORTS: [IpProtocol; 3] = [IpProtocol::TCP, IpProtocol::UDP, IpProtocol::SCTP];

/// A protocol that a filter names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Ether,
    Ip,
    Ip6,
    Arp,
    Rarp,
    /// What IPv4 carries, IPv6, or either.
    Upper(IpProtocol, Family),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
    Both,
}

/// Which of two fields is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Src,
    Dst,
    Either,
    Both,
}

/// How far the VLAN tags that the filter has named so far move what is behind them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    tags: u32,
}

impl Protocol {
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "ether" | "link" => Self::Ether,
            "ip" => Self::Ip,
            "ip6" => Self::Ip6,
            "arp" => Self::Arp,
            "rarp" => Self::Rarp,
            "tcp" => Self::Upper(IpProtocol::TCP, Family::Both),
            "udp" => Self::Upper(IpProtocol::UDP, Family::Both),
            "sctp" => Self::Upper(IpProtocol::SCTP, Family::Both),
            "ah" => Self::Upper(IpProtocol::AH, Family::Both),
            "esp" => Self::Upper(IpProtocol::ESP, Family::Both),
            "icmp" => Self::Upper(IpProtocol::ICMPV4, Family::V4),
            "igmp" => Self::Upper(IpProtocol::IGMP, Family::V4),
            "icmp6" => Self::Upper(IpProtocol::ICMPV6, Family::V6),
            _ => return None,
        })
    }

    /// Returns the EtherType of a protocol that has one.
    pub(super) fn ether_type(self) -> Option<u16> {
        Some(match self {
            Self::Ip => EtherType::IPV4.get(),
            Self::Ip6 => EtherType::IPV6.get(),
            Self::Arp => EtherType::ARP.get(),
            Self::Rarp => RARP,
            Self::Ether | Self::Upper(..) => return None,
        })
    }
}

impl Side {
    /// Says of one field or both that a condition holds.
    fn of(self, src: impl FnOnce() -> Program, dst: impl FnOnce() -> Program) -> Program {
        match self {
            Self::Src => src(),
            Self::Dst => dst(),
            Self::Either => src().or(dst()),
            Self::Both => src().and(dst()),
        }
    }
}

impl Place {
    /// The frame has a VLAN tag here, of this number if given; what comes later lies behind it.
    pub(super) fn vlan(&mut self, number: Option<u32>) -> Program {
        let [first, second, third] = VLANS.map(|kind| self.carries(kind));
        let tagged = first.or(second).or(third);
        let tagged = match number {
            Some(number) => tagged.and(self.l3(0, Size::Half).masked(0x0fff).equals(number)),
            None => tagged,
        };
        self.tags += 1;
        tagged
    }

    /// The frame is of a protocol.
    pub(super) fn is(self, protocol: Protocol) -> Program {
        match protocol {
            Protocol::Upper(number, family) => self.upper(number.0, family),
            other => other.ether_type().map_or(Program::All, |kind| self.carries(kind)),
        }
    }

    /// What the link carries is of this EtherType.
    pub(super) fn carries(self, ether_type: u16) -> Program {
        Number::field(12 + self.tags * 4, Size::Half).equals(ether_type.into())
    }

    /// What IP carries has this number.
    pub(super) fn upper(self, number: u8, family: Family) -> Program {
        match family {
            Family::V4 => self.is(Protocol::Ip).and(self.l3(9, Size::Byte).equals(number.into())),
            Family::V6 => {
                let next = |number: u8| self.l3(6, Size::Byte).equals(number.into());
                let behind_fragment = self.l3(40, Size::Byte).equals(number.into());
                let fragment = next(IpProtocol::FRAGMENT.0).and(behind_fragment);
                self.is(Protocol::Ip6).and(next(number).or(fragment))
            }
            Family::Both => self.upper(number, Family::V4).or(self.upper(number, Family::V6)),
        }
    }

    /// An IPv4 address is in a network; without a protocol, that of IP, ARP or RARP.
    pub(super) fn net_v4(self, kind: Option<Protocol>, side: Side, net: Ipv4Addr, mask: u32) -> Program {
        let within = |protocol: Protocol, src: u32, dst: u32| {
            let field = |at: u32| move || self.l3(at, Size::Word).masked(mask).equals(u32::from(net));
            self.is(protocol).and(side.of(field(src), field(dst)))
        };
        let of = |protocol: Protocol| match protocol {
            Protocol::Arp | Protocol::Rarp => within(protocol, 14, 24),
            other => within(other, 12, 16),
        };
        match kind {
            Some(protocol) => of(protocol),
            None => of(Protocol::Ip).or(of(Protocol::Arp)).or(of(Protocol::Rarp)),
        }
    }

    /// An IPv6 address is in a network.
    pub(super) fn net_v6(self, side: Side, net: Ipv6Addr, mask: u128) -> Program {
        let word = |bits: u128, place: u32| (bits >> (96 - 32 * place)) as u32; // the cut is meant
        let field = |at: u32| {
            move || {
                let words = (0..4).map(|place| {
                    let found = self.l3(at + 4 * place, Size::Word).masked(word(mask, place));
                    found.equals(word(net.to_bits(), place))
                });
                words.fold(Program::All, Program::and)
            }
        };
        self.is(Protocol::Ip6).and(side.of(field(8), field(24)))
    }

    /// A port is in a range; `protocol` is one that has ports, `None` any.
    pub(super) fn ports(self, protocol: Option<IpProtocol>, side: Side, first: u16, last: u16) -> Program {
        let holds = |port: Number| match first == last {
            true => port.equals(first.into()),
            false => port.clone().at_least(first.into()).and(port.at_least(u32::from(last) + 1).negate()),
        };
        let protocols = WITH_PORTS.into_iter().filter(|known| protocol.is_none_or(|wanted| wanted == *known));
        let any = |of: &dyn Fn(IpProtocol) -> Program| {
            protocols.clone().map(of).reduce(Program::or).unwrap_or(Program::All)
        };
        let v6 = any(&|protocol| {
            let field = |at: u32| move || holds(self.l3(40 + at, Size::Half));
            self.l3(6, Size::Byte).equals(protocol.0.into()).and(side.of(field(0), field(2)))
        });
        let v4 = any(&|protocol| {
            let field = |at: u32| move || holds(self.behind_ipv4(Number::Constant(at), Size::Half));
            let is = self.l3(9, Size::Byte).equals(protocol.0.into());
            is.and(self.is_whole_or_first()).and(side.of(field(0), field(2)))
        });
        self.is(Protocol::Ip6).and(v6).or(self.is(Protocol::Ip).and(v4))
    }

    /// The frame is from or to a station.
    pub(super) fn station(self, side: Side, mac: MacAddr) -> Program {
        let [a, b, c, d, e, f] = mac.0;
        let field = |at: u32| {
            move || {
                let low = Number::field(at + 2, Size::Word).equals(u32::from_be_bytes([c, d, e, f]));
                low.and(Number::field(at, Size::Half).equals(u16::from_be_bytes([a, b]).into()))
            }
        };
        side.of(field(6), field(0))
    }

    /// The frame is for a group: of stations, or of IP.
    pub(super) fn is_multicast(self, protocol: Protocol) -> Program {
        match protocol {
            Protocol::Ip => self.is(protocol).and(self.l3(16, Size::Byte).at_least(224)),
            Protocol::Ip6 => self.is(protocol).and(self.l3(24, Size::Byte).equals(255)),
            _ => Number::field(0, Size::Byte).masked(1).equals(0).negate(),
        }
    }

    /// The bytes of a protocol from `offset` on, and what must hold for them to be there.
    pub(super) fn bytes(self, protocol: Protocol, offset: Number, size: Size) -> (Program, Number) {
        match protocol {
            Protocol::Ether => {
                (Program::All, Number::Load { base: Base::Fixed(0), offset: Box::new(offset), size })
            }
            Protocol::Upper(IpProtocol::ICMPV6, _) => {
                let is = self.is(Protocol::Ip6);
                let is = is.and(self.l3(6, Size::Byte).equals(IpProtocol::ICMPV6.0.into()));
                (is, self.load(40, offset, size))
            }
            Protocol::Upper(number, _) => {
                let is = self.upper(number.0, Family::V4).and(self.is_whole_or_first());
                (is, self.behind_ipv4(offset, size))
            }
            other => (self.is(other), self.load(0, offset, size)),
        }
    }

    /// The IPv4 packet is no later fragment.
    fn is_whole_or_first(self) -> Program {
        self.l3(6, Size::Half).masked(0x1fff).equals(0)
    }

    /// A field of the network layer.
    fn l3(self, offset: u32, size: Size) -> Number {
        self.load(offset, Number::Constant(0), size)
    }

    fn load(self, base: u32, offset: Number, size: Size) -> Number {
        Number::Load { base: Base::Fixed(14 + self.tags * 4 + base), offset: Box::new(offset), size }
    }

    fn behind_ipv4(self, offset: Number, size: Size) -> Number {
        Number::Load { base: Base::BehindIpv4(14 + self.tags * 4), offset: Box::new(offset), size }
    }
}
