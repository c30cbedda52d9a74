//! A source that saturates whatever is behind an interface: valid UDP datagrams in frames of 64 bytes, made by the
//! kernel itself (`BPF_PROG_RUN` with live frames), several million a second on one core.
//!
//! ```text
//! live_frames receive n0          make n0 take such frames (a veth does so only with GRO or an XDP program)
//! live_frames send s0 3 [mac]     send on s0 for three seconds; prints how many frames in how many seconds
//! ```
//!
//! # Privileges
//! `CAP_SYS_ADMIN` over the host (`BPF_PROG_RUN` wants it), `CAP_NET_ADMIN` over the network namespace.
#![allow(unsafe_code, reason = "bpf(2) and an ioctl")]

use std::error::Error;
use std::ffi::CString;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::time::{Duration, Instant};
use std::{env, io};

use rackless_packet::MacAddr;
use rackless_packet::build::Build;

// linux/bpf.h
const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_PROG_TEST_RUN: libc::c_long = 10;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_F_TEST_XDP_LIVE_FRAMES: u32 = 2;
// linux/ethtool.h, linux/sockios.h
const ETHTOOL_SGRO: u32 = 0x2c;
const SIOCETHTOOL: libc::c_ulong = 0x8946;

/// Frames per system call: half a second's. After each the kernel waits for its pool of pages to be given back, in which
/// time no frames come.
const FRAMES_PER_CALL: u32 = 1 << 21;
/// Frames that the kernel makes and redirects at once; its default.
const BATCH: u32 = 64;

/// `union bpf_attr`, as `BPF_PROG_LOAD` reads it.
#[repr(C)]
#[derive(Default)]
struct Load {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    rest: [u64; 13],
}

/// `union bpf_attr`, as `BPF_PROG_TEST_RUN` reads it.
#[repr(C)]
#[derive(Default)]
struct Run {
    prog_fd: u32,
    retval: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    ctx_size_in: u32,
    ctx_size_out: u32,
    ctx_in: u64,
    ctx_out: u64,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    padding: u32,
}

/// `struct xdp_md`
#[repr(C)]
#[derive(Default)]
struct XdpMd {
    data: u32,
    data_end: u32,
    data_meta: u32,
    ingress_ifindex: u32,
    rx_queue_index: u32,
    egress_ifindex: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["receive", interface] => Ok(receive(interface)?),
        ["send", interface, seconds] => send(interface, seconds.parse()?, MacAddr([2, 0, 0, 0, 0, 2])),
        ["send", interface, seconds, mac] => send(interface, seconds.parse()?, mac.parse()?),
        _ => {
            Err("use: live_frames receive <interface> | live_frames send <interface> <seconds> [<mac>]"
                .into())
        }
    }
}

fn send(interface: &str, seconds: f64, dst: MacAddr) -> Result<(), Box<dyn Error>> {
    let index = index_of(interface)?;
    let program = redirect_to(index)?;
    let frame = Build::ethernet(MacAddr([2, 0, 0, 0, 0, 1]), dst)
        .ipv4("198.18.0.1".parse()?, "198.19.0.1".parse()?)
        .udp(1024, 9)
        .payload(&[0; 22])
        .to_vec()?;
    let start = Instant::now();
    let mut frames = 0;
    while start.elapsed() < Duration::from_secs_f64(seconds) {
        run(&program, &frame, index)?;
        frames += u64::from(FRAMES_PER_CALL);
    }
    println!("{{\"frames\": {frames}, \"seconds\": {:.3}}}", start.elapsed().as_secs_f64());
    Ok(())
}

/// Loads a program that sends every frame out by this interface.
fn redirect_to(index: u32) -> io::Result<OwnedFd> {
    let instruction = |code: u8, register: u8, value: u32| -> u64 {
        u64::from(code) | u64::from(register) << 8 | u64::from(value) << 32
    };
    // r1 = index; r2 = 0; call bpf_redirect (23); exit
    let instructions = [
        instruction(0xb7, 1, index),
        instruction(0xb7, 2, 0),
        instruction(0x85, 0, 23),
        instruction(0x95, 0, 0),
    ];
    let load = Load {
        prog_type: BPF_PROG_TYPE_XDP,
        insn_cnt: instructions.len() as u32,
        insns: instructions.as_ptr() as u64,
        license: c"Dual MIT/GPL".as_ptr() as u64,
        ..Load::default()
    };
    let fd = bpf(BPF_PROG_LOAD, &load)?;
    // SAFETY: a new descriptor, ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn run(program: &OwnedFd, frame: &[u8], index: u32) -> io::Result<()> {
    let context = XdpMd { data_end: frame.len() as u32, ingress_ifindex: index, ..XdpMd::default() };
    let run = Run {
        prog_fd: program.as_raw_fd() as u32,
        data_size_in: frame.len() as u32,
        data_in: frame.as_ptr() as u64,
        repeat: FRAMES_PER_CALL,
        ctx_size_in: size_of::<XdpMd>() as u32,
        ctx_in: (&raw const context) as u64,
        flags: BPF_F_TEST_XDP_LIVE_FRAMES,
        batch_size: BATCH,
        ..Run::default()
    };
    bpf(BPF_PROG_TEST_RUN, &run).map(|_| ())
}

fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<i32> {
    // SAFETY: the attributes are a live struct of the length given, and so is all that they point at.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, attributes as *const T, size_of::<T>() as libc::c_ulong)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}

fn index_of(interface: &str) -> io::Result<u32> {
    let name = CString::new(interface)?;
    // SAFETY: a C string.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

/// Switches GRO on, which makes a veth receive through NAPI, the only way in for such frames.
fn receive(interface: &str) -> io::Result<()> {
    let mut on = [ETHTOOL_SGRO, 1];
    // SAFETY: all zeros is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = on.as_mut_ptr().cast();
    // SAFETY: no pointers.
    let socket = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor, ours.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: the request points at a live `ethtool_value`.
    match unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &mut request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
