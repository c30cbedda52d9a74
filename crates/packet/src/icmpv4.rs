//! ICMP for IPv4 (RFC 792, RFC 1122, RFC 1191).

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
    /// What the type makes of it: identifier and sequence number of an echo, MTU of "fragmentation needed".
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
}
