//! Reads a file as pcapng; what was read is written and read again.
#![no_main]

use rackless_packet::pcapng::{Interface, Reader, Writer};

libfuzzer_sys::fuzz_target!(|file: &[u8]| check(file));

fn check(file: &[u8]) {
    let Ok(mut reader) = Reader::new(file) else { return };
    let records: Vec<_> = reader.by_ref().map_while(Result::ok).collect();
    let mut writer = Writer::new(Vec::new()).expect("a vector takes all");
    for interface in reader.interfaces() {
        // Packets may be longer than their interface's limit says.
        writer.add_interface(&Interface { snaplen: 0, ..interface.clone() }).ok();
    }
    let records: Vec<_> = records.into_iter().filter(|record| writer.write(record).is_ok()).collect();
    let again =
        Reader::new(&writer.into_inner()[..]).expect("the header is ours").collect::<Result<Vec<_>, _>>();
    assert_eq!(again.expect("the records are ours"), records);
}
