//! Scans a frame, computes its checksums and finds them right.
#![no_main]

use rackless_packet::checksum::{Verdict, fill, verify};
use rackless_packet::{Layout, build};

libfuzzer_sys::fuzz_target!(|frame: &[u8]| check(frame));

fn check(frame: &[u8]) {
    let layout = Layout::scan(frame);
    assert!(layout.payload <= layout.end && usize::from(layout.end) <= frame.len());
    build::may_answer_with_error(frame, &layout);
    let mut frame = frame.to_vec();
    let filled = fill(&mut frame);
    let verdict = verify(&frame);
    assert!(!matches!(verdict, Verdict::Wrong { .. }), "{verdict}");
    assert_eq!(filled.is_ok(), verdict.is_ok());
}
