//! AF_XDP on a veth.

use std::collections::BTreeSet;
use std::process::Command;

use rackless_nf::{Allocator as _, Pool, Port};
use rackless_ports::Options;

use crate::isolated::{ip, isolated, isolated_unprivileged};
use crate::{cable, frame, in_time, open, packets, readable, receive, refusal, send};

/// What `ip` says of an interface.
fn shown(interface: &str) -> String {
    let output = Command::new("ip").args(["-d", "link", "show", "dev", interface]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn both_ways(device: &str) {
    cable();
    let options = Options::default();
    let (mut a, mut b) = (open("af_packet:a", &options), open(&format!("af_xdp:b{device}"), &options));
    let mut frames: Vec<Vec<u8>> = (0..200).map(frame).collect();
    frames.push([&frame(1)[..12], &[0x81, 0, 0x60, 5], &frame(1)[12..]].concat());
    frames.push(vec![7; 1514]);
    for round in 1..=20 {
        send(&mut *a, packets(&options, &frames));
        assert_eq!(receive(&mut *b, 202), frames);
        send(&mut *b, packets(&options, &frames));
        assert_eq!(receive(&mut *a, 202), frames);
        let bytes = round * frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
        let stats = b.stats();
        assert_eq!((stats.rx_packets, stats.rx_bytes), (202 * round, bytes));
        assert_eq!((stats.tx_packets, stats.tx_bytes), (202 * round, bytes));
        assert_eq!((stats.rx_missed, stats.rx_errors, stats.tx_errors), (0, 0, 0));
    }
    assert_eq!(options.pool.in_use(), 0);
}

#[test]
fn privileged_frames_pass_both_ways_unchanged() {
    isolated("af_xdp::privileged_frames_pass_both_ways_unchanged", || both_ways(""));
}

#[test]
fn privileged_frames_pass_a_generic_program_too() {
    isolated("af_xdp::privileged_frames_pass_a_generic_program_too", || both_ways(",mode=generic"));
}

#[test]
fn privileged_a_port_tells_how_it_was_opened() {
    isolated("af_xdp::privileged_a_port_tells_how_it_was_opened", || {
        cable();
        let options = Options::default();
        let (a, b) = (open("af_xdp:a", &options), open("af_xdp:b,queue=0,mode=generic", &options));
        assert_eq!(a.info().device, "af_xdp:a,mode=native,zero_copy=no");
        assert_eq!(b.info().device, "af_xdp:b,queue=0,mode=generic,zero_copy=no");
        assert_eq!((a.info().mtu, a.info().mac == b.info().mac), (1500, false));
        assert!(shown("a").contains(" xdp ") && shown("b").contains(" xdpgeneric "), "{}", shown("b"));
    });
}

#[test]
fn privileged_a_burst_larger_than_the_rings_is_sent_whole() {
    isolated("af_xdp::privileged_a_burst_larger_than_the_rings_is_sent_whole", || {
        cable();
        let options = Options::default();
        let (mut a, mut b) = (open("af_xdp:a", &options), open("af_packet:b", &options));
        let frames: Vec<Vec<u8>> = (0..3000).map(frame).collect();
        for _ in 0..3 {
            send(&mut *a, packets(&options, &frames));
            assert!(receive(&mut *b, 3000) == frames);
        }
    });
}

#[test]
fn privileged_a_macswap_over_af_xdp_answers_every_frame() {
    isolated("af_xdp::privileged_a_macswap_over_af_xdp_answers_every_frame", || {
        cable();
        let options = Options::default();
        let (mut host, mut nf) = (open("af_packet:a", &options), open("af_xdp:b", &options));
        for round in 0..50 {
            let frames: Vec<Vec<u8>> = (0..32).map(|number| frame(round * 32 + number)).collect();
            send(&mut *host, packets(&options, &frames));
            let mut answered = 0;
            in_time("the function sees the frames", || {
                let mut burst = Vec::new();
                answered += nf.rx_burst(&mut burst, 32);
                for packet in &mut burst {
                    let data = packet.data_mut();
                    let (dst, rest) = data.split_at_mut(6);
                    dst.swap_with_slice(&mut rest[..6]);
                }
                send(&mut *nf, burst);
                answered == 32
            });
            let swapped = |frame: &Vec<u8>| [&frame[6..12], &frame[..6], &frame[12..]].concat();
            assert_eq!(receive(&mut *host, 32), frames.iter().map(swapped).collect::<Vec<_>>());
        }
    });
}

#[test]
fn privileged_a_worker_sleeps_until_a_frame_comes() {
    isolated("af_xdp::privileged_a_worker_sleeps_until_a_frame_comes", || {
        cable();
        let options = Options::default();
        let (mut a, mut b) = (open("af_packet:a", &options), open("af_xdp:b", &options));
        assert!(!readable(&*b));
        send(&mut *a, packets(&options, &[frame(1)]));
        in_time("the descriptor tells of the frame", || readable(&*b));
        assert_eq!(receive(&mut *b, 1), [frame(1)]);
        assert!(!readable(&*b));
    });
}

/// Two interfaces with four queues each way.
fn wide_cable() {
    cable();
    ip("link delete dev a");
    let queues = "numtxqueues 4 numrxqueues 4";
    ip(&format!("link add name a {queues} type veth peer name b {queues}"));
    ip("link set dev a up");
    ip("link set dev b up");
}

#[test]
fn privileged_every_queue_of_an_interface_is_received() {
    isolated("af_xdp::privileged_every_queue_of_an_interface_is_received", || {
        wide_cable();
        let options = Options::default();
        let mut all = open("af_xdp:b", &options);
        let mut senders: Vec<Box<dyn Port>> =
            (0..4).map(|queue| open(&format!("af_xdp:a,queue={queue}"), &options)).collect();
        for (queue, sender) in (0..4).zip(&mut senders) {
            let frames: Vec<Vec<u8>> = (0..100).map(|number| frame(queue * 100 + number)).collect();
            send(&mut **sender, packets(&options, &frames));
        }
        let received: BTreeSet<Vec<u8>> = receive(&mut *all, 400).into_iter().collect();
        assert_eq!(received, (0..400).map(frame).collect());
    });
}

#[test]
fn privileged_ports_on_the_queues_of_one_interface_get_their_own_frames() {
    isolated("af_xdp::privileged_ports_on_the_queues_of_one_interface_get_their_own_frames", || {
        wide_cable();
        let options = Options::default();
        let mut receivers: Vec<Box<dyn Port>> =
            (0..3).map(|queue| open(&format!("af_xdp:b,queue={queue}"), &options)).collect();
        let mut kernel = open("af_packet:b", &options);
        for queue in [2, 0, 1, 3] {
            let mut sender = open(&format!("af_xdp:a,queue={queue}"), &options);
            send(&mut *sender, packets(&options, &[frame(queue)]));
            let receiver = receivers.get_mut(usize::from(queue)).unwrap_or(&mut kernel);
            assert_eq!(receive(&mut **receiver, 1), [frame(queue)], "queue {queue}");
        }
        let last = refusal("af_xdp:b,queue=4", &options);
        assert_eq!(last, "interface b has no receive queue 4; its last is 3");
    });
}

#[test]
fn privileged_a_queue_and_an_interface_have_one_owner() {
    isolated("af_xdp::privileged_a_queue_and_an_interface_have_one_owner", || {
        cable();
        let (options, others) = (Options::default(), Options::default());
        let first = open("af_xdp:b", &options);
        let busy = "interface b has an XDP program of another process or of a port in another mode";
        assert_eq!(refusal("af_xdp:b", &others), busy);
        assert_eq!(refusal("af_xdp:b,mode=generic", &options), busy);
        assert_eq!(refusal("af_xdp:b", &options), "queue 0 of interface b belongs to another AF_XDP socket");
        assert!(shown("b").contains(" xdp "));
        drop(first);
        in_time("the program is gone", || !shown("b").contains("xdp"));
        open("af_xdp:b", &others);
    });
}

#[test]
fn privileged_a_killed_process_leaves_no_program_and_no_promiscuous_interface() {
    const ROLE: &str = "RACKLESS_AF_XDP_VICTIM";
    let name = "af_xdp::privileged_a_killed_process_leaves_no_program_and_no_promiscuous_interface";
    isolated(name, || {
        if std::env::var_os(ROLE).is_some() {
            let _port = open("af_xdp:b", &Options::default());
            loop {
                std::thread::park();
            }
        }
        cable();
        let mut victim = Command::new(std::env::current_exe().unwrap());
        let mut victim = victim.args(["--exact", name]).env(ROLE, "").spawn().unwrap();
        in_time("the process has its port", || {
            let shown = shown("b");
            shown.contains(" xdp ") && shown.contains("promiscuity 1")
        });
        victim.kill().unwrap();
        victim.wait().unwrap();
        in_time("nothing is left", || {
            let shown = shown("b");
            !shown.contains("xdp") && shown.contains("promiscuity 0")
        });
    });
}

#[test]
fn privileged_missed_frames_are_counted_by_reason() {
    isolated("af_xdp::privileged_missed_frames_are_counted_by_reason", || {
        cable();
        let options = Options { ring_frames: 256, ..Options::default() };
        let (mut a, mut b) = (open("af_packet:a", &options), open("af_xdp:b", &options));
        let frames: Vec<Vec<u8>> = (0..1000).map(frame).collect();
        send(&mut *a, packets(&options, &frames));
        in_time("the missed frames are counted", || b.stats().rx_missed == 744);
        let count = |name: &str| b.xstats().into_iter().find(|(has, _)| has == name).map(|(_, count)| count);
        let full = count("missed: receive ring full").unwrap();
        let empty = count("missed: fill ring empty").unwrap();
        assert_eq!(full + empty, 744);
        assert_eq!(receive(&mut *b, 256), frames[..256]);
        send(&mut *a, packets(&options, &[frame(1)]));
        assert_eq!(receive(&mut *b, 1), [frame(1)]);
        assert_eq!(b.stats().rx_errors, 0);
    });
}

#[test]
fn privileged_without_buffers_frames_wait_in_the_ring() {
    isolated("af_xdp::privileged_without_buffers_frames_wait_in_the_ring", || {
        cable();
        let (options, few) = (Options::default(), Options { pool: Pool::new(8, 2048), ..Options::default() });
        let (mut a, mut b) = (open("af_packet:a", &options), open("af_xdp:b", &few));
        let frames: Vec<Vec<u8>> = (0..20).map(frame).collect();
        send(&mut *a, packets(&options, &frames));
        let mut packets = Vec::new();
        in_time("eight frames come", || {
            b.rx_burst(&mut packets, 32);
            packets.len() == 8
        });
        assert_eq!(b.rx_burst(&mut packets, 32), 0);
        packets.clear();
        let rest: Vec<Vec<u8>> =
            (0..2).flat_map(|half| receive(&mut *b, if half == 0 { 8 } else { 4 })).collect();
        assert_eq!(rest, frames[8..]);
    });
}

#[test]
fn privileged_frames_up_to_a_page_pass_and_a_larger_mtu_is_refused() {
    isolated("af_xdp::privileged_frames_up_to_a_page_pass_and_a_larger_mtu_is_refused", || {
        cable();
        for interface in ["a", "b"] {
            ip(&format!("link set dev {interface} mtu 3498"));
        }
        let options = Options { pool: Pool::new(1024, 4096), ..Options::default() };
        let (mut a, mut b) = (open("af_xdp:a", &options), open("af_xdp:b", &options));
        for len in [3512, 60, 2048] {
            send(&mut *a, packets(&options, &[vec![len as u8; len]]));
            assert_eq!(receive(&mut *b, 1), [vec![len as u8; len]]);
        }
        send(&mut *a, packets(&options, &[vec![1; 3521]]));
        assert_eq!(a.stats().tx_errors, 1);
        drop((a, b));
        ip("link set dev a mtu 9000");
        let error = refusal("af_xdp:a", &options);
        assert_eq!(
            error,
            "frames of interface a have up to 9022 bytes with its MTU, and af_xdp carries up to 3840; \
             set a smaller MTU or use af_packet:a"
        );
    });
}

#[test]
fn privileged_an_interface_that_goes_down_refuses_and_works_again() {
    isolated("af_xdp::privileged_an_interface_that_goes_down_refuses_and_works_again", || {
        cable();
        let options = Options::default();
        let (mut a, mut b) = (open("af_packet:a", &options), open("af_xdp:b", &options));
        ip("link set dev b down");
        send(&mut *b, packets(&options, &[frame(0)]));
        send(&mut *b, packets(&options, &[frame(1), frame(2)]));
        assert_eq!(b.stats().tx_errors, 2);
        assert!(!readable(&*b), "a worker may sleep");
        ip("link set dev b up");
        send(&mut *b, packets(&options, &[frame(3)]));
        in_time("the frame arrives", || {
            let mut burst = Vec::new();
            a.rx_burst(&mut burst, 32);
            burst.iter().any(|packet| packet.data() == frame(3))
        });
        send(&mut *a, packets(&options, &[frame(4)]));
        assert_eq!(receive(&mut *b, 1), [frame(4)]);
    });
}

#[test]
fn privileged_zero_copy_that_a_driver_cannot_do_is_refused() {
    isolated("af_xdp::privileged_zero_copy_that_a_driver_cannot_do_is_refused", || {
        cable();
        let options = Options::default();
        let error = refusal("af_xdp:b,zero_copy=yes", &options);
        assert_eq!(
            error,
            "cannot have frames received and sent without a copy (zero_copy=yes) on interface b: \
             Operation not supported (os error 95)"
        );
        let error = refusal("af_xdp:eth9", &options);
        assert_eq!(error, "no interface eth9 in this network namespace; there are: lo, b, a");
    });
}

#[test]
fn a_process_in_a_user_namespace_is_told_what_to_use_instead() {
    isolated_unprivileged("af_xdp::a_process_in_a_user_namespace_is_told_what_to_use_instead", || {
        cable();
        let error = refusal("af_xdp:b", &Options::default());
        assert_eq!(
            error,
            "cannot load an XDP program for interface b: af_xdp needs root outside of user namespaces \
             (CAP_BPF and CAP_NET_ADMIN there); af_packet:b works without: Operation not permitted (os error 1)"
        );
    });
}
