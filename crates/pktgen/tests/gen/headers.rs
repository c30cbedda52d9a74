//! Frames that scripts build, read by an independent parser, and read back by the script.

use etherparse::{Icmpv4Type, Icmpv6Type, LinkExtHeader, NetHeaders, PacketHeaders, TransportHeader};

use crate::{Script, port};

/// The frame that this makes of `buf`, and what `get` says of it, as sorted `name=value` lines.
fn filled(getter: &str, len: usize, args: &str, then: &str) -> (Vec<u8>, String) {
    let port = port(1);
    let body = format!(
        "local device, memory = require 'device', require 'memory'
        local queue = device.config {{ port = 0 }}:getTxQueue(0)
        local bufs = memory.createMemPool(1):bufArray(1)
        bufs:alloc({len})
        local buf = bufs[1]
        local pkt = buf:{getter}
        pkt:fill {{ {args} }}
        {then}
        local lines = {{}}
        for name, value in pairs(pkt:get()) do lines[#lines + 1] = name .. '=' .. tostring(value) end
        table.sort(lines)
        print(table.concat(lines, ' '))
        queue:send(bufs)"
    );
    let output = Script::master(&body).port(&port).output();
    let frame = port.take_sent().pop().expect("one frame");
    (frame, output.lines().last().expect("a line").to_owned())
}

#[test]
fn ethernet_ipv4_udp_with_defaults() {
    let (frame, get) = filled("getUdpPacket()", 60, "pktLength = 60", "buf:fillChecksums()");
    let headers = PacketHeaders::from_ethernet_slice(&frame).unwrap();
    let ethernet = headers.link.clone().unwrap().ethernet2().unwrap();
    assert_eq!((ethernet.source, ethernet.destination), ([1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]));
    let Some(NetHeaders::Ipv4(ip, _)) = &headers.net else { panic!("no IPv4") };
    assert_eq!((ip.source, ip.destination), ([192, 168, 1, 1], [192, 168, 1, 2]));
    assert_eq!((ip.total_len, ip.time_to_live, ip.header_checksum), (46, 64, ip.calc_header_checksum()));
    let Some(TransportHeader::Udp(udp)) = &headers.transport else { panic!("no UDP") };
    assert_eq!((udp.source_port, udp.destination_port, udp.length), (1024, 1025, 26));
    assert_eq!(udp.checksum, udp.calc_checksum_ipv4(ip, headers.payload.slice()).unwrap());
    for expected in
        ["ip4TTL=64", "ip4Src=192.168.1.1", "udpLength=26", "ethType=2048", "ethDst=07:08:09:0a:0b:0c"]
    {
        assert!(get.contains(expected), "{get}");
    }
}

#[test]
fn every_field_of_ipv4() {
    let args = "ethSrc = queue, ethDst = '02:00:00:00:00:99', ip4Src = '1.2.3.4', ip4Dst = parseIP4Address('250.6.7.8'),
        ip4TOS = 0x2c, ip4ID = 0xabcd, ip4Flags = 2, ip4Fragment = 0, ip4TTL = 3, ip4Protocol = 253, pktLength = 60";
    let (frame, get) = filled("getIPPacket()", 60, args, "pkt.ip4:calculateChecksum()");
    let headers = PacketHeaders::from_ethernet_slice(&frame).unwrap();
    assert_eq!(headers.link.unwrap().ethernet2().unwrap().source, [2, 0, 0, 0, 0, 1]);
    let Some(NetHeaders::Ipv4(ip, _)) = headers.net else { panic!("no IPv4") };
    assert_eq!((ip.source, ip.destination), ([1, 2, 3, 4], [250, 6, 7, 8]));
    assert_eq!((ip.dscp.value(), ip.ecn.value(), ip.identification), (11, 0, 0xabcd));
    assert!(ip.dont_fragment && !ip.more_fragments);
    assert_eq!((ip.time_to_live, ip.protocol.0, ip.header_checksum), (3, 253, ip.calc_header_checksum()));
    for expected in ["ip4Flags=2", "ip4ID=43981", "ip4Protocol=253", "ip4TOS=44", "ip4Version=4"] {
        assert!(get.contains(expected), "{get}");
    }
}

#[test]
fn every_field_of_ipv6_and_tcp() {
    let args = "ip6Src = 'fd00::1', ip6Dst = parseIP6Address('fd00::2'), ip6TrafficClass = 0xab, ip6FlowLabel = 0x12345,
        ip6TTL = 7, tcpSrc = 65535, tcpDst = 443, tcpSeqNumber = 0xfedcba98, tcpAckNumber = 5, tcpWindow = 1000,
        tcpSyn = 1, tcpEce = 1, tcpUrg = 1, tcpPsh = 0, tcpFin = true, tcpUrgentPointer = 9, pktLength = 80";
    let (frame, get) = filled("getTcpPacket(false)", 80, args, "bufs:offloadTcpChecksums(false)");
    let headers = PacketHeaders::from_ethernet_slice(&frame).unwrap();
    let Some(NetHeaders::Ipv6(ip, _)) = &headers.net else { panic!("no IPv6") };
    assert_eq!((ip.source[15], ip.destination[15], ip.hop_limit, ip.payload_length), (1, 2, 7, 26));
    assert_eq!((ip.traffic_class, ip.flow_label.value()), (0xab, 0x12345));
    let Some(TransportHeader::Tcp(tcp)) = &headers.transport else { panic!("no TCP") };
    assert_eq!((tcp.source_port, tcp.destination_port), (65535, 443));
    assert_eq!((tcp.sequence_number, tcp.acknowledgment_number), (0xfedc_ba98, 5));
    assert_eq!((tcp.window_size, tcp.urgent_pointer, tcp.data_offset()), (1000, 9, 5));
    assert!(tcp.syn && tcp.urg && tcp.fin && !tcp.psh && !tcp.ack && !tcp.rst);
    assert_eq!(tcp.checksum, tcp.calc_checksum_ipv6(ip, headers.payload.slice()).unwrap());
    for expected in
        ["tcpSeqNumber=4275878552", "tcpSyn=true", "tcpAck=false", "ip6FlowLabel=74565", "ip6Length=26"]
    {
        assert!(get.contains(expected), "{get}");
    }
}

#[test]
fn tcp_options_that_are_set_are_read() {
    let then = "pkt.tcp:setDataOffset(10)
        local at = pkt.tcp:setMssOption(0, 1460)
        at = pkt.tcp:setWSOption(at, 7)
        at = pkt.tcp:setTSOption(at, 0xfffefdfc, 1)
        pkt.tcp:fillOptions(at)
        buf:fillChecksums()";
    let (frame, _) = filled("getTcpPacket()", 74, "tcpSyn = 1, pktLength = 74", then);
    let headers = PacketHeaders::from_ethernet_slice(&frame).unwrap();
    let Some(TransportHeader::Tcp(tcp)) = &headers.transport else { panic!("no TCP") };
    let options: Vec<String> =
        tcp.options_iterator().map(|option| format!("{:?}", option.unwrap())).collect();
    assert_eq!(
        options,
        ["MaximumSegmentSize(1460)", "WindowScale(7)", "Timestamp(4294901244, 1)", "Noop", "Noop"]
    );
}

#[test]
fn one_tag_and_two_tags() {
    let (frame, get) = filled("getEthernetVlanPacket()", 60, "ethVlan = 100, ethType = 0x1234", "");
    let headers = PacketHeaders::from_ethernet_slice(&frame).unwrap();
    let Some(LinkExtHeader::Vlan(tag)) = headers.link_exts.first() else { panic!("no tag") };
    assert_eq!((tag.vlan_id.value(), tag.ether_type.0), (100, 0x1234));
    assert!(get.contains("ethVlan=100"), "{get}");
    let args = "ethouterVlanTag = 5, ethinnerVlanTag = 6, ethouterVlanId = 0x88a8, ethType = 0x1234";
    let (frame, get) = filled("getEthernetQinQPacket()", 60, args, "");
    let headers = PacketHeaders::from_ethernet_slice(&frame).unwrap();
    let ids: Vec<u16> = headers
        .link_exts
        .iter()
        .map(|ext| match ext {
            LinkExtHeader::Vlan(tag) => tag.vlan_id.value(),
            LinkExtHeader::Macsec(_) => panic!("no tag"),
        })
        .collect();
    assert_eq!(ids, [5, 6]);
    assert!(get.contains("ethinnerVlanTag=6") && get.contains("ethouterVlanTag=5"), "{get}");
}

#[test]
fn arp_and_icmp_of_both_versions() {
    let args = "arpOperation = 2, arpHardwareSrc = queue, arpProtoSrc = '10.0.0.1', arpProtoDst = parseIP4Address('10.0.0.2')";
    let (frame, get) = filled("getArpPacket()", 60, args, "");
    let Some(NetHeaders::Arp(arp)) = PacketHeaders::from_ethernet_slice(&frame).unwrap().net else {
        panic!("no ARP")
    };
    assert_eq!((arp.operation.0, arp.sender_hw_addr()), (2, &[2, 0, 0, 0, 0, 1][..]));
    assert_eq!(
        (arp.sender_protocol_addr(), arp.target_protocol_addr()),
        (&[10, 0, 0, 1][..], &[10, 0, 0, 2][..])
    );
    assert!(get.contains("arpProtoSrcString=") || get.contains("arpProtoSrc=167772161"), "{get}");

    let (frame, _) = filled("getIcmpPacket()", 60, "icmpType = 8, pktLength = 60", "buf:fillChecksums()");
    let headers = PacketHeaders::from_ethernet_slice(&frame).unwrap();
    let Some(TransportHeader::Icmpv4(icmp)) = headers.transport else { panic!("no ICMP") };
    assert!(matches!(icmp.icmp_type, Icmpv4Type::EchoRequest(_)));
    assert_eq!(icmp.checksum, icmp.icmp_type.calc_checksum(headers.payload.slice()));

    let args =
        "icmpType = 135, icmpCode = 0, ndpTarget = 'fd00::7', ndpMac = queue, ip6TTL = 255, pktLength = 86";
    let (frame, get) = filled("getNdpPacket()", 86, args, "buf:fillChecksums()");
    let headers = PacketHeaders::from_ethernet_slice(&frame).unwrap();
    let Some(NetHeaders::Ipv6(ip, _)) = &headers.net else { panic!("no IPv6") };
    let Some(TransportHeader::Icmpv6(icmp)) = &headers.transport else { panic!("no ICMPv6") };
    assert!(matches!(icmp.icmp_type, Icmpv6Type::NeighborSolicitation), "{:?}", icmp.icmp_type);
    let sum = icmp.icmp_type.calc_checksum(ip.source, ip.destination, headers.payload.slice()).unwrap();
    assert_eq!(icmp.checksum, sum);
    assert_eq!(frame[78..86], [1, 1, 2, 0, 0, 0, 0, 1]);
    assert!(get.contains("ndpTarget=fd00:0000:0000:0000:0000:0000:0000:0007"), "{get}");
}

#[test]
fn stacks_of_the_scripts_own_making() {
    let output = Script::master(
        "local get = createStack('eth', { 'ip4', name = 'outer' }, 'udp', { 'eth', name = 'innerEth' }, { 'ip6', name = 'inner' })
        local buf = require 'memory'.createMemPool(1):alloc(120)
        local pkt = get(buf)
        pkt:fill { pktLength = 120, outerTTL = 9, innerEthSrc = '0a:00:00:00:00:00', innerTTL = 8 }
        print(pkt.outer:getTTL(), pkt.inner:getTTL(), pkt.innerEth:getSrcString(), pkt.innerEth:getType())
        print(pkt.outer:getLength(), pkt.udp:getLength(), pkt.inner:getLength())
        pkt:setLength(130)
        print(pkt.outer:getLength(), pkt.udp:getLength(), pkt.inner:getLength())
        pkt:calculateOuterChecksum()
        print(pkt.outer:getChecksum() ~= 0, pkt.payload.uint8 - require 'ffi'.cast('uint8_t *', pkt))
        print(pcall(createStack, 'eth', 'nothing'))",
    )
    .output();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[..4], ["9\t8\t0a:00:00:00:00:00\t34525", "106\t86\t24", "116\t96\t34", "true\t96"]);
    assert!(lines[4].contains("there is no protocol nothing"), "{output}");
}

#[test]
fn addresses_count_over_all_their_bits() {
    let output = Script::master(
        "local buf = require 'memory'.createMemPool(1):alloc(60)
        local pkt = buf:getUdpPacket(false)
        pkt.ip6.src:set(parseIP6Address('2001:db8::ffff:ffff:ffff:ffff'))
        pkt.ip6.src:add(2)
        print(pkt.ip6.src:getString())
        pkt.ip6.src:add(-2)
        print(pkt.ip6.src:getString())
        print((parseIP6Address('::1') - 2):getString(true), parseIP6Address('::1') + 1 == parseIP6Address('::2'))
        local v4 = buf:getUdpPacket()
        v4.ip4.src:set(parseIPAddress('255.255.255.254'))
        v4.ip4.src:add(3)
        print(v4.ip4.src:getString(), v4.ip4.src + 1, ip4ToString(parseIP4Address('10.0.255.7') + 256))
        print(parseIPAddress('nonsense'), parseMacAddress('12:34:56:78:90'), parseMacAddress('0a:0B:0c-0d:0e:0f', true))
        print(bswap16(0x1234), incAndWrap(8, 10), incAndWrap(9, 10), checksum(require 'ffi'.new('uint8_t[2]', 1, 2), 2))",
    )
    .output();
    assert_eq!(
        output.lines().collect::<Vec<_>>(),
        [
            "2001:0db8:0000:0001:0000:0000:0000:0001",
            "2001:0db8:0000:0000:ffff:ffff:ffff:ffff",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\ttrue",
            "0.0.0.1\t2\t10.1.0.7",
            "nil\tnil\t16553022851850",
            "13330\t9\t0\t65022",
        ]
    );
}
