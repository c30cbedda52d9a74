//! Which receive queue a frame goes to: filters and receive-side scaling, as a NIC does it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rackless_packet::layout::{L3Kind, L4, L4Kind, Layout};

/// Where frames go; the first rule that matches decides, then scaling, then queue 0.
#[derive(Debug, Default)]
pub(crate) struct Steering {
    rules: Vec<(Rule, Target)>,
    scaling: Option<Scaling>,
}

/// A receive queue, or `None` to drop.
pub(crate) type Target = Option<u16>;

/// What a filter looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The EtherType behind VLAN tags.
    EtherType(u16),
    /// Addresses, protocol and ports, each if given.
    FiveTuple(FiveTuple),
}

/// A filter on addresses, protocol and ports; what is `None` matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FiveTuple {
    pub(crate) src: Option<IpAddr>,
    pub(crate) dst: Option<IpAddr>,
    pub(crate) protocol: Option<u8>,
    pub(crate) src_port: Option<u16>,
    pub(crate) dst_port: Option<u16>,
}

/// Spreading of flows over queues.
#[derive(Debug, Clone, Copy)]
struct Scaling {
    base: u16,
    queues: u16,
}

/// What the rules compare, read off a frame once.
struct Key {
    ether_type: u16,
    addresses: Option<(IpAddr, IpAddr)>,
    protocol: u8,
    ports: Option<(u16, u16)>,
}

impl Steering {
    /// Adds a filter behind the ones there are.
    pub(crate) fn add(&mut self, rule: Rule, target: Target) {
        self.rules.retain(|(old, _)| *old != rule);
        self.rules.push((rule, target));
    }

    /// Spreads flows over `queues` queues from `base` on; one queue or none ends it.
    pub(crate) fn scale(&mut self, base: u16, queues: u16) {
        self.scaling = (queues > 1).then_some(Scaling { base, queues });
    }

    /// Whether every frame goes to queue 0.
    pub(crate) fn is_trivial(&self) -> bool {
        self.rules.is_empty() && self.scaling.is_none()
    }

    /// The queue for a frame.
    pub(crate) fn target(&self, frame: &[u8]) -> Target {
        let key = Key::of(frame);
        if let Some((_, target)) = self.rules.iter().find(|(rule, _)| rule.matches(&key)) {
            return *target;
        }
        Some(self.scaling.map_or(0, |scaling| scaling.base + (key.flow() % u64::from(scaling.queues)) as u16))
    }
}

impl Rule {
    fn matches(&self, key: &Key) -> bool {
        match self {
            Rule::EtherType(ether_type) => key.ether_type == *ether_type,
            Rule::FiveTuple(tuple) => tuple.matches(key),
        }
    }
}

impl FiveTuple {
    fn matches(&self, key: &Key) -> bool {
        let Some((src, dst)) = key.addresses else { return false };
        let port = |wanted: Option<u16>, found: Option<u16>| wanted.is_none() || wanted == found;
        self.src.is_none_or(|wanted| wanted == src)
            && self.dst.is_none_or(|wanted| wanted == dst)
            && self.protocol.is_none_or(|wanted| wanted == key.protocol)
            && port(self.src_port, key.ports.map(|ports| ports.0))
            && port(self.dst_port, key.ports.map(|ports| ports.1))
    }
}

impl Key {
    fn of(frame: &[u8]) -> Self {
        let layout = Layout::scan(frame);
        let addresses = layout.l3.and_then(|l3| addresses(&frame[usize::from(l3.offset)..], l3.kind));
        let has_ports = |l4: &L4| matches!(l4.kind, L4Kind::Tcp | L4Kind::Udp | L4Kind::Sctp);
        let ports = layout.l4.filter(has_ports).and_then(|l4| {
            let bytes: [u8; 4] = frame.get(usize::from(l4.offset)..)?.get(..4)?.try_into().ok()?;
            Some((u16::from_be_bytes([bytes[0], bytes[1]]), u16::from_be_bytes([bytes[2], bytes[3]])))
        });
        Self { ether_type: layout.ether_type.get(), addresses, protocol: layout.protocol.get(), ports }
    }

    /// A number that both directions of a flow share.
    fn flow(&self) -> u64 {
        let number = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        let sum = self.addresses.map_or(0, |(src, dst)| number(src).wrapping_add(number(dst)));
        let ports = self.ports.map_or(0, |(src, dst)| u64::from(src) + u64::from(dst));
        // Fibonacci hashing: the high bits of the product depend on all bits of the key.
        let key = (sum as u64) ^ ((sum >> 64) as u64) ^ (ports << 32) ^ u64::from(self.protocol);
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
    }
}

fn addresses(header: &[u8], kind: L3Kind) -> Option<(IpAddr, IpAddr)> {
    let v4 = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(header.get(at..at + 4)?).ok()?).into());
    let v6 = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(header.get(at..at + 16)?).ok()?).into());
    match kind {
        L3Kind::Ipv4 => Some((v4(12)?, v4(16)?)),
        L3Kind::Ipv6 => Some((v6(8)?, v6(24)?)),
        L3Kind::Arp => None,
    }
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;

    fn udp(src: u8, dst: u8, ports: (u16, u16)) -> Vec<u8> {
        let mut frame = Vec::new();
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, src], [10, 0, 0, dst], 64);
        builder.udp(ports.0, ports.1).write(&mut frame, b"x").unwrap();
        frame
    }

    #[test]
    fn without_rules_everything_goes_to_queue_0() {
        let steering = Steering::default();
        assert!(steering.is_trivial());
        assert_eq!(steering.target(&udp(1, 2, (3, 4))), Some(0));
        assert_eq!(steering.target(b"short"), Some(0));
    }

    #[test]
    fn filters_match_what_they_name_and_nothing_else() {
        let mut steering = Steering::default();
        steering.add(Rule::EtherType(0x0806), Some(2));
        let to_port_4 = FiveTuple { dst_port: Some(4), protocol: Some(17), ..FiveTuple::default() };
        steering.add(Rule::FiveTuple(to_port_4), Some(1));
        let from_9 = FiveTuple { src: Some([10, 0, 0, 9].into()), ..FiveTuple::default() };
        steering.add(Rule::FiveTuple(from_9), None);
        let mut arp = [0; 60];
        arp[12..14].copy_from_slice(&[8, 6]);
        assert_eq!(steering.target(&arp), Some(2));
        assert_eq!(steering.target(&udp(1, 2, (3, 4))), Some(1));
        assert_eq!(steering.target(&udp(1, 2, (4, 3))), Some(0));
        assert_eq!(steering.target(&udp(9, 2, (4, 3))), None);
    }

    #[test]
    fn scaling_uses_all_queues_and_keeps_both_directions_together() {
        let mut steering = Steering::default();
        steering.scale(1, 2);
        let targets: Vec<_> = (0..64).map(|port| steering.target(&udp(1, 2, (port, 80)))).collect();
        let back: Vec<_> = (0..64).map(|port| steering.target(&udp(2, 1, (80, port)))).collect();
        assert_eq!(targets, back);
        assert!(targets.contains(&Some(1)) && targets.contains(&Some(2)) && !targets.contains(&Some(0)));
    }

    #[test]
    fn what_stands_where_ports_would_is_none() {
        let mut echo = Vec::new();
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        builder.icmpv4_echo_request(3, 4).write(&mut echo, b"x").unwrap();
        assert_eq!(Key::of(&echo).ports, None);
        assert_eq!(Key::of(&udp(1, 2, (3, 4))).ports, Some((3, 4)));
    }
}
