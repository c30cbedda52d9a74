//! Packet filters in the language of tcpdump (pcap-filter(7)), without libpcap.
//!
//! A filter lets pass what `tcpdump` with the same expression lets pass, which the tests compare frame by frame. That
//! includes what surprises: `and` and `or` bind equally, from left to right; `vlan` moves all that is said after it
//! behind the tag; no extension header of IPv6 is walked but a fragment's, and `tcp[…]` looks at IPv4 only; and a
//! frame too short for a field that is asked for never passes, not even through `not`.
//!
//! | Expression | Frames that pass |
//! |---|---|
//! | `ip` `ip6` `arp` `rarp` `tcp` `udp` `sctp` `icmp` `icmp6` `igmp` `ah` `esp` | of the protocol |
//! | `[ip\|ip6\|arp\|rarp] [src\|dst] host ADDRESS` | from or to the address; `host` may be left out behind `src` or `dst` |
//! | `[src\|dst] net PREFIX/LENGTH`, `net A.B`, `net A.B.C.D mask M` | from or to the network |
//! | `[tcp\|udp\|sctp] [src\|dst] port N`, `portrange A-B` | from or to the port |
//! | `ether [src\|dst] host MAC`, `[ether] broadcast`, `[ether] multicast`, `ip multicast`, `ip6 multicast` | by the link's addresses |
//! | `ether proto N`, `[ip\|ip6] proto N` | by the number of what is carried |
//! | `vlan [N]` | with a VLAN tag |
//! | `less N`, `greater N` | of at most, at least N bytes |
//! | `A < B` and the like | where the comparison holds; with `tcp[tcpflags] & tcp-syn`, `ip[8]`, `ether[12:2]`, `len`, numbers and `+ - * / % & \| ^ << >>` |
//!
//! They are joined by `and` (`&&`), `or` (`||`), `not` (`!`) and parentheses; `port 80 or 443` says `port` once.
//! Names of hosts, networks and services are not looked up.

mod arithmetic;
mod constants;
mod error;
mod id;
mod lexer;
mod parser;
mod primitive;
mod program;

use std::fmt;
use std::str::FromStr;

pub use error::ParseFilterError;
use program::Program;

/// A packet filter.
///
/// # Examples
/// ```
/// use rackless_packet::build::Build;
/// use rackless_packet::filter::Filter;
/// use rackless_packet::MacAddr;
///
/// let filter: Filter = "tcp dst port 80 and not src net 10.1.0.0/16".parse()?;
/// let link = Build::ethernet(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
/// let frame = link.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).tcp(4000, 80).to_vec()?;
/// assert!(filter.matches(&frame));
///
/// let error = "tcp prot 80".parse::<Filter>().unwrap_err();
/// assert_eq!(error.to_string(), "unexpected 'prot' at column 5 of the filter, expected 'and', 'or' or the end");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Filter {
    source: String,
    program: Program,
}

impl Filter {
    /// Returns whether a whole frame passes.
    pub fn matches(&self, frame: &[u8]) -> bool {
        self.matches_cut(frame, u32::try_from(frame.len()).unwrap_or(u32::MAX))
    }

    /// Returns whether a frame passes of which only the beginning is there; `original_len` is its length.
    pub fn matches_cut(&self, beginning: &[u8], original_len: u32) -> bool {
        self.program.passes(beginning, original_len)
    }

    /// Returns the expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl FromStr for Filter {
    type Err = ParseFilterError;

    /// Reads an expression; an empty one lets all frames pass.
    fn from_str(source: &str) -> Result<Self, Self::Err> {
        Ok(Self { source: source.to_owned(), program: parser::parse(source)? })
    }
}

/// Lets all frames pass.
impl Default for Filter {
    fn default() -> Self {
        "".parse().expect("an empty expression is a filter")
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.source)
    }
}

/// Filters are equal if they are written the same.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Filter {}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<Filter>().unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, expected) in [
            ("tcp and", "the filter ends, expected an expression such as 'tcp port 80'"),
            ("tcp prot 80", "unexpected 'prot' at column 5 of the filter, expected 'and', 'or' or the end"),
            ("(tcp", "the filter ends, expected ')'"),
            ("port http", "unexpected 'http' at column 6 of the filter, expected a port from 0 to 65535"),
            ("host example.org", "unexpected 'example.org' at column 6 of the filter, expected an address"),
            (
                "tcp port 70000",
                "unexpected '70000' at column 10 of the filter, expected a port from 0 to 65535",
            ),
            (
                "icmp port 7",
                "unexpected 'icmp' at column 1 of the filter, expected 'tcp', 'udp' or 'sctp' before 'port'",
            ),
            (
                "tcp host 10.0.0.1",
                "unexpected 'tcp' at column 1 of the filter, expected 'ip', 'ip6', 'arp', 'rarp' or 'ether' before 'host'",
            ),
            (
                "net 10.0.0.1/8",
                "unexpected '10.0.0.1/8' at column 5 of the filter, expected a network without bits behind its prefix",
            ),
            (
                "net fd00::/129",
                "unexpected 'fd00::/129' at column 5 of the filter, expected a prefix length of at most 128",
            ),
            ("ip[0:3] = 1", "unexpected '3' at column 6 of the filter, expected a size of 1, 2 or 4 bytes"),
            ("ip[0] = 1 / 0", "unexpected '0' at column 13 of the filter, expected a divisor other than 0"),
            (
                "tcp $ 1",
                "unexpected '$' at column 5 of the filter, expected a word, a number or a sign such as '('",
            ),
            ("vlan 4096", "unexpected '4096' at column 6 of the filter, expected a VLAN from 0 to 4095"),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
    }

    #[test]
    fn a_filter_is_shown_as_it_was_written() {
        let filter: Filter = "tcp  port 80".parse().unwrap();
        assert_eq!((filter.as_str(), filter.to_string().as_str()), ("tcp  port 80", "tcp  port 80"));
        assert_eq!(filter, "tcp  port 80".parse().unwrap());
    }

    #[test]
    fn nesting_has_an_end() {
        for text in ["(".repeat(4000), "not ".repeat(1000), "-".repeat(4000) + "1 = 1", "ip[".repeat(1300)] {
            assert!(text.parse::<Filter>().is_err());
        }
        assert!(error(&"tcp or ".repeat(1000)).contains("4096 bytes"));
    }
}
