//! The GPRS Tunnelling Protocol for user data, GTP-U version 1 (3GPP TS 29.281): packets of phones over UDP.

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

crate::wire::named_u8! {
    /// The type of a GTP-U message (TS 29.281, section 6.1).
    MessageType {
        /// Asks a peer for a sign of life.
        ECHO_REQUEST = 1, "echo request";
        /// Answers an echo request.
        ECHO_RESPONSE = 2, "echo response";
        /// A packet came for a tunnel that is not there.
        ERROR_INDICATION = 26, "error indication";
        /// Which extension headers are understood.
        EXTENSIONS_NOTIFICATION = 31, "supported extension headers notification";
        /// The state of a tunnel.
        TUNNEL_STATUS = 253, "tunnel status";
        /// No more packets come by this tunnel.
        END_MARKER = 254, "end marker";
        /// A packet of the tunnel.
        G_PDU = 255, "G-PDU";
    }
}

crate::wire::named_u8! {
    /// The type of an extension header (TS 29.281, section 5.2.1).
    ExtensionType {
        /// No extension header follows.
        NONE = 0x00, "none";
        /// The service class of the packet.
        SERVICE_CLASS = 0x20, "service class indicator";
        /// The port of the packet that an error indication is about.
        UDP_PORT = 0x40, "UDP port";
        /// What radio nodes tell each other.
        RAN_CONTAINER = 0x81, "RAN container";
        /// The packet's number of 18 bits on the air.
        LONG_PDCP_NUMBER = 0x82, "long PDCP PDU number";
        /// What radio nodes of wireless LANs tell each other.
        XW_RAN_CONTAINER = 0x83, "Xw RAN container";
        /// What radio nodes of 5G tell each other.
        NR_RAN_CONTAINER = 0x84, "NR RAN container";
        /// The QoS flow of the packet in 5G (TS 38.415).
        PDU_SESSION_CONTAINER = 0x85, "PDU session container";
        /// The packet's number on the air.
        PDCP_NUMBER = 0xc0, "PDCP PDU number";
    }
}

/// The eight bytes that every GTP-U header has (TS 29.281, section 5.1).
///
/// Four bytes of optional fields follow if one of the flags E, S and PN is set, then extension headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct GtpU {
    /// Version (3 bits), protocol type (1 bit), spare (1 bit), and the flags E, S and PN.
    pub flags: u8,
    /// The kind of message.
    pub message_type: MessageType,
    /// All that follows these eight bytes, optional fields too, in bytes.
    pub len: U16,
    /// Which tunnel of the receiver the packet belongs to.
    pub teid: U32,
}

const _: () = assert!(size_of::<GtpU>() == GtpU::LEN);

/// The most extension headers that are walked in one packet.
pub const MAX_EXTENSIONS: usize = 8;

/// The optional fields and extension headers cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExtensionError {
    /// The message ends inside them, or a length is 0.
    #[error("GTP-U extension header at offset {offset} is cut short or its length wrong")]
    Truncated {
        /// Where it starts, in bytes from the end of the first eight.
        offset: usize,
    },
    /// There are more than [`MAX_EXTENSIONS`].
    #[error("more than {MAX_EXTENSIONS} GTP-U extension headers")]
    TooMany,
}

/// One extension header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Which header it is.
    pub kind: ExtensionType,
    /// Its content, without the length before it and the next type behind it.
    pub data: &'a [u8],
}

impl GtpU {
    /// The length in bytes without optional fields.
    pub const LEN: usize = 8;
    /// The destination port of all but answers.
    pub const PORT: u16 = 2152;
    /// The flag of an extension header.
    pub const EXTENSION: u8 = 0x04;
    /// The flag of a sequence number.
    pub const SEQUENCE: u8 = 0x02;
    /// The flag of an N-PDU number.
    pub const N_PDU: u8 = 0x01;
    /// Version 1, protocol type GTP and not GTP'.
    const VERSION_1: u8 = 0x30;
    /// The length of the optional fields, which are there all or none.
    const OPTIONAL: usize = 4;

    /// Makes the header of a packet of `len` bytes without optional fields.
    pub const fn new(teid: u32, len: u16) -> Self {
        let message_type = MessageType::G_PDU;
        Self { flags: Self::VERSION_1, message_type, len: U16::new(len), teid: U32::new(teid) }
    }

    /// Returns whether the header is one of GTP-U: version 1, and not the accounting protocol GTP'.
    pub const fn is_version_1(&self) -> bool {
        self.flags & 0xf0 == Self::VERSION_1
    }

    /// Returns whether the optional fields follow.
    pub const fn has_optional(&self) -> bool {
        self.flags & (Self::EXTENSION | Self::SEQUENCE | Self::N_PDU) != 0
    }

    /// Returns the sequence number, if there is one; `rest` is what follows the first eight bytes.
    pub fn sequence(&self, rest: &[u8]) -> Option<u16> {
        let [a, b, ..] = *self.optional(Self::SEQUENCE, rest)?;
        Some(u16::from_be_bytes([a, b]))
    }

    /// Returns the N-PDU number, if there is one; `rest` is what follows the first eight bytes.
    pub fn n_pdu(&self, rest: &[u8]) -> Option<u8> {
        self.optional(Self::N_PDU, rest).map(|fields| fields[2])
    }

    /// Returns the type of the first extension header, if there is one; `rest` is what follows the first eight bytes.
    pub fn first_extension(&self, rest: &[u8]) -> Option<ExtensionType> {
        let first = self.optional(Self::EXTENSION, rest).map(|fields| ExtensionType(fields[3]))?;
        (first != ExtensionType::NONE).then_some(first)
    }

    /// Returns an iterator over the extension headers; `rest` is what follows the first eight bytes.
    ///
    /// What cannot be read comes as an error, once, and ends the iteration, behind which [`Extensions::offset`] says
    /// where the payload starts.
    pub fn extensions<'a>(&self, rest: &'a [u8]) -> Extensions<'a> {
        let next = self.first_extension(rest).unwrap_or(ExtensionType::NONE);
        let offset = if self.has_optional() { Self::OPTIONAL } else { 0 };
        Extensions { next, rest, offset, count: 0, failed: false }
    }

    fn optional<'a>(&self, flag: u8, rest: &'a [u8]) -> Option<&'a [u8; Self::OPTIONAL]> {
        rest.first_chunk().filter(|_| self.flags & flag != 0)
    }
}

/// The iterator that [`GtpU::extensions`] returns.
#[derive(Debug, Clone)]
pub struct Extensions<'a> {
    next: ExtensionType,
    rest: &'a [u8],
    offset: usize,
    count: usize,
    failed: bool,
}

impl Extensions<'_> {
    /// Returns where the headers walked so far end, in bytes from the end of the first eight.
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Result<Extension<'a>, ExtensionError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let offset = self.offset;
        let bytes = self.rest.get(offset..);
        if self.next == ExtensionType::NONE && bytes.is_some() {
            return None;
        }
        if self.count == MAX_EXTENSIONS {
            self.failed = true;
            return Some(Err(ExtensionError::TooMany));
        }
        // The length counts words of 4 bytes, with itself and the next type (section 5.2.1).
        let extension = bytes.and_then(|bytes| bytes.get(..usize::from(*bytes.first()?) * 4));
        let Some([_, data @ .., next]) = extension else {
            self.failed = true;
            return Some(Err(ExtensionError::Truncated { offset }));
        };
        let kind = std::mem::replace(&mut self.next, ExtensionType(*next));
        self.offset += data.len() + 2;
        self.count += 1;
        Some(Ok(Extension { kind, data }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_without_optional_fields_is_eight_bytes() {
        let header = GtpU::new(0x1234_5678, 20);
        assert_eq!(header.as_bytes(), [0x30, 0xff, 0, 20, 0x12, 0x34, 0x56, 0x78]);
        assert!(header.is_version_1() && !header.has_optional());
        let mut walk = header.extensions(&[0x45]);
        assert_eq!((walk.next(), walk.offset(), header.sequence(&[0; 4])), (None, 0, None));
    }

    #[test]
    fn optional_fields_are_there_all_or_none() {
        let bytes = [0x32, 255, 0, 4, 0, 0, 0, 1, 0x01, 0x02, 9, 0x85];
        let (header, rest) = GtpU::ref_from_prefix(&bytes).unwrap();
        assert_eq!(
            (header.sequence(rest), header.n_pdu(rest), header.first_extension(rest)),
            (Some(0x102), None, None)
        );
        let mut walk = header.extensions(rest);
        assert_eq!((walk.next(), walk.offset()), (None, 4));
    }

    #[test]
    fn extension_headers_are_walked() {
        let bytes =
            [0x34, 255, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0x10, 5, 0xc0, 2, 1, 2, 3, 4, 5, 6, 0, 0x45];
        let (header, rest) = GtpU::ref_from_prefix(&bytes).unwrap();
        let mut walk = header.extensions(rest);
        let found: Vec<_> = walk.by_ref().map(Result::unwrap).collect();
        assert_eq!(found[0], Extension { kind: ExtensionType::PDU_SESSION_CONTAINER, data: &[0x10, 5] });
        assert_eq!(found[1], Extension { kind: ExtensionType::PDCP_NUMBER, data: &[1, 2, 3, 4, 5, 6] });
        assert_eq!(rest[walk.offset()], 0x45);
    }

    #[test]
    fn what_cannot_be_read_is_reported_once() {
        let header = GtpU { flags: 0x34, ..GtpU::new(1, 0) };
        let walk =
            |rest: &[u8]| header.extensions(rest).collect::<Vec<_>>().pop().map(|last| last.unwrap_err());
        assert_eq!(walk(&[0, 0, 0]), Some(ExtensionError::Truncated { offset: 4 }));
        assert_eq!(walk(&[0, 0, 0, 0x85]), Some(ExtensionError::Truncated { offset: 4 }));
        assert_eq!(walk(&[0, 0, 0, 0x85, 0, 0, 0, 0]), Some(ExtensionError::Truncated { offset: 4 }));
        assert_eq!(walk(&[0, 0, 0, 0x85, 2, 0, 0, 0]), Some(ExtensionError::Truncated { offset: 4 }));
        assert_eq!(
            walk(&[&[0, 0, 0, 0x85][..], &[1, 0, 0, 0x85].repeat(9)].concat()),
            Some(ExtensionError::TooMany)
        );
    }
}
