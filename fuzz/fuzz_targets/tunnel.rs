//! Takes a frame out of its tunnel, and puts any frame into one and out again.
#![no_main]

use rackless_nf::{Packet, Pool};
use rackless_packet::build::Build;
use rackless_packet::checksum::{Verdict, verify};
use rackless_packet::tunnel::Inner;
use rackless_packet::{Layout, MacAddr, dissect};

libfuzzer_sys::fuzz_target!(|frame: &[u8]| check(frame));

fn check(frame: &[u8]) {
    let Some(mut packet) = Pool::new(1, Pool::ROOM).packet(frame) else { return };
    bring_back(&mut packet);
    if let Some(tunnel) = Layout::scan(frame).tunnel(frame) {
        assert!(tunnel.outer < tunnel.inner && tunnel.inner < tunnel.end);
        tunnel.layout(frame);
        dissect::detail(frame).to_string();
        assert_eq!(packet.decapsulate(), Ok(tunnel));
        if tunnel.carries == Inner::Ethernet {
            assert_eq!(packet.data(), tunnel.bytes(frame));
        } else {
            assert!(packet.data().ends_with(tunnel.bytes(frame)));
        }
    }
}

fn bring_back(packet: &mut Packet) {
    let link = Build::ethernet(MacAddr::ZERO, MacAddr::BROADCAST);
    let frame = packet.data().to_vec();
    if packet.encapsulate(&link.ipv6([1; 16].into(), [2; 16].into()).vxlan(1, 2)).is_ok() {
        assert_eq!(verify(packet.data()), Verdict::Correct);
        packet.decapsulate().expect("it was just encapsulated");
    }
    assert_eq!(packet.data(), frame);
}
