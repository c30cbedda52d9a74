//! The kernel of the port's own network namespace: what is sent by the port, the kernel receives, and the other way
//! round.
//!
//! So a network function keeps what it does not want to do itself (ARP, BGP, ssh to its own address) with the kernel:
//! it punts frames to this port, and forwards what comes from it.

mod address;
mod tap;

use std::fs;
use std::io;
use std::os::fd::BorrowedFd;

use rackless_nf::{Allocator as _, Packet, Pool, Port, PortInfo, PortStats};

use self::address::Addresses;
use self::tap::Tap;
use crate::interface::Interface;
use crate::spec::KernelSpec;
use crate::{DeviceSpec, Error, Options};

/// The kernel behind a TAP.
pub(crate) struct Kernel {
    tap: Tap,
    pool: Pool,
    info: PortInfo,
    max_frame: usize,
    stats: PortStats,
}

impl Kernel {
    pub(crate) fn open(name: &str, spec: &KernelSpec, options: &Options) -> Result<Self, Error> {
        let interface = &spec.interface;
        let failed = |action| move |source| Error::Interface { action, interface: interface.clone(), source };
        let like = spec.like.as_deref().map(Interface::named).transpose()?;
        let tap = Tap::new(interface).map_err(failed("make a TAP"))?;
        if let Some(like) = &like {
            tap.set_mac(interface, like.mac).map_err(failed("set the address"))?;
            tap.set_mtu(interface, like.mtu).map_err(failed("set the MTU"))?;
        }
        for (key, value) in sysctls(spec) {
            let path = format!("/proc/sys/net/{key}").replace("IFACE", interface);
            fs::write(path, value).map_err(failed("set how the kernel behaves"))?;
        }
        tap.raise(interface).map_err(failed("go up"))?;
        let made = Interface::named(interface)?;
        let addresses = Addresses::open().map_err(failed("give addresses"))?;
        for address in &spec.addresses {
            addresses.add(made.index, address).map_err(failed("give an address"))?;
        }
        for via in &spec.via {
            addresses.route(made.index, *via).map_err(failed("make a default route"))?;
        }
        let device = DeviceSpec::Kernel(spec.clone()).to_string();
        let info = PortInfo { name: name.into(), device, mac: made.mac, mtu: made.mtu };
        let (pool, stats) = (options.pool.clone(), PortStats::default());
        Ok(Self { tap, pool, info, max_frame: made.max_frame(), stats })
    }

    /// Reads a frame into a packet; false when it is unusable.
    fn receive(&mut self, packet: &mut Packet) -> io::Result<bool> {
        // A buffer that is full may hold a part of a frame only.
        let room = packet.tailroom().min(self.max_frame + 1);
        let Ok(buffer) = packet.append(room) else { return Ok(false) };
        let len = self.tap.read(buffer)?;
        packet.truncate(len);
        Ok(len < room)
    }
}

impl Port for Kernel {
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        let mut received = 0;
        while received < max {
            // Frames for which there is no buffer stay with the kernel.
            let Some(mut packet) = self.pool.alloc() else { break };
            match self.receive(&mut packet) {
                Ok(true) => {
                    self.stats.rx_packets += 1;
                    self.stats.rx_bytes += packet.len() as u64;
                    into.push(packet);
                    received += 1;
                }
                Ok(false) => self.stats.rx_errors += 1,
                Err(_) => break, // nothing is there, or the interface is down
            }
        }
        received
    }

    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
        let mut taken = 0;
        for packet in packets.iter() {
            match self.tap.write(packet.data()) {
                Ok(()) => {
                    self.stats.tx_packets += 1;
                    self.stats.tx_bytes += packet.len() as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // No frame (shorter than an Ethernet header), or the interface is down.
                Err(_) => self.stats.tx_errors += 1,
            }
            taken += 1;
        }
        drop(packets.drain(..taken));
        taken
    }

    fn info(&self) -> &PortInfo {
        &self.info
    }

    fn stats(&self) -> PortStats {
        self.stats
    }

    fn wait_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.tap.fd())
    }
}

/// How the kernel behaves at the interface, whatever it does elsewhere: behind a function's other interfaces it may be
/// muted. IPv6 is on if there is an address of it, else off, so that the kernel sends nothing on its own account.
fn sysctls(spec: &KernelSpec) -> Vec<(&'static str, &'static str)> {
    let ipv6 = spec.addresses.iter().any(|own| own.address.is_ipv6());
    vec![
        ("ipv4/conf/IFACE/arp_ignore", "0"),
        ("ipv4/conf/IFACE/rp_filter", "0"),
        ("ipv6/conf/IFACE/accept_dad", "0"),
        ("ipv6/conf/IFACE/disable_ipv6", if ipv6 { "0" } else { "1" }),
    ]
}
