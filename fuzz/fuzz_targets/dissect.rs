//! Prints a frame in all ways.
#![no_main]

use rackless_packet::dissect::{detail, hexdump, summary};

libfuzzer_sys::fuzz_target!(|frame: &[u8]| check(frame));

fn check(frame: &[u8]) {
    assert!(!summary(frame).to_string().contains('\n'));
    assert!(detail(frame).to_string().ends_with('\n'));
    assert_eq!(hexdump(frame).to_string().lines().count(), frame.len().div_ceil(16));
}
