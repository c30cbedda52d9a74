//! A router between two networks of hosts that answer ARP and neighbour discovery while they are up.

use std::net::IpAddr;

use rackless_functions::{InterfaceConfig, Router, RouterConfig, RouterFile};
use rackless_nf::{GraphBuilder, Harness, Time, time};
use rackless_packet::arp::ArpOperation;
use rackless_packet::build::{Build, SOLICITED_OVERRIDE};
use rackless_packet::icmpv6::Icmpv6Type;
use rackless_packet::icmpv6::ndp::NeighbourSolicitation;
use rackless_packet::{Layout, MacAddr};
use zerocopy::FromBytes;

pub(crate) const PORTS: [&str; 2] = ["a", "b"];

/// A host on a link of the router.
pub(crate) struct Host {
    pub(crate) port: &'static str,
    pub(crate) mac: MacAddr,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) up: bool,
}

pub(crate) struct Lab {
    pub(crate) harness: Harness,
    pub(crate) hosts: Vec<Host>,
}

/// The router of most tests: fd00:a::fe/64 and 10.0.1.254/24 on `a`, fd00:b::fe/64 and 10.0.2.254/24 on `b`.
pub(crate) fn config(file: &str) -> RouterConfig {
    let file: RouterFile = toml::from_str(file).unwrap();
    let interface = |name: &str, addresses: [&str; 2]| InterfaceConfig {
        name: name.to_owned(),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
    };
    let interfaces = vec![
        interface("a", ["fd00:a::fe/64", "10.0.1.254/24"]),
        interface("b", ["fd00:b::fe/64", "10.0.2.254/24"]),
    ];
    RouterConfig { interfaces, file }
}

/// The MAC address of the host with this number.
pub(crate) fn host_mac(number: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0xaa, number])
}

impl Lab {
    pub(crate) fn new(file: &str) -> Self {
        let graph = GraphBuilder::new().node("router", Router::new(config(file)).unwrap());
        Self { harness: Harness::new(graph, &PORTS).unwrap(), hosts: Vec::new() }
    }

    /// Adds a host and returns its index.
    pub(crate) fn host(&mut self, port: &'static str, number: u8, addresses: &[&str]) -> usize {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.hosts.push(Host { port, mac: host_mac(number), addresses, up: true });
        self.hosts.len() - 1
    }

    /// Lets time pass; hosts answer within it. Gives what came out otherwise: port and frame.
    pub(crate) fn run(&mut self, time: Time) -> Vec<(&'static str, Vec<u8>)> {
        let end = self.harness.now() + time;
        let mut out = Vec::new();
        loop {
            while self.exchange(&mut out) {}
            if self.harness.now() >= end {
                return out;
            }
            self.harness.advance((5 * time::MILLISECOND).min(end - self.harness.now()));
        }
    }

    /// As [`Lab::run`] for no time at all.
    pub(crate) fn settle(&mut self) -> Vec<(&'static str, Vec<u8>)> {
        self.run(0)
    }

    /// Sends a frame and gives what comes out at once.
    pub(crate) fn send(&mut self, port: &str, frame: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
        self.harness.send(port, frame);
        self.settle()
    }

    pub(crate) fn drops(&self, reason: &str) -> u64 {
        self.harness.drops("router", reason)
    }

    /// Takes what came out and gives the questions in it their answers; whether any was given.
    fn exchange(&mut self, out: &mut Vec<(&'static str, Vec<u8>)>) -> bool {
        let mut answers = Vec::new();
        for port in PORTS {
            for frame in self.harness.received(port) {
                match question(&frame) {
                    Some(question) => answers.extend(self.answer(port, &question)),
                    None => out.push((port, frame)),
                }
            }
        }
        let any = !answers.is_empty();
        answers.iter().for_each(|(port, frame): &(&str, Vec<u8>)| self.harness.send(port, frame));
        any
    }

    fn answer(&self, port: &'static str, question: &Question) -> Option<(&'static str, Vec<u8>)> {
        let hears = |host: &&Host| host.port == port && host.up;
        let host = self.hosts.iter().filter(hears).find(|host| host.addresses.contains(&question.target))?;
        if question.dst.is_unicast() && question.dst != host.mac {
            return None;
        }
        let frame = match (question.sender, question.target) {
            (IpAddr::V4(sender), IpAddr::V4(target)) => {
                Build::arp_reply(host.mac, target, question.mac, sender).to_vec()
            }
            (IpAddr::V6(sender), IpAddr::V6(target)) => {
                Build::neighbour_advertisement(host.mac, target, question.mac, sender, SOLICITED_OVERRIDE)
                    .to_vec()
            }
            _ => return None,
        };
        Some((port, frame.unwrap()))
    }
}

/// An ARP request or neighbour solicitation.
pub(crate) struct Question {
    pub(crate) dst: MacAddr,
    pub(crate) mac: MacAddr,
    pub(crate) sender: IpAddr,
    pub(crate) target: IpAddr,
}

pub(crate) fn question(frame: &[u8]) -> Option<Question> {
    let dst = MacAddr(frame[..6].try_into().unwrap());
    let mac = MacAddr(frame[6..12].try_into().unwrap());
    let layout = Layout::scan(frame);
    let l3 = &frame[usize::from(layout.l3?.offset)..];
    if let Ok((arp, _)) = rackless_packet::arp::Arp::ref_from_prefix(l3)
        && frame[12..14] == [8, 6]
    {
        let is_request = arp.operation == ArpOperation::REQUEST;
        let (sender, target) = (arp.sender_ip().into(), arp.target_ip().into());
        return is_request.then_some(Question { dst, mac, sender, target });
    }
    let (ip, _) = rackless_packet::ipv6::Ipv6::ref_from_prefix(l3).ok()?;
    let (message, _) = NeighbourSolicitation::ref_from_prefix(frame.get(54..)?).ok()?;
    let asks = layout.protocol == rackless_packet::ipv4::IpProtocol::ICMPV6
        && message.icmp_type == Icmpv6Type::NEIGHBOUR_SOLICITATION;
    asks.then(|| Question { dst, mac, sender: ip.src().into(), target: message.target().into() })
}

/// A UDP frame from host `number` to the router's port `port`.
pub(crate) fn udp(number: u8, port: usize, src: &str, dst: &str) -> Vec<u8> {
    udp_with(number, port, src, dst, 64, b"payload of no meaning")
}

pub(crate) fn udp_with(number: u8, port: usize, src: &str, dst: &str, hops: u8, payload: &[u8]) -> Vec<u8> {
    let stage = Build::ethernet(host_mac(number), Harness::mac(port));
    let frame = match (src.parse().unwrap(), dst.parse().unwrap()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            stage.ipv4(src, dst).dont_fragment().ttl(hops).udp(5000, 6000).payload(payload).to_vec()
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            stage.ipv6(src, dst).hop_limit(hops).udp(5000, 6000).payload(payload).to_vec()
        }
        _ => panic!("addresses of two families"),
    };
    frame.unwrap()
}
