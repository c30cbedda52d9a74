//! DPDK's drivers as ports.

use rackless_nf::{Allocator as _, Port};
use rackless_packet::capture::{LinkType, Record};
use rackless_packet::pcap::Writer;
use rackless_ports::{DeviceSpec, Dpdk, EalConfig, Options};

use crate::isolated::{ip, isolated, isolated_unprivileged};
use crate::{cable, frame, in_time, open, packets, readable, receive, refusal, send};

fn forward_null() {
    let options = Options::default();
    let (mut a, mut b) = (open("dpdk:net_null,size=64", &options), open("dpdk:net_null,size=64", &options));
    let mut burst = Vec::new();
    for _ in 0..1000 {
        assert_eq!(a.rx_burst(&mut burst, 32), 32);
        assert_eq!((b.tx_burst(&mut burst), burst.len()), (32, 0));
    }
    assert_eq!((a.stats().rx_packets, b.stats().tx_packets), (32_000, 32_000));
    assert_eq!(options.dpdk.pool().unwrap().in_use(), 0);
}

#[test]
fn net_null_forwards_and_all_buffers_come_back() {
    isolated("dpdk::net_null_forwards_and_all_buffers_come_back", forward_null);
}

#[test]
fn an_ordinary_user_runs_dpdk() {
    isolated_unprivileged("dpdk::an_ordinary_user_runs_dpdk", forward_null);
}

#[test]
fn net_ring_gives_back_what_it_was_sent_and_heap_packets_are_copied_once() {
    isolated("dpdk::net_ring_gives_back_what_it_was_sent_and_heap_packets_are_copied_once", || {
        let options = Options::default();
        let mut ring = open("dpdk:net_ring", &options);
        let frames: Vec<Vec<u8>> = (0..100).map(frame).collect();
        send(&mut *ring, packets(&options, &frames));
        assert_eq!(options.pool.in_use(), 0);
        let pool = options.dpdk.pool().unwrap();
        assert_eq!(pool.in_use(), 100);

        let mut burst = Vec::new();
        assert_eq!(ring.rx_burst(&mut burst, 512), 100);
        let addresses: Vec<_> = burst.iter().map(|packet| packet.data().as_ptr()).collect();
        assert!(burst.iter().zip(&frames).all(|(packet, frame)| packet.data() == frame));
        send(&mut *ring, burst);
        let mut again = Vec::new();
        ring.rx_burst(&mut again, 512);
        assert!(again.iter().zip(addresses).all(|(packet, address)| packet.data().as_ptr() == address));
        again.clear();

        // A packet of DPDK's own pool, grown at both ends.
        let mut packet = pool.alloc().unwrap();
        packet.append(60).unwrap().fill(5);
        packet.push(4).unwrap().fill(4);
        send(&mut *ring, vec![packet]);
        assert_eq!(receive(&mut *ring, 1), [[[4; 4].as_slice(), &[5; 60]].concat()]);
        assert_eq!(pool.in_use(), 0);
    });
}

#[test]
fn a_full_ring_leaves_the_rest_to_the_caller() {
    isolated("dpdk::a_full_ring_leaves_the_rest_to_the_caller", || {
        let options = Options::default();
        let mut ring = open("dpdk:net_ring", &options);
        let mut burst = Vec::new();
        options.dpdk.pool().unwrap().alloc_burst(&mut burst, 3000);
        assert_eq!(burst.len(), 3000);
        for packet in &mut burst {
            packet.append(60).unwrap();
        }
        let taken = ring.tx_burst(&mut burst);
        assert!((1..3000).contains(&taken) && taken + burst.len() == 3000, "{taken}");
        drop(burst);
        assert_eq!(receive(&mut *ring, taken).len(), taken);
        assert_eq!(options.dpdk.pool().unwrap().in_use(), 0);
    });
}

fn over_a_cable() {
    cable();
    let options = Options::default();
    let mut a = open("af_packet:a", &options);
    let mut b = open("dpdk:eth_af_packet,iface=b", &options);
    assert_eq!(b.info().device, "dpdk:net_af_packet,iface=b");
    let mut frames: Vec<Vec<u8>> = (0..500).map(frame).collect();
    frames.push([&frame(1)[..12], &[0x81, 0, 0x60, 5], &frame(1)[12..]].concat());
    frames.push(vec![7; 1514]);
    send(&mut *a, packets(&options, &frames));
    assert_eq!(receive(&mut *b, 502), frames);
    send(&mut *b, packets(&options, &frames));
    assert_eq!(receive(&mut *a, 502), frames);
    let stats = b.stats();
    assert_eq!((stats.rx_packets, stats.tx_packets, stats.rx_errors, stats.tx_errors), (502, 502, 0, 0));
    assert_eq!((b.rx_burst(&mut Vec::new(), 32), readable(&*b)), (0, false));
}

#[test]
fn net_af_packet_passes_real_frames_both_ways() {
    isolated("dpdk::net_af_packet_passes_real_frames_both_ways", over_a_cable);
}

#[test]
fn an_ordinary_user_runs_net_af_packet_in_a_namespace_of_its_own() {
    isolated_unprivileged(
        "dpdk::an_ordinary_user_runs_net_af_packet_in_a_namespace_of_its_own",
        over_a_cable,
    );
}

#[test]
fn what_wakes_a_sleeper_at_net_af_packet_can_be_received_at_once() {
    isolated("dpdk::what_wakes_a_sleeper_at_net_af_packet_can_be_received_at_once", || {
        const ROUNDS: u16 = 2000;
        cable();
        let mut b = open("dpdk:net_af_packet,iface=b", &Options::default());
        assert!(!readable(&*b));
        let (next, wanted) = std::sync::mpsc::channel();
        let sender = std::thread::spawn(move || {
            let options = Options::default();
            let mut a = open("af_packet:a", &options);
            wanted.iter().for_each(|number| send(&mut *a, packets(&options, &[frame(number)])));
        });
        for number in 0..ROUNDS {
            next.send(number).unwrap();
            in_time("the descriptor tells of the frame", || readable(&*b));
            let mut received = Vec::new();
            assert_eq!(b.rx_burst(&mut received, 32), 1, "round {number}");
            assert_eq!(received[0].data(), frame(number));
            assert_eq!((b.rx_burst(&mut received, 32), readable(&*b)), (0, false), "round {number}");
        }
        drop(next);
        sender.join().unwrap();
    });
}

#[test]
fn jumbo_frames_pass_and_longer_ones_than_the_mtu_are_errors() {
    isolated("dpdk::jumbo_frames_pass_and_longer_ones_than_the_mtu_are_errors", || {
        cable();
        ip("link set dev a mtu 9000");
        let options = Options { pool: rackless_nf::Pool::new(64, 9100), ..Options::default() };
        let mut small = open("dpdk:net_af_packet,iface=b", &options);
        ip("link set dev b mtu 9000");
        let mut a = open("af_packet:a", &options);
        send(&mut *a, packets(&options, &[vec![9; 5000], frame(1)]));
        assert_eq!(receive(&mut *small, 1), [frame(1)]);
        assert_eq!(small.stats().rx_errors, 1);
        drop(small);
        let mut large = open("dpdk:net_af_packet,iface=b", &options);
        assert_eq!(large.info().mtu, 9000);
        send(&mut *a, packets(&options, &[vec![9; 9014]]));
        assert_eq!(receive(&mut *large, 1), [vec![9; 9014]]);
        send(&mut *large, packets(&options, &[vec![8; 9014]]));
        assert_eq!(receive(&mut *a, 1), [vec![8; 9014]]);
    });
}

#[test]
fn the_pcap_driver_reads_and_writes_files() {
    isolated("dpdk::the_pcap_driver_reads_and_writes_files", || {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("in.pcap"), dir.path().join("out.pcap"));
        let mut writer = Writer::new(std::fs::File::create(&input).unwrap(), LinkType::ETHERNET).unwrap();
        let frames: Vec<Vec<u8>> = (0..50).map(frame).collect();
        for frame in &frames {
            writer.write(&Record::new(0, frame.clone())).unwrap();
        }
        // Longer than a buffer: it comes in segments.
        writer.write(&Record::new(0, vec![3; 3000])).unwrap();
        drop(writer);
        let device = format!("dpdk:net_pcap,rx_pcap={},tx_pcap={}", input.display(), output.display());
        let options = Options::default();
        let mut port = open(&device, &options);
        assert_eq!(receive(&mut *port, 50), frames);
        in_time("the long frame is counted", || {
            assert_eq!(port.rx_burst(&mut Vec::new(), 32), 0);
            port.stats().rx_errors == 1
        });
        send(&mut *port, packets(&options, &frames));
        drop(port);
        let mut read = open(&format!("pcap:{}", output.display()), &options);
        assert_eq!(receive(&mut *read, 50), frames);
    });
}

#[test]
fn missing_interfaces_drivers_and_devices_are_named() {
    isolated("dpdk::missing_interfaces_drivers_and_devices_are_named", || {
        let options = Options::default();
        let error = refusal("dpdk:net_af_packet,iface=eth9", &options);
        assert_eq!(error, "no interface eth9 in this network namespace; there are: lo");
        let error = refusal("dpdk:net_nonsense", &options);
        assert!(error.starts_with("cannot attach DPDK device net_nonsense0: "), "{error}");
        let error = refusal("dpdk:net_af_packet,colour=red", &options);
        assert!(error.starts_with("cannot attach DPDK device net_af_packet0: "), "{error}");
        let error = refusal("dpdk:0000:ff:1f.7", &options);
        assert!(error.starts_with("cannot attach DPDK device 0000:ff:1f.7: "), "{error}");
        // None of it is in the way of what works.
        open("dpdk:net_null", &options);
    });
}

#[test]
fn dpdk_starts_once_per_process_and_says_so() {
    isolated("dpdk::dpdk_starts_once_per_process_and_says_so", || {
        let (first, second) = (Options::default(), Options::default());
        let _port = open("dpdk:net_null", &first);
        let error = refusal("dpdk:net_null", &second);
        assert!(error.starts_with("EAL was already initialised in this process"), "{error}");
    });
}

#[test]
fn ports_work_in_another_thread_than_the_one_that_opened_them() {
    isolated("dpdk::ports_work_in_another_thread_than_the_one_that_opened_them", || {
        let options = Options { dpdk: Dpdk::new(EalConfig::default(), 4096), ..Options::default() };
        let ports: Vec<Box<dyn Port>> = (0..2).map(|_| open("dpdk:net_null", &options)).collect();
        let workers = ports.into_iter().map(|mut port| {
            std::thread::spawn(move || {
                let mut burst = Vec::new();
                for _ in 0..10_000 {
                    port.rx_burst(&mut burst, 32);
                    port.tx_burst(&mut burst);
                }
                port.stats().tx_packets
            })
        });
        let sent: Vec<u64> =
            workers.collect::<Vec<_>>().into_iter().map(|worker| worker.join().unwrap()).collect();
        assert_eq!(sent, [320_000, 320_000]);
        assert_eq!(options.dpdk.pool().unwrap().in_use(), 0);
    });
}

#[test]
fn a_device_string_names_the_driver_it_opens() {
    let DeviceSpec::Dpdk(spec) = "dpdk:net_af_packet,iface=b".parse().unwrap() else { panic!("not DPDK") };
    assert_eq!((spec.device.as_str(), spec.pci), ("net_af_packet", false));
}
