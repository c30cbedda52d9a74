//! Frames that tell when they were sent, and a receiver that says how long they took.
//!
//! ```text
//! timed_frames send eth0 1000 5 64     1,000 frames of 64 bytes a second for 5 s; prints how many in how many seconds
//! timed_frames receive eth0 1000       until none has come for a second; prints what came, and by how much the time
//!                                      that frames took differs from 1,000 us
//! ```
//!
//! The sender bypasses the queueing disciplines of its kernel, as programs over DPDK do. It reads the clock right
//! before the system call that sends; the receiver's kernel reads the same clock when the frame arrives, so that it
//! does not matter when the receiver wakes. Both go by the real-time clock, which all network namespaces share.
//!
//! # Privileges
//! `CAP_NET_RAW` over the network namespace.
#![allow(unsafe_code, reason = "packet sockets")]

use std::error::Error;
use std::ffi::CString;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};
use std::{env, io};

use libc::{sockaddr_ll, socklen_t, tpacket_req, tpacket2_hdr};

/// One of the EtherTypes for local experiments (IEEE 802): no kernel answers.
const ETHER_TYPE: u16 = 0x88b5;
/// Destination, source, EtherType; then a number and the time of sending, of eight bytes each.
const HEADER: usize = 14;
const SHORTEST: usize = HEADER + 16;
/// Frames in one system call, for senders that are to be as fast as can be.
const BATCH: usize = 64;
/// From how many frames a second on several go in one system call: their time of sending is not their own.
const FAST: f64 = 200_000.0;
/// A sender that is not fast enough stops after so many times its time.
const PATIENCE: f64 = 2.0;
/// Shorter waits are spun.
const SPIN: Duration = Duration::from_micros(300);

/// `linux/if_packet.h`
const PACKET_QDISC_BYPASS: libc::c_int = 20;

/// The receive ring: slots that hold the first bytes of a frame, and room for more than a second of the fastest sender.
const SLOT: usize = 128;
const BLOCK: usize = 64 * 1024;
const BLOCKS: usize = 256;
const SLOTS: usize = BLOCK / SLOT * BLOCKS;
/// How often the receiver looks; it shall not take a core from what is measured.
const LOOK: Duration = Duration::from_millis(20);
/// How long it waits for the first frame, and after the last.
const FIRST: Duration = Duration::from_secs(20);
const QUIET: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["send", interface, rate, seconds, bytes] => {
            send(interface, rate.parse()?, seconds.parse()?, bytes.parse::<usize>()?.max(SHORTEST))
        }
        ["receive", interface] => receive(interface, 0.0),
        ["receive", interface, expected_us] => receive(interface, expected_us.parse()?),
        _ => Err("use: timed_frames send <interface> <frames per second> <seconds> <bytes> | \
                  timed_frames receive <interface> [<expected microseconds>]"
            .into()),
    }
}

fn send(interface: &str, rate: f64, seconds: f64, bytes: usize) -> Result<(), Box<dyn Error>> {
    let socket = open(interface, 0)?;
    set_option(&socket, PACKET_QDISC_BYPASS, &1_i32)?;
    // The next frame is due at a time and not a timer's slack later.
    // SAFETY: no pointers.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
    let batch = if rate >= FAST { BATCH } else { 1 };
    let mut frames = vec![frame(bytes); batch];
    let start = Instant::now();
    let (mut sent, total) = (0_u64, (seconds * rate) as u64);
    loop {
        let elapsed = start.elapsed();
        if sent == total || elapsed.as_secs_f64() >= PATIENCE * seconds {
            break;
        }
        let due = total.min((elapsed.as_secs_f64() * rate) as u64 + 1);
        if due <= sent {
            let wait = Duration::from_secs_f64(sent as f64 / rate).saturating_sub(elapsed);
            if wait > SPIN {
                std::thread::sleep(wait);
            }
            continue;
        }
        let burst = ((due - sent) as usize).min(batch);
        sent += send_burst(&socket, &mut frames[..burst], sent)?;
    }
    println!("{{\"frames\": {sent}, \"seconds\": {:.6}}}", start.elapsed().as_secs_f64());
    Ok(())
}

fn frame(bytes: usize) -> Vec<u8> {
    let mut frame = vec![0; bytes];
    frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 2]);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    frame[12..HEADER].copy_from_slice(&ETHER_TYPE.to_be_bytes());
    frame
}

/// Numbers, dates and sends frames; gives how many the interface took.
fn send_burst(socket: &OwnedFd, frames: &mut [Vec<u8>], first: u64) -> io::Result<u64> {
    let now = now_ns().to_be_bytes();
    for (number, frame) in (first..).zip(&mut *frames) {
        frame[HEADER..HEADER + 8].copy_from_slice(&number.to_be_bytes());
        frame[HEADER + 8..SHORTEST].copy_from_slice(&now);
    }
    let mut vectors: Vec<libc::iovec> = frames
        .iter_mut()
        .map(|frame| libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() })
        .collect();
    let mut messages: Vec<libc::mmsghdr> = vectors
        .iter_mut()
        .map(|vector| {
            // SAFETY: all zeros is a valid `mmsghdr`.
            let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
            message.msg_hdr.msg_iov = vector;
            message.msg_hdr.msg_iovlen = 1;
            message
        })
        .collect();
    // SAFETY: the messages, their vectors and the frames these point at are alive, and of the lengths given.
    let taken = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), messages.len() as _, 0) };
    match (taken, io::Error::last_os_error()) {
        (1.., _) => Ok(taken as u64),
        (_, error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(0),
        (_, error) => Err(error),
    }
}

/// What came.
#[derive(Default)]
struct Arrivals {
    frames: u64,
    bytes: u64,
    first_bytes: u64,
    first_ns: u64,
    last_ns: u64,
    longest_gap_ns: u64,
    /// The time each frame took; a step of the clock could make it negative.
    delays_ns: Vec<i64>,
}

fn receive(interface: &str, expected_us: f64) -> Result<(), Box<dyn Error>> {
    let socket = open(interface, 0)?;
    set_option(&socket, libc::PACKET_VERSION, &libc::tpacket_versions::TPACKET_V2)?;
    let request = tpacket_req {
        tp_block_size: BLOCK as u32,
        tp_block_nr: BLOCKS as u32,
        tp_frame_size: SLOT as u32,
        tp_frame_nr: SLOTS as u32,
    };
    set_option(&socket, libc::PACKET_RX_RING, &request)?;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
    // SAFETY: a new mapping, where the kernel likes; the socket's ring has this length.
    let ring = unsafe { libc::mmap(null_mut(), BLOCK * BLOCKS, protection, flags, socket.as_raw_fd(), 0) };
    if ring == libc::MAP_FAILED {
        return Err(io::Error::last_os_error().into());
    }
    bind(&socket, interface, ETHER_TYPE)?;
    println!("ready");
    let mut arrivals = Arrivals::default();
    let mut last = Instant::now();
    for slot in (0..SLOTS).cycle() {
        // SAFETY: the slot lies within the mapping, which is never unmapped, and is aligned for its header.
        let slot = unsafe { ring.cast::<u8>().add(slot * SLOT) };
        // SAFETY: the first word of a slot is its status, which the kernel and we access as an atomic alone.
        let status = unsafe { &*slot.cast::<AtomicU32>() };
        while status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            if last.elapsed() > if arrivals.frames == 0 { FIRST } else { QUIET } {
                return report(arrivals, expected_us);
            }
            std::thread::sleep(LOOK);
        }
        // SAFETY: the slot is ours until its status changes, and begins with a header that the kernel wrote.
        let header = unsafe { slot.cast::<tpacket2_hdr>().read() };
        let room = SLOT.saturating_sub(usize::from(header.tp_mac)).min(header.tp_snaplen as usize);
        // SAFETY: offset and length lie within the slot.
        let bytes = unsafe { std::slice::from_raw_parts(slot.add(SLOT.min(header.tp_mac.into())), room) };
        arrivals.add(
            bytes,
            header.tp_len,
            u64::from(header.tp_sec) * 1_000_000_000 + u64::from(header.tp_nsec),
        );
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        last = Instant::now();
    }
    Ok(())
}

impl Arrivals {
    fn add(&mut self, frame: &[u8], bytes: u32, ns: u64) {
        let Some(sent) = frame.get(HEADER + 8..SHORTEST).and_then(|word| word.try_into().ok()) else {
            return;
        };
        if self.frames == 0 {
            (self.first_ns, self.first_bytes) = (ns, u64::from(bytes));
        } else {
            self.longest_gap_ns = self.longest_gap_ns.max(ns.saturating_sub(self.last_ns));
        }
        self.last_ns = ns;
        self.frames += 1;
        self.bytes += u64::from(bytes);
        self.delays_ns.push(ns.cast_signed().wrapping_sub(u64::from_be_bytes(sent).cast_signed()));
    }
}

fn report(arrivals: Arrivals, expected_us: f64) -> Result<(), Box<dyn Error>> {
    if arrivals.frames == 0 {
        return Err("no frame has come".into());
    }
    let seconds = (arrivals.last_ns - arrivals.first_ns) as f64 / 1e9;
    // The first frame came before the time began.
    let rate = (arrivals.bytes - arrivals.first_bytes) as f64 * 8.0 / seconds;
    let delays: Vec<f64> = arrivals.delays_ns.iter().map(|ns| *ns as f64 / 1e3).collect();
    let errors = delays.iter().map(|us| (us - expected_us).abs()).collect();
    println!(
        "{{\"frames\": {}, \"seconds\": {seconds:.6}, \"bits_per_second\": {rate:.0}, \"longest_gap_us\": {:.3}, \
         \"delay_us\": {}, \"error_us\": {}}}",
        arrivals.frames,
        arrivals.longest_gap_ns as f64 / 1e3,
        quantiles(delays),
        quantiles(errors),
    );
    Ok(())
}

/// Gives the least, the quantiles, and the most.
fn quantiles(mut values: Vec<f64>) -> String {
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() as f64 * share) as usize).min(values.len() - 1)];
    format!(
        "{{\"least\": {:.3}, \"p50\": {:.3}, \"p99\": {:.3}, \"p99_9\": {:.3}, \"most\": {:.3}}}",
        at(0.0),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    )
}

/// Nanoseconds of the real-time clock.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// Opens a packet socket on an interface, for frames of one EtherType, or none.
fn open(interface: &str, ether_type: u16) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor, ours.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    bind(&socket, interface, ether_type)?;
    Ok(socket)
}

fn bind(socket: &OwnedFd, interface: &str, ether_type: u16) -> io::Result<()> {
    let name = CString::new(interface)?;
    // SAFETY: all zeros is a valid `sockaddr_ll`.
    let mut address: sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = ether_type.to_be();
    // SAFETY: a C string.
    address.sll_ifindex = unsafe { libc::if_nametoindex(name.as_ptr()) } as i32;
    if address.sll_ifindex == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the address is alive and of the length given.
    let result = unsafe {
        libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size_of::<sockaddr_ll>() as socklen_t)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn set_option<T>(socket: &OwnedFd, name: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the value is alive and of the length given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            name,
            (value as *const T).cast(),
            size_of::<T>() as socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
