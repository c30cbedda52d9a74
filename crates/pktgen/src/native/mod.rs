//! The boundary to LuaJIT: the C functions that scripts call through FFI, and the few system calls around them.
//!
//! Only what runs per batch or per packet is here; everything else is a safe function of [`crate::host`], which
//! costs ten times as much per call. The functions reach Lua as one struct of function pointers ([`NATIVES`],
//! declared to LuaJIT by [`DECLARATION`]), so no symbol has to be exported from the executable.
//!
//! What Lua hands in cannot be checked: a script that keeps using a buffer after it sent or freed it breaks its own
//! process, as with any FFI. Each safety comment below says what the embedded library guarantees otherwise.
#![allow(unsafe_code, reason = "the LuaJIT boundary is one of the places that ARCHITECTURE.md names")]

mod pool;

pub(crate) use pool::Mempool;

use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::time::Duration;

use rackless_nf::Packet;
use rackless_nf::buffer::Mbuf;
use rackless_packet::checksum;
use rackless_packet::ipv4::IpProtocol;

use crate::device::Device;
use crate::offload::{self, flags};
use crate::stop::Stop;

/// Waits shorter than this spin: a sleep takes longer than it asks for.
const SPIN_NS: u64 = 60_000;

macro_rules! natives {
    ($($c:literal => $name:ident: unsafe extern "C" fn($($ty:ty),*) $(-> $ret:ty)?;)*) => {
        /// The functions, in the order of [`DECLARATION`].
        #[repr(C)]
        pub(crate) struct Natives { $($name: unsafe extern "C" fn($($ty),*) $(-> $ret)?),* }

        /// The table that Lua gets the address of.
        pub(crate) static NATIVES: Natives = Natives { $($name: ffi::$name),* };

        /// The C declaration of [`Mbuf`], [`Mempool`] and [`Natives`] for LuaJIT.
        pub(crate) const DECLARATION: &str = concat!(
            "struct rte_mbuf {
                uint8_t *buf_addr; uint64_t buf_iova;
                uint16_t data_off; uint16_t refcnt; uint16_t nb_segs; uint16_t port;
                uint64_t ol_flags;
                uint32_t packet_type; uint32_t pkt_len;
                uint16_t data_len; uint16_t vlan_tci;
                union { uint32_t rss; uint32_t words[2]; } hash;
                uint16_t vlan_tci_outer; uint16_t buf_len;
                void *pool; struct rte_mbuf *next;
                uint64_t tx_offload; void *shinfo;
                uint16_t priv_size; uint16_t timesync; uint32_t seqn; uint64_t udata64; uint32_t dynfield1[6];
            };
            struct mempool { uint32_t n; uint32_t room; };
            struct rackless_device;
            struct rackless_stop;
            struct rackless_native {", $($c, ";",)* "};"
        );
    };
}

natives! {
    "uint64_t (*now_ns)(void)" => now_ns: unsafe extern "C" fn() -> u64;
    "uint32_t (*running)(struct rackless_stop *, uint32_t)" => running: unsafe extern "C" fn(*const Stop, u32) -> u32;
    "uint32_t (*alloc)(struct mempool *, struct rte_mbuf **, uint32_t, uint32_t)"
        => alloc: unsafe extern "C" fn(*const Mempool, *mut *mut Mbuf, u32, u32) -> u32;
    "void (*free)(struct rte_mbuf **, uint32_t)" => free: unsafe extern "C" fn(*mut *mut Mbuf, u32);
    "void (*free_one)(struct rte_mbuf *)" => free_one: unsafe extern "C" fn(*mut Mbuf);
    "uint32_t (*send)(struct rackless_device *, uint32_t, struct rte_mbuf **, uint32_t)"
        => send: unsafe extern "C" fn(*const Device, u32, *mut *mut Mbuf, u32) -> u32;
    "uint32_t (*try_send)(struct rackless_device *, struct rte_mbuf **, uint32_t)"
        => try_send: unsafe extern "C" fn(*const Device, *mut *mut Mbuf, u32) -> u32;
    "uint32_t (*recv)(struct rackless_device *, uint32_t, struct rte_mbuf **, uint32_t, double)"
        => recv: unsafe extern "C" fn(*const Device, u32, *mut *mut Mbuf, u32, f64) -> u32;
    "void (*offload)(struct rte_mbuf **, uint32_t, uint64_t, uint64_t)"
        => offload: unsafe extern "C" fn(*mut *mut Mbuf, u32, u64, u64);
    "void (*set_vlan)(struct rte_mbuf **, uint32_t, uint32_t)"
        => set_vlan: unsafe extern "C" fn(*mut *mut Mbuf, u32, u32);
    "void (*fill_checksums)(void *, uint32_t)" => fill_checksums: unsafe extern "C" fn(*mut u8, u32);
    "uint32_t (*checksum)(const void *, uint32_t)" => checksum: unsafe extern "C" fn(*const u8, u32) -> u32;
    "uint32_t (*pseudo_header)(const void *, uint32_t, uint32_t)"
        => pseudo_header: unsafe extern "C" fn(*const u8, u32, u32) -> u32;
}

/// A Lua machine with all standard libraries, FFI among them.
pub(crate) fn lua() -> mlua::Lua {
    // SAFETY: FFI and debug are what this crate is for; scripts are trusted with the process, as the module says.
    unsafe { mlua::Lua::unsafe_new() }
}

/// Nanoseconds of the monotonic clock.
#[inline]
pub(crate) fn now_ns() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the pointer is valid for a write of one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, time.as_mut_ptr()) };
    // SAFETY: reading this clock cannot fail on Linux, so the call has written the value.
    let time = unsafe { time.assume_init() };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Waits precisely: asleep as far as that is possible, spinning at the end.
pub(crate) fn wait_ns(ns: u64) {
    let until = now_ns() + ns;
    if ns > SPIN_NS {
        std::thread::sleep(Duration::from_nanos(ns - SPIN_NS));
    }
    while now_ns() < until {
        std::thread::yield_now();
    }
}

/// Waits until a descriptor is readable, at most for `wait`.
pub(crate) fn wait_readable(fd: BorrowedFd<'_>, wait: Duration) {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let timeout = libc::timespec { tv_sec: wait.as_secs() as _, tv_nsec: wait.subsec_nanos() as _ };
    // SAFETY: one valid pollfd, a valid timeout, no signal mask. A failure is a shorter wait, which is harmless.
    unsafe { libc::ppoll(&mut poll, 1, &timeout, std::ptr::null()) };
}

/// Notes in the mbuf that a VLAN tag was taken out of the frame.
pub(crate) fn mark_vlan(packet: &mut Packet, tci: u16) {
    // SAFETY: a `Packet` is a transparent pointer to its live mbuf (asserted in `nf::buffer`), borrowed mutably.
    let mbuf = unsafe { (*std::ptr::from_mut(packet).cast::<NonNull<Mbuf>>()).as_mut() };
    mbuf.vlan_tci = tci;
    mbuf.ol_flags |= flags::RX_VLAN_STRIPPED;
}

const _: () = assert!(size_of::<Packet>() == size_of::<NonNull<Mbuf>>());

/// The signals that end a run, kept from killing the process.
#[derive(Debug)]
pub(crate) struct Signals {
    set: libc::sigset_t,
}

impl Signals {
    /// Holds back SIGINT and SIGTERM in this thread and the threads it will start.
    pub(crate) fn hold() -> io::Result<Self> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: `sigemptyset` initialises the set that the following calls use; all pointers are valid.
        let (set, rc) = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            let mut set = set.assume_init();
            libc::sigaddset(&mut set, libc::SIGINT);
            libc::sigaddset(&mut set, libc::SIGTERM);
            (set, libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()))
        };
        if rc == 0 { Ok(Self { set }) } else { Err(io::Error::from_raw_os_error(rc)) }
    }

    /// Waits for one of the signals, at most for `wait`.
    pub(crate) fn wait(&self, wait: Duration) -> Option<i32> {
        let timeout = libc::timespec { tv_sec: wait.as_secs() as _, tv_nsec: wait.subsec_nanos() as _ };
        // SAFETY: set and timeout are valid, and no information is asked for.
        let signal = unsafe { libc::sigtimedwait(&self.set, std::ptr::null_mut(), &timeout) };
        (signal > 0).then_some(signal)
    }

    /// Lets the signals through again and, with `again`, raises one that was caught.
    pub(crate) fn release(&self, again: Option<i32>) {
        // SAFETY: the set is valid; raising a signal is what its sender asked for.
        unsafe {
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &self.set, std::ptr::null_mut());
            if let Some(signal) = again {
                libc::raise(signal);
            }
        }
    }
}

thread_local! {
    /// Where packets are on their way between Lua's arrays and Rust; a task runs one call at a time.
    static BURST: RefCell<Vec<Packet>> = const { RefCell::new(Vec::new()) };
}

/// The functions themselves.
///
/// Throughout: arrays come from the embedded library's `bufArray`, which passes a length within its size; entries
/// are null or buffers that the script owns; devices, pools and the stop live as long as the session, which every
/// Lua machine keeps alive.
mod ffi {
    use super::*;

    pub(super) unsafe extern "C" fn now_ns() -> u64 {
        super::now_ns()
    }

    pub(super) unsafe extern "C" fn running(stop: *const Stop, extra_ms: u32) -> u32 {
        // SAFETY: the stop lives as long as the session.
        u32::from(unsafe { &*stop }.running(extra_ms))
    }

    /// Fills the array with buffers of this length; 0 when the pool stays empty.
    pub(super) unsafe extern "C" fn alloc(
        pool: *const Mempool,
        array: *mut *mut Mbuf,
        n: u32,
        len: u32,
    ) -> u32 {
        // SAFETY: pools live as long as the session; Lua has checked `len` against the pool's room.
        if unsafe { (*pool).alloc(array, n as usize, len) } { n } else { 0 }
    }

    pub(super) unsafe extern "C" fn free(array: *mut *mut Mbuf, n: u32) {
        BURST.with_borrow_mut(|burst| {
            // SAFETY: see the module.
            unsafe { take(array, n, burst) };
            Packet::free_burst(burst);
        });
    }

    pub(super) unsafe extern "C" fn free_one(mbuf: *mut Mbuf) {
        if let Some(mbuf) = NonNull::new(mbuf) {
            // SAFETY: the script owns the buffer and gives it up.
            drop(unsafe { Packet::from_raw(mbuf) });
        }
    }

    pub(super) unsafe extern "C" fn send(
        device: *const Device,
        queue: u32,
        array: *mut *mut Mbuf,
        n: u32,
    ) -> u32 {
        BURST.with_borrow_mut(|burst| {
            // SAFETY: see the module.
            let device = unsafe {
                take_out(array, n, burst);
                &*device
            };
            device.send(queue as usize, burst);
            n
        })
    }

    pub(super) unsafe extern "C" fn try_send(device: *const Device, array: *mut *mut Mbuf, n: u32) -> u32 {
        BURST.with_borrow_mut(|burst| {
            // SAFETY: see the module.
            let device = unsafe {
                take_out(array, n, burst);
                &*device
            };
            let sent = device.try_send(burst);
            for (index, packet) in burst.drain(..).enumerate() {
                // SAFETY: what was not sent goes back to where it came from, behind what was.
                unsafe { *array.add(sent + index) = packet.into_raw().as_ptr() };
            }
            sent as u32
        })
    }

    /// Receives; a negative or infinite wait, in microseconds, lasts until the run stops.
    pub(super) unsafe extern "C" fn recv(
        device: *const Device,
        queue: u32,
        array: *mut *mut Mbuf,
        n: u32,
        wait_us: f64,
    ) -> u32 {
        // SAFETY: devices live as long as the session.
        let device = unsafe { &*device };
        let wait = (wait_us >= 0.0).then(|| Duration::try_from_secs_f64(wait_us / 1e6).ok()).flatten();
        BURST.with_borrow_mut(|burst| {
            let received = device.recv(queue as usize, burst, n as usize, wait);
            for (index, packet) in burst.drain(..).enumerate() {
                // SAFETY: at most `n` packets were received.
                unsafe { *array.add(index) = packet.into_raw().as_ptr() };
            }
            received as u32
        })
    }

    pub(super) unsafe extern "C" fn offload(array: *mut *mut Mbuf, n: u32, wanted: u64, lengths: u64) {
        // SAFETY: see the module.
        for mbuf in unsafe { std::slice::from_raw_parts_mut(array, n as usize) } {
            // SAFETY: non-null entries are buffers that the script owns.
            if let Some(mbuf) = unsafe { mbuf.as_mut() } {
                mbuf.ol_flags |= wanted;
                mbuf.tx_offload = lengths;
            }
        }
    }

    pub(super) unsafe extern "C" fn set_vlan(array: *mut *mut Mbuf, n: u32, tci: u32) {
        // SAFETY: see the module.
        for mbuf in unsafe { std::slice::from_raw_parts_mut(array, n as usize) } {
            // SAFETY: non-null entries are buffers that the script owns.
            if let Some(mbuf) = unsafe { mbuf.as_mut() } {
                mbuf.vlan_tci = tci as u16;
                mbuf.ol_flags |= flags::TX_VLAN;
            }
        }
    }

    pub(super) unsafe extern "C" fn fill_checksums(frame: *mut u8, len: u32) {
        // SAFETY: the library passes a buffer's data and length.
        let frame = unsafe { std::slice::from_raw_parts_mut(frame, len as usize) };
        // A frame that is not whole has no checksum to fill in.
        let _ = super::checksum::fill(frame);
    }

    pub(super) unsafe extern "C" fn checksum(data: *const u8, len: u32) -> u32 {
        // SAFETY: the script passes memory of this length.
        u32::from(super::checksum::internet(unsafe { std::slice::from_raw_parts(data, len as usize) }))
    }

    /// The pseudo-header sum of the IP header at `l3`, for `len` bytes of transport.
    pub(super) unsafe extern "C" fn pseudo_header(l3: *const u8, len: u32, protocol: u32) -> u32 {
        // SAFETY: the script passes a whole IPv4 or IPv6 header; the version decides how much is read.
        let header = unsafe { std::slice::from_raw_parts(l3, if *l3 >> 4 == 4 { 20 } else { 40 }) };
        u32::from(offload::pseudo_header(header, 0, IpProtocol(protocol as u8), len as usize).unwrap_or(0))
    }

    /// Moves the buffers of an array into `burst`.
    unsafe fn take(array: *mut *mut Mbuf, n: u32, burst: &mut Vec<Packet>) {
        // SAFETY: the array has at least `n` entries.
        for entry in unsafe { std::slice::from_raw_parts_mut(array, n as usize) } {
            if let Some(mbuf) = NonNull::new(std::mem::replace(entry, std::ptr::null_mut())) {
                // SAFETY: the script owned the buffer, and no longer does.
                burst.push(unsafe { Packet::from_raw(mbuf) });
            }
        }
    }

    /// Moves the buffers of an array into `burst`, completed as their flags ask.
    #[inline]
    unsafe fn take_out(array: *mut *mut Mbuf, n: u32, burst: &mut Vec<Packet>) {
        // SAFETY: the array has at least `n` entries.
        for entry in unsafe { std::slice::from_raw_parts_mut(array, n as usize) } {
            let Some(mut mbuf) = NonNull::new(*entry) else { continue };
            // SAFETY: the script owned the buffer, and no longer does.
            let header = unsafe { mbuf.as_mut() };
            let (wanted, lengths, tci) = (header.ol_flags, header.tx_offload, header.vlan_tci);
            // A script writes lengths as it likes; what leaves the buffer must not.
            header.data_len = header.data_len.min(header.buf_len - header.data_off.min(header.buf_len));
            header.pkt_len = u32::from(header.data_len);
            // SAFETY: as above; the bounds were just checked.
            let mut packet = unsafe { Packet::from_raw(mbuf) };
            // The script wrote behind the packet's back: whatever was known of its headers is forgotten.
            packet.data_mut();
            if wanted & flags::TX_WORK != 0 {
                header.ol_flags = 0;
                offload::complete(&mut packet, wanted, lengths, tci);
            }
            burst.push(packet);
        }
    }
}
