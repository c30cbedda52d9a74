//! Reads a filter and shows it a frame.
#![no_main]

use rackless_packet::filter::Filter;

libfuzzer_sys::fuzz_target!(|input: (&str, &[u8])| check(input));

fn check((text, frame): (&str, &[u8])) {
    match text.parse::<Filter>() {
        Ok(filter) => drop(filter.matches(frame)),
        Err(error) => assert!(text.is_char_boundary(error.span().start) && !error.to_string().is_empty()),
    }
}
