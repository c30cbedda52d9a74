//! Group management for IPv4: IGMP versions 1 and 2 (RFC 2236) and 3 (RFC 3376).
//!
//! The records of version 3 are those of multicast listener discovery with other addresses
//! ([`crate::icmpv6::mld`]), so [`Record`] is for both.

use std::net::Ipv4Addr;

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

crate::wire::named_u8! {
    /// The type of an IGMP message.
    IgmpType {
        /// Who is a member of which group?
        QUERY = 0x11, "membership query";
        /// Someone is a member of a group (version 1).
        REPORT_V1 = 0x12, "membership report v1";
        /// Someone is a member of a group (version 2).
        REPORT_V2 = 0x16, "membership report v2";
        /// Someone leaves a group (version 2).
        LEAVE = 0x17, "leave group";
        /// Who is a member of which groups, from which sources (version 3).
        REPORT_V3 = 0x22, "membership report v3";
    }
}

crate::wire::named_u8! {
    /// What a record says of its group (RFC 3376, section 4.2.12).
    RecordType {
        /// Packets are wanted from these sources.
        IS_INCLUDE = 1, "is include";
        /// Packets are wanted from all but these sources.
        IS_EXCLUDE = 2, "is exclude";
        /// Packets are now wanted from these sources.
        TO_INCLUDE = 3, "to include";
        /// Packets are now wanted from all but these sources.
        TO_EXCLUDE = 4, "to exclude";
        /// Packets are wanted from these sources, too.
        ALLOW = 5, "allow new sources";
        /// Packets are wanted from these sources no more.
        BLOCK = 6, "block old sources";
    }
}

/// An IGMP message of version 1 or 2; those of version 3 have the first four bytes in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Igmp {
    /// The kind of message.
    pub igmp_type: IgmpType,
    /// In a query, the time within which to answer: 0 in version 1, in tenths of a second in version 2, in version 3
    /// as [`exponential`] reads it.
    pub max_response: u8,
    /// The checksum over the whole message.
    pub checksum: U16,
    /// The group; 0 in a query for all groups.
    pub group: [u8; 4],
}

/// A query of version 3, which the addresses of sources follow (RFC 3376, section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Query {
    /// What all queries have.
    pub igmp: Igmp,
    /// Reserved (4 bits), suppress router-side processing (1 bit), the querier's robustness (3 bits).
    pub flags: u8,
    /// The time between queries in seconds, as [`exponential`] reads it.
    pub interval: u8,
    /// How many sources follow.
    pub source_count: U16,
}

/// The start of a report of version 3, which [`records`] follow (RFC 3376, section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Report {
    /// [`IgmpType::REPORT_V3`].
    pub igmp_type: IgmpType,
    /// 0.
    pub reserved: u8,
    /// The checksum over the whole message.
    pub checksum: U16,
    /// 0.
    pub reserved_2: U16,
    /// How many records follow.
    pub record_count: U16,
}

const _: () = assert!(size_of::<Igmp>() == Igmp::LEN);
const _: () = assert!(size_of::<Query>() == Query::LEN && size_of::<Report>() == Report::LEN);

impl Igmp {
    /// The length in bytes.
    pub const LEN: usize = 8;

    /// Returns the group.
    pub const fn group(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self.group)
    }

    /// Returns the version of a message of `len` bytes: of a query by its length and time to answer (RFC 3376,
    /// section 7.1); `None` if it has none here.
    pub fn version(&self, len: usize) -> Option<u8> {
        match self.igmp_type {
            IgmpType::REPORT_V1 => Some(1),
            IgmpType::QUERY if len == Self::LEN => Some(if self.max_response == 0 { 1 } else { 2 }),
            IgmpType::QUERY if len >= Query::LEN => Some(3),
            IgmpType::REPORT_V2 | IgmpType::LEAVE => Some(2),
            IgmpType::REPORT_V3 => Some(3),
            _ => None,
        }
    }
}

impl Query {
    /// The length in bytes without sources.
    pub const LEN: usize = 12;

    /// Returns whether other routers shall leave their timers as they are.
    pub const fn suppresses(&self) -> bool {
        self.flags & 8 != 0
    }

    /// Returns the querier's robustness variable, 0 to 7.
    pub const fn robustness(&self) -> u8 {
        self.flags & 7
    }

    /// Returns the sources, or `None` if they are cut short; `rest` is what follows the fixed part.
    pub fn sources<'a>(&self, rest: &'a [u8]) -> Option<&'a [[u8; 4]]> {
        rest.as_chunks().0.get(..self.source_count.get().into())
    }
}

impl Report {
    /// The length in bytes without records.
    pub const LEN: usize = 8;
}

/// Returns the number that a byte stands for: itself up to 127, from there on a mantissa and an exponent (RFC 3376,
/// section 4.1.1).
pub const fn exponential(code: u8) -> u16 {
    if code < 128 { code as u16 } else { (code as u16 & 0x0f | 0x10) << ((code >> 4 & 7) + 3) }
}

/// What a member says of one group; `N` is the length of an address: 4 of IGMP, 16 of MLD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a, const N: usize> {
    /// What it says.
    pub kind: RecordType,
    /// The group.
    pub group: &'a [u8; N],
    /// The sources that it says it of.
    pub sources: &'a [[u8; N]],
    /// Auxiliary data, of which there are none.
    pub auxiliary: &'a [u8],
}

/// A record reaches beyond the end of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("group record at offset {offset} of the records is cut short")]
pub struct RecordError {
    /// Where it starts, in bytes from the first record.
    pub offset: usize,
}

/// Returns an iterator over `count` records behind the fixed part of a report.
///
/// A record that is cut short comes as an error, once, and ends the iteration.
pub const fn records<const N: usize>(bytes: &[u8], count: u16) -> Records<'_, N> {
    Records { rest: bytes, offset: 0, left: count }
}

/// The iterator that [`records`] returns.
#[derive(Debug, Clone)]
pub struct Records<'a, const N: usize> {
    rest: &'a [u8],
    offset: usize,
    left: u16,
}

impl<'a, const N: usize> Iterator for Records<'a, N> {
    type Item = Result<Record<'a, N>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let offset = self.offset;
        let Some((record, rest)) = take_record(self.rest) else {
            self.left = 0;
            return Some(Err(RecordError { offset }));
        };
        self.offset += self.rest.len() - rest.len();
        self.rest = rest;
        Some(Ok(record))
    }
}

fn take_record<const N: usize>(bytes: &[u8]) -> Option<(Record<'_, N>, &[u8])> {
    let (&[kind, words, a, b], rest) = bytes.split_first_chunk()?;
    let (group, rest) = rest.split_first_chunk()?;
    let (sources, rest) = rest.split_at_checked(N * usize::from(u16::from_be_bytes([a, b])))?;
    let (auxiliary, rest) = rest.split_at_checked(4 * usize::from(words))?;
    Some((Record { kind: RecordType(kind), group, sources: sources.as_chunks().0, auxiliary }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_query_is_told_by_its_length() {
        let version = |bytes: &[u8]| Igmp::ref_from_prefix(bytes).unwrap().0.version(bytes.len());
        assert_eq!(version(&[0x11, 0, 0, 0, 0, 0, 0, 0]), Some(1));
        assert_eq!(version(&[0x11, 100, 0, 0, 0, 0, 0, 0]), Some(2));
        assert_eq!(version(&[0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0]), Some(3));
        assert_eq!(version(&[0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125]), None);
        assert_eq!((version(&[0x16; 8]), version(&[0x12; 8]), version(&[0x13; 8])), (Some(2), Some(1), None));
    }

    #[test]
    fn a_query_of_version_3_has_sources() {
        let bytes = [0x11, 0x88, 0, 0, 232, 0, 0, 1, 0x0a, 125, 0, 2, 10, 0, 0, 1, 10, 0, 0, 2];
        let (query, rest) = Query::ref_from_prefix(&bytes).unwrap();
        assert_eq!(query.igmp.group(), Ipv4Addr::new(232, 0, 0, 1));
        assert_eq!((exponential(query.igmp.max_response), exponential(query.interval)), (192, 125));
        assert!(query.suppresses() && query.robustness() == 2);
        assert_eq!(query.sources(rest), Some(&[[10, 0, 0, 1], [10, 0, 0, 2]][..]));
        assert_eq!(query.sources(&rest[..7]), None);
        assert_eq!(exponential(255), 31_744);
    }

    #[test]
    fn records_are_walked() {
        let mut bytes = vec![4, 0, 0, 0, 239, 1, 1, 1];
        bytes.extend([1, 1, 0, 1, 232, 0, 0, 1, 10, 0, 0, 1, 9, 9, 9, 9]);
        let found: Vec<_> = records::<4>(&bytes, 2).map(Result::unwrap).collect();
        assert_eq!(
            (found[0].kind, found[0].group, found[0].sources),
            (RecordType::TO_EXCLUDE, &[239, 1, 1, 1], &[][..])
        );
        assert_eq!((found[1].sources, found[1].auxiliary), (&[[10, 0, 0, 1]][..], &[9; 4][..]));
        let cut: Vec<_> = records::<4>(&bytes[..23], 9).skip(1).collect();
        assert_eq!(cut, [Err(RecordError { offset: 8 })]);
    }
}
