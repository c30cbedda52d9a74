//! An Ethernet device of DPDK.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::eal::Instance;
use crate::shim::{RteMbuf, ShimConfig, ShimDevice, ShimStats, text};
use crate::thread::register;
use crate::{Error, Mempool};

/// Where DPDK finds a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// A software device that a driver makes on demand, as `net_null0`.
    Vdev,
    /// A PCI device bound to a driver that DPDK can use, named by its address.
    Pci,
}

impl Bus {
    fn name(self) -> &'static CStr {
        match self {
            Self::Vdev => c"vdev",
            Self::Pci => c"pci",
        }
    }
}

/// How a device is started. No offload is ever asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceConfig {
    /// Receive queues.
    pub rx_queues: u16,
    /// Transmit queues.
    pub tx_queues: u16,
    /// Length of a receive queue, as far as the driver has a choice.
    pub rx_descriptors: u16,
    /// Length of a transmit queue, as far as the driver has a choice.
    pub tx_descriptors: u16,
    /// MTU to set in bytes; `None` leaves the driver's.
    pub mtu: Option<u16>,
    /// Whether to take in frames for all addresses.
    pub promiscuous: bool,
}

impl Default for DeviceConfig {
    fn default() -> Self {
        Self {
            rx_queues: 1,
            tx_queues: 1,
            rx_descriptors: 1024,
            tx_descriptors: 1024,
            mtu: None,
            promiscuous: true,
        }
    }
}

/// What DPDK says of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The driver's name.
    pub driver: String,
    /// The hardware address.
    pub mac: [u8; 6],
    /// The MTU in bytes, as DPDK counts it.
    pub mtu: u16,
    /// How many receive queues it can have.
    pub max_rx_queues: u16,
    /// How many transmit queues it can have.
    pub max_tx_queues: u16,
    /// The longest frame it takes in, in bytes.
    pub max_frame_len: u32,
    /// The NUMA node it sits at; `None` where that means nothing.
    pub numa_node: Option<u32>,
}

/// A device's counters since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceStats {
    /// Frames received.
    pub rx_packets: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Frames lost because a receive queue was full.
    pub rx_missed: u64,
    /// Frames received with errors.
    pub rx_errors: u64,
    /// Frames lost because the pool was empty.
    pub rx_no_buffer: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// Frames that could not be sent.
    pub tx_errors: u64,
}

/// An Ethernet device, stopped, closed and detached when dropped.
#[derive(Debug)]
pub struct Device {
    port: u16,
    name: CString,
    bus: Bus,
    config: Option<DeviceConfig>,
    /// Receive queues draw from it; it must outlive them.
    pool: Option<Mempool>,
    eal: Arc<Instance>,
}

impl Device {
    pub(crate) fn attach(eal: &Arc<Instance>, bus: Bus, name: &str, arguments: &str) -> Result<Self, Error> {
        let refused =
            |_| Error::Option { option: format!("{name},{arguments}"), reason: "it has a NUL byte" };
        let c_name = CString::new(name).map_err(refused)?;
        let arguments = CString::new(arguments).map_err(refused)?;
        if !eal.claim(&c_name) {
            return Err(error(eal, "attach", name, -libc::EBUSY));
        }
        // What EAL logged while others were at work does not belong to this device.
        eal.shim.take_log();
        let mut port = 0;
        // SAFETY: EAL lives, the arguments are C strings.
        let mut code =
            unsafe { (eal.shim.attach)(bus.name().as_ptr(), c_name.as_ptr(), arguments.as_ptr(), &mut port) };
        if code == -libc::EEXIST {
            // EAL found it at start.
            // SAFETY: as above.
            code = unsafe { (eal.shim.port_by_name)(c_name.as_ptr(), &mut port) };
        }
        if code < 0 {
            eal.release(&c_name);
            return Err(error(eal, "attach", name, code));
        }
        Ok(Self { port, name: c_name, bus, config: None, pool: None, eal: Arc::clone(eal) })
    }

    /// Configures the device, gives its receive queues a pool, and starts it.
    ///
    /// # Errors
    /// [`Error::Device`]
    pub fn start(&mut self, config: &DeviceConfig, pool: &Mempool) -> Result<(), Error> {
        let shim_config = ShimConfig {
            rx_queues: config.rx_queues,
            tx_queues: config.tx_queues,
            rx_descriptors: config.rx_descriptors,
            tx_descriptors: config.tx_descriptors,
            mtu: config.mtu.unwrap_or(0),
            promiscuous: u16::from(config.promiscuous),
        };
        self.eal.shim.take_log();
        // The queues may draw from the pool even if a later step fails.
        self.pool = Some(pool.clone());
        // SAFETY: the port is ours, the pool lives as long as this device does.
        let code = unsafe { (self.eal.shim.start)(self.port, &shim_config, pool.as_ptr()) };
        if code < 0 {
            return Err(self.error("start", code));
        }
        self.config = Some(*config);
        Ok(())
    }

    /// Takes received buffers into the front of `into`, up to its length and 65,535, and returns how many. They
    /// are the caller's to [`free`](crate::free).
    ///
    /// # Panics
    /// When the device was not started with that queue.
    #[inline]
    pub fn rx_burst(&mut self, queue: u16, into: &mut [Option<NonNull<RteMbuf>>]) -> usize {
        assert!(
            self.config.is_some_and(|config| queue < config.rx_queues),
            "receive queue {queue} was not started"
        );
        register();
        let len = into.len().min(usize::from(u16::MAX)) as u16;
        // SAFETY: the queue exists, `&mut self` makes us its only user, and `Option<NonNull>` is a pointer.
        usize::from(unsafe { (self.eal.shim.rx_burst)(self.port, queue, into.as_mut_ptr().cast(), len) })
    }

    /// Sends buffers from the front of `mbufs` as far as the device takes them, and returns how many. The rest
    /// stays the caller's.
    ///
    /// # Safety
    /// The buffers come from a [`Mempool`] or a device, are the caller's alone, and those that were taken are not
    /// used afterwards.
    ///
    /// # Panics
    /// When the device was not started with that queue.
    #[inline]
    pub unsafe fn tx_burst(&mut self, queue: u16, mbufs: &mut [NonNull<RteMbuf>]) -> usize {
        assert!(
            self.config.is_some_and(|config| queue < config.tx_queues),
            "transmit queue {queue} was not started"
        );
        register();
        let len = mbufs.len().min(usize::from(u16::MAX)) as u16;
        // SAFETY: the queue exists, `&mut self` makes us its only user; the buffers are as the caller promises.
        usize::from(unsafe { (self.eal.shim.tx_burst)(self.port, queue, mbufs.as_mut_ptr().cast(), len) })
    }

    /// Switches taking in frames for all addresses.
    ///
    /// # Errors
    /// [`Error::Device`], also from drivers that have no choice.
    pub fn set_promiscuous(&mut self, on: bool) -> Result<(), Error> {
        // SAFETY: the port is ours.
        let code = unsafe { (self.eal.shim.set_promiscuous)(self.port, i32::from(on)) };
        self.checked("change the address filter of", code)
    }

    /// Sets the MTU in bytes; the device is stopped for a moment if its driver wants that.
    ///
    /// # Errors
    /// [`Error::Device`], also from drivers that have no choice.
    pub fn set_mtu(&mut self, mtu: u16) -> Result<(), Error> {
        // SAFETY: the port is ours and, with `&mut self`, nobody sends or receives by it.
        let code = unsafe { (self.eal.shim.set_mtu)(self.port, mtu) };
        self.checked("set the MTU of", code)
    }

    /// Adds an address to those to which the device takes in frames.
    ///
    /// # Errors
    /// [`Error::Device`], also from drivers that have no choice.
    pub fn add_mac(&mut self, mac: [u8; 6]) -> Result<(), Error> {
        // SAFETY: the port is ours, the address has the length of one.
        let code = unsafe { (self.eal.shim.mac_add)(self.port, mac.as_ptr()) };
        self.checked("add an address to", code)
    }

    /// Removes an address that was added.
    ///
    /// # Errors
    /// [`Error::Device`], also for the device's own address.
    pub fn remove_mac(&mut self, mac: [u8; 6]) -> Result<(), Error> {
        // SAFETY: the port is ours, the address has the length of one.
        let code = unsafe { (self.eal.shim.mac_remove)(self.port, mac.as_ptr()) };
        self.checked("remove an address from", code)
    }

    /// Whether it takes in frames for all addresses.
    pub fn is_promiscuous(&self) -> bool {
        // SAFETY: the port is ours.
        unsafe { (self.eal.shim.promiscuous)(self.port) > 0 }
    }

    /// What DPDK says of the device.
    ///
    /// # Errors
    /// [`Error::Device`]
    pub fn info(&self) -> Result<DeviceInfo, Error> {
        // SAFETY: all zeros is a valid value of integers.
        let mut device: ShimDevice = unsafe { std::mem::zeroed() };
        // SAFETY: the port is ours, the struct is the shim's.
        let code = unsafe { (self.eal.shim.device)(self.port, &mut device) };
        if code < 0 {
            return Err(self.error("ask about", code));
        }
        Ok(DeviceInfo {
            // SAFETY: the shim wrote a terminated string.
            driver: unsafe { text(device.driver.as_ptr()) },
            mac: device.mac,
            mtu: device.mtu,
            max_rx_queues: device.max_rx_queues,
            max_tx_queues: device.max_tx_queues,
            max_frame_len: device.max_frame_len,
            numa_node: u32::try_from(device.socket).ok(),
        })
    }

    /// The device's counters; all zero where the driver has none.
    pub fn stats(&self) -> DeviceStats {
        let mut stats = ShimStats::default();
        // SAFETY: the port is ours, the struct is the shim's; it is left as it is when the driver refuses.
        unsafe { (self.eal.shim.stats)(self.port, &mut stats) };
        DeviceStats {
            rx_packets: stats.rx_packets,
            rx_bytes: stats.rx_bytes,
            rx_missed: stats.rx_missed,
            rx_errors: stats.rx_errors,
            rx_no_buffer: stats.rx_no_mbuf,
            tx_packets: stats.tx_packets,
            tx_bytes: stats.tx_bytes,
            tx_errors: stats.tx_errors,
        }
    }

    /// Whether the link is up.
    pub fn link_up(&self) -> bool {
        // SAFETY: the port is ours.
        unsafe { (self.eal.shim.link_up)(self.port) > 0 }
    }

    /// The device's name in DPDK.
    pub fn name(&self) -> std::borrow::Cow<'_, str> {
        self.name.to_string_lossy()
    }

    fn checked(&self, action: &'static str, code: i32) -> Result<(), Error> {
        if code < 0 { Err(self.error(action, code)) } else { Ok(()) }
    }

    fn error(&self, action: &'static str, code: i32) -> Error {
        error(&self.eal, action, &self.name(), code)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: the port is ours and, with `&mut self`, unused. Failures leave a device behind in DPDK's tables,
        // which nobody uses; its pool stays alive because its buffers count as being out.
        unsafe {
            (self.eal.shim.stop_and_close)(self.port);
            (self.eal.shim.detach)(self.bus.name().as_ptr(), self.name.as_ptr());
        }
        self.eal.release(&self.name);
    }
}

fn error(eal: &Instance, action: &'static str, device: &str, code: i32) -> Error {
    let reason = match -code {
        libc::EBUSY if action == "attach" => "it is in use already".to_owned(),
        _ => eal.shim.words(code),
    };
    Error::Device { action, device: device.to_owned(), reason, log: eal.shim.take_log() }
}
