//! What is written is read back, and no file panics a reader.

use proptest::collection::vec;
use proptest::prelude::*;
use rackless_packet::capture::{Direction, Error, LinkType, Reader, Record};
use rackless_packet::pcap::Resolution;
use rackless_packet::pcapng::Interface;
use rackless_packet::{pcap, pcapng, strategy};

fn record() -> impl Strategy<Value = Record> {
    let direction = prop_oneof![Just(None), Just(Some(Direction::Inbound)), Just(Some(Direction::Outbound))];
    let time = prop_oneof![any::<u64>(), 0..u64::from(u32::MAX) * 1_000_000_000];
    (time, 0_u32..3, vec(any::<u8>(), 0..100), 0_u32..50, direction, vec("[^\0]{0,20}", 0..3)).prop_map(
        |(time_ns, interface, data, cut, direction, comments)| Record {
            time_ns,
            interface,
            original_len: data.len() as u32 + cut,
            data,
            direction,
            comments,
        },
    )
}

fn pcapng_file(records: &[Record]) -> Vec<u8> {
    let mut writer = pcapng::Writer::new(Vec::new()).expect("a vector takes all");
    for name in ["a", "b", "c"] {
        let interface = Interface { description: Some("x".repeat(5)), ..Interface::ethernet(name) };
        writer.add_interface(&interface).expect("a vector takes all");
    }
    records.iter().for_each(|record| writer.write(record).expect("the record is small"));
    writer.into_inner()
}

fn pcap_file(records: &[Record]) -> Vec<u8> {
    let mut writer = pcap::Writer::new(Vec::new(), LinkType::ETHERNET).expect("a vector takes all");
    for record in records {
        writer.write(record).expect("the record is small");
    }
    writer.into_inner()
}

/// Reads all that can be read, and the error at the end.
fn read(file: &[u8]) -> (Vec<Record>, Option<Error>) {
    let mut records = Vec::new();
    match Reader::new(file) {
        Err(error) => (records, Some(error)),
        Ok(reader) => {
            for record in reader {
                match record {
                    Ok(record) => records.push(record),
                    Err(error) => return (records, Some(error)),
                }
            }
            (records, None)
        }
    }
}

proptest! {
    #[test]
    fn pcapng_reads_back_as_written(records in vec(record(), 0..8)) {
        let file = pcapng_file(&records);
        let (found, error) = read(&file);
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert_eq!(found, records);
    }

    #[test]
    fn pcap_reads_back_all_that_it_can_hold(mut records in vec(record(), 0..8)) {
        for record in &mut records {
            record.time_ns %= u64::from(u32::MAX) * 1_000_000_000;
            *record = Record {
                time_ns: record.time_ns, original_len: record.original_len, data: record.data.clone(),
                ..Record::default()
            };
        }
        let (found, error) = read(&pcap_file(&records));
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert_eq!(&found, &records);

        let mut writer = pcap::Writer::with(Vec::new(), LinkType::RAW, Resolution::Microseconds, 10)?;
        records.iter().try_for_each(|record| writer.write(record))?;
        let (found, _) = read(&writer.into_inner());
        for (found, record) in found.iter().zip(&records) {
            prop_assert_eq!(found.time_ns, record.time_ns / 1000 * 1000);
            prop_assert_eq!(&found.data[..], &record.data[..record.data.len().min(10)]);
        }
    }

    #[test]
    fn a_file_cut_anywhere_gives_its_whole_records(records in vec(record(), 1..4)) {
        for file in [pcap_file(&records.iter().map(within_2106).collect::<Vec<_>>()), pcapng_file(&records)] {
            let (all, _) = read(&file);
            for end in 0..file.len() {
                let (found, error) = read(&file[..end]);
                prop_assert_eq!(&found[..], &all[..found.len()]);
                match error {
                    None => {} // cut between records
                    Some(Error::Truncated { offset, .. }) => prop_assert_eq!(offset, end as u64),
                    Some(error) => prop_assert!(false, "{}", error),
                }
            }
        }
    }

    #[test]
    fn no_file_panics_a_reader(
        records in vec(record(), 0..4),
        which: bool,
        bytes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let records: Vec<_> = records.iter().map(within_2106).collect();
        let mut file = if which { pcap_file(&records) } else { pcapng_file(&records) };
        for (at, byte) in bytes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        read(&file);
    }

    #[test]
    fn no_bytes_behind_a_magic_number_panic_a_reader(
        magic in prop_oneof![
            Just([0xa1, 0xb2, 0xc3, 0xd4]), Just([0x4d, 0x3c, 0xb2, 0xa1]), Just([0x0a, 0x0d, 0x0d, 0x0a]),
            any::<[u8; 4]>(),
        ],
        bytes in vec(any::<u8>(), 0..200),
    ) {
        read(&[&magic[..], &bytes].concat());
    }

    #[test]
    fn frames_survive_a_capture(frames in vec(strategy::frame(), 0..5)) {
        let records: Vec<_> = frames.iter().map(|frame| Record::new(1, frame.clone())).collect();
        let (found, _) = read(&pcapng_file(&records));
        prop_assert!(found.iter().map(|record| &record.data).eq(&frames));
    }
}

fn within_2106(record: &Record) -> Record {
    Record { time_ns: record.time_ns % (u64::from(u32::MAX) * 1_000_000_000), ..record.clone() }
}
