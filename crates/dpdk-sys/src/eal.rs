//! The environment abstraction layer: DPDK's one instance per process.

use std::ffi::{CStr, CString};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::shim::{Shim, text};
use crate::thread::threads;
use crate::{Bus, Device, EalConfig, Error, Mempool};

/// DPDK, initialised. One exists per process and lifetime of it; when the last of this value, its pools and its
/// devices goes, DPDK is cleaned up, unless packets of its pools are still alive.
#[derive(Debug)]
pub struct Eal(Arc<Instance>);

/// What pools and devices keep alive.
pub(crate) struct Instance {
    pub(crate) shim: &'static Shim,
    /// Something still points into DPDK's memory, so it must stay.
    pub(crate) pinned: AtomicBool,
    pools: AtomicU32,
    /// Names of the devices that somebody owns.
    claimed: Mutex<Vec<CString>>,
    /// The file prefix, when it is ours alone.
    own_prefix: Option<String>,
}

/// EAL was asked to start before; it never starts again.
static USED: AtomicBool = AtomicBool::new(false);

impl Eal {
    /// Opens libdpdk and starts EAL, in a thread of its own, so that the caller is not pinned to a core.
    ///
    /// # Errors
    /// [`Error::NotBuilt`], [`Error::Library`], [`Error::Option`], [`Error::Init`], and
    /// [`Error::AlreadyInitialised`] at every call but the first that got as far as DPDK.
    ///
    /// # Privileges
    /// None; an ordinary user gets a run-time folder under `XDG_RUNTIME_DIR` or `/tmp/dpdk`.
    pub fn init(config: &EalConfig) -> Result<Self, Error> {
        let shim = Shim::open()?;
        let arguments = config.arguments(hugepages_usable(config.memory_mb), &allowed_cpus())?;
        if USED.swap(true, Ordering::SeqCst) {
            return Err(Error::AlreadyInitialised);
        }
        let own_prefix = config.own_prefix();
        let line = arguments.join(" ");
        let started = std::thread::Builder::new()
            .name("rackless-eal".into())
            .spawn(move || start(shim, arguments))
            .map(|thread| thread.join().unwrap_or(-libc::EFAULT))
            .unwrap_or(-libc::EAGAIN);
        if started < 0 {
            let (reason, log) = (shim.words(started), shim.take_log());
            remove_runtime_dir(shim, own_prefix.as_deref());
            return Err(Error::Init { arguments: line, reason, log });
        }
        threads().eal_lives = true;
        Ok(Self(Arc::new(Instance {
            shim,
            pinned: AtomicBool::new(false),
            pools: AtomicU32::new(0),
            claimed: Mutex::default(),
            own_prefix,
        })))
    }

    /// Makes a pool of `count` buffers with `room` bytes each, headroom included.
    ///
    /// # Errors
    /// [`Error::Pool`]
    pub fn pool(&self, name: &str, count: u32, room: u16) -> Result<Mempool, Error> {
        // DPDK wants names to be unique.
        let number = self.0.pools.fetch_add(1, Ordering::Relaxed);
        Mempool::create(&self.0, &format!("{name}_{number}"), count, room)
    }

    /// Adds a device and returns it, not yet started; takes it as it is when EAL has it already.
    ///
    /// # Errors
    /// [`Error::Device`]
    pub fn attach(&self, bus: Bus, name: &str, arguments: &str) -> Result<Device, Error> {
        Device::attach(&self.0, bus, name, arguments)
    }

    /// Whether a device of this name has an owner.
    pub fn is_attached(&self, name: &str) -> bool {
        self.0.claimed().iter().any(|claimed| claimed.as_bytes() == name.as_bytes())
    }

    /// What DPDK logged since it was last asked.
    pub fn take_log(&self) -> String {
        self.0.shim.take_log().0
    }

    /// The folder with DPDK's telemetry socket.
    pub fn runtime_dir(&self) -> String {
        // SAFETY: EAL lives; the text is its own and static.
        unsafe { text((self.0.shim.runtime_dir)()) }
    }
}

impl Instance {
    /// Makes the caller the only owner of a device; false when it has one.
    pub(crate) fn claim(&self, name: &CStr) -> bool {
        let mut claimed = self.claimed();
        let free = !claimed.iter().any(|other| other.as_c_str() == name);
        if free {
            claimed.push(name.to_owned());
        }
        free
    }

    /// Ends the ownership of a device.
    pub(crate) fn release(&self, name: &CStr) {
        self.claimed().retain(|other| other.as_c_str() != name);
    }

    fn claimed(&self) -> MutexGuard<'_, Vec<CString>> {
        // Changed in one step each, so a panic cannot have left it half changed.
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let mut threads = threads();
        threads.eal_lives = false;
        // Another registered thread may just be giving packets back, and packets that live point into memory that
        // the clean-up unmaps. In both cases the end of the process cleans up.
        if threads.only_this() && !*self.pinned.get_mut() {
            // SAFETY: no device, no pool and no packet is left, and no thread can register meanwhile.
            unsafe { (self.shim.eal_cleanup)() };
        }
        remove_runtime_dir(self.shim, self.own_prefix.as_deref());
    }
}

/// Removes what DPDK leaves behind: a folder per file prefix, with the telemetry socket in it.
fn remove_runtime_dir(shim: &Shim, own_prefix: Option<&str>) {
    // SAFETY: the text is DPDK's own and static.
    let dir = PathBuf::from(unsafe { text((shim.runtime_dir)()) });
    if own_prefix.is_some_and(|prefix| dir.ends_with(prefix)) {
        // What is not there needs no removal, and what else is in the folder keeps it.
        let _ = fs::remove_file(dir.join("dpdk_telemetry.v2"));
        let _ = fs::remove_dir(dir);
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").field("pinned", &self.pinned).finish_non_exhaustive()
    }
}

fn start(shim: &Shim, arguments: Vec<String>) -> i32 {
    let strings = arguments.into_iter().map(|argument| CString::new(argument).expect("NUL was refused"));
    let mut pointers: Vec<_> = strings.map(CString::into_raw).collect();
    let count = pointers.len() as i32;
    pointers.push(std::ptr::null_mut());
    // EAL may keep pointers into its arguments, so they are never freed; this runs once.
    let pointers = pointers.leak();
    // SAFETY: a null-terminated array of `count` C strings that live for ever.
    unsafe { (shim.eal_init)(count, pointers.as_mut_ptr()) }
}

/// Whether that much memory is free in hugepages of 2 MiB. (They make memory-bound loops two to three times faster
/// and nothing else depends on them.)
fn hugepages_usable(memory_mb: u32) -> bool {
    let free = fs::read_to_string("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
    free.ok()
        .and_then(|pages| pages.trim().parse::<u64>().ok())
        .is_some_and(|pages| pages >= u64::from(memory_mb.div_ceil(2)).max(1))
}

/// The CPUs that this process may run on.
fn allowed_cpus() -> Vec<usize> {
    // SAFETY: a `cpu_set_t` of zeros is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is as large as stated.
    if unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) } != 0 {
        return vec![0];
    }
    // SAFETY: `CPU_ISSET` reads within the set, for the index is below its size.
    (0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect()
}
