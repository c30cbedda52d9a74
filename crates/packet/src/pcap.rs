//! The pcap capture format (draft-ietf-opsawg-pcap): micro- and nanoseconds, both byte orders.

use std::io::{Read, Write};

use crate::capture::{Endian, Error, Input, LinkType, MAX_LEN, Record};

const MAGIC_MICROSECONDS: u32 = 0xa1b2_c3d4;
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;

/// How finely a file tells time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// In microseconds, which every program reads.
    Microseconds,
    /// In nanoseconds.
    Nanoseconds,
}

/// Reads a pcap file: an iterator over its records; see [`crate::capture::Reader`].
#[derive(Debug)]
pub struct Reader<R> {
    input: Input<R>,
    endian: Endian,
    resolution: Resolution,
    link_type: LinkType,
    snaplen: u32,
    done: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the file header.
    ///
    /// # Errors
    /// If this is no pcap file, or it ends too early, or cannot be read.
    pub fn new(input: R) -> Result<Self, Error> {
        let mut input = Input::new(input);
        let magic = input.magic()?;
        Self::after_magic(input, magic)
    }

    pub(crate) fn after_magic(mut input: Input<R>, magic: u32) -> Result<Self, Error> {
        let (endian, resolution) = match magic {
            MAGIC_MICROSECONDS => (Endian::Big, Resolution::Microseconds),
            MAGIC_NANOSECONDS => (Endian::Big, Resolution::Nanoseconds),
            _ if magic.swap_bytes() == MAGIC_MICROSECONDS => (Endian::Little, Resolution::Microseconds),
            _ if magic.swap_bytes() == MAGIC_NANOSECONDS => (Endian::Little, Resolution::Nanoseconds),
            _ => return Err(Error::Magic { magic }),
        };
        let [a, b, _, _, _, _, _, _, _, _, _, _, e, f, g, h, i, j, k, l] = input.array("file header")?;
        if endian.u16([a, b]) != 2 {
            return Err(Error::Damaged { offset: 4, what: "version other than 2" });
        }
        let snaplen = endian.u32([e, f, g, h]);
        // The high bits tell the length of frame check sequences.
        let link_type = LinkType::new(endian.u32([i, j, k, l]) as u16);
        Ok(Self { input, endian, resolution, link_type, snaplen, done: false })
    }

    /// Returns what the frames start with.
    pub fn link_type(&self) -> LinkType {
        self.link_type
    }

    /// Returns how finely the file tells time.
    pub fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// Returns how many bytes of a frame were captured at most, as the file says; 0 for no limit.
    pub fn snaplen(&self) -> u32 {
        self.snaplen
    }

    fn record(&mut self) -> Result<Option<Record>, Error> {
        let offset = self.input.offset();
        let Some(header) = self.input.array_or_end::<16>("record header")? else { return Ok(None) };
        let word = |n: usize| self.endian.u32([header[n], header[n + 1], header[n + 2], header[n + 3]]);
        let (seconds, fraction, captured, original_len) = (word(0), word(4), word(8) as usize, word(12));
        if captured > MAX_LEN {
            return Err(Error::Damaged { offset, what: "record of more than 16 MiB" });
        }
        let unit_ns = if self.resolution == Resolution::Microseconds { 1000 } else { 1 };
        let data = self.input.bytes(captured, "record")?;
        let time_ns = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * unit_ns;
        Ok(Some(Record { time_ns, original_len, data, ..Record::default() }))
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

/// Writes a pcap file, little-endian, in nanoseconds unless asked otherwise.
///
/// Each record is one small write; give a buffered writer for files, and flush it.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    resolution: Resolution,
    snaplen: u32,
}

impl<W: Write> Writer<W> {
    /// Writes the header of a file in nanoseconds and with whole frames, up to 262,144 bytes.
    ///
    /// # Errors
    /// If writing fails.
    pub fn new(output: W, link_type: LinkType) -> Result<Self, Error> {
        Self::with(output, link_type, Resolution::Nanoseconds, 262_144) // tcpdump's default length
    }

    /// Writes the header of a file whose frames are cut to `snaplen` bytes.
    ///
    /// # Errors
    /// If writing fails.
    pub fn with(
        mut output: W,
        link_type: LinkType,
        resolution: Resolution,
        snaplen: u32,
    ) -> Result<Self, Error> {
        let magic = match resolution {
            Resolution::Microseconds => MAGIC_MICROSECONDS,
            Resolution::Nanoseconds => MAGIC_NANOSECONDS,
        };
        let mut header = [0; 24];
        header[..4].copy_from_slice(&magic.to_le_bytes());
        header[4..8].copy_from_slice(&[2, 0, 4, 0]); // version 2.4
        header[16..20].copy_from_slice(&snaplen.to_le_bytes());
        header[20..24].copy_from_slice(&u32::from(link_type.get()).to_le_bytes());
        output.write_all(&header)?;
        Ok(Self { output, resolution, snaplen })
    }

    /// Writes a record; its interface, direction and comments have no place in this format.
    ///
    /// # Errors
    /// If the time lies behind the year 2106, the frame was longer than 4 GiB, or writing fails.
    pub fn write(&mut self, record: &Record) -> Result<(), Error> {
        let seconds = u32::try_from(record.time_ns / 1_000_000_000)
            .map_err(|_| Error::Record("pcap tells time until 2106"))?;
        let fraction_ns = (record.time_ns % 1_000_000_000) as u32; // below 10⁹
        let fraction = match self.resolution {
            Resolution::Microseconds => fraction_ns / 1000,
            Resolution::Nanoseconds => fraction_ns,
        };
        let captured = record.data.len().min(self.snaplen as usize).min(MAX_LEN);
        let mut header = [0; 16];
        for (field, value) in
            header.as_chunks_mut().0.iter_mut().zip([seconds, fraction, captured as u32, record.original_len])
        {
            *field = value.to_le_bytes();
        }
        self.output.write_all(&header)?;
        self.output.write_all(&record.data[..captured])?;
        Ok(())
    }

    /// Returns the output, to flush it; whoever writes to it damages the file.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.output
    }

    /// Returns the output.
    pub fn into_inner(self) -> W {
        self.output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(resolution: Resolution, snaplen: u32) -> Vec<u8> {
        let mut writer = Writer::with(Vec::new(), LinkType::ETHERNET, resolution, snaplen).unwrap();
        for n in 0..3 {
            writer.write(&Record::new(n * 1_000_000_007 + 5000, vec![n as u8; 5])).unwrap();
        }
        writer.into_inner()
    }

    #[test]
    fn microseconds_lose_what_they_cannot_hold() {
        let records: Vec<_> = Reader::new(&file(Resolution::Microseconds, 9)[..]).unwrap().collect();
        assert_eq!(records[1].as_ref().unwrap().time_ns, 1_000_005_000);
        assert_eq!(records.len(), 3);
    }

    #[test]
    fn frames_are_cut_at_the_snap_length() {
        let file = file(Resolution::Nanoseconds, 2);
        let mut reader = Reader::new(&file[..]).unwrap();
        assert_eq!((reader.snaplen(), reader.link_type()), (2, LinkType::ETHERNET));
        let record = reader.nth(1).unwrap().unwrap();
        assert_eq!((record.data, record.original_len, record.time_ns), (vec![1, 1], 5, 1_000_005_007));
    }

    #[test]
    fn a_big_endian_file_is_read() {
        let mut file =
            vec![0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 1];
        file.extend([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 9, 7, 8, 9]);
        let record = Reader::new(&file[..]).unwrap().next().unwrap().unwrap();
        assert_eq!((record.time_ns, record.original_len, record.data), (1_000_000_002, 9, vec![7, 8, 9]));
    }

    #[test]
    fn a_truncated_file_gives_its_whole_records_and_then_an_error() {
        let file = file(Resolution::Nanoseconds, 9);
        for end in 24..file.len() {
            let mut found: Vec<_> = Reader::new(&file[..end]).unwrap().collect();
            let whole = (end - 24) / 21;
            if (end - 24) % 21 != 0 {
                let Some(Err(Error::Truncated { offset, .. })) = found.pop() else { panic!("at {end}") };
                assert_eq!(offset, end as u64);
            }
            assert!(found.len() == whole && found.iter().all(Result::is_ok));
        }
    }

    #[test]
    fn a_length_that_lies_is_damage() {
        let mut file = file(Resolution::Nanoseconds, 9);
        file[24 + 21 + 11] = 0xff;
        let error = Reader::new(&file[..]).unwrap().nth(1).unwrap().unwrap_err();
        assert_eq!(error.to_string(), "damaged capture: record of more than 16 MiB at byte 45");
    }
}
