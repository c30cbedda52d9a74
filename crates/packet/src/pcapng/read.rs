//! Reading pcapng.

use std::io::Read;

use super::{
    BYTE_ORDER, ENHANCED_PACKET, INTERFACE, Interface, OPTION_COMMENT, OPTION_END, OPTION_EPB_FLAGS,
    OPTION_IF_DESCRIPTION, OPTION_IF_NAME, OPTION_IF_TSOFFSET, OPTION_IF_TSRESOL, SECTION_HEADER,
    SIMPLE_PACKET, padding,
};
use crate::capture::{Direction, Endian, Error, Input, LinkType, MAX_LEN, Record};

/// Reads a pcapng file: an iterator over its records; see [`crate::capture::Reader`].
#[derive(Debug)]
pub struct Reader<R> {
    input: Input<R>,
    endian: Endian,
    interfaces: Vec<Interface>,
    clocks: Vec<Clock>,
    /// How many interfaces the sections before this one had.
    section_start: usize,
    done: bool,
}

/// How an interface tells time.
#[derive(Debug, Clone, Copy)]
struct Clock {
    ticks_per_s: u128,
    offset_s: i64,
}

/// The options of a block: number and value.
struct Options<'a> {
    bytes: Bytes<'a>,
}

/// What is left of a block's body.
#[derive(Clone, Copy)]
struct Bytes<'a> {
    rest: &'a [u8],
    endian: Endian,
}

/// Why a block cannot be read.
type Damage = &'static str;

const CUT: Damage = "block shorter than its fields";

impl<R: Read> Reader<R> {
    /// Reads the first section header.
    ///
    /// # Errors
    /// If this is no pcapng file, or it ends too early, or cannot be read.
    pub fn new(input: R) -> Result<Self, Error> {
        let mut input = Input::new(input);
        match input.magic()? {
            SECTION_HEADER => Self::after_magic(input),
            magic => Err(Error::Magic { magic }),
        }
    }

    pub(crate) fn after_magic(input: Input<R>) -> Result<Self, Error> {
        let mut reader = Self {
            input,
            endian: Endian::Little,
            interfaces: Vec::new(),
            clocks: Vec::new(),
            section_start: 0,
            done: false,
        };
        reader.section(0)?;
        Ok(reader)
    }

    /// Returns the interfaces seen so far, in all sections; [`Record::interface`] is an index into them.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Reads a section header behind its type; the block starts at `offset`.
    fn section(&mut self, offset: u64) -> Result<(), Error> {
        let len = self.input.array("section header")?;
        let order = self.input.array("section header")?;
        self.endian = match u32::from_be_bytes(order) {
            BYTE_ORDER => Endian::Big,
            order if order.swap_bytes() == BYTE_ORDER => Endian::Little,
            _ => return Err(Error::Damaged { offset, what: "section header without byte order" }),
        };
        let body = self.body(offset, self.endian.u32(len), 16)?;
        match *body {
            [a, b, ..] if self.endian.u16([a, b]) == 1 => {}
            _ => return Err(Error::Damaged { offset, what: "section of a version other than 1" }),
        }
        self.section_start = self.interfaces.len();
        Ok(())
    }

    /// Reads the rest of a block of `len` bytes, of which `read` have been read, and returns it without the length
    /// at its end.
    fn body(&mut self, offset: u64, len: u32, read: usize) -> Result<Vec<u8>, Error> {
        let total = len as usize;
        // `read` counts the trailing length too, which stands in every block.
        if total < read || !total.is_multiple_of(4) {
            return Err(Error::Damaged { offset, what: "block length less than its parts or not in words" });
        }
        if total > MAX_LEN {
            return Err(Error::Damaged { offset, what: "block of more than 16 MiB" });
        }
        let body = self.input.bytes(total - read, "block")?;
        let again = self.endian.u32(self.input.array("block")?);
        if again != len {
            return Err(Error::Damaged { offset, what: "block whose two lengths differ" });
        }
        Ok(body)
    }

    fn record(&mut self) -> Result<Option<Record>, Error> {
        loop {
            let offset = self.input.offset();
            let Some(block_type) = self.input.array_or_end("block header")? else { return Ok(None) };
            let block_type = self.endian.u32(block_type);
            if block_type == SECTION_HEADER {
                self.section(offset)?;
                continue;
            }
            let len = self.endian.u32(self.input.array("block header")?);
            let body = self.body(offset, len, 12)?;
            let bytes = Bytes { rest: &body, endian: self.endian };
            let record = match block_type {
                INTERFACE => self.interface(bytes).map(|()| None),
                SIMPLE_PACKET => self.simple(bytes).map(Some),
                ENHANCED_PACKET => self.enhanced(bytes).map(Some),
                _ => Ok(None),
            };
            match record {
                Ok(None) => {}
                Ok(record) => return Ok(record),
                Err(what) => return Err(Error::Damaged { offset, what }),
            }
        }
    }

    fn interface(&mut self, mut bytes: Bytes<'_>) -> Result<(), Damage> {
        let link_type = LinkType::new(bytes.u16()?);
        bytes.u16()?; // reserved
        let snaplen = bytes.u32()?;
        let mut interface = Interface { link_type, snaplen, name: None, description: None };
        let mut clock = Clock { ticks_per_s: 1_000_000, offset_s: 0 };
        for option in (Options { bytes }) {
            match option? {
                (OPTION_IF_NAME, value) => interface.name = Some(text(value)),
                (OPTION_IF_DESCRIPTION, value) => interface.description = Some(text(value)),
                (OPTION_IF_TSRESOL, &[resolution]) => clock.ticks_per_s = ticks_per_s(resolution)?,
                (OPTION_IF_TSOFFSET, &[a, b, c, d, e, f, g, h]) => {
                    clock.offset_s = self.endian.u64([a, b, c, d, e, f, g, h]) as i64;
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        self.clocks.push(clock);
        Ok(())
    }

    fn enhanced(&self, mut bytes: Bytes<'_>) -> Result<Record, Damage> {
        let interface = self.section_start.saturating_add(bytes.u32()? as usize);
        let clock = self.clocks.get(interface).ok_or("packet of an unknown interface")?;
        let ticks = u64::from(bytes.u32()?) << 32 | u64::from(bytes.u32()?);
        let captured = bytes.u32()? as usize;
        let mut record = Record {
            time_ns: clock.time_ns(ticks)?,
            interface: u32::try_from(interface).map_err(|_| "packet of an unknown interface")?,
            original_len: bytes.u32()?,
            data: bytes.padded(captured)?.to_vec(),
            ..Record::default()
        };
        for option in (Options { bytes }) {
            match option? {
                (OPTION_COMMENT, value) => record.comments.push(text(value)),
                (OPTION_EPB_FLAGS, &[a, b, c, d]) => {
                    record.direction = match self.endian.u32([a, b, c, d]) & 3 {
                        1 => Some(Direction::Inbound),
                        2 => Some(Direction::Outbound),
                        _ => None,
                    };
                }
                _ => {}
            }
        }
        Ok(record)
    }

    fn simple(&self, mut bytes: Bytes<'_>) -> Result<Record, Damage> {
        let interface = self.interfaces.get(self.section_start).ok_or("packet of an unknown interface")?;
        let original_len = bytes.u32()?;
        let snaplen = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
        let data = bytes.padded(original_len.min(snaplen) as usize)?.to_vec();
        let interface = u32::try_from(self.section_start).map_err(|_| "packet of an unknown interface")?;
        Ok(Record { interface, original_len, data, ..Record::default() })
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let record = self.record().transpose();
        self.done = !matches!(record, Some(Ok(_)));
        record
    }
}

impl Clock {
    fn time_ns(self, ticks: u64) -> Result<u64, Damage> {
        // At most 2⁶⁴ · 10⁹, which a u128 holds.
        let since_offset = u128::from(ticks) * 1_000_000_000 / self.ticks_per_s;
        i128::try_from(since_offset)
            .ok()
            .and_then(|ns| u64::try_from(ns + i128::from(self.offset_s) * 1_000_000_000).ok())
            .ok_or("time outside the years 1970 to 2554")
    }
}

/// Returns the ticks per second that an `if_tsresol` option says.
fn ticks_per_s(resolution: u8) -> Result<u128, Damage> {
    let exponent = u32::from(resolution & 0x7f);
    let base = if resolution & 0x80 == 0 { 10_u128 } else { 2 };
    base.checked_pow(exponent).ok_or("resolution finer than any clock")
}

impl<'a> Bytes<'a> {
    fn u16(&mut self) -> Result<u16, Damage> {
        let (&bytes, rest) = self.rest.split_first_chunk().ok_or(CUT)?;
        self.rest = rest;
        Ok(self.endian.u16(bytes))
    }

    fn u32(&mut self) -> Result<u32, Damage> {
        let (&bytes, rest) = self.rest.split_first_chunk().ok_or(CUT)?;
        self.rest = rest;
        Ok(self.endian.u32(bytes))
    }

    /// Takes `len` bytes and the padding behind them.
    fn padded(&mut self, len: usize) -> Result<&'a [u8], Damage> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(CUT)?;
        self.rest = rest.get(padding(len)..).ok_or(CUT)?;
        Ok(bytes)
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<(u16, &'a [u8]), Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.rest.is_empty() {
            return None;
        }
        let option = self.option();
        if !matches!(option, Ok((number, _)) if number != OPTION_END) {
            self.bytes.rest = &[];
        }
        match option {
            Ok((OPTION_END, _)) => None,
            option => Some(option),
        }
    }
}

impl<'a> Options<'a> {
    fn option(&mut self) -> Result<(u16, &'a [u8]), Damage> {
        let (number, len) = (self.bytes.u16()?, self.bytes.u16()?);
        Ok((number, self.bytes.padded(len.into())?))
    }
}

/// Returns the text of an option, which may end with a zero byte.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_suffix(&[0]).unwrap_or(bytes)).into_owned()
}
