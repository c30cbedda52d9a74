//! What a port is: the seam between network functions and the world.

use std::borrow::Cow;
use std::fmt;
use std::os::fd::BorrowedFd;

use rackless_packet::MacAddr;

use crate::Packet;

/// Where packets come in and go out, in bursts.
///
/// A port belongs to one worker. What implements it is in the crate `rackless-ports`; [`crate::MemoryPort`] is
/// the one without I/O.
pub trait Port: Send {
    /// Appends up to `max` received packets to `into` and returns how many; never blocks.
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize;

    /// Takes packets from the front of `packets` as far as the port can send them now, and returns how many; the
    /// rest stays in `packets`.
    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize;

    /// Pushes out what `tx_burst` may have put aside.
    fn flush(&mut self) {}

    /// Name, device, MAC address and MTU.
    fn info(&self) -> &PortInfo;

    /// The counters since the port was opened.
    fn stats(&self) -> PortStats;

    /// Further counters that this kind of port has, by name; what they count may be part of [`Port::stats`].
    fn xstats(&self) -> Vec<(Cow<'static, str>, u64)> {
        Vec::new()
    }

    /// What can change while the port is open, as it is now.
    fn state(&self) -> PortState {
        PortState::default()
    }

    /// Changes what can be changed.
    ///
    /// # Errors
    /// [`PortError`], and all is as it was.
    fn change(&mut self, change: PortChange) -> Result<(), PortError> {
        Err(PortError::Unsupported { change, device: self.info().device.clone() })
    }

    /// A descriptor that is readable when `rx_burst` may give packets, for a worker that sleeps; `None` where
    /// only polling tells.
    fn wait_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// What is known of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortInfo {
    /// The name that graphs and configuration use.
    pub name: String,
    /// The device string that opened it.
    pub device: String,
    /// Its hardware address.
    pub mac: MacAddr,
    /// The largest layer 3 packet it sends, in bytes.
    pub mtu: u16,
}

/// What can change while a port is open; its MTU, which can too, is in [`PortInfo`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortState {
    /// Whether frames can pass: the cable is in, the peer is there. `None` where nothing can be down.
    pub link_up: Option<bool>,
    /// Whether frames to any address are received; `None` where no address is looked at.
    pub promiscuous: Option<bool>,
    /// Addresses to which frames are received besides the port's own while it is not promiscuous.
    pub mac_filters: Vec<MacAddr>,
}

/// A change of an open port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortChange {
    /// The largest layer 3 packet, in bytes.
    Mtu(u16),
    /// Whether frames to any address are received.
    Promiscuous(bool),
    /// An address more to which frames are received.
    AddMac(MacAddr),
    /// An address less.
    RemoveMac(MacAddr),
}

/// Why a port was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// This kind of port cannot do it.
    #[error("cannot {change}: {device} has no such setting")]
    Unsupported {
        /// What was asked for.
        change: PortChange,
        /// The device string.
        device: String,
    },
    /// The kernel or the driver refused.
    #[error("cannot {change} at {device}")]
    Refused {
        /// What was asked for.
        change: PortChange,
        /// The device string.
        device: String,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl fmt::Display for PortChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mtu(mtu) => write!(f, "set the MTU to {mtu} bytes"),
            Self::Promiscuous(true) => f.write_str("receive frames to all addresses"),
            Self::Promiscuous(false) => f.write_str("receive frames to some addresses only"),
            Self::AddMac(mac) => write!(f, "receive frames to {mac} too"),
            Self::RemoveMac(mac) => write!(f, "no longer receive frames to {mac}"),
        }
    }
}

/// Counters of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Frames received and handed to the worker.
    pub rx_packets: u64,
    /// Their bytes, without frame check sequence.
    pub rx_bytes: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Their bytes, without frame check sequence.
    pub tx_bytes: u64,
    /// Frames that arrived while the receive ring was full.
    pub rx_missed: u64,
    /// Frames that were received and are unusable (cut short, longer than a buffer).
    pub rx_errors: u64,
    /// Frames that the device refused to send.
    pub tx_errors: u64,
    /// Frames lost because the pool was empty.
    pub rx_no_buffer: u64,
    /// Frames that came in several segments and were copied into one.
    pub rx_linearised: u64,
    /// Frames whose transport checksum the sender had left to hardware, completed at rx.
    pub rx_checksum_completed: u64,
}
