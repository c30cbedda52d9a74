//! What a NAT is told.

use std::net::Ipv4Addr;

use rackless_nf::Time;
use rackless_topology::units::Duration;
use serde::Deserialize;

use super::bindings::Protocol;

/// What a [`Nat`](crate::Nat) is told: the keys of its configuration file.
///
/// # Examples
/// ```
/// let config: rackless_functions::NatConfig = toml::from_str(r#"
///     public = "192.0.2.1"     # the address outside
///     first_port = 1024        # the defaults
///     last_port = 65535
///     tcp = "2 h"              # how long an unused binding lives
///     udp = "5 min"
///     icmp = "1 min"
/// "#)?;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatConfig {
    /// The address outside.
    pub public: Ipv4Addr,
    /// The first port, and echo identifier, that is given out.
    #[serde(default = "first_port")]
    pub first_port: u16,
    /// The last one.
    #[serde(default = "last_port")]
    pub last_port: u16,
    /// How long an unused TCP binding lives.
    #[serde(default = "two_hours")]
    pub tcp: Duration,
    /// How long an unused UDP binding lives (RFC 4787, section 4.3, recommends 5 minutes).
    #[serde(default = "five_minutes")]
    pub udp: Duration,
    /// How long an unused binding of an echo identifier lives (RFC 5508, section 3.2, asks for a minute).
    #[serde(default = "one_minute")]
    pub icmp: Duration,
}

fn first_port() -> u16 {
    1024
}

fn last_port() -> u16 {
    65535
}

fn two_hours() -> Duration {
    Duration::from_secs(2 * 3600)
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

fn one_minute() -> Duration {
    Duration::from_secs(60)
}

impl NatConfig {
    /// The defaults with this public address.
    pub fn new(public: Ipv4Addr) -> Self {
        Self {
            public,
            first_port: first_port(),
            last_port: last_port(),
            tcp: two_hours(),
            udp: five_minutes(),
            icmp: one_minute(),
        }
    }

    pub(super) fn timeout(&self, protocol: Protocol) -> Time {
        match protocol {
            Protocol::Tcp => self.tcp.as_ps(),
            Protocol::Udp => self.udp.as_ps(),
            Protocol::Icmp => self.icmp.as_ps(),
        }
    }
}
