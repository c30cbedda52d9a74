//! Ports on real interfaces and drivers, each test in a process and namespaces of its own.
#![allow(clippy::unwrap_used, reason = "a failed test says where")]

mod af_packet;
mod af_xdp;
mod changes;
mod dpdk;
mod drivers;
#[path = "../../../dpdk-sys/tests/isolated/mod.rs"]
mod isolated;
mod kernel;
mod memif;

use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use rackless_nf::{Packet, Port};
use rackless_packet::MacAddr;
use rackless_packet::build::Build;
use rackless_ports::{Error, Options};

/// Two interfaces, `a` and `b`, joined by a cable; the kernel has no address there and is silent.
fn cable() {
    silence();
    isolated::ip("link add name a type veth peer name b");
    isolated::ip("link set dev a up");
    isolated::ip("link set dev b up");
}

/// The kernel says nothing by itself at any interface.
fn silence() {
    for protocol in ["all", "default"] {
        std::fs::write(format!("/proc/sys/net/ipv6/conf/{protocol}/disable_ipv6"), "1").unwrap();
    }
}

fn open(device: &str, options: &Options) -> Box<dyn Port> {
    rackless_ports::open(device, &device.parse().unwrap(), options)
        .unwrap_or_else(|error| panic!("{}", chain(&error)))
}

fn refusal(device: &str, options: &Options) -> String {
    let refused = rackless_ports::open(device, &device.parse().unwrap(), options).map(|_| ());
    chain(&refused.unwrap_err())
}

/// The error with its sources, as the command prints it.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// A valid datagram of 64 bytes whose source port is its number.
fn frame(number: u16) -> Vec<u8> {
    let (src, dst) = (MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
    let ip = Build::ethernet(src, dst).ipv4("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
    ip.udp(number, 9).payload(&[0; 22]).to_vec().unwrap()
}

fn packets(options: &Options, frames: &[Vec<u8>]) -> Vec<Packet> {
    frames.iter().map(|frame| options.pool.packet(frame).unwrap()).collect()
}

/// Sends all, as soon as the port takes them.
fn send(port: &mut dyn Port, mut packets: Vec<Packet>) {
    in_time("the port takes the frames", || {
        port.tx_burst(&mut packets);
        packets.is_empty()
    });
}

/// Receives this many frames.
fn receive(port: &mut dyn Port, n: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    in_time("frames arrive", || {
        let mut packets = Vec::new();
        port.rx_burst(&mut packets, 32);
        frames.extend(packets.iter().map(|packet| packet.data().to_vec()));
        frames.len() >= n
    });
    assert_eq!(frames.len(), n, "more frames than expected");
    frames
}

/// Whether a worker that sleeps at the port would be woken now.
#[allow(unsafe_code, reason = "poll on a port's descriptor")]
fn readable(port: &dyn Port) -> bool {
    let fd = port.wait_fd().unwrap().as_raw_fd();
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one live struct.
    unsafe { libc::poll(&mut poll, 1, 0) == 1 }
}

/// Waits for an event, as long as a machine that has much else to do may take for it.
fn in_time(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::yield_now();
    }
}
