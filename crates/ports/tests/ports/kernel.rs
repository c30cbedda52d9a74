//! The kernel behind a port.

use std::net::UdpSocket;

use rackless_packet::build::Build;
use rackless_packet::checksum::{Verdict, verify};
use rackless_packet::{Layout, MacAddr};
use rackless_ports::Options;

use crate::isolated::{ip, isolated, isolated_unprivileged};
use crate::{cable, in_time, open, packets, readable, refusal, send};

const PEER: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

/// What the port receives that this picks; the kernel may say other things of its own.
fn await_frame(port: &mut dyn rackless_nf::Port, pick: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut found = None;
    in_time("the kernel sends a frame", || {
        let mut packets = Vec::new();
        port.rx_burst(&mut packets, 32);
        found = packets.iter().map(|packet| packet.data().to_vec()).find(|frame| pick(frame));
        found.is_some()
    });
    found.unwrap()
}

fn punt_and_inject() {
    let options = Options::default();
    let mut port = open("kernel:own,addr=10.0.0.9/24,addr=fd00::9/64", &options);
    let mac = port.info().mac;
    assert_eq!(
        (port.info().mtu, port.info().device.as_str()),
        (1500, "kernel:own,addr=10.0.0.9/24,addr=fd00::9/64")
    );

    // The kernel answers ARP for its address.
    let ask = rackless_packet::arp::Arp::request(PEER, [10, 0, 0, 1].into(), [10, 0, 0, 9].into());
    let ask = Build::ethernet(PEER, MacAddr::BROADCAST).arp(&ask).to_vec().unwrap();
    send(&mut *port, packets(&options, &[ask]));
    let answer = await_frame(&mut *port, |frame| frame.starts_with(&PEER.0) && frame[12..14] == [8, 6]);
    assert_eq!(answer[6..12], mac.0);

    // A program on the node receives what is punted, and what it sends comes in with a right checksum.
    let socket = UdpSocket::bind("10.0.0.9:53").unwrap();
    let to_kernel = Build::ethernet(PEER, mac).ipv4([10, 0, 0, 1].into(), [10, 0, 0, 9].into());
    send(&mut *port, packets(&options, &[to_kernel.udp(999, 53).payload(b"what").to_vec().unwrap()]));
    let mut bytes = [0; 16];
    let (len, from) = socket.recv_from(&mut bytes).unwrap();
    assert_eq!((&bytes[..len], from.to_string().as_str()), (&b"what"[..], "10.0.0.1:999"));
    socket.send_to(b"that", from).unwrap();
    let frame = await_frame(&mut *port, |frame| frame[12..14] == [8, 0] && frame.ends_with(b"that"));
    assert_eq!(verify(&frame), Verdict::Correct);

    let echo = Build::ethernet(PEER, mac).ipv6("fd00::1".parse().unwrap(), "fd00::9".parse().unwrap());
    send(&mut *port, packets(&options, &[echo.echo_request(7, 1, b"v6").to_vec().unwrap()]));
    // Before it answers it asks where the other is.
    await_frame(&mut *port, |frame| frame[12..14] == [0x86, 0xdd] && Layout::scan(frame).l4.is_some());
    let stats = port.stats();
    assert_eq!((stats.tx_packets, stats.tx_errors, stats.rx_errors), (3, 0, 0));
    send(&mut *port, packets(&options, &[vec![0; 5]]));
    assert_eq!(port.stats().tx_errors, 1, "no frame");
}

#[test]
fn what_is_punted_the_kernel_receives_and_what_it_sends_comes_in() {
    isolated("kernel::what_is_punted_the_kernel_receives_and_what_it_sends_comes_in", punt_and_inject);
}

#[test]
fn an_ordinary_user_has_the_kernel_of_a_namespace_of_its_own() {
    isolated_unprivileged(
        "kernel::an_ordinary_user_has_the_kernel_of_a_namespace_of_its_own",
        punt_and_inject,
    );
}

#[test]
fn the_kernel_reaches_other_networks_over_the_next_hop() {
    isolated("kernel::the_kernel_reaches_other_networks_over_the_next_hop", || {
        let mut port = open("kernel:own,addr=10.0.0.9/24,via=10.0.0.1", &Options::default());
        UdpSocket::bind("10.0.0.9:0").unwrap().send_to(b"x", "203.0.113.1:9").unwrap();
        let asked = await_frame(&mut *port, |frame| frame[12..14] == [8, 6]);
        assert_eq!(asked[38..42], [10, 0, 0, 1], "it asks for the next hop's address");
    });
}

#[test]
fn it_is_like_the_interface_that_it_stands_beside_and_goes_with_its_port() {
    isolated("kernel::it_is_like_the_interface_that_it_stands_beside_and_goes_with_its_port", || {
        cable();
        ip("link set dev a mtu 1400");
        let options = Options::default();
        let beside = open("af_packet:a", &options);
        let port = open("kernel:own,like=a", &options);
        assert_eq!((port.info().mac, port.info().mtu), (beside.info().mac, 1400));
        assert!(!readable(&*port), "without an address the kernel is silent");
        let twice = refusal("kernel:own", &options);
        assert!(twice.starts_with("cannot make a TAP on interface own: "), "{twice}");
        drop(port);
        let port = open("kernel:own", &options);
        assert_eq!(port.info().mtu, 1500);
        let unknown = refusal("kernel:other,like=c", &options);
        assert!(unknown.starts_with("no interface c in this network namespace; there are: "), "{unknown}");
        assert!(!unknown.contains("other"), "nothing was made: {unknown}");
    });
}
