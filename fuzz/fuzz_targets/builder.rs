//! Builds packets whose options, extension headers and payload are anything.
#![no_main]

use rackless_packet::MacAddr;
use rackless_packet::build::Build;
use rackless_packet::checksum::verify;
use rackless_packet::icmpv6::TimeExceededCode;
use rackless_packet::ipv4::IpProtocol;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));

fn check(bytes: &[u8]) {
    let [first, cut, rest @ ..] = bytes else { return };
    let (options, payload) = rest.split_at(usize::from(*cut).min(rest.len()));
    let link = Build::ethernet(MacAddr::ZERO, MacAddr::BROADCAST).vlan(u16::from(*first));
    let v4 = link.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let v6 = link.ipv6([1; 16].into(), [2; 16].into());
    if let Ok(frame) = v4.options(options).udp(1, 2).payload(payload).to_vec() {
        assert!(verify(&frame).is_ok());
    }
    if let Ok(frame) = v6.tcp(1, 2).options(options).payload(payload).to_vec() {
        assert!(verify(&frame).is_ok());
    }
    let error = v6.time_exceeded(TimeExceededCode::HOP_LIMIT, rest).to_vec().expect("the quote is cut");
    assert!(error.len() <= 18 + 1280 && verify(&error).is_ok());
    // A chain may have more headers than are walked, or segments left.
    let chained = v6.extensions(IpProtocol(*first), options).udp(1, 2).payload(payload);
    if let Ok(frame) = chained.to_vec() {
        assert_eq!(frame.len(), chained.frame_len());
    }
}
