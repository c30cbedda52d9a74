//! What of an interface a port can change while it is open.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

use std::error::Error as StdError;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rackless_nf::{PortChange, PortError, PortInfo, PortState};
use rackless_packet::MacAddr;

use super::{Interface, L2_MAX, link_up, new_socket, request, send_request};
use crate::af_packet::set_option;

/// What of an interface a port has chosen. It holds as long as this lives: the kernel counts who asks for what.
pub(crate) struct Settings {
    /// A packet socket that receives nothing.
    socket: OwnedFd,
    interface: Interface,
    /// The longest frame that the port's buffers hold.
    capacity: usize,
    promiscuous: bool,
    mac_filters: Vec<MacAddr>,
}

impl Settings {
    /// Has the interface take in frames to all addresses.
    pub(crate) fn new(interface: Interface, capacity: usize) -> io::Result<Self> {
        // Protocol 0: the socket itself receives nothing.
        let socket = new_socket(libc::AF_PACKET, libc::SOCK_RAW)?;
        let settings = Self { socket, interface, capacity, promiscuous: true, mac_filters: Vec::new() };
        settings.join(libc::PACKET_MR_PROMISC, None)?;
        // A network function sees what goes to groups, whatever else it chooses.
        settings.join(libc::PACKET_MR_ALLMULTI, None)?;
        Ok(settings)
    }

    /// Whether the port wants a frame. Where an interface has no filter of its own (a veth), or another program has
    /// asked for all addresses, frames come that it does not want.
    #[inline]
    pub(crate) fn takes(&self, frame: &[u8]) -> bool {
        self.promiscuous || self.is_for_us(frame)
    }

    pub(crate) fn state(&self) -> PortState {
        let link_up = Some(link_up(&self.socket, &self.interface.name));
        PortState { link_up, promiscuous: Some(self.promiscuous), mac_filters: self.mac_filters.clone() }
    }

    /// Makes a change, and keeps what is known of the port right; gives the longest frame from now on.
    pub(crate) fn change(&mut self, change: PortChange, info: &mut PortInfo) -> Result<usize, PortError> {
        let changed: Result<(), Box<dyn StdError + Send + Sync>> = match change {
            PortChange::Mtu(mtu) => self.set_mtu(mtu),
            PortChange::Promiscuous(on) => self.set_promiscuous(on).map_err(Into::into),
            PortChange::AddMac(mac) => self.add_mac(mac).map_err(Into::into),
            PortChange::RemoveMac(mac) => self.remove_mac(mac).map_err(Into::into),
        };
        let device = info.device.clone();
        changed.map_err(|source| PortError::Refused { change, device, source })?;
        info.mtu = self.interface.mtu;
        Ok(self.interface.max_frame())
    }

    fn set_mtu(&mut self, mtu: u16) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let most = self.capacity - L2_MAX;
        if usize::from(mtu) > most {
            return Err(format!("the port was opened with buffers for an MTU of up to {most} bytes").into());
        }
        let mut ifreq = request(&self.interface.name)?;
        ifreq.ifr_ifru.ifru_mtu = mtu.into();
        send_request(&self.socket, libc::SIOCSIFMTU, &mut ifreq)?;
        self.interface.mtu = mtu;
        Ok(())
    }

    fn set_promiscuous(&mut self, on: bool) -> io::Result<()> {
        if on != self.promiscuous {
            let change = if on { Self::join } else { Self::leave };
            change(self, libc::PACKET_MR_PROMISC, None)?;
            self.promiscuous = on;
        }
        Ok(())
    }

    fn add_mac(&mut self, mac: MacAddr) -> io::Result<()> {
        if !self.mac_filters.contains(&mac) {
            self.join(kind(mac), Some(mac))?;
            self.mac_filters.push(mac);
        }
        Ok(())
    }

    fn remove_mac(&mut self, mac: MacAddr) -> io::Result<()> {
        let place = self.mac_filters.iter().position(|other| *other == mac);
        let place = place.ok_or_else(|| io::Error::other("it was not added"))?;
        self.leave(kind(mac), Some(mac))?;
        self.mac_filters.remove(place);
        Ok(())
    }

    fn join(&self, kind: libc::c_int, mac: Option<MacAddr>) -> io::Result<()> {
        set_option(self.socket.as_fd(), libc::PACKET_ADD_MEMBERSHIP, &self.membership(kind, mac))
    }

    fn leave(&self, kind: libc::c_int, mac: Option<MacAddr>) -> io::Result<()> {
        set_option(self.socket.as_fd(), libc::PACKET_DROP_MEMBERSHIP, &self.membership(kind, mac))
    }

    fn membership(&self, kind: libc::c_int, mac: Option<MacAddr>) -> libc::packet_mreq {
        let mut address = [0; 8];
        let len = mac.map_or(0, |mac| mac.0.len());
        address[..len].copy_from_slice(mac.as_ref().map_or(&[], |mac| mac.0.as_slice()));
        libc::packet_mreq {
            mr_ifindex: self.interface.index,
            mr_type: kind as u16,
            mr_alen: len as u16,
            mr_address: address,
        }
    }

    #[cold]
    fn is_for_us(&self, frame: &[u8]) -> bool {
        let Some(dst) = frame.first_chunk().map(|dst| MacAddr(*dst)) else { return false };
        is_group(dst) || dst == self.interface.mac || self.mac_filters.contains(&dst)
    }
}

fn kind(mac: MacAddr) -> libc::c_int {
    if is_group(mac) { libc::PACKET_MR_MULTICAST } else { libc::PACKET_MR_UNICAST }
}

fn is_group(mac: MacAddr) -> bool {
    mac.0[0] & 1 != 0
}
