//! The routing table: what to do with a packet to an address.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::config::{NextHop, RouteConfig};
use super::error::RouterError;
use super::interfaces::{Interface, is_link_local_v6};
use super::lpm::{Entry, Lpm};

/// What to do with a packet to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    NoRoute,
    /// An address of the router.
    Local,
    /// The host is a neighbour on this interface.
    Connected(u8),
    /// A route by its number.
    Route(u32),
    Martian,
    Multicast,
    Broadcast,
    LinkLocal,
}

/// A next hop of the table: an address on an interface.
pub(crate) type Hop = (u8, IpAddr);

/// The routing table. Routes list next hops by their number in `hops`.
pub(crate) struct Table {
    v4: Lpm<u32, Target>,
    v6: Lpm<u128, Target>,
    recent_v4: Recent<4>,
    recent_v6: Recent<16>,
    pub(crate) hops: Vec<Hop>,
    pub(crate) routes: Vec<Vec<usize>>,
}

/// What is never forwarded, and why. Prefixes of routes may cover these, and do not touch them.
const SPECIAL: [(&str, Target); 8] = [
    ("0.0.0.0/8", Target::Martian),
    ("127.0.0.0/8", Target::Martian),
    ("224.0.0.0/4", Target::Multicast),
    ("240.0.0.0/4", Target::Martian),
    ("::/128", Target::Martian),
    ("::1/128", Target::Martian),
    ("fe80::/10", Target::LinkLocal),
    ("ff00::/8", Target::Multicast),
];

impl Table {
    pub(crate) fn new(interfaces: &[Interface], routes: &[RouteConfig]) -> Result<Self, RouterError> {
        let special =
            SPECIAL.iter().map(|&(net, target)| (net.parse().expect("the prefixes are valid"), target));
        let special: Vec<(IpNet, Target)> = special.collect();
        let mut known: BTreeMap<IpNet, Target> = special.iter().copied().collect();
        known.insert("255.255.255.255/32".parse().expect("a valid prefix"), Target::Broadcast);
        add_connected(interfaces, &special, &mut known)?;

        let mut hops = Vec::new();
        let mut hops_of = Vec::new();
        let mut seen = Vec::new();
        for route in routes {
            let prefix = route.prefix;
            if seen.contains(&prefix) {
                return Err(RouterError::Duplicate { prefix });
            }
            seen.push(prefix);
            check_prefix(prefix, &special, &known)?;
            let mut list = Vec::new();
            for via in &route.via {
                let hop = resolve(prefix, via, interfaces)?;
                let number = hops.iter().position(|known| *known == hop).unwrap_or_else(|| {
                    hops.push(hop);
                    hops.len() - 1
                });
                list.push(number);
            }
            if list.is_empty() {
                return Err(RouterError::NoNextHop { prefix });
            }
            known.insert(prefix, Target::Route(hops_of.len() as u32));
            hops_of.push(list);
        }
        Ok(Self::build(known, hops, hops_of))
    }

    fn build(known: BTreeMap<IpNet, Target>, hops: Vec<Hop>, routes: Vec<Vec<usize>>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (net, value) in known {
            let len = u32::from(net.prefix_len());
            match net {
                IpNet::V4(net) => v4.push(Entry { prefix: net.network().to_bits(), len, value }),
                IpNet::V6(net) => v6.push(Entry { prefix: net.network().to_bits(), len, value }),
            }
        }
        let (v4, v6) = (Lpm::new(v4, Target::NoRoute), Lpm::new(v6, Target::NoRoute));
        Self { v4, v6, recent_v4: Recent::new(), recent_v6: Recent::new(), hops, routes }
    }

    /// As [`Table::lookup_v4`], by way of the destinations of late.
    #[inline]
    pub(crate) fn lookup_recent_v4(&mut self, dst: [u8; 4]) -> Target {
        self.recent_v4.find(dst, dst[3] ^ dst[2], |dst| self.v4.lookup(dst))
    }

    /// As [`Table::lookup_v6`], by way of the destinations of late.
    #[inline]
    pub(crate) fn lookup_recent_v6(&mut self, dst: [u8; 16]) -> Target {
        self.recent_v6.find(dst, dst[15] ^ dst[7], |dst| self.v6.lookup(dst))
    }

    #[inline]
    pub(crate) fn lookup_v4(&self, dst: [u8; 4]) -> Target {
        self.v4.lookup(dst)
    }

    #[inline]
    pub(crate) fn lookup_v6(&self, dst: [u8; 16]) -> Target {
        self.v6.lookup(dst)
    }
}

/// The destinations of late and what to do with them: one per hash, the last one stays. The table never changes, so
/// nothing here is ever wrong. A burst to one host then takes one comparison a packet, not a walk of the trie.
struct Recent<const LEN: usize>(Box<[([u8; LEN], Target); 256]>);

impl<const LEN: usize> Recent<LEN> {
    /// With the unspecified address everywhere, which is nobody's.
    fn new() -> Self {
        Self(Box::new([([0; LEN], Target::Martian); 256]))
    }

    #[inline]
    fn find(&mut self, dst: [u8; LEN], hash: u8, lookup: impl FnOnce([u8; LEN]) -> Target) -> Target {
        let entry = &mut self.0[usize::from(hash)];
        if entry.0 != dst {
            *entry = (dst, lookup(dst));
        }
        entry.1
    }
}

/// Adds the interfaces' networks, addresses and directed broadcasts.
fn add_connected(
    interfaces: &[Interface],
    special: &[(IpNet, Target)],
    known: &mut BTreeMap<IpNet, Target>,
) -> Result<(), RouterError> {
    let name = |index: u8| interfaces[usize::from(index)].name.clone();
    let mut addresses: BTreeMap<IpAddr, u8> = BTreeMap::new();
    for (index, interface) in interfaces.iter().enumerate() {
        let index = u8::try_from(index).map_err(|_| RouterError::Interfaces(interfaces.len()))?;
        for &address in &interface.addresses {
            let inside = |(net, _): &(IpNet, Target)| net.contains(&address.addr());
            if special.iter().any(|net| inside(net) && !is_link_local_v6(address.addr())) {
                return Err(RouterError::NotAnAddress { interface: interface.name.clone(), address });
            }
            if let Some(other) = addresses.insert(address.addr(), index).filter(|other| *other != index) {
                let address = address.addr();
                return Err(RouterError::SharedAddress { address, first: name(other), second: name(index) });
            }
            let network = address.trunc();
            // Every interface is on fe80::/10; an address there needs no network of its own.
            if is_link_local_v6(address.addr()) {
                continue;
            }
            match known.insert(network, Target::Connected(index)) {
                Some(Target::Connected(other)) if other != index => {
                    return Err(RouterError::SharedNetwork {
                        network,
                        first: name(other),
                        second: name(index),
                    });
                }
                _ => {}
            }
        }
    }
    for net in interfaces.iter().flat_map(|interface| &interface.addresses) {
        if let IpNet::V4(net) = net
            && net.prefix_len() <= 30
        {
            for end in [net.network(), net.broadcast()] {
                known.insert(IpNet::V4(Ipv4Net::from(end)), Target::Broadcast);
            }
        }
    }
    for &address in addresses.keys().filter(|address| !is_link_local_v6(**address)) {
        known.insert(IpNet::from(address), Target::Local);
    }
    Ok(())
}

fn check_prefix(
    prefix: IpNet,
    special: &[(IpNet, Target)],
    known: &BTreeMap<IpNet, Target>,
) -> Result<(), RouterError> {
    if prefix != prefix.trunc() {
        return Err(RouterError::HostBits { prefix });
    }
    if special.iter().any(|(net, _)| net.contains(&prefix)) {
        return Err(RouterError::NotForwarded { prefix });
    }
    if known.contains_key(&prefix) {
        return Err(RouterError::Connected { prefix });
    }
    Ok(())
}

/// Finds the interface of a next hop.
fn resolve(prefix: IpNet, via: &NextHop, interfaces: &[Interface]) -> Result<Hop, RouterError> {
    let address = via.address;
    let names = || interfaces.iter().map(|interface| interface.name.as_str()).collect::<Vec<_>>().join(", ");
    if address.is_ipv4() != prefix.addr().is_ipv4() {
        return Err(RouterError::Family { prefix, via: via.clone() });
    }
    let own = interfaces.iter().flat_map(|interface| &interface.addresses).any(|own| own.addr() == address);
    if own || address.is_multicast() || address.is_unspecified() || address.is_loopback() {
        return Err(RouterError::NotAHost { prefix, via: via.clone() });
    }
    if let Some(name) = &via.interface {
        let found = interfaces.iter().position(|interface| interface.name == *name);
        let unknown = || RouterError::UnknownInterface { prefix, via: via.clone(), known: names() };
        return Ok((found.ok_or_else(unknown)? as u8, address));
    }
    if is_link_local_v6(address) {
        let example = interfaces.first().map(|interface| interface.name.clone()).unwrap_or_default();
        return Err(RouterError::LinkLocal { prefix, via: via.clone(), example });
    }
    let networks = || {
        let of = |(index, interface): (usize, &Interface)| {
            interface.addresses.iter().map(move |net| (index, net.trunc())).collect::<Vec<_>>()
        };
        interfaces.iter().enumerate().flat_map(of)
    };
    let best = networks().filter(|(_, net)| net.contains(&address)).max_by_key(|(_, net)| net.prefix_len());
    match best {
        Some((index, _)) => Ok((index as u8, address)),
        None => {
            let list = networks().map(|(index, net)| format!("{net} ({})", interfaces[index].name));
            let connected = list.collect::<Vec<_>>().join(", ");
            Err(RouterError::NotConnected { prefix, via: via.clone(), connected })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::config::InterfaceConfig;

    fn interfaces(list: &[(&str, &[&str])]) -> Vec<Interface> {
        let interface = |(name, addresses): &(&str, &[&str])| {
            let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            Interface::new(&InterfaceConfig { name: (*name).to_owned(), addresses })
        };
        list.iter().map(interface).collect()
    }

    fn table(routes: &[(&str, &[&str])]) -> Result<Table, RouterError> {
        let route = |(prefix, via): &(&str, &[&str])| RouteConfig {
            prefix: prefix.parse().unwrap(),
            via: via.iter().map(|hop| hop.parse().unwrap()).collect(),
        };
        let routes: Vec<_> = routes.iter().map(route).collect();
        Table::new(
            &interfaces(&[("a", &["fd00:a::fe/64", "10.0.1.254/24"]), ("b", &["fd00:b::fe/64"])]),
            &routes,
        )
    }

    #[test]
    fn the_longest_prefix_decides_and_special_addresses_are_nobodys_route() {
        let table = table(&[
            ("::/0", &["fd00:a::1"]),
            ("2001:db8::/32", &["fd00:b::1", "fe80::1%a"]),
            ("0.0.0.0/0", &["10.0.1.1"]),
        ])
        .unwrap();
        let v4 = |text: &str| table.lookup_v4(text.parse::<std::net::Ipv4Addr>().unwrap().octets());
        let v6 = |text: &str| table.lookup_v6(text.parse::<std::net::Ipv6Addr>().unwrap().octets());
        assert_eq!(v6("2001:db8::1"), Target::Route(1));
        assert_eq!(v6("2001:db9::1"), Target::Route(0));
        assert_eq!(v6("fd00:b::7"), Target::Connected(1));
        assert_eq!(v6("fd00:b::fe"), Target::Local);
        assert_eq!((v6("fe80::1"), v6("ff02::1")), (Target::LinkLocal, Target::Multicast));
        assert_eq!((v6("::1"), v6("::2")), (Target::Martian, Target::Route(0)));
        assert_eq!((v4("8.8.8.8"), v4("10.0.1.9")), (Target::Route(2), Target::Connected(0)));
        assert_eq!((v4("10.0.1.255"), v4("10.0.1.0")), (Target::Broadcast, Target::Broadcast));
        assert_eq!((v4("255.255.255.255"), v4("127.0.0.1")), (Target::Broadcast, Target::Martian));
        assert_eq!(table.hops.len(), 4);
    }

    #[test]
    fn what_is_wrong_with_a_route_is_said_with_its_prefix() {
        let error = |prefix: &str, via: &[&str]| table(&[(prefix, via)]).err().unwrap().to_string();
        assert_eq!(
            error("2001:db8::1/32", &["fd00:a::1"]),
            "route 2001:db8::1/32: bits are set behind the prefix length; the network is 2001:db8::/32"
        );
        assert_eq!(
            error("2001:db8::/32", &["fd00:c::1"]),
            "route 2001:db8::/32: next hop fd00:c::1 is on no connected network; there are: fd00:a::/64 (a), \
             10.0.1.0/24 (a), fd00:b::/64 (b)"
        );
        assert!(error("2001:db8::/32", &["10.0.1.1"]).ends_with("is of the other address family"));
        assert!(error("2001:db8::/32", &[]).ends_with("no next hop in 'via'"));
        assert!(error("2001:db8::/32", &["fe80::1"]).ends_with("as in 'fe80::1%a'"));
        assert!(error("2001:db8::/32", &["fe80::1%x"]).ends_with("there are: a, b"));
        assert!(error("2001:db8::/32", &["fd00:a::fe"]).ends_with("not the address of another host"));
        assert!(error("fd00:a::/64", &["fd00:b::1"]).ends_with("an interface of the router"));
        assert!(error("ff0e::/16", &["fd00:b::1"]).ends_with("are not forwarded"));
        let twice = table(&[("::/0", &["fd00:a::1"]), ("::/0", &["fd00:b::1"])]).err().unwrap();
        assert_eq!(twice, RouterError::Duplicate { prefix: "::/0".parse().unwrap() });
    }

    #[test]
    fn interfaces_do_not_share_networks_or_addresses() {
        let table = |list: &[(&str, &[&str])]| Table::new(&interfaces(list), &[]).err().unwrap().to_string();
        assert_eq!(
            table(&[("a", &["10.0.0.1/24"]), ("b", &["10.0.0.2/24"])]),
            "interfaces a and b are both on 10.0.0.0/24"
        );
        assert!(table(&[("a", &["10.0.0.1/24"]), ("b", &["10.0.0.1/16"])]).contains("both have the address"));
        assert!(table(&[("a", &["127.0.0.1/8"])]).contains("not an address that a host can have"));
    }
}
