//! The CRC32c of SCTP (RFC 9260, appendix A).

/// The reflected polynomial of Castagnoli.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// What a byte makes of the remainder, with 0 to 7 bytes behind it: eight bytes are done at once ("slicing by 8").
static TABLES: [[u32; 256]; 8] = tables();

/// A CRC32c over bytes that come in parts.
///
/// # Examples
/// ```
/// use rackless_packet::checksum::Crc32c;
///
/// // The check value of the catalogue of parametrised CRC algorithms.
/// assert_eq!(Crc32c::new().update(b"12345").update(b"6789").get(), 0xe306_9283);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crc32c(u32);

impl Default for Crc32c {
    fn default() -> Self {
        Self::new()
    }
}

impl Crc32c {
    /// Starts with no bytes.
    pub const fn new() -> Self {
        Self(!0)
    }

    /// Adds the bytes that follow.
    #[must_use]
    pub fn update(self, bytes: &[u8]) -> Self {
        let (blocks, rest) = bytes.as_chunks::<8>();
        let remainder = blocks.iter().fold(self.0, |remainder, &[a, b, c, d, e, f, g, h]| {
            let [a, b, c, d] = (remainder ^ u32::from_le_bytes([a, b, c, d])).to_le_bytes();
            let bytes = [h, g, f, e, d, c, b, a];
            TABLES.iter().zip(bytes).fold(0, |sum, (table, byte)| sum ^ table[usize::from(byte)])
        });
        let one = |remainder: u32, byte: &u8| {
            remainder >> 8 ^ TABLES[0][usize::from(remainder.to_le_bytes()[0] ^ byte)]
        };
        Self(rest.iter().fold(remainder, one))
    }

    /// Returns the checksum.
    pub const fn get(self) -> u32 {
        !self.0
    }
}

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            remainder = remainder >> 1 ^ if remainder & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        tables[0][byte] = remainder;
        byte += 1;
    }
    let mut entry = 256;
    while entry < 8 * 256 {
        let before = tables[entry / 256 - 1][entry % 256];
        tables[entry / 256][entry % 256] = before >> 8 ^ tables[0][(before & 0xff) as usize];
        entry += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_3720_hold() {
        // Appendix B.4
        let crc = |bytes: &[u8]| Crc32c::new().update(bytes).get();
        let up: Vec<u8> = (0..32).collect();
        let down: Vec<u8> = (0..32).rev().collect();
        assert_eq!(crc(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!((crc(&up), crc(&down)), (0x46dd_794e, 0x113f_db5c));
    }

    #[test]
    fn parts_of_any_length_give_the_whole() {
        let bytes: Vec<u8> = (0..40).map(|n: u8| n.wrapping_mul(37)).collect();
        let whole = Crc32c::new().update(&bytes);
        for at in 0..bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(Crc32c::new().update(head).update(tail), whole);
        }
    }
}
