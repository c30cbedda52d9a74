//! What is wrong with a router's configuration.

use std::net::IpAddr;

use ipnet::IpNet;

use super::config::NextHop;

/// Why a router cannot be made of its configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouterError {
    /// The prefix has bits set behind its length.
    #[error("route {prefix}: bits are set behind the prefix length; the network is {}", prefix.trunc())]
    HostBits {
        /// The route.
        prefix: IpNet,
    },
    /// Two routes have one prefix.
    #[error("route {prefix}: there are two; write one with all its next hops in order")]
    Duplicate {
        /// The route.
        prefix: IpNet,
    },
    /// A route leads nowhere.
    #[error("route {prefix}: no next hop in 'via'")]
    NoNextHop {
        /// The route.
        prefix: IpNet,
    },
    /// A next hop is IPv4 and the prefix IPv6, or the other way round.
    #[error("route {prefix}: next hop {via} is of the other address family")]
    Family {
        /// The route.
        prefix: IpNet,
        /// The next hop.
        via: NextHop,
    },
    /// No interface has a network that the next hop is in.
    #[error("route {prefix}: next hop {via} is on no connected network; there are: {connected}")]
    NotConnected {
        /// The route.
        prefix: IpNet,
        /// The next hop.
        via: NextHop,
        /// The connected networks with their interfaces.
        connected: String,
    },
    /// A link-local next hop does not say where.
    #[error("route {prefix}: next hop {via} is link-local; name its interface, as in '{via}%{example}'")]
    LinkLocal {
        /// The route.
        prefix: IpNet,
        /// The next hop.
        via: NextHop,
        /// The name of an interface.
        example: String,
    },
    /// A next hop names an interface that does not exist.
    #[error("route {prefix}: next hop {via} names no interface of the router; there are: {known}")]
    UnknownInterface {
        /// The route.
        prefix: IpNet,
        /// The next hop.
        via: NextHop,
        /// The interfaces.
        known: String,
    },
    /// A next hop is the router itself, or no host at all.
    #[error("route {prefix}: next hop {via} is not the address of another host")]
    NotAHost {
        /// The route.
        prefix: IpNet,
        /// The next hop.
        via: NextHop,
    },
    /// The prefix is connected, or the router's own address.
    #[error("route {prefix}: the prefix is that of an interface of the router")]
    Connected {
        /// The route.
        prefix: IpNet,
    },
    /// Packets to the prefix are never forwarded: loopback, link-local, multicast.
    #[error("route {prefix}: packets to loopback, link-local and multicast addresses are not forwarded")]
    NotForwarded {
        /// The route.
        prefix: IpNet,
    },
    /// Two interfaces are on one network.
    #[error("interfaces {first} and {second} are both on {network}")]
    SharedNetwork {
        /// The network.
        network: IpNet,
        /// One interface.
        first: String,
        /// The other.
        second: String,
    },
    /// Two interfaces have one address.
    #[error("interfaces {first} and {second} both have the address {address}")]
    SharedAddress {
        /// The address.
        address: IpAddr,
        /// One interface.
        first: String,
        /// The other.
        second: String,
    },
    /// An interface's address is no host's.
    #[error("interface {interface}: {address} is not an address that a host can have")]
    NotAnAddress {
        /// The interface.
        interface: String,
        /// The address.
        address: IpNet,
    },
    /// More interfaces than a node has outputs.
    #[error("{0} interfaces, at most 255 are possible")]
    Interfaces(usize),
}
