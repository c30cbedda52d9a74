//! What a router is told: its interfaces, its routes, how it probes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use rackless_nf::{Time, time};
use rackless_topology::units;
use serde::{Deserialize, Deserializer};

/// Everything a [`Router`](crate::Router) is told.
#[derive(Clone, Debug, Default)]
pub struct RouterConfig {
    /// The interfaces in the order of the node's inputs and outputs.
    pub interfaces: Vec<InterfaceConfig>,
    /// The routes and limits.
    pub file: RouterFile,
}

/// An interface of the router.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceConfig {
    /// Its name, for next hops such as `fe80::1%core` and for messages.
    pub name: String,
    /// Its addresses; the link-local IPv6 address comes by itself, made of the port's MAC address.
    pub addresses: Vec<IpNet>,
}

/// The keys of a router's configuration file.
///
/// # Examples
/// ```
/// let file: rackless_functions::RouterFile = toml::from_str(r#"
///     [[route]]
///     prefix = "2001:db8:feed::/48"
///     via = ["fd00:0:1:a::1", "fe80::1%core"]   # in order: a route uses its first live next hop
///
///     [probe]                                   # the defaults
///     every = "200 ms"
///     misses = 3
///
///     [icmp_errors]
///     per_second = 100
///     burst = 50
///
///     [neighbours]
///     count = 4096
///     queue = 32
/// "#)?;
/// assert_eq!(file.route[0].via.len(), 2);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouterFile {
    /// The routes besides the connected networks.
    pub route: Vec<RouteConfig>,
    /// How next hops are probed.
    pub probe: ProbeConfig,
    /// How many ICMP errors are sent.
    pub icmp_errors: IcmpErrorConfig,
    /// How many neighbours and waiting packets are kept.
    pub neighbours: NeighbourConfig,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Where to.
    #[serde(deserialize_with = "prefix")]
    pub prefix: IpNet,
    /// The next hops in order: the first live one is used.
    pub via: Vec<NextHop>,
}

/// A next hop: `fd00::1`, or with its interface `fe80::1%core` or `fe80::1 dev core`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NextHop {
    /// Its address.
    pub address: IpAddr,
    /// Its interface; `None` where the connected networks tell.
    pub interface: Option<String>,
}

/// How next hops are probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeConfig {
    /// The time between probes.
    #[serde(deserialize_with = "duration")]
    pub every: Time,
    /// How many probes in a row go unanswered before a next hop counts as dead.
    pub misses: u8,
}

/// How many ICMP errors are sent (RFC 1812, section 4.3.2.8; RFC 4443, section 2.4 f).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IcmpErrorConfig {
    /// On average.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// How many neighbours and waiting packets are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NeighbourConfig {
    /// Neighbours over all interfaces.
    pub count: u32,
    /// Packets that wait for one neighbour's address.
    pub queue: u16,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self { every: 200 * time::MILLISECOND, misses: 3 }
    }
}

impl Default for IcmpErrorConfig {
    fn default() -> Self {
        Self { per_second: 100, burst: 50 }
    }
}

impl Default for NeighbourConfig {
    fn default() -> Self {
        Self { count: 4096, queue: 32 }
    }
}

impl FromStr for NextHop {
    type Err = NextHopError;

    fn from_str(text: &str) -> Result<Self, NextHopError> {
        let (address, interface) = match text.split_once('%').or_else(|| text.split_once(" dev ")) {
            Some((address, interface)) => (address, Some(interface.trim().to_owned())),
            None => (text, None),
        };
        match address.trim().parse() {
            Ok(address) if interface.as_deref() != Some("") => Ok(Self { address, interface }),
            _ => Err(NextHopError(text.to_owned())),
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.interface {
            Some(interface) => write!(f, "{}%{interface}", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

/// The text is no next hop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no next hop, expected an address, with '%INTERFACE' where it is link-local, such as 'fd00::1'"
)]
pub struct NextHopError(pub String);

impl<'de> Deserialize<'de> for NextHop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpNet, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |_| {
        serde::de::Error::custom(format!(
            "'{text}' is no prefix, expected such as 'fd00::/64' or '10.0.0.0/8'"
        ))
    };
    text.parse().map_err(wrong)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    let duration = units::Duration::deserialize(deserializer)?;
    if duration.as_ps() < time::MILLISECOND {
        return Err(serde::de::Error::custom(format!("{duration} is too short, at least '1 ms' is needed")));
    }
    Ok(duration.as_ps())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_hops_name_their_interface_in_two_ways() {
        let hop = |text: &str| text.parse::<NextHop>();
        assert_eq!(hop("fe80::1%core"), hop("fe80::1 dev core"));
        assert_eq!(hop("fe80::1%core").unwrap().to_string(), "fe80::1%core");
        assert_eq!(hop("10.0.0.1").unwrap().interface, None);
        for text in ["", "core", "fe80::1%", "10.0.0.1/24"] {
            assert!(hop(text).is_err(), "{text}");
        }
    }

    #[test]
    fn mistakes_in_the_file_are_named_with_their_place() {
        let error = |text: &str| toml::from_str::<RouterFile>(text).unwrap_err().to_string();
        let unknown = error("[[route]]\nprefix = 'fd00::/8'\nvia = []\nmetric = 1");
        assert!(unknown.contains("line 4") && unknown.contains("`prefix` or `via`"), "{unknown}");
        assert!(error("[[route]]\nprefix = 'fd00::'\nvia = []").contains("'fd00::' is no prefix"));
        assert!(error("[[route]]\nprefix = 'fd00::/8'\nvia = ['x']").contains("'x' is no next hop"));
        assert!(error("[probe]\nevery = '1 us'").contains("too short"));
    }
}
