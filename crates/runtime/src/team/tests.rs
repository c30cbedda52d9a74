//! Packets between workers.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rackless_nf::{MemoryPort, Pool};
use rackless_nf::{Packet, Port, PortStats};
use rackless_packet::MacAddr;
use rackless_packet::build::Build;

use super::hand_off::{RING, share};
use super::{Bell, Stop};

const WORKERS: usize = 3;
const HOME: usize = 1;

fn device() -> MemoryPort {
    MemoryPort::new("a", MacAddr([2, 0, 0, 0, 0, 9]), Pool::new(4096, Pool::ROOM))
}

/// A device shared by three workers, the middle one has it.
struct Shared {
    device: MemoryPort,
    ports: Vec<Box<dyn Port>>,
    bells: Vec<Arc<Bell>>,
    stop: Arc<Stop>,
    /// Readable when a worker is woken.
    woken: Vec<UnixStream>,
}

fn shared() -> Shared {
    let device = device();
    let (wakers, woken): (Vec<_>, Vec<_>) = (0..WORKERS).map(|_| UnixStream::pair().unwrap()).unzip();
    let bells: Vec<_> = wakers.into_iter().map(|waker| Arc::new(Bell::new(waker))).collect();
    let stop = Arc::new(Stop::new(&bells));
    let ports = share(Box::new(device.clone()), HOME, &bells, &stop).unwrap();
    Shared { device, ports, bells, stop, woken }
}

fn frame(flow: u8, back: bool) -> Vec<u8> {
    let ends = [(MacAddr([2, 0, 0, 0, 0, 1]), 1, 1000), (MacAddr([2, 0, 0, 0, 0, 2]), 2, 53)];
    let [(src_mac, src, src_port), (dst_mac, dst, dst_port)] = if back { [ends[1], ends[0]] } else { ends };
    let address = |last: u8| std::net::Ipv4Addr::new(10, 0, flow, last);
    let ip = Build::ethernet(src_mac, dst_mac).ipv4(address(src), address(dst));
    ip.udp(src_port, dst_port).payload(&[flow; 20]).to_vec().unwrap()
}

/// What each worker receives, the one that has the device first.
fn receive(ports: &mut [Box<dyn Port>]) -> Vec<Vec<Vec<u8>>> {
    let mut received = vec![Vec::new(); WORKERS];
    for worker in [HOME, 0, 2] {
        let mut packets = Vec::new();
        while ports[worker].rx_burst(&mut packets, 32) > 0 {}
        received[worker].extend(packets.iter().map(|packet| packet.data().to_vec()));
    }
    received
}

#[test]
fn both_directions_of_a_flow_come_to_one_worker_in_their_order() {
    let Shared { device, mut ports, bells, .. } = shared();
    for back in [false, true] {
        (0..60).for_each(|flow| device.push(&frame(flow, back)));
    }
    let received = receive(&mut ports);
    assert_eq!(received.iter().map(Vec::len).sum::<usize>(), 120);
    for (worker, frames) in received.iter().enumerate() {
        assert!(frames.len() > 12, "worker {worker} has its share: {}", frames.len());
        let (there, back): (Vec<_>, Vec<_>) = frames.iter().partition(|frame| frame[5] == 2);
        let flows = |frames: &[&Vec<u8>]| frames.iter().map(|frame| frame[28]).collect::<Vec<_>>();
        assert_eq!(flows(&there), flows(&back), "worker {worker}");
        assert!(flows(&there).is_sorted(), "in the order in which they came");
    }
    let handed = ports[HOME].xstats()[0].1 as usize;
    assert_eq!(handed, received[0].len() + received[2].len());
    assert_eq!(bells.iter().map(|bell| bell.waiting()).sum::<usize>(), 0);
    assert_eq!(ports[HOME].stats().rx_packets, 120);
    assert_eq!(ports[0].stats(), PortStats::default());
}

#[test]
fn what_a_worker_sends_leaves_by_the_one_that_has_the_device() {
    let Shared { device, mut ports, bells, woken, .. } = shared();
    let pool = Pool::new(16, Pool::ROOM);
    woken.iter().for_each(|woken| woken.set_nonblocking(true).unwrap());
    let wakes = |worker: usize| matches!(io::Read::read(&mut &woken[worker], &mut [0; 8]), Ok(1));
    assert!(bells[HOME].may_sleep());
    let mut packets = vec![pool.packet(b"from 2").unwrap()];
    assert_eq!(ports[2].tx_burst(&mut packets), 1);
    assert!(wakes(HOME) && !wakes(0), "who has the device is woken");
    assert_eq!(bells[HOME].waiting(), 1);
    assert!(!bells[HOME].may_sleep(), "nor does it sleep again before it has sent");
    ports[HOME].flush();
    assert_eq!((device.take_sent(), bells[HOME].waiting()), (vec![b"from 2".to_vec()], 0));
    assert!(bells[HOME].may_sleep());
    assert_eq!(rackless_nf::Allocator::in_use(&pool), 0);
}

#[test]
fn a_worker_that_does_not_come_after_costs_packets_that_are_counted() {
    let Shared { device, mut ports, bells, .. } = shared();
    let other = (0..60).find(|flow| {
        let packet = Pool::new(1, Pool::ROOM).packet(&frame(*flow, false)).unwrap();
        packet.flow_share(WORKERS) == 2
    });
    (0..RING + 10).for_each(|_| device.push(&frame(other.unwrap(), false)));
    let mut packets = Vec::new();
    for _ in 0..RING {
        ports[HOME].rx_burst(&mut packets, 32);
    }
    let counted = ports[HOME].xstats();
    assert_eq!((counted[0].1, counted[1].1, bells[2].waiting()), (RING as u64, 10, RING));
    // And one that sends more than the device's worker takes is told so at once.
    let pool = Pool::new(RING + 5, Pool::ROOM);
    let mut packets: Vec<Packet> = (0..RING + 5).map(|_| pool.packet(b"x").unwrap()).collect();
    assert_eq!((ports[0].tx_burst(&mut packets), packets.len()), (RING, 5));
}

#[test]
fn after_the_stop_nothing_more_is_received_and_what_is_on_its_way_arrives() {
    let Shared { device, mut ports, stop, woken: _woken, .. } = shared();
    (0..60).for_each(|flow| device.push(&frame(flow, false)));
    let mut own = Vec::new();
    while ports[HOME].rx_burst(&mut own, 32) > 0 {}
    device.push(&frame(0, false));
    stop.set();
    let received = receive(&mut ports);
    assert_eq!(own.len() + received.iter().map(Vec::len).sum::<usize>(), 60);
    assert!(received[HOME].is_empty());
}
