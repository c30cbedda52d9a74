//! What of a device can change while it is a port.

use rackless_nf::{PortChange, PortError, PortState};
use rackless_packet::MacAddr;

use super::port::DpdkPort;
use crate::interface::{Interface, L2_MAX};

/// Why a change was refused.
type Refusal = Box<dyn std::error::Error + Send + Sync>;

impl DpdkPort {
    pub(super) fn state_now(&self) -> PortState {
        // Drivers over an interface say that it is up, whatever it is.
        let stands = self.interface.as_ref().is_none_or(Interface::link_up);
        let (link_up, promiscuous) = (stands && self.device.link_up(), self.device.is_promiscuous());
        let (link_up, promiscuous) = (Some(link_up), Some(promiscuous));
        PortState { link_up, promiscuous, mac_filters: self.mac_filters.clone() }
    }

    pub(super) fn try_change(&mut self, change: PortChange) -> Result<(), PortError> {
        let changed = match change {
            PortChange::Mtu(mtu) => self.set_mtu(mtu),
            PortChange::Promiscuous(on) => self.device.set_promiscuous(on).map_err(Into::into),
            PortChange::AddMac(mac) => self.add_mac(mac),
            PortChange::RemoveMac(mac) => self.remove_mac(mac),
        };
        let device = || self.info.device.clone();
        changed.map_err(|source| PortError::Refused { change, device: device(), source })
    }

    fn set_mtu(&mut self, mtu: u16) -> Result<(), Refusal> {
        let most = self.capacity - L2_MAX;
        if usize::from(mtu) > most {
            return Err(format!("the port was opened with buffers for an MTU of up to {most} bytes").into());
        }
        self.device.set_mtu(mtu)?;
        self.info.mtu = mtu;
        self.max_frame = usize::from(mtu) + L2_MAX;
        Ok(())
    }

    fn add_mac(&mut self, mac: MacAddr) -> Result<(), Refusal> {
        self.device.add_mac(mac.0)?;
        if !self.mac_filters.contains(&mac) {
            self.mac_filters.push(mac);
        }
        Ok(())
    }

    fn remove_mac(&mut self, mac: MacAddr) -> Result<(), Refusal> {
        self.device.remove_mac(mac.0)?;
        self.mac_filters.retain(|other| *other != mac);
        Ok(())
    }
}
