//! Writing pcapng.

use std::io::Write;

use super::{
    BYTE_ORDER, ENHANCED_PACKET, INTERFACE, Interface, OPTION_COMMENT, OPTION_END, OPTION_EPB_FLAGS,
    OPTION_IF_DESCRIPTION, OPTION_IF_NAME, OPTION_IF_TSRESOL, SECTION_HEADER, padding,
};
use crate::capture::{Direction, Error, MAX_LEN, Record};

/// Writes a pcapng file of one section, little-endian, with time in nanoseconds.
///
/// Each block is one write; give a buffered writer for files, and flush it.
///
/// # Examples
/// ```
/// use rackless_packet::capture::Record;
/// use rackless_packet::pcapng::{Interface, Reader, Writer};
///
/// let mut writer = Writer::new(Vec::new())?;
/// let west = writer.add_interface(&Interface::ethernet("west"))?;
/// let comments = vec!["dropped: no route".to_owned()];
/// let record = Record { interface: west, comments, ..Record::new(42, *b"a frame") };
/// writer.write(&record)?;
///
/// let file = writer.into_inner();
/// let mut reader = Reader::new(&file[..])?;
/// assert_eq!(reader.next().transpose()?, Some(record));
/// assert_eq!(reader.interfaces()[0].name.as_deref(), Some("west"));
/// # Ok::<(), rackless_packet::capture::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    /// The snap length of each interface.
    interfaces: Vec<u32>,
    block: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the section header.
    ///
    /// # Errors
    /// If writing fails.
    pub fn new(output: W) -> Result<Self, Error> {
        let mut writer = Self { output, interfaces: Vec::new(), block: Vec::new() };
        writer.start(SECTION_HEADER);
        writer.word(BYTE_ORDER);
        writer.block.extend([1, 0, 0, 0]); // version 1.0
        writer.block.extend([0xff; 8]); // the length of the section is not known
        writer.finish()?;
        Ok(writer)
    }

    /// Writes an interface and returns its index.
    ///
    /// # Errors
    /// If a text is longer than 65,535 bytes, or writing fails.
    pub fn add_interface(&mut self, interface: &Interface) -> Result<u32, Error> {
        let index = u32::try_from(self.interfaces.len()).map_err(|_| Error::Record("too many interfaces"))?;
        self.start(INTERFACE);
        self.word(interface.link_type.get().into());
        self.word(interface.snaplen);
        if let Some(name) = &interface.name {
            self.option(OPTION_IF_NAME, name.as_bytes())?;
        }
        if let Some(description) = &interface.description {
            self.option(OPTION_IF_DESCRIPTION, description.as_bytes())?;
        }
        self.option(OPTION_IF_TSRESOL, &[9])?;
        self.option(OPTION_END, &[])?;
        self.finish()?;
        self.interfaces.push(interface.snaplen);
        Ok(index)
    }

    /// Writes a record as an enhanced packet block.
    ///
    /// # Errors
    /// If the interface was not added, a comment is longer than 65,535 bytes, the frame and its comments longer than
    /// 16 MiB, or writing fails.
    pub fn write(&mut self, record: &Record) -> Result<(), Error> {
        let Some(&snaplen) = self.interfaces.get(record.interface as usize) else {
            return Err(Error::Record("its interface was not added"));
        };
        let limit = if snaplen == 0 { usize::MAX } else { snaplen as usize };
        let data = &record.data[..record.data.len().min(limit)];
        let comments: usize = record.comments.iter().map(|comment| comment.len() + 8).sum();
        if data.len() + comments + 64 > MAX_LEN {
            return Err(Error::Record("frame and comments are longer than 16 MiB"));
        }
        self.start(ENHANCED_PACKET);
        self.word(record.interface);
        self.word((record.time_ns >> 32) as u32);
        self.word(record.time_ns as u32);
        self.word(data.len() as u32);
        self.word(record.original_len);
        self.padded(data);
        for comment in &record.comments {
            self.option(OPTION_COMMENT, comment.as_bytes())?;
        }
        if let Some(direction) = record.direction {
            let flags = match direction {
                Direction::Inbound => 1_u32,
                Direction::Outbound => 2,
            };
            self.option(OPTION_EPB_FLAGS, &flags.to_le_bytes())?;
        }
        if record.direction.is_some() || !record.comments.is_empty() {
            self.option(OPTION_END, &[])?;
        }
        self.finish()
    }

    /// Returns the output, to flush it.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.output
    }

    /// Returns the output.
    pub fn into_inner(self) -> W {
        self.output
    }

    fn start(&mut self, block_type: u32) {
        self.block.clear();
        self.word(block_type);
        self.word(0); // the length, written at the end
    }

    fn word(&mut self, word: u32) {
        self.block.extend(word.to_le_bytes());
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.block.extend(bytes);
        self.block.extend(&[0; 3][..padding(bytes.len())]);
    }

    fn option(&mut self, number: u16, value: &[u8]) -> Result<(), Error> {
        let len = u16::try_from(value.len()).map_err(|_| Error::Record("text longer than 65,535 bytes"))?;
        self.block.extend(number.to_le_bytes());
        self.block.extend(len.to_le_bytes());
        self.padded(value);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        let len = (self.block.len() + 4) as u32; // far below 4 GiB
        self.block[4..8].copy_from_slice(&len.to_le_bytes());
        self.word(len);
        self.output.write_all(&self.block)?;
        Ok(())
    }
}
