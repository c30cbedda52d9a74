//! The router's interfaces and own addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rackless_nf::PortInfo;
use rackless_packet::MacAddr;
use rackless_packet::ipv6::solicited_node;

use super::config::InterfaceConfig;

/// An interface of the router.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub(crate) name: String,
    /// Without the link-local address.
    pub(crate) addresses: Vec<IpNet>,
    pub(crate) mac: MacAddr,
    pub(crate) mtu: u16,
    pub(crate) link_local: Ipv6Addr,
}

impl Interface {
    pub(crate) fn new(config: &InterfaceConfig) -> Self {
        Self {
            name: config.name.clone(),
            addresses: config.addresses.clone(),
            mac: MacAddr::ZERO,
            mtu: 1500,
            link_local: MacAddr::ZERO.link_local(),
        }
    }

    /// Takes over what is known once the ports are.
    pub(crate) fn attach(&mut self, port: &PortInfo) {
        self.mac = port.mac;
        self.mtu = port.mtu;
        self.link_local = port.mac.link_local();
    }

    /// Whether this is an address of the interface, its link-local one included.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        address == self.link_local || self.addresses.iter().any(|own| own.addr() == address)
    }

    /// Whether this is the solicited-node group of an address of the interface.
    pub(crate) fn is_in_group(&self, group: Ipv6Addr) -> bool {
        let own = self.addresses.iter().filter_map(|own| match own.addr() {
            IpAddr::V6(address) => Some(address),
            IpAddr::V4(_) => None,
        });
        own.chain([self.link_local]).any(|address| solicited_node(address) == group)
    }

    /// Whether the address is a neighbour's on this link.
    pub(crate) fn is_on_link(&self, address: IpAddr) -> bool {
        is_link_local_v6(address) || self.addresses.iter().any(|own| own.contains(&address))
    }

    /// The IPv4 address to talk to a neighbour or a remote host from: one in its network, else the first.
    pub(crate) fn source_v4(&self, to: Ipv4Addr) -> Option<Ipv4Addr> {
        let v4 = |net: &IpNet| match net {
            IpNet::V4(net) => Some(*net),
            IpNet::V6(_) => None,
        };
        let near = self.addresses.iter().filter_map(v4).find(|net| net.contains(&to));
        near.or_else(|| self.addresses.iter().find_map(v4)).map(|net| net.addr())
    }

    /// As [`Interface::source_v4`] for IPv6; the link-local address serves link-local hosts only.
    pub(crate) fn source_v6(&self, to: Ipv6Addr) -> Option<Ipv6Addr> {
        if to.is_unicast_link_local() {
            return Some(self.link_local);
        }
        let v6 = |net: &IpNet| match net {
            IpNet::V6(net) => Some(*net),
            IpNet::V4(_) => None,
        };
        let near = self.addresses.iter().filter_map(v6).find(|net| net.contains(&to));
        near.or_else(|| self.addresses.iter().find_map(v6)).map(|net| net.addr())
    }
}

pub(crate) fn is_link_local_v6(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// The router's own addresses, to be recognised as sources: no honest packet comes from one.
///
/// Every packet asks, so a bit per hash of an address says no in one load.
#[derive(Debug, Default)]
pub(crate) struct OwnAddresses {
    filter: [u64; 4],
    v4: Vec<[u8; 4]>,
    v6: Vec<[u8; 16]>,
}

impl OwnAddresses {
    pub(crate) fn new(interfaces: &[Interface]) -> Self {
        let mut own = Self::default();
        for interface in interfaces {
            interface.addresses.iter().for_each(|net| own.add(net.addr()));
            own.add(interface.link_local.into());
        }
        own
    }

    fn add(&mut self, address: IpAddr) {
        let hash = match address {
            IpAddr::V4(address) => {
                self.v4.push(address.octets());
                hash_v4(address.octets())
            }
            IpAddr::V6(address) => {
                self.v6.push(address.octets());
                hash_v6(address.octets())
            }
        };
        self.filter[usize::from(hash >> 6)] |= 1 << (hash & 63);
    }

    #[inline]
    pub(crate) fn has_v4(&self, address: [u8; 4]) -> bool {
        self.may_have(hash_v4(address)) && self.v4.contains(&address)
    }

    #[inline]
    pub(crate) fn has_v6(&self, address: [u8; 16]) -> bool {
        self.may_have(hash_v6(address)) && self.v6.contains(&address)
    }

    #[inline]
    fn may_have(&self, hash: u8) -> bool {
        self.filter[usize::from(hash >> 6)] & 1 << (hash & 63) != 0
    }
}

/// Folds the bytes that tell the hosts of a plan apart: a router is often host 1 or 254 of each of its networks.
#[inline]
fn hash_v4(address: [u8; 4]) -> u8 {
    address[3] ^ address[2].rotate_left(3) ^ address[1].rotate_left(5)
}

/// As [`hash_v4`].
#[inline]
fn hash_v6(address: [u8; 16]) -> u8 {
    address[15] ^ address[7].rotate_left(3) ^ address[1].rotate_left(5)
}
