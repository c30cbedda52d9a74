//! Ethernet addresses.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// An Ethernet (EUI-48) address, written as lower-case hexadecimal with colons.
///
/// # Examples
/// ```
/// use rackless_packet::MacAddr;
///
/// let mac: MacAddr = "02:00:00:00:00:0a".parse()?;
/// assert_eq!(mac, MacAddr([2, 0, 0, 0, 0, 10]));
/// assert_eq!(mac.to_string(), "02:00:00:00:00:0a");
/// # Ok::<(), rackless_packet::mac::ParseMacAddrError>(())
/// ```
#[derive(
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned,
)]
#[repr(transparent)]
pub struct MacAddr(pub [u8; 6]);

/// A text is not an Ethernet address of six hexadecimal bytes with colons or hyphens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid MAC address '{0}', expected six bytes such as 02:00:00:00:00:01")]
pub struct ParseMacAddrError(pub String);

impl MacAddr {
    /// The address of all zeros, which ARP uses for "not known yet".
    pub const ZERO: Self = Self([0; 6]);
    /// The address of all stations.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Returns the group address of an IPv4 multicast address (RFC 1112, section 6.4).
    pub const fn from_multicast_v4(group: Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// Returns the group address of an IPv6 multicast address (RFC 2464, section 7).
    pub const fn from_multicast_v6(group: Ipv6Addr) -> Self {
        let a = group.octets();
        Self([0x33, 0x33, a[12], a[13], a[14], a[15]])
    }

    /// Returns the link-local IPv6 address that this interface address makes (RFC 4291, appendix A).
    pub const fn link_local(self) -> Ipv6Addr {
        let [a, b, c, d, e, f] = self.0;
        Ipv6Addr::from_octets([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
    }

    /// Returns whether this is a group address; the broadcast address is one.
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Returns whether this is the address of all stations.
    pub const fn is_broadcast(self) -> bool {
        matches!(self.0, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    }

    /// Returns whether this is the address of one station: no group, and not zero.
    pub const fn is_unicast(self) -> bool {
        !self.is_multicast() && !matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// Returns whether the address was given out locally and not by a vendor.
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }
}

impl FromStr for MacAddr {
    type Err = ParseMacAddrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseMacAddrError(text.to_owned());
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut bytes = [0; 6];
        let mut parts = text.split(separator);
        for byte in &mut bytes {
            let part = parts.next().ok_or_else(wrong)?;
            if !matches!(part.len(), 1 | 2) || !part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(wrong());
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self(bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_is_shown() {
        let mac = MacAddr([0x02, 0xab, 0, 1, 0xff, 9]);
        assert_eq!(mac.to_string(), "02:ab:00:01:ff:09");
        assert_eq!(mac.to_string().parse(), Ok(mac));
        assert_eq!("2-AB-0-1-FF-9".parse(), Ok(mac));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "02",
            "02:00:00:00:00",
            "02:00:00:00:00:00:00",
            "02:00:00:00:00:0g",
            "+2:0:0:0:0:0",
            "::::: ",
        ] {
            assert!(text.parse::<MacAddr>().is_err(), "{text}");
        }
    }

    #[test]
    fn groups_and_link_local_addresses_follow_the_rfcs() {
        let group = "ff02::1:ff00:abcd".parse().unwrap();
        assert_eq!(MacAddr::from_multicast_v6(group).to_string(), "33:33:ff:00:ab:cd");
        assert_eq!(
            MacAddr::from_multicast_v4(Ipv4Addr::new(224, 129, 2, 3)).to_string(),
            "01:00:5e:01:02:03"
        );
        let mac: MacAddr = "02:11:22:33:44:55".parse().unwrap();
        assert_eq!(mac.link_local().to_string(), "fe80::11:22ff:fe33:4455");
        assert!(mac.is_unicast() && mac.is_local() && !MacAddr::ZERO.is_unicast());
        assert!(MacAddr::BROADCAST.is_multicast() && MacAddr::BROADCAST.is_broadcast());
    }
}
