//! ICMP for IPv4 (RFC 792, RFC 1122, RFC 1191, RFC 4884).

use std::net::Ipv4Addr;

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

crate::wire::named_u8! {
    /// The type of an ICMPv4 message.
    Icmpv4Type {
        /// The answer to an echo request.
        ECHO_REPLY = 0, "echo reply";
        /// The packet could not be delivered; see [`UnreachableCode`].
        UNREACHABLE = 3, "destination unreachable";
        /// A better first hop is known.
        REDIRECT = 5, "redirect";
        /// Asks for an echo reply.
        ECHO_REQUEST = 8, "echo request";
        /// A router is here (RFC 1256).
        ROUTER_ADVERTISEMENT = 9, "router advertisement";
        /// Are there routers? (RFC 1256)
        ROUTER_SOLICITATION = 10, "router solicitation";
        /// The packet lived too long; see [`TimeExceededCode`].
        TIME_EXCEEDED = 11, "time exceeded";
        /// A header field is wrong.
        PARAMETER_PROBLEM = 12, "parameter problem";
        /// Asks for a timestamp reply.
        TIMESTAMP_REQUEST = 13, "timestamp request";
        /// The answer to a timestamp request.
        TIMESTAMP_REPLY = 14, "timestamp reply";
    }
}

impl Icmpv4Type {
    /// Returns whether the message reports an error and quotes a packet; never answer one with another (RFC 1812,
    /// section 4.3.2.7).
    pub const fn is_error(self) -> bool {
        matches!(self, Self::UNREACHABLE | Self::REDIRECT | Self::TIME_EXCEEDED | Self::PARAMETER_PROBLEM)
            || self.0 == 4 // source quench, no longer in use (RFC 6633)
    }
}

crate::wire::named_u8! {
    /// Why a destination is unreachable.
    UnreachableCode {
        /// There is no route.
        NET = 0, "network unreachable";
        /// The last hop does not find the host.
        HOST = 1, "host unreachable";
        /// The host does not know the protocol.
        PROTOCOL = 2, "protocol unreachable";
        /// Nobody listens on the port.
        PORT = 3, "port unreachable";
        /// The packet is too big for the next link and must not be fragmented (RFC 1191).
        FRAGMENTATION_NEEDED = 4, "fragmentation needed";
        /// The source route failed.
        SOURCE_ROUTE_FAILED = 5, "source route failed";
        /// Policy forbids the network.
        NET_PROHIBITED = 9, "network administratively prohibited";
        /// Policy forbids the host.
        HOST_PROHIBITED = 10, "host administratively prohibited";
        /// Policy forbids the communication (RFC 1812).
        PROHIBITED = 13, "administratively prohibited";
    }
}

crate::wire::named_u8! {
    /// Which packets a redirect is for.
    RedirectCode {
        /// Those for the network.
        NET = 0, "for the network";
        /// Those for the host.
        HOST = 1, "for the host";
        /// Those for the network and type of service.
        NET_TOS = 2, "for the network and type of service";
        /// Those for the host and type of service.
        HOST_TOS = 3, "for the host and type of service";
    }
}

crate::wire::named_u8! {
    /// Which time was exceeded.
    TimeExceededCode {
        /// The TTL ran out on the way.
        TTL = 0, "time to live exceeded in transit";
        /// The fragments did not come together in time.
        REASSEMBLY = 1, "fragment reassembly time exceeded";
    }
}

/// An ICMPv4 header: the fixed part that all messages share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Icmpv4 {
    /// The kind of message.
    pub icmp_type: Icmpv4Type,
    /// The kind within the type.
    pub code: u8,
    /// The checksum over the whole message.
    pub checksum: U16,
    /// What the type makes of it: identifier and sequence number of an echo, MTU of "fragmentation needed",
    /// gateway of a redirect.
    pub rest: [U16; 2],
}

const _: () = assert!(size_of::<Icmpv4>() == Icmpv4::LEN);

impl Icmpv4 {
    /// The length in bytes.
    pub const LEN: usize = 8;

    /// Returns the identifier of an echo.
    pub fn echo_id(&self) -> u16 {
        self.rest[0].get()
    }

    /// Returns the sequence number of an echo.
    pub fn echo_seq(&self) -> u16 {
        self.rest[1].get()
    }

    /// Returns the MTU of the next link in "fragmentation needed", 0 if the router did not say (RFC 1191).
    pub fn mtu(&self) -> u16 {
        self.rest[1].get()
    }

    /// Returns the better first hop that a redirect names.
    pub fn gateway(&self) -> Ipv4Addr {
        let ([a, b], [c, d]) = (self.rest[0].get().to_be_bytes(), self.rest[1].get().to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    }

    /// Returns where in the quoted packet a parameter problem lies, in bytes.
    pub fn pointer(&self) -> u8 {
        (self.rest[0].get() >> 8) as u8
    }

    /// Returns how many bytes of a packet are quoted before extensions come, in "destination unreachable", "time
    /// exceeded" and "parameter problem"; 0 if there are none (RFC 4884, section 4).
    pub fn quoted_len(&self) -> usize {
        usize::from(self.rest[0].get() & 0xff) * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_four_bytes_are_what_the_type_makes_of_them() {
        let (redirect, _) = Icmpv4::ref_from_prefix(&[5, 1, 0, 0, 192, 0, 2, 1]).unwrap();
        assert_eq!(
            (redirect.icmp_type, RedirectCode(redirect.code)),
            (Icmpv4Type::REDIRECT, RedirectCode::HOST)
        );
        assert_eq!(redirect.gateway(), Ipv4Addr::new(192, 0, 2, 1));
        let (exceeded, _) = Icmpv4::ref_from_prefix(&[11, 0, 0, 0, 0, 32, 0, 0]).unwrap();
        assert_eq!(exceeded.quoted_len(), 128);
        let (problem, _) = Icmpv4::ref_from_prefix(&[12, 0, 0, 0, 20, 0, 0, 0]).unwrap();
        assert_eq!((problem.pointer(), problem.quoted_len()), (20, 0));
    }
}
