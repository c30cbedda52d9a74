//! The last frames that a worker received, in a file that outlives any end of the process.
//!
//! The file is a pcapng at every moment, also when the process is killed between two frames: each frame has a slot of
//! fixed size, which holds its block and one that readers skip, up to the slot's end. Slots are used in turn, so the frames
//! are in the order of their time but for one place. A frame costs a copy into its slot, and a burst a write or two.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rackless_nf::{Packet, PortInfo, Time, time};
use rackless_packet::capture::{Direction, Error as CaptureError, Record};
use rackless_packet::pcapng::{Interface, Writer};

use crate::watch::serve::Start;

/// Bytes that are kept of a frame: all of one of 1500 bytes with two VLAN tags.
const SNAPLEN: usize = 1524;

/// The longest block of a frame: its fields, bytes, and direction.
const LONGEST_BLOCK: usize = 32 + SNAPLEN + 12;

/// A block's type and its length on both sides: the shortest one.
const EMPTY_BLOCK: usize = 12;

const SLOT: usize = LONGEST_BLOCK + EMPTY_BLOCK;

/// What readers skip: the highest bit says that the type is of local use (draft-ietf-opsawg-pcapng, section 10.1).
const FILLER: u32 = 0x8000_0000;

/// The file, which goes unless it is [kept](RecordFile::keep).
pub(crate) struct RecordFile {
    path: PathBuf,
    is_kept: bool,
}

/// Writes what a worker receives.
pub(crate) struct Recorder {
    file: File,
    start: Start,
    /// Writes into a vector, which is emptied before each frame.
    writer: Writer<Vec<u8>>,
    record: Record,
    /// Where the first slot lies.
    first: u64,
    slots: usize,
    next: usize,
    /// Slots that are to be written.
    pending: Vec<u8>,
    /// A write failed, which was told; nothing is written any more.
    has_failed: bool,
}

impl Recorder {
    /// Frames that are kept at most: their file is then 100 MiB large.
    pub(crate) const MOST: usize = 65_536;

    /// Makes a file in `folder` for the last `frames` frames of the function with this name.
    pub(crate) fn create(
        folder: &Path,
        name: &str,
        frames: usize,
        ports: &[PortInfo],
        start: Start,
    ) -> io::Result<(Self, RecordFile)> {
        let (path, file) = crate::crash::create(folder, &format!("{name}-frames"))?;
        let kept = RecordFile { path, is_kept: false };
        let mut writer = Writer::new(Vec::new()).map_err(cause)?;
        for port in ports {
            let interface = Interface {
                snaplen: SNAPLEN as u32,
                description: Some(port.device.clone()),
                ..Interface::ethernet(&port.name)
            };
            writer.add_interface(&interface).map_err(cause)?;
        }
        let mut head = std::mem::take(writer.get_mut());
        let first = head.len() as u64;
        let mut empty = Vec::with_capacity(SLOT);
        fill(&mut empty);
        (0..frames).for_each(|_| head.extend_from_slice(&empty));
        file.write_all_at(&head, 0)?;
        let record = Record { direction: Some(Direction::Inbound), ..Record::default() };
        let (slots, next, pending, has_failed) = (frames, 0, Vec::new(), false);
        Ok((Self { file, start, writer, record, first, slots, next, pending, has_failed }, kept))
    }

    /// Writes a burst of frames that came by a port.
    pub(crate) fn record(&mut self, port: usize, packets: &[Packet], now: Time) {
        if self.has_failed {
            return;
        }
        // More than there are slots would only be written over.
        let last = &packets[packets.len().saturating_sub(self.slots)..];
        if let Err(error) = self.burst(port, last, now) {
            eprintln!("cannot write the last frames, which are kept no more: {error}");
            self.has_failed = true;
        }
    }

    fn burst(&mut self, port: usize, packets: &[Packet], now: Time) -> io::Result<()> {
        for packet in packets {
            self.put(port, packet, now)?;
            if self.next + self.pending.len() / SLOT == self.slots {
                self.flush()?;
            }
        }
        self.flush()
    }

    fn put(&mut self, port: usize, packet: &Packet, now: Time) -> io::Result<()> {
        let data = packet.data();
        self.record.time_ns = self.start.unix_ns + now / time::NANOSECOND;
        self.record.interface = port as u32;
        self.record.original_len = data.len() as u32;
        self.record.data.clear();
        self.record.data.extend_from_slice(&data[..data.len().min(SNAPLEN)]);
        self.writer.get_mut().clear();
        self.writer.write(&self.record).map_err(cause)?;
        let slot = self.writer.get_mut();
        fill(slot);
        self.pending.extend_from_slice(slot);
        Ok(())
    }

    /// Writes the pending slots, which lie side by side.
    fn flush(&mut self) -> io::Result<()> {
        let count = self.pending.len() / SLOT;
        self.file.write_all_at(&self.pending, self.first + (self.next * SLOT) as u64)?;
        self.pending.clear();
        self.next = (self.next + count) % self.slots;
        Ok(())
    }
}

/// Fills a slot up with a block that readers skip.
fn fill(slot: &mut Vec<u8>) {
    let len = SLOT - slot.len();
    debug_assert!(len >= EMPTY_BLOCK && len.is_multiple_of(4));
    slot.extend(FILLER.to_le_bytes());
    slot.extend((len as u32).to_le_bytes());
    slot.resize(SLOT - 4, 0);
    slot.extend((len as u32).to_le_bytes());
}

fn cause(error: CaptureError) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

impl RecordFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the file: the function did not end well.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for RecordFile {
    fn drop(&mut self) {
        if !self.is_kept && !std::thread::panicking() {
            // It may be gone already with the folder it lay in.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rackless_nf::Pool;
    use rackless_packet::MacAddr;
    use rackless_packet::pcapng::Reader;

    fn ports() -> Vec<PortInfo> {
        ["a", "b"]
            .map(|name| PortInfo {
                name: name.to_owned(),
                device: "null:".to_owned(),
                mac: MacAddr([2, 0, 0, 0, 0, 1]),
                mtu: 1500,
            })
            .to_vec()
    }

    fn packets(pool: &Pool, frames: std::ops::Range<usize>) -> Vec<Packet> {
        let frame = |number: usize| vec![number as u8; 60 + number % 1500];
        frames.map(|number| pool.packet(&frame(number)).unwrap()).collect()
    }

    /// Numbers of the frames in the file, oldest first.
    fn frames(path: &Path) -> Vec<(u32, usize)> {
        let bytes = fs::read(path).unwrap();
        let mut records: Vec<Record> =
            Reader::new(&bytes[..]).unwrap().collect::<Result<_, _>>().expect("a capture at any time");
        records.sort_by_key(|record| record.time_ns);
        records.iter().map(|record| (record.interface, record.original_len as usize - 60)).collect()
    }

    #[test]
    fn the_last_frames_are_in_the_file_at_any_time() {
        let folder = tempfile::tempdir().unwrap();
        let pool = Pool::new(128, Pool::ROOM);
        let (mut recorder, file) = Recorder::create(folder.path(), "nf", 16, &ports(), Start::now()).unwrap();
        assert_eq!(frames(file.path()), []);
        let (mut sent, mut now) = (0, 0);
        for burst in [1, 3, 16, 5, 40, 11, 1] {
            now += time::SECOND;
            recorder.record(sent % 2, &packets(&pool, sent..sent + burst), now);
            sent += burst;
            let expected: Vec<usize> = (sent.saturating_sub(16)..sent).collect();
            let found: Vec<usize> = frames(file.path()).into_iter().map(|(_, number)| number).collect();
            assert_eq!(
                found.iter().copied().collect::<std::collections::BTreeSet<_>>().len(),
                expected.len()
            );
            assert_eq!(found.iter().min(), expected.first());
            assert_eq!(found.iter().max(), expected.last());
        }
    }

    #[test]
    fn a_long_frame_is_cut_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let pool = Pool::new(4, 9000);
        let (mut recorder, file) = Recorder::create(folder.path(), "nf", 2, &ports(), Start::now()).unwrap();
        recorder.record(1, &[pool.packet(&[7; 9000]).unwrap()], 0);
        let bytes = fs::read(file.path()).unwrap();
        let records: Vec<Record> = Reader::new(&bytes[..]).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(
            (records[0].original_len, records[0].data.len(), records[0].interface),
            (9000, SNAPLEN, 1)
        );
    }

    #[test]
    fn the_file_goes_unless_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let create = || Recorder::create(folder.path(), "nf", 2, &ports(), Start::now()).unwrap().1;
        let path = create().path().to_owned();
        assert!(!path.exists());
        create().keep();
        assert!(path.exists());
        let (first, second) = (create(), create());
        assert_ne!(first.path(), second.path());
        let missing = Recorder::create(Path::new("/nowhere"), "nf", 2, &ports(), Start::now());
        assert_eq!(missing.err().map(|error| error.kind()), Some(ErrorKind::NotFound));
    }
}
