//! Ports over DPDK's drivers, and the one EAL that they share.

mod bell;
mod changes;
mod locked;
mod memory;
mod port;
mod vdev;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rackless_dpdk_sys::{Bus, DeviceConfig, Eal, EalConfig, Mempool};

use self::bell::Bell;
pub use self::memory::DpdkPool;
pub(crate) use self::port::DpdkPort;
use crate::interface::Interface;
use crate::spec::DpdkSpec;
use crate::{DeviceSpec, Error};

/// DPDK, started when the first device is opened. Clones share it.
///
/// It goes when the last clone, port and [`DpdkPool`] has gone, and cannot be started again in this process.
#[derive(Clone)]
pub struct Dpdk(Arc<Mutex<State>>);

struct State {
    config: EalConfig,
    buffers: u32,
    pools: Vec<(u16, Mempool)>,
    eal: Option<Eal>,
}

impl Dpdk {
    /// Buffers of a mempool unless said otherwise: enough for two ports' descriptors and what an NF holds, in 40 MB.
    pub const BUFFERS: u32 = 16_384;

    /// DPDK with these settings, and `buffers` in each of its mempools.
    pub fn new(config: EalConfig, buffers: u32) -> Self {
        Self(Arc::new(Mutex::new(State { config, buffers, pools: Vec::new(), eal: None })))
    }

    /// Packets out of DPDK's memory: DPDK ports send them without a copy.
    ///
    /// # Errors
    /// [`Error::Dpdk`]
    pub fn pool(&self) -> Result<DpdkPool, Error> {
        self.state().mempool(vdev::ROOM).map(DpdkPool::new)
    }

    pub(crate) fn open(&self, name: &str, spec: &DpdkSpec) -> Result<DpdkPort, Error> {
        let interface = vdev::interface(spec).map(Interface::named).transpose()?;
        let (arguments, room) = vdev::arguments(spec, interface.as_ref(), locked::limit());
        let mut state = self.state();
        let bus = if spec.pci { Bus::Pci } else { Bus::Vdev };
        let device_name = state.device_name(spec)?;
        let mempool = state.mempool(room)?;
        let bell = interface.as_ref().and_then(|interface| Bell::hang(spec, interface));
        let mut device = state.eal()?.attach(bus, &device_name, &arguments)?;
        device.start(&DeviceConfig::default(), &mempool)?;
        let device_string = DeviceSpec::Dpdk(spec.clone()).to_string();
        let capacity = vdev::capacity(spec, room);
        DpdkPort::new(name, device_string, device, DpdkPool::new(mempool), interface, capacity, bell)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each field is set in one step, so a panic cannot have left it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn eal(&mut self) -> Result<&Eal, Error> {
        let eal = match self.eal.take() {
            Some(eal) => eal,
            None => Eal::init(&self.config)?,
        };
        Ok(self.eal.insert(eal))
    }

    /// The pool with this much room in its buffers, headroom included.
    fn mempool(&mut self, room: u16) -> Result<Mempool, Error> {
        if let Some((_, pool)) = self.pools.iter().find(|(has, _)| *has == room) {
            return Ok(pool.clone());
        }
        // As much memory as for buffers of the usual size.
        let buffers =
            (u64::from(self.buffers) * u64::from(vdev::ROOM) / u64::from(room.max(vdev::ROOM))) as u32;
        let pool = self.eal()?.pool("packets", buffers, room)?;
        self.pools.push((room, pool.clone()));
        Ok(pool)
    }

    /// DPDK's name for a device: a software device without a number gets a free one.
    fn device_name(&mut self, spec: &DpdkSpec) -> Result<String, Error> {
        if spec.pci {
            // EAL looks for PCI devices once, when it starts.
            self.config.pci |= self.eal.is_none();
            return Ok(spec.device.clone());
        }
        if spec.device.ends_with(|last: char| last.is_ascii_digit()) {
            return Ok(spec.device.clone());
        }
        let eal = self.eal()?;
        let mut names = (0..).map(|number: u32| format!("{}{number}", spec.device));
        Ok(names.find(|name| !eal.is_attached(name)).expect("there are more numbers than devices"))
    }
}

impl Default for Dpdk {
    fn default() -> Self {
        Self::new(EalConfig::from_env(), Self::BUFFERS)
    }
}

impl fmt::Debug for Dpdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let running = state.eal.is_some();
        f.debug_struct("Dpdk")
            .field("config", &state.config)
            .field("running", &running)
            .finish_non_exhaustive()
    }
}
