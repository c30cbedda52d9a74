//! The printed form of packets, to the character.

use rackless_nf::MemoryPort;

use crate::{Script, port};

fn sniffed(frame: &[u8], script: Script) -> Vec<String> {
    let port: MemoryPort = port(1);
    port.push(frame);
    let output = script.port(&port).args(&["0", "-n", "1"]).output();
    let from = output.lines().position(|line| line.contains(" ETH ")).expect("a dump");
    output.lines().skip(from).take_while(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn dumped(frame: &[u8]) -> Vec<String> {
    let mut lines = sniffed(frame, Script::example("sniff.lua"));
    let (time, rest) = lines[0].split_once(' ').expect("a time");
    assert!(is_time(time), "{time}");
    lines[0] = rest.to_owned();
    lines
}

/// Seconds below ten are not padded, as in MoonGen.
fn is_time(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 3
        && parts[..2].iter().all(|part| part.len() == 2 && part.parse::<u8>().is_ok())
        && (8..=9).contains(&parts[2].len())
        && parts[2].parse::<f64>().is_ok_and(|seconds| seconds < 60.0)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).expect("text"), 16).expect("hex digits");
    digits.chunks(2).map(byte).collect()
}

#[test]
fn a_neighbour_solicitation() {
    let frame = bytes(
        "badcafebeef2 badcafeb01a1 86dd 6000 0000 0018 3aff fe80 0000 0000 0000 0000 0000 0000 0001
         ff02 0000 0000 0000 0000 0000 0000 0002 8700 0000 0000 0000 fe80 0000 0000 0000 0000 0000 0000 0002",
    );
    assert_eq!(
        dumped(&frame),
        [
            "ETH ba:dc:af:eb:01:a1 > ba:dc:af:eb:ee:f2 type 0x86dd (IP6)",
            "IP6 fe80:0000:0000:0000:0000:0000:0000:0001 > ff02:0000:0000:0000:0000:0000:0000:0002 \
             ver 6 tc 0 fl 0 len 24 next 0x3a (ICMP) ttl 255",
            "ICMP type 135 (unknown) code 0 (unknown) cksum 0x0000 body <some data> ",
            "  0x0000:   badc afeb eef2 badc afeb 01a1 86dd 6000 ",
            "  0x0010:   0000 0018 3aff fe80 0000 0000 0000 0000 ",
            "  0x0020:   0000 0000 0001 ff02 0000 0000 0000 0000 ",
            "  0x0030:   0000 0000 0002 8700 0000 0000 0000 fe80 ",
            "  0x0040:   0000 0000 0000 0000 0000 0000 0002 ",
        ]
    );
}

#[test]
fn udp_with_ipv4_options() {
    let frame = bytes(
        "020000000002 020000000001 0800 4610 0020 002a 4000 4011 66bc 0a000001 0a000002 01010100
         03e9 07d0 000c 0000 01020304",
    );
    let lines = dumped(&frame);
    assert_eq!(
        lines[1..3],
        [
            "IP4 10.0.0.1 > 10.0.0.2 ver 4 ihl 6 tos 16 len 32 id 42 flags 2 frag 0 ttl 64 proto 0x11 (UDP) \
             cksum 0x66bc [0x01010100]",
            "UDP 1001 > 2000 len 12 cksum 0x0000",
        ]
    );
}

#[test]
fn a_syn_with_options() {
    let frame = bytes(
        "020000000002 020000000001 0800 4500 003c 0000 0000 4006 0000 c0a80101 c0a80102
         0401 0400 00000001 00000000 a002 000a 0000 0000 020405b4 01 030307 080a 00000001 00000000 0402",
    );
    assert_eq!(
        dumped(&frame)[2],
        "TCP 1025 > 1024 seq# 1 ack# 0 offset 0xa reserved 0x00 flags 0x02 [-|-|-|-|SYN|-] win 10 cksum 0x0000 \
         urg 0 [MSS 1460,nop,WS 7 (x128),TSval 1 TSecr 0,4 0x]"
    );
}

#[test]
fn arp_and_tags_and_what_is_unknown() {
    let arp = bytes(
        "ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002",
    );
    assert_eq!(
        dumped(&arp)[1],
        "ARP hrd Ethernet (hln 6) pro 0x0800 (pln 4) op Request who-has 10.0.0.2 (00:00:00:00:00:00) tell 10.0.0.1 \
         (02:00:00:00:00:01)"
    );
    let unknown = bytes("ffffffffffff 020000000001 9999 00");
    assert_eq!(
        dumped(&unknown),
        [
            "ETH 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff type 0x9999 (unknown)",
            "  0x0000:   ffff ffff ffff 0200 0000 0001 9999 00",
        ]
    );
    let script = "function configure(parser) parser:argument('dev') parser:option('-n') end
        function master()
            local device, memory = require 'device', require 'memory'
            local bufs = memory.bufArray(1)
            device.config { port = 0, stripVlan = false }:getRxQueue(0):recv(bufs)
            bufs[1]:dump()
        end";
    let tag = bytes("ffffffffffff 020000000001 8100 2064 0806");
    assert!(
        sniffed(&tag, Script::new(script))[0]
            .ends_with(" ETH 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff vlan 100 type 0x0806 (ARP)")
    );
    let tags = bytes("ffffffffffff 020000000001 88a8 0001 8100 0002 9999");
    assert!(sniffed(&tags, Script::new(script))[0].ends_with(
        " ETH 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff outerVlan 1 innerVlan 2 type 0x9999 (unknown)"
    ));
}

#[test]
fn a_frame_cut_short_is_dumped_as_far_as_its_headers_are_whole() {
    let syn = bytes(
        "020000000002 020000000001 0800 4500 0028 0000 0000 4006 0000 c0a80101 c0a80102 0401 0400 0000",
    );
    for len in 14..syn.len() {
        let lines = dumped(&syn[..len]);
        let headers = 1 + usize::from(len >= 34);
        assert_eq!(lines.len(), headers + len.div_ceil(16), "{lines:?}");
    }
}

#[test]
fn headers_and_their_bytes_have_colours() {
    let arp = bytes(
        "ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002",
    );
    let lines = sniffed(&arp, Script::example("sniff.lua").color());
    let (time, header) = lines[0].split_once("\x1b[0m").expect("an end of colour");
    assert!(time.strip_prefix("\x1b[1;37m").is_some_and(is_time), "{time:?}");
    assert_eq!(header, "\x1b[0;34m ETH 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff type 0x0806 (ARP)");
    assert!(lines[1].starts_with("\x1b[1;32mARP hrd"));
    assert_eq!(
        lines[2],
        "\x1b[1;37m  0x0000:   \x1b[0;34mffff ffff ffff 0200 0000 0001 0806 \x1b[1;32m0001 "
    );
    assert_eq!(lines[3], "\x1b[1;37m  0x0010:   \x1b[1;32m0800 0604 0001 0200 0000 0001 0a00 0001 ");
    assert_eq!(lines[4], "\x1b[1;37m  0x0020:   \x1b[1;32m0000 0000 0000 0a00 0002 \x1b[0m");
}

#[test]
fn wireshark_form_has_bytes_only() {
    let output = Script::master(
        "local bufs = require 'memory'.createMemPool(1):bufArray(1)
        bufs:alloc(18)
        require 'ffi'.fill(bufs[1]:getData(), 18, 0xab)
        bufs[1]:dump(nil, io.stdout, false, true)",
    )
    .output();
    let line = "ab ".repeat(16);
    assert_eq!(output, format!("  000000   {line}\n  000010   ab ab \n\n"));
}
