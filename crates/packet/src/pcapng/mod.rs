//! The pcapng capture format (draft-ietf-opsawg-pcapng): several interfaces, directions, comments.
//!
//! Read: section headers of both byte orders, interfaces, enhanced and simple packet blocks; other blocks are
//! skipped. Written: one section, little-endian, in nanoseconds.

mod read;
mod write;

pub use read::Reader;
pub use write::Writer;

use crate::capture::LinkType;

/// The type of a section header block, the same in both byte orders.
pub(crate) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const OPTION_IF_NAME: u16 = 2;
const OPTION_EPB_FLAGS: u16 = 2;
const OPTION_IF_DESCRIPTION: u16 = 3;
const OPTION_IF_TSRESOL: u16 = 9;
const OPTION_IF_TSOFFSET: u16 = 14;

/// An interface that frames were captured on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// What its frames start with.
    pub link_type: LinkType,
    /// How many bytes of a frame are captured at most; 0 for no limit.
    pub snaplen: u32,
    /// Its name.
    pub name: Option<String>,
    /// What it is.
    pub description: Option<String>,
}

impl Interface {
    /// Makes an Ethernet interface with a name and no limit.
    pub fn ethernet(name: impl Into<String>) -> Self {
        Self { link_type: LinkType::ETHERNET, snaplen: 0, name: Some(name.into()), description: None }
    }
}

/// Returns how many bytes of padding follow `len` bytes.
const fn padding(len: usize) -> usize {
    len.next_multiple_of(4) - len
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Direction, Error, Record};

    fn block(big: bool, block_type: u32, body: &[u8]) -> Vec<u8> {
        let word = |word: u32| if big { word.to_be_bytes() } else { word.to_le_bytes() };
        let len = word(body.len() as u32 + 12);
        [&word(block_type)[..], &len, body, &len].concat()
    }

    fn section(big: bool) -> Vec<u8> {
        let order = if big { BYTE_ORDER.to_be_bytes() } else { BYTE_ORDER.to_le_bytes() };
        let version = if big { [0, 1, 0, 0] } else { [1, 0, 0, 0] };
        block(big, SECTION_HEADER, &[&order[..], &version, &[0xff; 8]].concat())
    }

    #[test]
    fn a_big_endian_section_in_microseconds_is_read() {
        let file = [
            section(true),
            block(true, 0xbad, &[1; 8]),
            block(true, INTERFACE, &[0, 1, 0, 0, 0, 0, 0, 0]),
            block(true, ENHANCED_PACKET, &{
                let mut body = vec![0; 20];
                body[11] = 5;
                body[15] = 3;
                body[19] = 60;
                body.extend([7, 8, 9, 0, 0, 2, 0, 4, 0, 0, 0, 2, 0, 0, 0, 0]);
                body
            }),
        ]
        .concat();
        let mut reader = Reader::new(&file[..]).unwrap();
        let record = reader.next().unwrap().unwrap();
        assert_eq!((record.time_ns, record.original_len, record.data), (5000, 60, vec![7, 8, 9]));
        assert_eq!(record.direction, Some(Direction::Outbound));
        assert!(reader.next().is_none());
    }

    #[test]
    fn resolutions_and_offsets_are_applied() {
        let time = |options: &[u8]| {
            let body = [&[1, 0, 0, 0, 0, 0, 0, 0][..], options].concat();
            let mut packet = vec![0; 20];
            packet[8] = 3;
            let parts = [section(false), block(false, 1, &body), block(false, ENHANCED_PACKET, &packet)];
            Reader::new(&parts.concat()[..]).unwrap().next().unwrap().map(|record| record.time_ns)
        };
        assert_eq!(time(&[]).unwrap(), 3000);
        assert_eq!(time(&[9, 0, 1, 0, 9, 0, 0, 0]).unwrap(), 3);
        assert_eq!(time(&[9, 0, 1, 0, 0x81, 0, 0, 0]).unwrap(), 1_500_000_000);
        assert_eq!(time(&[14, 0, 8, 0, 2, 0, 0, 0, 0, 0, 0, 0]).unwrap(), 2_000_003_000);
        assert!(time(&[14, 0, 8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(time(&[9, 0, 1, 0, 127, 0, 0, 0]).is_err());
    }

    #[test]
    fn a_simple_packet_is_cut_at_the_snap_length_and_has_no_time() {
        let parts = [
            section(false),
            block(false, INTERFACE, &[1, 0, 0, 0, 2, 0, 0, 0]),
            block(false, SIMPLE_PACKET, &[9, 0, 0, 0, 7, 8, 0, 0]),
        ];
        let record = Reader::new(&parts.concat()[..]).unwrap().next().unwrap().unwrap();
        assert_eq!((record.time_ns, record.original_len, record.data), (0, 9, vec![7, 8]));
    }

    #[test]
    fn interfaces_of_later_sections_are_counted_on() {
        let file = |name| {
            let mut writer = Writer::new(Vec::new()).unwrap();
            let id = writer.add_interface(&Interface::ethernet(name)).unwrap();
            writer.write(&Record { interface: id, ..Record::new(1, *b"x") }).unwrap();
            writer.into_inner()
        };
        let both = [file("a"), file("b")].concat();
        let mut reader = Reader::new(&both[..]).unwrap();
        let found: Vec<u32> = reader.by_ref().map(|record| record.unwrap().interface).collect();
        assert_eq!(found, [0, 1]);
        assert_eq!(reader.interfaces()[1].name.as_deref(), Some("b"));
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let error = |bytes: &[u8]| Reader::new(bytes).and_then(|mut r| r.next().unwrap()).unwrap_err();
        let mut packet = [section(false), block(false, ENHANCED_PACKET, &[0; 20])].concat();
        assert_eq!(error(&packet).to_string(), "damaged capture: packet of an unknown interface at byte 28");
        packet[32] = 31;
        let found = error(&packet).to_string();
        assert_eq!(found, "damaged capture: block length less than its parts or not in words at byte 28");
        packet[32] = 36;
        assert!(matches!(error(&packet), Error::Truncated { offset: 60, what: "block" }));
        packet.truncate(34);
        assert!(matches!(error(&packet), Error::Truncated { offset: 34, what: "block header" }));
    }

    #[test]
    fn an_unknown_interface_is_not_written() {
        let mut writer = Writer::new(Vec::new()).unwrap();
        assert!(matches!(writer.write(&Record::new(0, *b"x")), Err(Error::Record(_))));
    }
}
