//! Multicast listener discovery: version 1 (RFC 2710) and 2 (RFC 3810).
//!
//! Each struct starts with the ICMPv6 type.

use std::net::Ipv6Addr;

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Icmpv6Type;
use crate::igmp::{self, Records};

/// A query, report or "done" of version 1 (RFC 2710, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Listener {
    /// [`Icmpv6Type::LISTENER_QUERY`], [`Icmpv6Type::LISTENER_REPORT`] or [`Icmpv6Type::LISTENER_DONE`].
    pub icmp_type: Icmpv6Type,
    /// 0.
    pub code: u8,
    /// The ICMPv6 checksum.
    pub checksum: U16,
    /// In a query, the time within which to answer in milliseconds; in version 2 as [`exponential`] reads it.
    pub max_response: U16,
    /// 0.
    pub reserved: U16,
    /// The group; 0 in a query for all groups.
    pub group: [u8; 16],
}

/// A query of version 2, which the addresses of sources follow (RFC 3810, section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Query {
    /// What all queries have.
    pub listener: Listener,
    /// Reserved (4 bits), suppress router-side processing (1 bit), the querier's robustness (3 bits).
    pub flags: u8,
    /// The time between queries in seconds, as [`igmp::exponential`] reads it.
    pub interval: u8,
    /// How many sources follow.
    pub source_count: U16,
}

/// The start of a report of version 2, which [`records`] follow (RFC 3810, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Report {
    /// [`Icmpv6Type::LISTENER_REPORT_V2`].
    pub icmp_type: Icmpv6Type,
    /// 0.
    pub code: u8,
    /// The ICMPv6 checksum.
    pub checksum: U16,
    /// 0.
    pub reserved: U16,
    /// How many records follow.
    pub record_count: U16,
}

const _: () = assert!(size_of::<Listener>() == Listener::LEN);
const _: () = assert!(size_of::<Query>() == Query::LEN && size_of::<Report>() == Report::LEN);

impl Listener {
    /// The length in bytes.
    pub const LEN: usize = 24;

    /// Returns the group.
    pub const fn group(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.group)
    }
}

impl Query {
    /// The length in bytes without sources.
    pub const LEN: usize = 28;

    /// Returns whether other routers shall leave their timers as they are.
    pub const fn suppresses(&self) -> bool {
        self.flags & 8 != 0
    }

    /// Returns the querier's robustness variable, 0 to 7.
    pub const fn robustness(&self) -> u8 {
        self.flags & 7
    }

    /// Returns the sources, or `None` if they are cut short; `rest` is what follows the fixed part.
    pub fn sources<'a>(&self, rest: &'a [u8]) -> Option<&'a [[u8; 16]]> {
        rest.as_chunks().0.get(..self.source_count.get().into())
    }
}

impl Report {
    /// The length in bytes without records.
    pub const LEN: usize = 8;
}

/// Returns the number that the time to answer of version 2 stands for: itself below 32,768, from there on a mantissa
/// and an exponent (RFC 3810, section 5.1.3).
pub const fn exponential(code: u16) -> u32 {
    if code < 0x8000 { code as u32 } else { (code as u32 & 0x0fff | 0x1000) << ((code >> 12 & 7) + 3) }
}

/// Returns an iterator over `count` records behind the fixed part of a report; see [`igmp::records`].
pub const fn records(bytes: &[u8], count: u16) -> Records<'_, 16> {
    igmp::records(bytes, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::igmp::RecordType;

    #[test]
    fn a_query_of_version_2_has_sources() {
        let group = "ff3e::1".parse::<Ipv6Addr>().unwrap().octets();
        let bytes = [&[130, 0, 0, 0, 0x27, 0x10, 0, 0][..], &group, &[10, 125, 0, 1], &[7; 16]].concat();
        let (query, rest) = Query::ref_from_prefix(&bytes).unwrap();
        assert_eq!(
            (query.listener.icmp_type, query.listener.group().octets()),
            (Icmpv6Type::LISTENER_QUERY, group)
        );
        assert!(query.suppresses() && query.robustness() == 2);
        assert_eq!((query.sources(rest), query.sources(&rest[1..])), (Some(&[[7; 16]][..]), None));
        assert_eq!(exponential(query.listener.max_response.get()), 10_000);
        assert_eq!((exponential(0x8000), exponential(0xffff)), (32_768, 8_387_584));
    }

    #[test]
    fn a_report_of_version_2_has_records() {
        let bytes = [&[143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0][..], &[0xff; 16]].concat();
        let (report, rest) = Report::ref_from_prefix(&bytes).unwrap();
        let found: Vec<_> = records(rest, report.record_count.get()).map(Result::unwrap).collect();
        assert_eq!((found.len(), found[0].kind, found[0].group), (1, RecordType::TO_EXCLUDE, &[0xff; 16]));
    }
}
