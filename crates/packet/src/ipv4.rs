//! IPv4 headers and their options (RFC 791).

use std::net::Ipv4Addr;

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

crate::wire::named_u8! {
    /// The protocol behind an IPv4 or IPv6 header (IANA "protocol numbers").
    IpProtocol {
        /// IPv6 hop-by-hop options.
        HOP_BY_HOP = 0, "hop-by-hop";
        /// ICMP for IPv4.
        ICMPV4 = 1, "ICMP";
        /// Group management for IPv4.
        IGMP = 2, "IGMP";
        /// IPv4 in IP.
        IPIP = 4, "IPIP";
        /// TCP.
        TCP = 6, "TCP";
        /// UDP.
        UDP = 17, "UDP";
        /// IPv6 in IP.
        IPV6 = 41, "IPv6";
        /// IPv6 routing header.
        ROUTING = 43, "routing";
        /// IPv6 fragment header.
        FRAGMENT = 44, "fragment";
        /// Generic Routing Encapsulation.
        GRE = 47, "GRE";
        /// IPsec encapsulating security payload.
        ESP = 50, "ESP";
        /// IPsec authentication header.
        AH = 51, "AH";
        /// ICMP for IPv6.
        ICMPV6 = 58, "ICMPv6";
        /// Nothing follows an IPv6 header.
        NO_NEXT_HEADER = 59, "no next header";
        /// IPv6 destination options.
        DESTINATION_OPTIONS = 60, "destination options";
        /// Open Shortest Path First.
        OSPF = 89, "OSPF";
        /// SCTP.
        SCTP = 132, "SCTP";
        /// MPLS in IP (RFC 4023).
        MPLS = 137, "MPLS";
        /// Ethernet in IPv6 (RFC 8986).
        ETHERNET = 143, "Ethernet";
    }
}

/// The fixed part of an IPv4 header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Ipv4 {
    /// Version (4) and header length in 32-bit words.
    pub version_ihl: u8,
    /// Differentiated services (6 bits) and congestion notification (2 bits).
    pub dscp_ecn: u8,
    /// Header and payload in bytes.
    pub total_len: U16,
    /// What fragments of one packet have in common.
    pub id: U16,
    /// Reserved, don't fragment, more fragments, then the offset in units of 8 bytes.
    pub flags_fragment: U16,
    /// How many more routers may forward the packet.
    pub ttl: u8,
    /// What follows.
    pub protocol: IpProtocol,
    /// The checksum of the header.
    pub checksum: U16,
    /// The source address.
    pub src: [u8; 4],
    /// The destination address.
    pub dst: [u8; 4],
}

const _: () = assert!(size_of::<Ipv4>() == Ipv4::LEN);

impl Ipv4 {
    /// The length in bytes without options.
    pub const LEN: usize = 20;
    /// The longest header, with options.
    pub const MAX_LEN: usize = 60;
    /// The flag "don't fragment" in [`Ipv4::flags_fragment`].
    pub const DONT_FRAGMENT: u16 = 0x4000;
    /// The flag "more fragments" in [`Ipv4::flags_fragment`].
    pub const MORE_FRAGMENTS: u16 = 0x2000;

    /// Sets the source address; no checksum changes.
    pub fn set_src(&mut self, src: Ipv4Addr) {
        self.src = src.octets();
    }

    /// Sets the destination address; no checksum changes.
    pub fn set_dst(&mut self, dst: Ipv4Addr) {
        self.dst = dst.octets();
    }

    /// Computes the checksum anew from this header and its `options`.
    pub fn fill_checksum(&mut self, options: &[u8]) {
        use crate::checksum::{combine, ones_complement};
        self.checksum.set(0);
        let sum = combine(ones_complement(self.as_bytes()), ones_complement(options));
        self.checksum.set(!sum);
    }

    /// Takes one hop from the TTL and repairs the checksum (RFC 1624); returns `false`, and changes nothing, if
    /// the packet has no hop left to give: a TTL of 0 or 1.
    #[must_use = "a packet that has no hop left must not be forwarded"]
    pub fn decrement_ttl(&mut self) -> bool {
        if self.ttl <= 1 {
            return false;
        }
        let old = u16::from_be_bytes([self.ttl, self.protocol.0]);
        self.ttl -= 1;
        let new = u16::from_be_bytes([self.ttl, self.protocol.0]);
        self.checksum.set(crate::checksum::update_u16(self.checksum.get(), old, new));
        true
    }

    /// Returns the source address.
    pub const fn src(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self.src)
    }

    /// Returns the destination address.
    pub const fn dst(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self.dst)
    }

    /// Returns the version, 4 in a valid header.
    pub const fn version(&self) -> u8 {
        self.version_ihl >> 4
    }

    /// Returns the header length in bytes, as the header says: 0 to 60.
    pub const fn header_len(&self) -> usize {
        (self.version_ihl & 0x0f) as usize * 4
    }

    /// Returns the differentiated services code point, 0 to 63.
    pub const fn dscp(&self) -> u8 {
        self.dscp_ecn >> 2
    }

    /// Returns the congestion notification bits, 0 to 3.
    pub const fn ecn(&self) -> u8 {
        self.dscp_ecn & 3
    }

    /// Returns whether routers must not fragment the packet.
    pub fn dont_fragment(&self) -> bool {
        self.flags_fragment.get() & Self::DONT_FRAGMENT != 0
    }

    /// Returns whether more fragments follow.
    pub fn more_fragments(&self) -> bool {
        self.flags_fragment.get() & Self::MORE_FRAGMENTS != 0
    }

    /// Returns where in the whole packet this fragment's payload lies, in bytes.
    pub fn fragment_offset(&self) -> usize {
        usize::from(self.flags_fragment.get() & 0x1fff) * 8
    }

    /// Returns whether the packet is a fragment, the first one included.
    pub fn is_fragment(&self) -> bool {
        self.flags_fragment.get() & 0x3fff != 0
    }
}

/// One IPv4 option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4Option<'a> {
    /// The option type: copied flag, class and number.
    pub kind: u8,
    /// What lies behind kind and length.
    pub data: &'a [u8],
}

impl Ipv4Option<'_> {
    /// The option type of padding by one byte.
    pub const NOP: u8 = 1;
    /// The option type of a record of the route.
    pub const RECORD_ROUTE: u8 = 7;
    /// The option type of timestamps.
    pub const TIMESTAMP: u8 = 68;
    /// The option type of loose source routing.
    pub const LOOSE_SOURCE_ROUTE: u8 = 131;
    /// The option type of strict source routing.
    pub const STRICT_SOURCE_ROUTE: u8 = 137;
    /// The option type that asks routers to look at the packet (RFC 2113).
    pub const ROUTER_ALERT: u8 = 148;
}

/// Returns an iterator over the options in the bytes between the fixed header and the payload.
///
/// Padding by one byte comes as an option with no data; the end-of-options byte ends the iteration. An option
/// whose length is wrong comes as an error, once, and ends it.
pub const fn options(bytes: &[u8]) -> Options<'_> {
    Options { rest: bytes, offset: 0 }
}

/// The iterator that [`options`] returns.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    rest: &'a [u8],
    offset: usize,
}

/// An option's length is less than it may be or reaches beyond the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("option {kind} at offset {offset} of the options has a wrong length")]
pub struct OptionError {
    /// The option's kind.
    pub kind: u8,
    /// Where it starts, in bytes from the first option.
    pub offset: usize,
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<Ipv4Option<'a>, OptionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, data) = match take_option(&mut self.rest, &mut self.offset)? {
            Ok(option) => option,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(Ipv4Option { kind, data }))
    }
}

/// Takes the next kind-length-value option of IPv4 or TCP, which share kinds 0 (end) and 1 (no operation) and a
/// length that counts kind and length themselves.
pub(crate) fn take_option<'a>(
    rest: &mut &'a [u8],
    offset: &mut usize,
) -> Option<Result<(u8, &'a [u8]), OptionError>> {
    let bytes = *rest;
    let len = match *bytes {
        [] | [0, ..] => return None,
        [1, ..] => 1,
        [_, len, ..] if len >= 2 && usize::from(len) <= bytes.len() => usize::from(len),
        [kind, ..] => {
            *rest = &[];
            return Some(Err(OptionError { kind, offset: *offset }));
        }
    };
    *rest = &bytes[len..];
    *offset += len;
    Some(Ok((bytes[0], &bytes[len.min(2)..len])))
}

#[cfg(test)]
mod tests {
    use super::*;

    // From RFC 1071-style worked examples: a header whose checksum is known to be 0xb861.
    const HEADER: [u8; 20] = [
        0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0,
        0xa8, 0x00, 0xc7,
    ];

    #[test]
    fn a_header_is_seen_in_place() {
        let (ip, _) = Ipv4::ref_from_prefix(&HEADER).unwrap();
        assert_eq!((ip.version(), ip.header_len(), ip.total_len.get(), ip.ttl), (4, 20, 115, 64));
        assert_eq!(ip.protocol, IpProtocol::UDP);
        assert_eq!((ip.src(), ip.dst()), ([192, 168, 0, 1].into(), [192, 168, 0, 199].into()));
        assert!(ip.dont_fragment() && !ip.is_fragment());
    }

    #[test]
    fn a_hop_taken_leaves_the_checksum_right() {
        let mut bytes = HEADER;
        let (ip, _) = Ipv4::mut_from_prefix(&mut bytes).unwrap();
        for ttl in (1..64).rev() {
            assert!(ip.decrement_ttl());
            assert_eq!(ip.ttl, ttl);
            assert_eq!(crate::checksum::internet(ip.as_bytes()), 0);
        }
        assert!(!ip.decrement_ttl());
        assert_eq!(ip.ttl, 1);
        ip.fill_checksum(&[]);
        assert_eq!(crate::checksum::internet(&bytes), 0);
    }

    #[test]
    fn options_are_walked_and_a_wrong_length_is_reported_once() {
        let found: Vec<_> = options(&[1, 148, 4, 0, 0, 7, 3, 4, 0, 9]).map(Result::unwrap).collect();
        assert_eq!(found[0], Ipv4Option { kind: 1, data: &[] });
        assert_eq!(found[1], Ipv4Option { kind: 148, data: &[0, 0] });
        assert_eq!(found[2], Ipv4Option { kind: 7, data: &[4] });
        assert_eq!(found.len(), 3);
        for wrong in [&[7_u8, 0, 0, 0][..], &[7, 1, 0], &[7, 4, 0], &[7]] {
            let found: Vec<_> = options(wrong).collect();
            assert_eq!(found, [Err(OptionError { kind: 7, offset: 0 })]);
        }
    }
}
