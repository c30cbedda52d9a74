//! DPDK without linking to it: a C shim over libdpdk that is built when the headers are there, carried inside the
//! executable, and opened when a DPDK port is first asked for.
//!
//! Use it to write a port; network functions never see it. Ports for network functions are in `rackless-ports`.
//!
//! ```no_run
//! use rackless_dpdk_sys::{Bus, DeviceConfig, Eal, EalConfig};
//!
//! # fn main() -> Result<(), rackless_dpdk_sys::Error> {
//! let eal = Eal::init(&EalConfig::default())?;
//! let pool = eal.pool("packets", 4096, 2048 + 128)?;
//! let mut device = eal.attach(Bus::Vdev, "net_null0", "size=64")?;
//! device.start(&DeviceConfig::default(), &pool)?;
//! let mut burst = [None; 32];
//! let received = device.rx_burst(0, &mut burst);
//! assert_eq!(received, 32);
//! # Ok(())
//! # }
//! ```
//!
//! | Module | What it has |
//! |---|---|
//! | [`layout`] | offsets in `struct rte_mbuf`, asserted by the C compiler |
//! | (root) | [`Eal`], [`Mempool`], [`Device`], free functions for buffers ([`free`], [`free_burst`]) |
//!
//! What it does not do: choose devices, understand packets, know `rackless-nf`'s buffer type, or end the process.
//!
//! # Kernel
//! Works as an ordinary user (memory without hugepages); what a driver needs is the driver's affair:
//! `net_af_packet` wants `CAP_NET_RAW` in its network namespace.
#![allow(unsafe_code, reason = "the boundary to C, named in ARCHITECTURE.md")]

mod arguments;
mod device;
mod eal;
mod error;
pub mod layout;
mod mempool;
mod shim;
mod thread;

pub use arguments::EalConfig;
pub use device::{Bus, Device, DeviceConfig, DeviceInfo, DeviceStats};
pub use eal::Eal;
pub use error::Error;
pub use mempool::{Mempool, free, free_burst, linearise};
pub use shim::{RteMbuf, availability};
