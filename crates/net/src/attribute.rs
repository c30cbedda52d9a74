//! Netlink attributes as bytes, written and read.

const HEADER: usize = 4;
/// The flags in an attribute's type: nested, and in network byte order.
#[cfg(test)]
const FLAGS: u16 = 0xc000;

/// Bytes of attributes, each padded to four bytes.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Begins with a fixed structure, as the options of some disciplines do.
    pub(crate) fn after(structure: Vec<u8>) -> Self {
        Self(structure)
    }

    pub(crate) fn bytes(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let length = u16::try_from(HEADER + value.len()).expect("our attributes are far below 64 KiB");
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    pub(crate) fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_ne_bytes())
    }

    pub(crate) fn u64(&mut self, kind: u16, value: u64) -> &mut Self {
        self.bytes(kind, &value.to_ne_bytes())
    }

    /// An array of 32-bit numbers, which is what most of tc's structures are.
    pub(crate) fn words(&mut self, kind: u16, values: &[u32]) -> &mut Self {
        self.bytes(kind, &words(values))
    }

    pub(crate) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Numbers of 32 bits one after the other, as the kernel has them.
pub(crate) fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_ne_bytes()).collect()
}

/// Finds the value of the first attribute of a kind.
#[cfg(test)]
pub(crate) fn find(attributes: &[u8], kind: u16) -> Option<&[u8]> {
    let mut rest = attributes;
    while let (Some(length), Some(found)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let value = rest.get(HEADER..usize::from(length))?;
        if found & !FLAGS == kind {
            return Some(value);
        }
        rest = rest.get(usize::from(length).next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_found() {
        let bytes = Writer::default().bytes(1, b"abc").u32(2, 7).u64(3 | 0x8000, 9).finish();
        assert_eq!(bytes.len(), 8 + 8 + 12);
        assert_eq!(find(&bytes, 1), Some(&b"abc"[..]));
        assert_eq!(find(&bytes, 2).and_then(|value| u32_at(value, 0)), Some(7));
        assert_eq!(find(&bytes, 3).and_then(|value| u64_at(value, 0)), Some(9));
        assert_eq!(find(&bytes, 4), None);
    }

    #[test]
    fn attributes_that_are_cut_short_or_claim_too_much_are_not_found() {
        let bytes = Writer::default().u32(1, 7).u32(2, 8).finish();
        for cut in 0..bytes.len() {
            assert_eq!(find(&bytes[..cut], 2), None, "cut at {cut}");
        }
        assert_eq!(find(&[0, 0, 9, 0, 0, 0, 0, 0], 2), None, "a length of zero ends the search");
    }
}
