//! The kernel of the port's own network namespace, as a device string names it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::{interface_name, key_value};

/// The kernel of the port's own network namespace, behind an interface that the port makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelSpec {
    /// The name of the interface (a TAP).
    pub interface: String,
    /// The kernel's addresses there.
    pub addresses: Vec<Prefixed>,
    /// The next hops of the kernel's default routes, at most one of IPv4 and one of IPv6.
    pub via: Vec<IpAddr>,
    /// The interface whose MAC address and MTU it gets; without one the kernel chooses an address, and the MTU is 1500.
    pub like: Option<String>,
}

/// An address and the length of its subnet's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefixed {
    /// The address.
    pub address: IpAddr,
    /// In bits.
    pub prefix: u8,
}

const ALLOWED: &str = "allowed are addr=<address>/<prefix length> and via=<next hop>, each more than once, and \
                       like=<interface>";

impl KernelSpec {
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let mut words = rest.split(',');
        let interface = interface_name(words.next().unwrap_or_default())?;
        let mut spec = Self { interface, addresses: Vec::new(), via: Vec::new(), like: None };
        for word in words {
            match key_value(word)? {
                ("addr", value) => spec.addresses.push(value.parse()?),
                ("via", value) => spec.via.push(spec.next_hop(value)?),
                ("like", value) if spec.like.is_none() => spec.like = Some(interface_name(value)?),
                _ => return Err(format!("'{word}' is not an argument; {ALLOWED}")),
            }
        }
        let is_reached =
            |via: &IpAddr| spec.addresses.iter().any(|own| own.address.is_ipv4() == via.is_ipv4());
        match spec.via.iter().find(|via| !is_reached(via)) {
            Some(via) => Err(format!("via={via} needs an addr= of the same family")),
            None => Ok(spec),
        }
    }

    fn next_hop(&self, value: &str) -> Result<IpAddr, String> {
        let via: IpAddr = value.parse().map_err(|_| format!("'{value}' is no address"))?;
        match self.via.iter().find(|other| other.is_ipv4() == via.is_ipv4()) {
            Some(other) => Err(format!("via={via} and via={other} are of the same family")),
            None => Ok(via),
        }
    }
}

impl FromStr for Prefixed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not an address with the length of its prefix, as 10.0.0.1/24");
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
        if prefix > if address.is_ipv4() { 32 } else { 128 } {
            return Err(wrong());
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Prefixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl fmt::Display for KernelSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel:{}", self.interface)?;
        self.addresses.iter().try_for_each(|address| write!(f, ",addr={address}"))?;
        self.via.iter().try_for_each(|via| write!(f, ",via={via}"))?;
        self.like.iter().try_for_each(|like| write!(f, ",like={like}"))
    }
}
