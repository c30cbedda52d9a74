//! The Stream Control Transmission Protocol (RFC 9260): its common header, and the chunks behind it.

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian};

use crate::checksum::Crc32c;

crate::wire::named_u8! {
    /// The type of a chunk (RFC 9260, section 3.2).
    ChunkType {
        /// User data.
        DATA = 0, "DATA";
        /// Opens an association.
        INIT = 1, "INIT";
        /// Answers an INIT.
        INIT_ACK = 2, "INIT ACK";
        /// Acknowledges data.
        SACK = 3, "SACK";
        /// Asks for a sign of life.
        HEARTBEAT = 4, "HEARTBEAT";
        /// Answers a HEARTBEAT.
        HEARTBEAT_ACK = 5, "HEARTBEAT ACK";
        /// Ends an association at once.
        ABORT = 6, "ABORT";
        /// Asks to end an association.
        SHUTDOWN = 7, "SHUTDOWN";
        /// Answers a SHUTDOWN.
        SHUTDOWN_ACK = 8, "SHUTDOWN ACK";
        /// Something is wrong.
        ERROR = 9, "ERROR";
        /// Gives the cookie of an INIT ACK back.
        COOKIE_ECHO = 10, "COOKIE ECHO";
        /// Answers a COOKIE ECHO.
        COOKIE_ACK = 11, "COOKIE ACK";
        /// The association has ended.
        SHUTDOWN_COMPLETE = 14, "SHUTDOWN COMPLETE";
    }
}

/// The common header (RFC 9260, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Sctp {
    /// The source port.
    pub src_port: U16,
    /// The destination port.
    pub dst_port: U16,
    /// What tells this association from others of the same ports.
    pub verification_tag: U32,
    /// The CRC32c of the packet, computed with 0 in its place; its low byte comes first (RFC 9260, appendix A).
    pub checksum: little_endian::U32,
}

const _: () = assert!(size_of::<Sctp>() == Sctp::LEN);

impl Sctp {
    /// The length in bytes.
    pub const LEN: usize = 12;

    /// Returns the checksum that a packet, header and all chunks, should have; 0 of bytes shorter than a header.
    pub fn checksum_of(packet: &[u8]) -> u32 {
        let Some((before, rest)) = packet.split_at_checked(Self::LEN - 4) else { return 0 };
        match rest.split_at_checked(4) {
            Some((_, chunks)) => Crc32c::new().update(before).update(&[0; 4]).update(chunks).get(),
            None => 0,
        }
    }
}

/// One chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The kind of chunk.
    pub kind: ChunkType,
    /// What the kind makes of it.
    pub flags: u8,
    /// What follows kind, flags and length, without padding.
    pub data: &'a [u8],
}

/// A chunk's length is less than 4 or reaches beyond the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("SCTP chunk at offset {offset} of the chunks has a wrong length")]
pub struct ChunkError {
    /// Where it starts, in bytes from the first chunk.
    pub offset: usize,
}

/// Returns an iterator over the chunks behind the common header.
///
/// A chunk whose length is wrong comes as an error, once, and ends the iteration.
pub const fn chunks(bytes: &[u8]) -> Chunks<'_> {
    Chunks { bytes, offset: 0 }
}

/// The iterator that [`chunks`] returns.
#[derive(Debug, Clone)]
pub struct Chunks<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, ChunkError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset;
        let bytes = self.bytes.get(offset..).filter(|bytes| !bytes.is_empty())?;
        let chunk = match *bytes {
            [kind, flags, a, b, ..] => {
                let data = bytes.get(4..u16::from_be_bytes([a, b]).into());
                data.map(|data| Chunk { kind: ChunkType(kind), flags, data })
            }
            _ => None,
        };
        // The padding of the last chunk may be missing.
        self.offset =
            chunk.map_or(self.bytes.len(), |chunk| offset + 4 + chunk.data.len().next_multiple_of(4));
        Some(chunk.ok_or(ChunkError { offset }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A COOKIE ACK of tag 1 from port 7 to port 9.
    const PACKET: [u8; 16] = [0, 7, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 11, 0, 0, 4];

    #[test]
    fn the_checksum_does_not_count_itself() {
        let right = Sctp::checksum_of(&PACKET);
        let mut packet = PACKET;
        let (header, rest) = Sctp::mut_from_prefix(&mut packet).unwrap();
        assert_eq!((header.src_port.get(), header.dst_port.get(), header.verification_tag.get()), (7, 9, 1));
        header.checksum.set(right);
        assert_eq!(chunks(rest).next(), Some(Ok(Chunk { kind: ChunkType::COOKIE_ACK, flags: 0, data: &[] })));
        assert_eq!(Sctp::checksum_of(&packet), right);
        assert_eq!(packet[8..12], right.to_le_bytes());
        assert_eq!((Sctp::checksum_of(&packet[..11]), Sctp::checksum_of(&[])), (0, 0));
    }

    #[test]
    fn chunks_are_walked_over_their_padding() {
        let bytes = [0, 3, 0, 5, b'x', 0, 0, 0, 6, 0, 0, 4, 9, 0, 0, 6, 1, 2];
        let found: Vec<_> = chunks(&bytes).map(Result::unwrap).collect();
        assert_eq!(found[0], Chunk { kind: ChunkType::DATA, flags: 3, data: b"x" });
        assert_eq!(found[1], Chunk { kind: ChunkType::ABORT, flags: 0, data: &[] });
        assert_eq!(found[2], Chunk { kind: ChunkType::ERROR, flags: 0, data: &[1, 2] });
        for wrong in [&[0, 0, 0, 3][..], &[0, 0, 0, 5], &[0, 0, 0], &[0, 0, 0, 0]] {
            assert_eq!(chunks(wrong).collect::<Vec<_>>(), [Err(ChunkError { offset: 0 })]);
        }
    }
}
