//! UDP headers (RFC 768).

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A UDP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Udp {
    /// The source port.
    pub src_port: U16,
    /// The destination port.
    pub dst_port: U16,
    /// Header and payload in bytes.
    pub len: U16,
    /// The checksum over pseudo-header, header and payload; 0 on IPv4 says that there is none.
    pub checksum: U16,
}

const _: () = assert!(size_of::<Udp>() == Udp::LEN);

impl Udp {
    /// The length in bytes.
    pub const LEN: usize = 8;
}
