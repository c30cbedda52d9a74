//! The frames and routes of the router's case: two sides, hundreds of routes, thousands of flows, IPv6 and IPv4.

use std::io::{BufWriter, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use fastrand::Rng;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rackless_functions::{InterfaceConfig, NextHop, ProbeConfig, RouteConfig, RouterConfig, RouterFile};
use rackless_nf::time;
use rackless_packet::MacAddr;
use rackless_packet::build::{self, Build, SOLICITED_OVERRIDE};
use rackless_packet::capture::{LinkType, Record};
use rackless_packet::pcap::Writer;

use crate::error::Error;

/// Routes per side and family: 4 times as many in all.
const ROUTES: u32 = 128;
/// Frames per side, each of another flow.
const FLOWS: usize = 2048;
/// Next hops per side and family, each used by as many routes.
const HOPS: u32 = 4;
/// Length of all frames, without their check sequence.
const FRAME: usize = 64;
/// The MAC address of every `null:` port.
const PORT: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

/// One side of the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    A = 1,
    B = 2,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::A, Self::B];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// A host on the side's own network; the router is number 254.
    fn ipv4(self, host: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, self as u8, 0).to_bits() + host)
    }

    fn ipv6(self, host: u32) -> Ipv6Addr {
        Ipv6Addr::new(0xfd00, self as u16, 0, 0, 0, 0, 0, host as u16)
    }

    /// The side's route with this number: from /16 to /24.
    fn prefix_v4(self, number: u32) -> Ipv4Net {
        let address = Ipv4Addr::new(20 + 10 * self as u8, number as u8, 0, 0);
        Ipv4Net::new_assert(address, 16 + (number % 9) as u8)
    }

    /// The side's route with this number: from /48 to /64.
    fn prefix_v6(self, number: u32) -> Ipv6Net {
        let address = Ipv6Addr::new(0x2001, 0xdb8, (self as u16) << 12 | number as u16, 0, 0, 0, 0, 0);
        Ipv6Net::new_assert(address, 48 + (number % 17) as u8)
    }
}

const ROUTER: u32 = 254;

/// Gives the router's interfaces and routes.
///
/// Its next hops are probed at the start alone, for nobody would answer later: `null:` ports are deaf.
pub(crate) fn config() -> RouterConfig {
    let interface = |side: Side| InterfaceConfig {
        name: side.name().to_owned(),
        addresses: vec![
            Ipv4Net::new_assert(side.ipv4(ROUTER), 24).into(),
            Ipv6Net::new_assert(side.ipv6(ROUTER), 64).into(),
        ],
    };
    let route = |prefix: IpNet, via: std::net::IpAddr| RouteConfig {
        prefix,
        via: vec![NextHop { address: via, interface: None }],
    };
    let mut routes = Vec::new();
    for side in Side::BOTH {
        for number in 0..ROUTES {
            let hop = 1 + number % HOPS;
            routes.push(route(side.prefix_v4(number).into(), side.ipv4(hop).into()));
            routes.push(route(side.prefix_v6(number).into(), side.ipv6(hop).into()));
        }
    }
    let probe = ProbeConfig { every: 3600 * time::SECOND, ..ProbeConfig::default() };
    let file = RouterFile { route: routes, probe, ..RouterFile::default() };
    RouterConfig { interfaces: Side::BOTH.map(interface).to_vec(), file }
}

/// Gives the frames that arrive on a side: the next hops' answers to the router's probes, and flows to the other.
pub(crate) fn frames(side: Side) -> Result<Vec<Vec<u8>>, build::Error> {
    let mut rng = Rng::with_seed(side as u64);
    let mut frames = Vec::new();
    for hop in 1..=HOPS {
        let mac = MacAddr([2, 0, 0, 0, side as u8, hop as u8]);
        frames.push(Build::arp_reply(mac, side.ipv4(hop), PORT, side.ipv4(ROUTER)).to_vec()?);
        let (target, router) = (side.ipv6(hop), side.ipv6(ROUTER));
        frames.push(Build::neighbour_advertisement(mac, target, PORT, router, SOLICITED_OVERRIDE).to_vec()?);
    }
    for flow in 0..FLOWS {
        let hop = 1 + rng.u32(..HOPS);
        let link = Build::ethernet(MacAddr([2, 0, 0, 0, side as u8, hop as u8]), PORT);
        let ports = (rng.u16(1024..), rng.u16(1024..));
        let mut number = || rng.u32(..ROUTES);
        let (from, to) = (number(), number());
        frames.push(if flow.is_multiple_of(2) {
            let src = within_v4(side.prefix_v4(from), &mut rng);
            let dst = within_v4(side.other().prefix_v4(to), &mut rng);
            link.ipv4(src, dst).udp(ports.0, ports.1).payload(&[0; FRAME - 14 - 20 - 8]).to_vec()?
        } else {
            let src = within_v6(side.prefix_v6(from), &mut rng);
            let dst = within_v6(side.other().prefix_v6(to), &mut rng);
            link.ipv6(src, dst).udp(ports.0, ports.1).payload(&[0; FRAME - 14 - 40 - 8]).to_vec()?
        });
    }
    Ok(frames)
}

/// Writes the frames of both sides as captures into a folder.
pub(crate) fn write(folder: &Path) -> Result<[PathBuf; 2], Error> {
    let mut paths = [PathBuf::new(), PathBuf::new()];
    for (side, path) in Side::BOTH.into_iter().zip(&mut paths) {
        *path = folder.join(format!("{}.pcap", side.name()));
        write_one(side, path).map_err(|source| Error::Make { what: "the router's frames", source })?;
    }
    Ok(paths)
}

fn write_one(side: Side, path: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut writer = Writer::new(BufWriter::new(std::fs::File::create(path)?), LinkType::ETHERNET)?;
    for data in frames(side)? {
        writer.write(&Record { original_len: data.len() as u32, data, ..Record::default() })?;
    }
    Ok(writer.into_inner().flush()?)
}

fn within_v4(net: Ipv4Net, rng: &mut Rng) -> Ipv4Addr {
    Ipv4Addr::from_bits(net.network().to_bits() | rng.u32(..) & net.hostmask().to_bits())
}

fn within_v6(net: Ipv6Net, rng: &mut Rng) -> Ipv6Addr {
    Ipv6Addr::from_bits(net.network().to_bits() | rng.u128(..) & net.hostmask().to_bits())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rackless_functions::Router;
    use rackless_nf::{GraphBuilder, Harness};
    use rackless_packet::checksum::{Verdict, verify};

    use super::*;

    #[test]
    fn all_flows_have_frames_of_64_bytes_with_correct_checksums() {
        for side in Side::BOTH {
            let frames = frames(side).unwrap();
            let flows = &frames[2 * HOPS as usize..];
            assert_eq!(flows.len(), FLOWS);
            assert!(flows.iter().all(|frame| frame.len() == FRAME && verify(frame) == Verdict::Correct));
        }
    }

    #[test]
    fn the_router_forwards_every_flow_by_every_next_hop() {
        let graph = GraphBuilder::new().node("router", Router::new(config()).unwrap());
        let mut lab = Harness::new(graph, &["a", "b"]).unwrap();
        for (port, side) in Side::BOTH.into_iter().enumerate() {
            for mut frame in frames(side).unwrap() {
                frame[..6].copy_from_slice(&Harness::mac(port).0);
                lab.send(side.name(), &frame);
            }
        }
        // The answers of side b came after the flows of side a, of which those waited that had room.
        assert_eq!(lab.received("a").len(), FLOWS + 2 * HOPS as usize);
        lab.received("b");
        let mut hops = BTreeMap::new();
        for mut frame in frames(Side::A).unwrap().split_off(2 * HOPS as usize) {
            frame[..6].copy_from_slice(&Harness::mac(0).0);
            lab.send("a", &frame);
        }
        for frame in lab.received("b") {
            *hops.entry(frame[..6].to_vec()).or_insert(0) += 1;
        }
        assert_eq!((hops.len(), hops.values().sum::<usize>()), (HOPS as usize, FLOWS));
    }
}
