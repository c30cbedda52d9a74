//! Reading with the offset counted.

use std::io::{ErrorKind, Read};

use super::{Error, MAX_LEN};

/// The byte order of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endian {
    Big,
    Little,
}

impl Endian {
    pub(crate) fn u16(self, bytes: [u8; 2]) -> u16 {
        if self == Self::Big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        if self == Self::Big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    pub(crate) fn u64(self, bytes: [u8; 8]) -> u64 {
        if self == Self::Big { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) }
    }
}

/// Input whose position is known.
#[derive(Debug)]
pub(crate) struct Input<R> {
    inner: R,
    offset: u64,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, offset: 0 }
    }

    /// Returns how many bytes were read.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the first four bytes as a big-endian number.
    pub(crate) fn magic(&mut self) -> Result<u32, Error> {
        Ok(u32::from_be_bytes(self.array("file header")?))
    }

    /// Reads exactly `N` bytes of a `what`.
    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        self.array_or_end(what)?.ok_or(Error::Truncated { offset: self.offset, what })
    }

    /// Reads exactly `N` bytes of a `what`, or `None` if the input ends before the first.
    pub(crate) fn array_or_end<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<Option<[u8; N]>, Error> {
        let mut bytes = [0; N];
        let mut filled = 0;
        while filled < N {
            match self.inner.read(&mut bytes[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(Error::Truncated { offset: self.offset, what }),
                Ok(count) => {
                    filled += count;
                    self.offset += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::Read { offset: self.offset, source }),
            }
        }
        Ok(Some(bytes))
    }

    /// Reads exactly `len` bytes of a `what`; a length that lies takes no more memory than there is input.
    pub(crate) fn bytes(&mut self, len: usize, what: &'static str) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(len.min(MAX_LEN).min(1 << 16));
        let result = self.inner.by_ref().take(len as u64).read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        result.map_err(|source| Error::Read { offset: self.offset, source })?;
        if bytes.len() < len { Err(Error::Truncated { offset: self.offset, what }) } else { Ok(bytes) }
    }
}
