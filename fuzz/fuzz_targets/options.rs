//! Walks the options of IPv4, TCP and neighbour discovery, and IPv6 extension headers.
#![no_main]

use rackless_packet::icmpv6::ndp;
use rackless_packet::ipv4::{self, IpProtocol};
use rackless_packet::{ipv6, tcp};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));

fn check(bytes: &[u8]) {
    assert!(ipv4::options(bytes).count() <= bytes.len());
    assert!(tcp::options(bytes).count() <= bytes.len());
    assert!(ndp::options(bytes).count() <= bytes.len());
    if let Some((&first, rest)) = bytes.split_first() {
        let mut walk = ipv6::extensions(IpProtocol(first), rest);
        assert!(walk.by_ref().count() <= ipv6::MAX_EXTENSIONS + 1);
        assert!(walk.offset() <= rest.len());
    }
}
