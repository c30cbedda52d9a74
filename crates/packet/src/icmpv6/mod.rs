//! ICMP for IPv6 (RFC 4443), its neighbour discovery and its multicast listener discovery.

pub mod mld;
pub mod ndp;

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

crate::wire::named_u8! {
    /// The type of an ICMPv6 message.
    Icmpv6Type {
        /// The packet could not be delivered; see [`UnreachableCode`].
        UNREACHABLE = 1, "destination unreachable";
        /// The packet is too big for the next link.
        PACKET_TOO_BIG = 2, "packet too big";
        /// The packet lived too long; see [`TimeExceededCode`].
        TIME_EXCEEDED = 3, "time exceeded";
        /// A header field is wrong.
        PARAMETER_PROBLEM = 4, "parameter problem";
        /// Asks for an echo reply.
        ECHO_REQUEST = 128, "echo request";
        /// The answer to an echo request.
        ECHO_REPLY = 129, "echo reply";
        /// Who listens to which group? (RFC 2710)
        LISTENER_QUERY = 130, "multicast listener query";
        /// Someone listens to a group (RFC 2710).
        LISTENER_REPORT = 131, "multicast listener report";
        /// Someone listens no more (RFC 2710).
        LISTENER_DONE = 132, "multicast listener done";
        /// Are there routers? (RFC 4861)
        ROUTER_SOLICITATION = 133, "router solicitation";
        /// A router is here (RFC 4861).
        ROUTER_ADVERTISEMENT = 134, "router advertisement";
        /// Who has an address? (RFC 4861)
        NEIGHBOUR_SOLICITATION = 135, "neighbour solicitation";
        /// Someone has an address (RFC 4861).
        NEIGHBOUR_ADVERTISEMENT = 136, "neighbour advertisement";
        /// A better first hop is known (RFC 4861).
        REDIRECT = 137, "redirect";
        /// Who listens to which groups and sources (RFC 3810).
        LISTENER_REPORT_V2 = 143, "multicast listener report v2";
    }
}

impl Icmpv6Type {
    /// Returns whether the message reports an error and quotes a packet; never answer one with another (RFC 4443,
    /// section 2.4 e).
    pub const fn is_error(self) -> bool {
        self.0 < 128
    }
}

crate::wire::named_u8! {
    /// Why a destination is unreachable.
    UnreachableCode {
        /// There is no route.
        NO_ROUTE = 0, "no route";
        /// Policy forbids the communication.
        PROHIBITED = 1, "administratively prohibited";
        /// The destination lies beyond the scope of the source address.
        BEYOND_SCOPE = 2, "beyond scope of source address";
        /// The last hop does not find the host.
        ADDRESS = 3, "address unreachable";
        /// Nobody listens on the port.
        PORT = 4, "port unreachable";
        /// The source address failed a policy.
        SOURCE_POLICY = 5, "source address failed policy";
        /// The route says to reject.
        REJECT_ROUTE = 6, "reject route";
    }
}

crate::wire::named_u8! {
    /// Which time was exceeded.
    TimeExceededCode {
        /// The hop limit ran out on the way.
        HOP_LIMIT = 0, "hop limit exceeded in transit";
        /// The fragments did not come together in time.
        REASSEMBLY = 1, "fragment reassembly time exceeded";
    }
}

/// An ICMPv6 header and the four bytes that follow it in all messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Icmpv6 {
    /// The kind of message.
    pub icmp_type: Icmpv6Type,
    /// The kind within the type.
    pub code: u8,
    /// The checksum over pseudo-header and message.
    pub checksum: U16,
    /// What the type makes of it: identifier and sequence number of an echo, MTU of "packet too big".
    pub rest: [U16; 2],
}

const _: () = assert!(size_of::<Icmpv6>() == Icmpv6::LEN);

impl Icmpv6 {
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

    /// Returns the MTU of the next link in "packet too big", or the pointer of a parameter problem.
    pub fn mtu(&self) -> u32 {
        u32::from(self.rest[0].get()) << 16 | u32::from(self.rest[1].get())
    }
}
