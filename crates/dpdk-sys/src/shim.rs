//! The table of functions that `csrc/shim.c` exports, and how it is opened.

use std::ffi::{CStr, CString, c_char, c_int};
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::sync::OnceLock;

use crate::Error;

/// A DPDK packet buffer; only its address matters here.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct RteMbuf([u8; crate::layout::MBUF_SIZE]);

/// A DPDK memory pool; only its address matters here.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct RteMempool([u8; 0]);

/// The number that `SHIM_ABI` has in `csrc/shim.c`.
const ABI: u32 = 2;
/// The shim, or nothing where it could not be built.
const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/shim.so"));
/// The version of DPDK that the shim was built for.
const VERSION: &str = env!("RACKLESS_DPDK_VERSION");
/// Why there is no shim.
const MISSING: &str = env!("RACKLESS_DPDK_MISSING");

/// `struct shim_device`.
#[repr(C)]
pub(crate) struct ShimDevice {
    pub(crate) mac: [u8; 6],
    pub(crate) mtu: u16,
    pub(crate) max_rx_queues: u16,
    pub(crate) max_tx_queues: u16,
    pub(crate) max_frame_len: u32,
    pub(crate) socket: i32,
    pub(crate) driver: [c_char; 48],
}

/// `struct shim_config`.
#[repr(C)]
pub(crate) struct ShimConfig {
    pub(crate) rx_queues: u16,
    pub(crate) tx_queues: u16,
    pub(crate) rx_descriptors: u16,
    pub(crate) tx_descriptors: u16,
    pub(crate) mtu: u16,
    pub(crate) promiscuous: u16,
}

/// `struct shim_stats`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct ShimStats {
    pub(crate) rx_packets: u64,
    pub(crate) rx_bytes: u64,
    pub(crate) rx_missed: u64,
    pub(crate) rx_errors: u64,
    pub(crate) rx_no_mbuf: u64,
    pub(crate) tx_packets: u64,
    pub(crate) tx_bytes: u64,
    pub(crate) tx_errors: u64,
}

type Mbuf = *mut RteMbuf;
type Pool = *mut RteMempool;

/// `struct shim`: what each function does stands in the C file.
#[repr(C)]
pub(crate) struct Shim {
    abi: u32,
    size: u32,
    pub(crate) eal_init: unsafe extern "C" fn(c_int, *mut *mut c_char) -> c_int,
    pub(crate) eal_cleanup: unsafe extern "C" fn() -> c_int,
    pub(crate) log_take: unsafe extern "C" fn(*mut c_char, usize) -> usize,
    pub(crate) version: unsafe extern "C" fn() -> *const c_char,
    pub(crate) error_text: unsafe extern "C" fn(c_int) -> *const c_char,
    pub(crate) runtime_dir: unsafe extern "C" fn() -> *const c_char,
    pub(crate) thread_register: unsafe extern "C" fn() -> c_int,
    pub(crate) thread_unregister: unsafe extern "C" fn(),
    pub(crate) pool_create: unsafe extern "C" fn(*const c_char, u32, u32, u16, u16, *mut Pool) -> c_int,
    pub(crate) pool_free: unsafe extern "C" fn(Pool),
    pub(crate) pool_in_use: unsafe extern "C" fn(Pool) -> u32,
    pub(crate) alloc: unsafe extern "C" fn(Pool) -> Mbuf,
    pub(crate) alloc_bulk: unsafe extern "C" fn(Pool, *mut Mbuf, u32) -> c_int,
    pub(crate) free_one: unsafe extern "C" fn(Mbuf),
    pub(crate) free_bulk: unsafe extern "C" fn(*mut Mbuf, u32),
    pub(crate) linearise: unsafe extern "C" fn(Mbuf) -> c_int,
    pub(crate) attach: unsafe extern "C" fn(*const c_char, *const c_char, *const c_char, *mut u16) -> c_int,
    pub(crate) detach: unsafe extern "C" fn(*const c_char, *const c_char) -> c_int,
    pub(crate) port_by_name: unsafe extern "C" fn(*const c_char, *mut u16) -> c_int,
    pub(crate) device: unsafe extern "C" fn(u16, *mut ShimDevice) -> c_int,
    pub(crate) start: unsafe extern "C" fn(u16, *const ShimConfig, Pool) -> c_int,
    pub(crate) set_promiscuous: unsafe extern "C" fn(u16, c_int) -> c_int,
    pub(crate) promiscuous: unsafe extern "C" fn(u16) -> c_int,
    pub(crate) set_mtu: unsafe extern "C" fn(u16, u16) -> c_int,
    pub(crate) mac_add: unsafe extern "C" fn(u16, *const u8) -> c_int,
    pub(crate) mac_remove: unsafe extern "C" fn(u16, *const u8) -> c_int,
    pub(crate) stop_and_close: unsafe extern "C" fn(u16) -> c_int,
    pub(crate) link_up: unsafe extern "C" fn(u16) -> c_int,
    pub(crate) stats: unsafe extern "C" fn(u16, *mut ShimStats) -> c_int,
    pub(crate) rx_burst: unsafe extern "C" fn(u16, u16, *mut Mbuf, u16) -> u16,
    pub(crate) tx_burst: unsafe extern "C" fn(u16, u16, *mut Mbuf, u16) -> u16,
}

impl Shim {
    /// The opened shim; opens it at the first call.
    pub(crate) fn open() -> Result<&'static Self, Error> {
        if let Some(shim) = OPENED.get() {
            return Ok(shim);
        }
        let shim = open()?;
        Ok(OPENED.get_or_init(|| shim))
    }

    /// The shim that somebody opened before.
    ///
    /// # Panics
    /// When nobody did: without it there is no buffer, device or EAL to call this for.
    #[inline]
    pub(crate) fn opened() -> &'static Self {
        OPENED.get().expect("a DPDK object exists, so the shim is open")
    }

    /// An error number of DPDK in words.
    pub(crate) fn words(&self, code: c_int) -> String {
        // SAFETY: any number is allowed; the text is static or the calling thread's.
        unsafe { text((self.error_text)(code.abs())) }
    }

    /// What DPDK logged since the last call.
    pub(crate) fn take_log(&self) -> crate::error::Log {
        let mut bytes = vec![0u8; 16 * 1024];
        // SAFETY: the buffer is as long as stated.
        let len = unsafe { (self.log_take)(bytes.as_mut_ptr().cast(), bytes.len()) };
        crate::error::Log(String::from_utf8_lossy(&bytes[..len]).into_owned())
    }
}

static OPENED: OnceLock<&'static Shim> = OnceLock::new();

/// Whether DPDK can be used here, without starting it: the version of the library found.
///
/// # Errors
/// [`Error::NotBuilt`] or [`Error::Library`], which say what to install.
pub fn availability() -> Result<String, Error> {
    let shim = Shim::open()?;
    // SAFETY: a constant string.
    Ok(unsafe { text((shim.version)()) })
}

/// Copies a C string; an empty one for null.
///
/// # Safety
/// The pointer is null or a C string that lives during the call.
pub(crate) unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

fn open() -> Result<&'static Shim, Error> {
    if !MISSING.is_empty() {
        return Err(Error::NotBuilt { reason: MISSING.into() });
    }
    let failed = |message: String| Error::Library { version: VERSION, message };
    // A file in memory: no path that another user could have written, nothing to remove.
    let file = memory_file().map_err(|error| failed(format!("no file in memory: {error}")))?;
    let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).expect("no NUL in a number");
    // SAFETY: the object is our own, and its constructors only set up DPDK's tables. It is never closed, because
    // buffers keep pointing into it.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if handle.is_null() {
        return Err(failed(linker_message()));
    }
    // SAFETY: the handle is open.
    let symbol = unsafe { libc::dlsym(handle, c"rackless_dpdk_shim".as_ptr()) }.cast::<Shim>();
    // SAFETY: the symbol is the table of the object that was embedded with this very file; its first two fields
    // say so before the others are trusted.
    match unsafe { symbol.as_ref() } {
        Some(shim) if shim.abi == ABI && shim.size as usize == size_of::<Shim>() => Ok(shim),
        _ => Err(failed("the shim has another table of functions".into())),
    }
}

fn memory_file() -> std::io::Result<OwnedFd> {
    // Kernels from 6.3 may be told to forbid execution unless it is asked for; older ones do not know the flag.
    let fd = [libc::MFD_CLOEXEC | libc::MFD_EXEC, libc::MFD_CLOEXEC]
        .into_iter()
        // SAFETY: a constant C string.
        .map(|flags| unsafe { libc::memfd_create(c"rackless-dpdk-shim".as_ptr(), flags) })
        .find(|fd| *fd >= 0)
        .ok_or_else(std::io::Error::last_os_error)?;
    // SAFETY: the descriptor is new and ours.
    let mut file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    file.write_all(OBJECT)?;
    Ok(file.into())
}

fn linker_message() -> String {
    // SAFETY: the text is the calling thread's until its next call to the linker.
    unsafe { text(libc::dlerror()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shim_opens_and_names_the_version_it_was_built_for() {
        let version = availability().unwrap_or_else(|error| panic!("{error}"));
        assert!(version.contains(VERSION), "{version} is not {VERSION}");
    }
}
