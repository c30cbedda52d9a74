//! Reads a file as pcap; what was read is written and read again.
#![no_main]

use rackless_packet::pcap::{Reader, Writer};

libfuzzer_sys::fuzz_target!(|file: &[u8]| check(file));

fn check(file: &[u8]) {
    let Ok(reader) = Reader::new(file) else { return };
    let mut writer = Writer::new(Vec::new(), reader.link_type()).expect("a vector takes all");
    // A fraction of more than a second may push the time behind the last that can be written; a frame longer than
    // the snap length is cut.
    let whole = |len: usize| len <= 262_144;
    let records: Vec<_> = reader.map_while(Result::ok).filter(|record| whole(record.data.len())).collect();
    let records: Vec<_> = records.into_iter().filter(|record| writer.write(record).is_ok()).collect();
    let again =
        Reader::new(&writer.into_inner()[..]).expect("the header is ours").collect::<Result<Vec<_>, _>>();
    assert_eq!(again.expect("the records are ours"), records);
}
