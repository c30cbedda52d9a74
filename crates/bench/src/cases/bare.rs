//! The floor under `rackless up` and `down`: a program that makes what a lab of switches and hosts consists of in the
//! kernel, and removes it, with nothing around it.
//!
//! That is a namespace with the switches' bridges and a veth for each link of two of them, a namespace per host with a
//! veth to a port of its switch's bridge, an IPv4 and a link-local IPv6 address each, loopbacks and interfaces up.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd as _;

use netlink_sys::Socket;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rackless_topology::Topology;
use rackless_topology::model::{End, Kind};

use crate::error::Error;
use crate::namespace::Namespace;
use crate::netlink::{self, Batch, LOOPBACK};

/// The interface group by which all is removed at once.
const GROUP: u32 = 77;
const FIRST_INDEX: u32 = 10;
const HOST_INTERFACE: u32 = 2;
/// Messages in one system call.
const BATCH: usize = 64;
/// Ports of a bridge; a switch with more is several, as in a lab.
const BRIDGE_PORTS: usize = 500;

/// The namespace of the switches, and what was made in it so far.
struct Fabric {
    socket: Socket,
    batch: Batch,
    messages: usize,
    next: u32,
    namespace: Namespace,
}

/// A switch: its last bridge, and the ports that it has.
#[derive(Clone, Copy, Default)]
struct Bridge {
    index: u32,
    ports: usize,
}

/// Makes the switches and hosts of a shape and removes them again.
pub(crate) fn run(shape: &str) -> Result<(), Error> {
    let topology =
        Topology::shape(shape).map_err(|error| Error::Make { what: "the shape", source: error.into() })?;
    // A namespace and a socket for each host.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).map_err(Error::system("read the limit of files"))?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).map_err(Error::system("raise the limit of files"))?;
    let mut fabric = Fabric::make()?;
    let hosts = topology.nodes.iter().filter(|node| node.kind == Kind::Host).count();
    let made: Result<Vec<(Namespace, Socket)>, Error> =
        (0..hosts).map(|_| Ok((Namespace::create()?, netlink::open()?))).collect();
    let made = made?;
    let mut hosts = made.iter();
    let mut bridges = vec![Bridge::default(); topology.nodes.len()];
    for (node, bridge) in topology.nodes.iter().zip(&mut bridges) {
        if node.kind == Kind::Switch {
            bridge.index = fabric.bridge()?;
        }
    }
    for link in &topology.links {
        let [a, b] = link.ends.map(|End { node, .. }| node.0);
        match [a, b].map(|end| topology.nodes[end].kind) {
            [Kind::Switch, Kind::Switch] => {
                let [a, b] = [fabric.port(&mut bridges[a])?, fabric.port(&mut bridges[b])?];
                fabric.trunk(a, b)?;
            }
            [switch, _] => {
                let bridge = fabric.port(&mut bridges[if switch == Kind::Switch { a } else { b }])?;
                let (host, _) = hosts.next().expect("a host has one link, in every shape");
                fabric.host(bridge, host)?;
            }
        }
    }
    fabric.send()?;
    for (host, (_, socket)) in (1..).zip(&made) {
        configure(host, socket)?;
    }
    fabric.remove()
}

/// Gives the host with this number its addresses, from a socket in its namespace.
fn configure(host: u32, socket: &Socket) -> Result<(), Error> {
    let ipv4 = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + host);
    let ipv6 = Ipv6Addr::from_bits(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0).to_bits() + u128::from(host));
    let mut batch = Batch::default();
    batch.up(LOOPBACK).no_generated_address(HOST_INTERFACE);
    batch.ipv4(HOST_INTERFACE, ipv4, 8).ipv6(HOST_INTERFACE, ipv6, 64).up(HOST_INTERFACE);
    batch.send(socket)
}

impl Fabric {
    fn make() -> Result<Self, Error> {
        let namespace = Namespace::create()?;
        for name in ["all", "default"] {
            let path = format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6");
            fs::write(path, "1").map_err(Error::system("turn IPv6 off in the fabric"))?;
        }
        let (batch, messages, next) = (Batch::default(), 0, FIRST_INDEX);
        Ok(Self { socket: netlink::open()?, batch, messages, next, namespace })
    }

    /// Adds a message that makes something with the next index, which it gives.
    fn make_next(&mut self, message: impl FnOnce(&mut Batch, &str, u32)) -> Result<u32, Error> {
        let index = self.next;
        self.next += 1;
        message(&mut self.batch, &format!("p{index}"), index);
        self.messages += 1;
        if self.messages.is_multiple_of(BATCH) {
            self.send()?;
        }
        Ok(index)
    }

    fn bridge(&mut self) -> Result<u32, Error> {
        self.make_next(|batch, name, index| {
            batch.bridge(name, index, GROUP);
        })
    }

    /// Gives the bridge for a further port of a switch, a new one where the last is full.
    fn port(&mut self, bridge: &mut Bridge) -> Result<u32, Error> {
        if bridge.ports == BRIDGE_PORTS - 1 {
            let next = self.bridge()?;
            self.trunk(bridge.index, next)?;
            *bridge = Bridge { index: next, ports: 1 };
        }
        bridge.ports += 1;
        Ok(bridge.index)
    }

    /// Joins two bridges.
    fn trunk(&mut self, a: u32, b: u32) -> Result<(), Error> {
        let far = self.next;
        self.next += 1;
        let far_name = format!("p{far}");
        self.make_next(|batch, name, index| {
            let ends = [netlink::End { name, index }, netlink::End { name: &far_name, index: far }];
            batch.veth(&ends[0], Some(a), GROUP, &ends[1], None).join(far, b, GROUP);
        })?;
        Ok(())
    }

    /// Joins a host to a bridge.
    fn host(&mut self, bridge: u32, host: &Namespace) -> Result<(), Error> {
        self.make_next(|batch, name, index| {
            let (here, far) =
                (netlink::End { name, index }, netlink::End { name: "eth0", index: HOST_INTERFACE });
            batch.veth(&here, Some(bridge), GROUP, &far, Some(host.as_fd()));
        })?;
        Ok(())
    }

    fn send(&mut self) -> Result<(), Error> {
        self.batch.send(&self.socket)
    }

    fn remove(mut self) -> Result<(), Error> {
        self.batch.remove_group(GROUP).send(&self.socket)?;
        drop(self.namespace);
        Ok(())
    }
}
