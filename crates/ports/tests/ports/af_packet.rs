//! Packet sockets on a veth.
#![allow(unsafe_code, reason = "poll on a port's descriptor")]

use std::net::UdpSocket;

use rackless_nf::Pool;
use rackless_packet::MacAddr;
use rackless_packet::build::Build;
use rackless_packet::checksum::{Verdict, verify};
use rackless_ports::Options;

use crate::isolated::{ip, isolated, isolated_unprivileged};
use crate::{cable, frame, in_time, open, packets, readable, receive, refusal, send};

fn both_ways() {
    cable();
    let options = Options::default();
    let (mut a, mut b) = (open("af_packet:a", &options), open("af_packet:b", &options));
    let mut frames: Vec<Vec<u8>> = (0..200).map(frame).collect();
    frames.push(vec![7; 20]); // shorter than Ethernet's minimum
    frames.push(vec![7; 1514]);
    send(&mut *a, packets(&options, &frames));
    assert_eq!(receive(&mut *b, 202), frames);
    send(&mut *b, packets(&options, &frames[..3]));
    assert_eq!(receive(&mut *a, 3), frames[..3]);
    let (sent, received) = (a.stats(), b.stats());
    let bytes = frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
    assert_eq!((sent.tx_packets, sent.tx_bytes), (202, bytes));
    assert_eq!(
        (received.rx_packets, received.rx_bytes, received.rx_missed, received.rx_errors),
        (202, bytes, 0, 0)
    );
    let address = std::fs::read_to_string("/sys/class/net/a/address");
    // A user namespace may still show the host's /sys.
    if let Ok(address) = address {
        assert_eq!(a.info().mac.to_string(), address.trim());
    }
    assert_eq!(a.info().mtu, 1500);
}

#[test]
fn frames_pass_both_ways_unchanged() {
    isolated("af_packet::frames_pass_both_ways_unchanged", both_ways);
}

#[test]
fn an_ordinary_user_uses_interfaces_of_a_namespace_of_its_own() {
    isolated_unprivileged("af_packet::an_ordinary_user_uses_interfaces_of_a_namespace_of_its_own", both_ways);
}

#[test]
fn vlan_tags_that_the_kernel_takes_out_are_put_back() {
    isolated("af_packet::vlan_tags_that_the_kernel_takes_out_are_put_back", || {
        cable();
        let options = Options::default();
        let (mut a, mut b) = (open("af_packet:a", &options), open("af_packet:b", &options));
        let tagged = |tags: &[u8]| [&frame(1)[..12], tags, &frame(1)[12..]].concat();
        let frames = [
            tagged(&[0x81, 0, 0x60, 5]),
            tagged(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 5]),
            tagged(&[0x81, 0, 0, 0]), // priority tag
            frame(1),
        ];
        send(&mut *a, packets(&options, &frames));
        assert_eq!(receive(&mut *b, 4), frames);
    });
}

#[test]
fn a_checksum_that_a_kernel_left_to_hardware_is_completed() {
    isolated("af_packet::a_checksum_that_a_kernel_left_to_hardware_is_completed", || {
        cable();
        ip("address add 10.0.0.1/24 dev a");
        ip("neighbour add 10.0.0.2 lladdr 02:00:00:00:00:02 dev a");
        let mut b = open("af_packet:b", &Options::default());
        let socket = UdpSocket::bind("10.0.0.1:5000").unwrap();
        socket.send_to(b"checksum me", "10.0.0.2:9").unwrap();
        let frames = receive(&mut *b, 1);
        assert_eq!(verify(&frames[0]), Verdict::Correct);
        assert_eq!(b.stats().rx_checksum_completed, 1);
    });
}

#[test]
fn frames_that_find_the_ring_full_are_counted() {
    isolated("af_packet::frames_that_find_the_ring_full_are_counted", || {
        cable();
        let options = Options { ring_frames: 64, ..Options::default() };
        let (mut a, mut b) = (open("af_packet:a", &options), open("af_packet:b", &options));
        let frames: Vec<Vec<u8>> = (0..1000).map(frame).collect();
        send(&mut *a, packets(&options, &frames));
        let mut packets = Vec::new();
        in_time("every frame is received or counted as missed", || {
            b.rx_burst(&mut packets, 32);
            packets.len() as u64 + b.stats().rx_missed == 1000
        });
        assert!(packets.len() >= 64 && b.stats().rx_missed > 800, "{:?}", b.stats());
    });
}

#[test]
fn an_empty_pool_leaves_frames_in_the_ring() {
    isolated("af_packet::an_empty_pool_leaves_frames_in_the_ring", || {
        cable();
        let options = Options::default();
        let (mut a, small) =
            (open("af_packet:a", &options), Options { pool: Pool::new(8, 2048), ..Options::default() });
        let mut b = open("af_packet:b", &small);
        let frames: Vec<Vec<u8>> = (0..20).map(frame).collect();
        send(&mut *a, packets(&options, &frames));
        let mut held = Vec::new();
        in_time("the pool is empty", || {
            b.rx_burst(&mut held, 32);
            held.len() == 8
        });
        assert_eq!(b.rx_burst(&mut held, 32), 0);
        drop(held);
        assert_eq!(receive(&mut *b, 12), frames[8..]);
    });
}

#[test]
fn a_frame_that_was_cut_is_an_error_and_never_passed_on() {
    isolated("af_packet::a_frame_that_was_cut_is_an_error_and_never_passed_on", || {
        cable();
        let options = Options { pool: Pool::new(64, 9100), ..Options::default() };
        let mut b = open("af_packet:b", &options);
        ip("link set dev a mtu 9000");
        ip("link set dev b mtu 9000");
        let mut a = open("af_packet:a", &options);
        send(&mut *a, packets(&options, &[vec![9; 5000], vec![9; 1530], frame(1)]));
        assert_eq!(receive(&mut *b, 1), [frame(1)]);
        assert_eq!(b.stats().rx_errors, 2);
        // A port that was opened with the larger MTU takes it.
        let mut b = open("af_packet:b", &options);
        send(&mut *a, packets(&options, &[vec![9; 9014]]));
        assert_eq!(receive(&mut *b, 1), [vec![9; 9014]]);
    });
}

#[test]
fn a_frame_that_the_interface_does_not_send_is_counted_and_the_next_one_goes() {
    isolated("af_packet::a_frame_that_the_interface_does_not_send_is_counted_and_the_next_one_goes", || {
        cable();
        let options = Options::default();
        let (mut a, mut b) = (open("af_packet:a", &options), open("af_packet:b", &options));
        send(&mut *a, packets(&options, &[vec![1; 2000], frame(1), vec![1; 5], frame(2)]));
        assert_eq!(receive(&mut *b, 2), [frame(1), frame(2)]);
        assert_eq!((a.stats().tx_errors, a.stats().tx_packets), (2, 2));
        assert_eq!(options.pool.packet(b"").map(|_| 1), Some(1));
    });
}

#[test]
fn frames_that_this_host_sends_are_not_received() {
    isolated("af_packet::frames_that_this_host_sends_are_not_received", || {
        cable();
        ip("address add 10.0.0.1/24 dev b");
        ip("neighbour add 10.0.0.2 lladdr 02:00:00:00:00:02 dev b");
        let options = Options::default();
        let (mut a, mut b) = (open("af_packet:a", &options), open("af_packet:b", &options));
        UdpSocket::bind("10.0.0.1:5000").unwrap().send_to(b"x", "10.0.0.2:9").unwrap();
        receive(&mut *a, 1);
        send(&mut *a, packets(&options, &[frame(3)]));
        assert_eq!(receive(&mut *b, 1), [frame(3)]);
    });
}

#[test]
fn an_interface_that_goes_down_and_up_works_on_and_lets_its_worker_sleep() {
    isolated("af_packet::an_interface_that_goes_down_and_up_works_on_and_lets_its_worker_sleep", || {
        cable();
        let options = Options::default();
        let (mut a, mut b) = (open("af_packet:a", &options), open("af_packet:b", &options));
        ip("link set dev b down");
        assert!(readable(&*b), "the kernel tells of the link");
        send(&mut *b, packets(&options, &[frame(1)]));
        in_time("the error is read", || {
            b.rx_burst(&mut Vec::new(), 32);
            !readable(&*b)
        });
        assert_eq!(b.stats().tx_errors, 1);
        ip("link set dev b up");
        send(&mut *a, packets(&options, &[frame(2)]));
        in_time("the descriptor tells of the frame", || readable(&*b));
        assert_eq!(receive(&mut *b, 1), [frame(2)]);
        assert!(!readable(&*b));
    });
}

#[test]
fn a_missing_interface_is_named_with_those_that_exist() {
    isolated("af_packet::a_missing_interface_is_named_with_those_that_exist", || {
        cable();
        let error = refusal("af_packet:eth9", &Options::default());
        assert_eq!(error, "no interface eth9 in this network namespace; there are: lo, b, a");
    });
}

#[test]
fn a_process_without_the_right_is_told_what_was_refused() {
    isolated_unprivileged("af_packet::a_process_without_the_right_is_told_what_was_refused", || {
        // Into a namespace's user namespace one level down: no rights over this network namespace.
        // SAFETY: this process has threads of the test harness only, which hold no resources of ours.
        let code = unsafe { libc::syscall(libc::SYS_capset, &[0x2008_0522_u32, 0], &[0_u32; 6]) };
        assert_eq!(code, 0);
        let error = refusal("af_packet:lo", &Options::default());
        assert_eq!(
            error,
            "cannot open a packet socket on interface lo: Operation not permitted (os error 1)"
        );
    });
}

/// A datagram of a flow, or a fragment of one, in either direction.
fn of_flow(flow: u8, back: bool, fragment: bool, v6: bool) -> Vec<u8> {
    let ends =
        [(MacAddr([2, 0, 0, 0, 0, 1]), 1, 1000 + u16::from(flow)), (MacAddr([2, 0, 0, 0, 0, 2]), 2, 53)];
    let [(src_mac, src, src_port), (dst_mac, dst, dst_port)] = if back { [ends[1], ends[0]] } else { ends };
    let ethernet = Build::ethernet(src_mac, dst_mac);
    let mut frame = match v6 {
        true => {
            let address = |last: u8| format!("fd00::{flow:x}:{last}").parse().unwrap();
            ethernet.ipv6(address(src), address(dst)).udp(src_port, dst_port).payload(&[flow; 64]).to_vec()
        }
        false => {
            let address = |last: u8| std::net::Ipv4Addr::new(10, 0, flow, last);
            ethernet.ipv4(address(src), address(dst)).udp(src_port, dst_port).payload(&[flow; 64]).to_vec()
        }
    }
    .unwrap();
    if fragment && !v6 {
        frame[20] = 0x20; // more fragments follow
    }
    frame
}

#[test]
fn queues_share_flows_and_both_directions_of_a_flow_have_one_number() {
    isolated("af_packet::queues_share_flows_and_both_directions_of_a_flow_have_one_number", || {
        cable();
        ip("link add name c type veth peer name d");
        for interface in ["c", "d"] {
            ip(&format!("link set dev {interface} up"));
        }
        let options = Options::default();
        let all: Vec<Options> = (0..3).map(|_| options.clone()).collect();
        let queues = |device: &str| {
            let queues = rackless_ports::open_queues("x", &device.parse().unwrap(), &all).unwrap();
            queues.expect("packet sockets have queues")
        };
        let (mut here, mut there) = (queues("af_packet:b"), queues("af_packet:d"));
        let (mut a, mut c) = (open("af_packet:a", &options), open("af_packet:c", &options));
        let mut used = std::collections::BTreeSet::new();
        for flow in 0..32 {
            for (v6, fragment) in [(false, false), (false, true), (true, false)] {
                let (query, answer) = (of_flow(flow, false, fragment, v6), of_flow(flow, true, fragment, v6));
                send(&mut *a, packets(&options, std::slice::from_ref(&query)));
                send(&mut *c, packets(&options, std::slice::from_ref(&answer)));
                let (came, back) = (arrives(&mut here, &query), arrives(&mut there, &answer));
                assert_eq!(came, back, "flow {flow}, fragment {fragment}, v6 {v6}");
                used.insert(came);
                if fragment {
                    // A later one has no ports, and comes where the first came.
                    let mut later = query.clone();
                    later[20..22].copy_from_slice(&[0, 8]);
                    later[34..38].fill(0);
                    send(&mut *a, packets(&options, std::slice::from_ref(&later)));
                    assert_eq!(arrives(&mut here, &later), came, "the later fragment of flow {flow}");
                }
            }
        }
        assert_eq!(used.len(), 3, "every queue has its share");
        let received: u64 = here.iter().map(|queue| queue.stats().rx_packets).sum();
        assert_eq!(received, 32 * 4, "each frame came once");
    });
}

/// The number of the queue by which a frame arrives.
fn arrives(queues: &mut [Box<dyn rackless_nf::Port>], frame: &[u8]) -> usize {
    let mut found = None;
    in_time("the frame arrives", || {
        for (number, queue) in queues.iter_mut().enumerate() {
            let mut packets = Vec::new();
            queue.rx_burst(&mut packets, 32);
            if let Some(packet) = packets.first() {
                assert_eq!((packets.len(), packet.data()), (1, frame));
                found = Some(number);
            }
        }
        found.is_some()
    });
    found.unwrap()
}
