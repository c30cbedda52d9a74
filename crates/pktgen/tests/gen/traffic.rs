//! What scripts send and receive.

use std::net::Ipv6Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use etherparse::{NetHeaders, PacketHeaders, TransportHeader};
use rackless_nf::MemoryPort;
use rackless_packet::checksum::{self, Verdict};

use crate::{Script, port};

#[test]
fn a_syn_flood_has_right_checksums_and_varying_sources() {
    for (source, destination, len) in [("10.0.0.1", "10.1.0.1", 60), ("2001:db8::ffff", "2001:db8:1::1", 74)]
    {
        let port = port(1);
        let args = ["0", "-n", "1000", "-f", "300", "-s", source, "-d", destination];
        let output = Script::example("tcp-syns.lua").port(&port).args(&args).output();
        let frames = port.take_sent();
        assert_eq!(frames.len(), 1000);
        for (index, frame) in frames.iter().enumerate() {
            assert_eq!(frame.len(), len);
            assert_eq!(checksum::verify(frame), Verdict::Correct);
            let headers = PacketHeaders::from_ethernet_slice(frame).unwrap();
            let Some(TransportHeader::Tcp(tcp)) = headers.transport else { panic!("no TCP") };
            assert!(tcp.syn && !tcp.ack && tcp.sequence_number == 1 && tcp.window_size == 10);
            let flow = (index % 300) as u32;
            match headers.net {
                Some(NetHeaders::Ipv4(ip, _)) => assert_eq!(ip.source, (0x0a00_0001 + flow).to_be_bytes()),
                Some(NetHeaders::Ipv6(ip, _)) => {
                    let first: Ipv6Addr = source.parse().unwrap();
                    assert_eq!(u128::from_be_bytes(ip.source), first.to_bits() + u128::from(flow));
                }
                _ => panic!("no IP"),
            }
        }
        let total = format!("total 1000 packets with {} bytes (incl. CRC)\n", 1000 * (len + 4));
        assert!(output.contains(&total), "{output}");
        assert_eq!(output.matches(" ETH ").count(), 1);
    }
}

#[test]
fn a_rate_is_kept() {
    let port = port(1);
    let start = Instant::now();
    // 512 kbit/s are a thousand frames of 64 bytes a second.
    Script::example("tcp-syns.lua").port(&port).args(&["0", "-n", "200", "-r", "0.512"]).output();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(port.take_sent().len(), 200);
    assert!(seconds > 0.19, "{seconds}");
}

#[test]
fn frames_go_to_the_queues_that_filters_name_and_counters_see_those_that_nobody_takes() {
    let port = port(1);
    let frame = |kind: [u8; 2]| [&[2; 12][..], &kind, &[0; 46]].concat();
    for kind in [[8, 6], [8, 0], [0x88, 0xf7], [8, 6], [0x86, 0xdd]] {
        port.push(&frame(kind));
    }
    let output = Script::new(
        "local device, memory = require 'device', require 'memory'
        function master()
            require 'filter'
            local dev = device.config { port = 0, rxQueues = 3 }
            dev:l2Filter(0x0806, dev:getRxQueue(1))
            dev:l2Filter(0x88f7, 2)
            dev:l2Filter(0x86dd, dev.DROP)
            local bufs = memory.bufArray()
            print(dev:getRxStats())
            print(dev:getRxQueue(0):tryRecv(bufs, 0), dev:getRxQueue(1):tryRecv(bufs, 0), dev:getRxQueue(2):tryRecv(bufs, 0))
            print(pcall(dev.getRxQueue, dev, 3))
        end",
    )
    .port(&port)
    .output();
    let lines: Vec<&str> = output.lines().skip(2).collect();
    assert_eq!(lines[..2], ["5\t320", "1\t2\t1"]);
    assert!(
        lines[2].contains("device is configured with rx queues 0 to 2, tried to get queue number 3"),
        "{output}"
    );
}

#[test]
fn tags_are_stripped_and_inserted_as_hardware_does() {
    let port = port(1);
    port.push(&[&[2; 12][..], &[0x81, 0, 0x60, 100, 8, 0], &[7; 46]].concat());
    let output = Script::master(
        "local device, memory = require 'device', require 'memory'
        local dev = device.config { port = 0 }
        local bufs = memory.bufArray(1)
        dev:getRxQueue(0):recv(bufs)
        print(bufs[1]:getSize(), bufs[1]:getVlan())
        bufs[1]:setVlan(7, 1)
        dev:getTxQueue(0):sendSingle(bufs[1])",
    )
    .port(&port)
    .output();
    assert!(output.ends_with("60\t100\t3\t0\n"), "{output}");
    assert_eq!(port.take_sent(), [[&[2; 12][..], &[0x81, 0, 0x20, 7, 8, 0], &[7; 46]].concat()]);
}

#[test]
fn the_arp_task_answers_for_its_addresses_and_looks_others_up() {
    let port = port(1);
    let done = AtomicBool::new(false);
    let request = arp(1, [2, 0, 0, 0, 0, 9], [10, 0, 0, 9], [0; 6], [10, 0, 0, 1]);
    port.push(&request);
    let output = thread::scope(|scope| {
        let (wire, done) = (port.clone(), &done);
        let peer = scope.spawn(move || {
            let mut answered = false;
            answer(&wire, done, |frame| {
                answered |= frame[12..14] == [8, 6] && frame[21] == 2 && frame[32..42] == request[22..32];
                let asks = frame[12..14] == [8, 6] && frame[21] == 1 && frame[38..42] == [10, 0, 0, 9];
                asks.then(|| arp(2, [2, 0, 0, 0, 0, 9], [10, 0, 0, 9], [2, 0, 0, 0, 0, 1], [10, 0, 0, 1]))
            });
            answered
        });
        let script = Script::master(
            "local mg, device, arp = require 'moongen', require 'device', require 'proto.arp'
            local dev = device.config { port = 0, rxQueues = 2, txQueues = 2 }
            arp.startArpTask { { rxQueue = dev:getRxQueue(1), txQueue = dev:getTxQueue(1), ips = { '10.0.0.1' } } }
            print(arp.blockingLookup('10.0.0.9', 5))
            mg.stop()
            mg.waitForTasks()",
        );
        let output = script.port(&port).output();
        done.store(true, Ordering::Relaxed);
        assert!(peer.join().unwrap(), "the request was not answered");
        output
    });
    assert!(output.contains("02:00:00:00:00:09\t"), "{output}");
}

#[test]
fn the_anycast_script_resolves_its_gateway_and_counts_the_answers() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("figures.json");
    let args = ["0", "-g", "fe80::fe", "-c", "150", "-r", "5000", "--json", json.to_str().unwrap()];
    let (status, output, resets) = anycast(&args, |_| true);
    assert!(status.is_success(), "{output}");
    assert_eq!(resets, 150);
    assert!(output.contains("The gateway fe80::fe has the MAC address 02:00:00:00:00:fe"), "{output}");
    assert_eq!(
        output.matches("IP6 2001:0db8:0009:0000:0000:0000:0000:0001 > 2001:0db8:feed").count(),
        1,
        "{output}"
    );
    let figures: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(
        (&figures["sent"], &figures["synacks"], &figures["duplicates"]),
        (&150.into(), &150.into(), &0.into())
    );
    assert!(figures["seconds"].as_f64().is_some_and(|seconds| seconds > 0.02), "{figures}");
}

#[test]
fn the_anycast_script_fails_when_a_syn_stays_unanswered_or_the_gateway_is_silent() {
    let args = ["0", "-g", "02:00:00:00:00:fe", "-c", "20", "-t", "0.2"];
    let (status, output, _) = anycast(&args, |port| port != 10_003);
    assert_eq!(status.code(), 1, "{output}");
    assert!(output.contains("[ERROR] 20 SYNs, 19 SYN-ACKs, 0 duplicates"), "{output}");
    let (status, output) = Script::example("anycast-syn.lua").port(&port(1)).args(&["-g", "fe80::fe"]).run();
    assert_eq!(status.code(), 1, "{output}");
    assert!(output.contains("[ERROR] The gateway fe80::fe does not answer"), "{output}");
}

/// Runs the script against a router and a server that answers SYNs to the ports it likes; counts the resets.
fn anycast(
    args: &[&str],
    likes: impl Fn(u16) -> bool + Send,
) -> (rackless_pktgen::ExitStatus, String, usize) {
    let port = port(1);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (wire, done) = (port.clone(), &done);
        let peer = scope.spawn(move || {
            let mut resets = 0;
            answer(&wire, done, |frame| {
                assert_eq!(checksum::verify(frame), Verdict::Correct);
                resets += usize::from(frame[20] == 6 && frame[67] == 4);
                match frame[20] {
                    58 if frame[54] == 135 => Some(advertisement(frame)),
                    6 if frame[67] == 2 && likes(u16::from_be_bytes([frame[54], frame[55]])) => {
                        Some(syn_ack(frame))
                    }
                    _ => None,
                }
            });
            resets
        });
        let (status, output) = Script::example("anycast-syn.lua").port(&port).args(args).run();
        done.store(true, Ordering::Relaxed);
        (status, output, peer.join().expect("the peer checks what it gets"))
    })
}

/// Answers what is sent until told to end.
fn answer(port: &MemoryPort, done: &AtomicBool, mut reply: impl FnMut(&[u8]) -> Option<Vec<u8>>) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let last = done.load(Ordering::Relaxed);
        let sent = port.take_sent();
        sent.iter().filter_map(|frame| reply(frame)).for_each(|frame| port.push(&frame));
        if last {
            return;
        }
        assert!(Instant::now() < deadline, "the script does not end");
        thread::yield_now();
    }
}

fn arp(op: u8, sha: [u8; 6], spa: [u8; 4], tha: [u8; 6], tpa: [u8; 4]) -> Vec<u8> {
    let mut frame = [&[0xff; 6][..], &sha, &[8, 6, 0, 1, 8, 0, 6, 4, 0, op], &sha, &spa, &tha, &tpa].concat();
    frame.resize(60, 0);
    frame
}

/// Turns Ethernet and IPv6 addresses around.
fn turned(frame: &[u8]) -> Vec<u8> {
    let mut reply = frame.to_vec();
    reply[..6].copy_from_slice(&frame[6..12]);
    reply[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 0xfe]);
    reply[22..38].copy_from_slice(&frame[38..54]);
    reply[38..54].copy_from_slice(&frame[22..38]);
    reply
}

fn advertisement(solicitation: &[u8]) -> Vec<u8> {
    assert_eq!(solicitation[..6], [0x33, 0x33, 0xff, 0, 0, 0xfe]);
    let mut reply = turned(solicitation);
    reply[22..38].copy_from_slice(&solicitation[62..78]);
    reply[54] = 136;
    reply[58] = 0x60;
    reply[78] = 2;
    reply[80..86].copy_from_slice(&[2, 0, 0, 0, 0, 0xfe]);
    reply
}

fn syn_ack(syn: &[u8]) -> Vec<u8> {
    let mut reply = turned(syn);
    reply[54..56].copy_from_slice(&syn[56..58]);
    reply[56..58].copy_from_slice(&syn[54..56]);
    let sequence = u32::from_be_bytes(syn[58..62].try_into().expect("four bytes"));
    reply[62..66].copy_from_slice(&(sequence + 1).to_be_bytes());
    reply[67] = 0x12;
    reply
}
