//! What capture files of all formats have in common, and a reader that knows the format by its magic number.

mod input;

use std::io::Read;

pub(crate) use input::{Endian, Input};

use crate::{pcap, pcapng};

/// The largest frame or block that is read, 16 MiB as in Wireshark; a larger length is taken for damage.
pub const MAX_LEN: usize = 16 << 20;

crate::wire::named_u16! {
    /// What the frames of a capture start with (tcpdump.org "link-layer header types").
    LinkType {
        /// An Ethernet header, and no frame check sequence.
        ETHERNET = 1, "Ethernet";
        /// An IPv4 or IPv6 header.
        RAW = 101, "raw IP";
        /// Linux "cooked" frames.
        LINUX_SLL = 113, "Linux cooked";
    }
}

/// One captured frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// When it was captured, in nanoseconds since 1970; 0 if the capture does not say (a simple packet block).
    pub time_ns: u64,
    /// On which interface, as an index into the reader's interfaces; 0 in pcap.
    pub interface: u32,
    /// How long the frame was on the wire; `data` may be less.
    pub original_len: u32,
    /// The bytes captured.
    pub data: Vec<u8>,
    /// Which way it went, if the capture says.
    pub direction: Option<Direction>,
    /// What somebody remarked about it; pcapng only.
    pub comments: Vec<String>,
}

/// Which way a frame went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It was received.
    Inbound,
    /// It was sent.
    Outbound,
}

/// A capture cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error("cannot read capture at byte {offset}")]
    Read {
        /// How far it was read.
        offset: u64,
        /// Why.
        source: std::io::Error,
    },
    /// Writing failed.
    #[error("cannot write capture")]
    Write(#[from] std::io::Error),
    /// The first bytes are those of no format known here.
    #[error("not a pcap or pcapng capture: it starts with {magic:#010x}")]
    Magic {
        /// The first four bytes, big-endian.
        magic: u32,
    },
    /// The input ends inside a header or record; those before were whole.
    #[error("capture cut short at byte {offset}, inside a {what}")]
    Truncated {
        /// Where the input ends.
        offset: u64,
        /// What was being read.
        what: &'static str,
    },
    /// A field makes no sense.
    #[error("damaged capture: {what} at byte {offset}")]
    Damaged {
        /// Where the record or block starts.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A record cannot be expressed in the format.
    #[error("cannot write record: {0}")]
    Record(&'static str),
}

impl Record {
    /// Makes the record of a whole frame.
    pub fn new(time_ns: u64, data: impl Into<Vec<u8>>) -> Self {
        let data = data.into();
        // A frame beyond 4 GiB is refused when it is written.
        let original_len = u32::try_from(data.len()).unwrap_or(u32::MAX);
        Self { time_ns, original_len, data, ..Self::default() }
    }
}

/// Reads a capture of any known format: an iterator over its records.
///
/// A truncated capture gives its whole records first, and an error last. Input is read in small pieces; give a
/// buffered reader for files.
///
/// # Examples
/// ```
/// use rackless_packet::capture::{LinkType, Reader, Record};
/// use rackless_packet::pcap;
///
/// let mut file = Vec::new();
/// let mut writer = pcap::Writer::new(&mut file, LinkType::ETHERNET)?;
/// writer.write(&Record::new(1_000_000_007, *b"a frame"))?;
/// let records: Vec<Record> = Reader::new(&file[..])?.collect::<Result<_, _>>()?;
/// assert_eq!(records[0].time_ns, 1_000_000_007);
/// # Ok::<(), rackless_packet::capture::Error>(())
/// ```
#[derive(Debug)]
pub enum Reader<R> {
    /// The capture is in the pcap format.
    Pcap(pcap::Reader<R>),
    /// The capture is in the pcapng format.
    Pcapng(pcapng::Reader<R>),
}

impl<R: Read> Reader<R> {
    /// Reads the file header.
    ///
    /// # Errors
    /// If the input is in neither format, ends too early, or cannot be read.
    pub fn new(input: R) -> Result<Self, Error> {
        let mut input = Input::new(input);
        let magic = input.magic()?;
        if magic == pcapng::SECTION_HEADER {
            Ok(Self::Pcapng(pcapng::Reader::after_magic(input)?))
        } else {
            Ok(Self::Pcap(pcap::Reader::after_magic(input, magic)?))
        }
    }

    /// Returns what the frames of an interface start with, or `None` if there is no such interface (yet).
    pub fn link_type(&self, interface: u32) -> Option<LinkType> {
        match self {
            Self::Pcap(reader) => (interface == 0).then_some(reader.link_type()),
            Self::Pcapng(reader) => Some(reader.interfaces().get(interface as usize)?.link_type),
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Pcap(reader) => reader.next(),
            Self::Pcapng(reader) => reader.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_capture_says_what_it_starts_with() {
        let error = Reader::new(&b"#!/bin/sh"[..]).unwrap_err();
        assert_eq!(error.to_string(), "not a pcap or pcapng capture: it starts with 0x23212f62");
        let error = Reader::new(&b"#!"[..]).unwrap_err();
        assert_eq!(error.to_string(), "capture cut short at byte 2, inside a file header");
    }
}
