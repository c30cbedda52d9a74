//! The XDP program that hands frames to sockets, in the kernel by bpf(2).
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use libc::{c_long, c_ulong};

// linux/bpf.h; libc does not have them.
const MAP_CREATE: c_long = 0;
const MAP_UPDATE_ELEM: c_long = 2;
const PROG_LOAD: c_long = 5;
const LINK_CREATE: c_long = 28;
const MAP_TYPE_XSKMAP: u32 = 17;
const PROG_TYPE_XDP: u32 = 6;
const ATTACH_TYPE_XDP: u32 = 37;
/// Offset of `rx_queue_index` in `struct xdp_md`.
const RX_QUEUE_INDEX: u64 = 16;
const XDP_PASS: u64 = 2;
const REDIRECT_MAP: u64 = 51;
/// `XDP_FLAGS_SKB_MODE` and `XDP_FLAGS_DRV_MODE`, linux/if_link.h.
const GENERIC: u32 = 1 << 1;
const NATIVE: u32 = 1 << 2;

/// The part of `union bpf_attr` that makes a map.
#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
}

/// The part that sets an element of a map.
#[repr(C)]
struct MapUpdate {
    map_fd: u64,
    key: u64,
    value: u64,
    flags: u64,
}

/// The part that loads a program.
#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
}

/// The part that attaches a program.
#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_ifindex: u32,
    attach_type: u32,
    flags: u32,
}

/// Makes an XSKMAP: which socket gets the frames of which queue.
pub(super) fn socket_map(queues: u32) -> io::Result<OwnedFd> {
    let create = MapCreate {
        map_type: MAP_TYPE_XSKMAP,
        key_size: 4,
        value_size: 4,
        max_entries: queues,
        map_flags: 0,
    };
    new_descriptor(MAP_CREATE, &create)
}

/// Has the frames of a queue handed to a socket, until the socket is closed.
pub(super) fn set_socket(map: BorrowedFd<'_>, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
    let socket = socket.as_raw_fd() as u32;
    let update = MapUpdate {
        map_fd: map.as_raw_fd() as u64,
        key: (&raw const queue) as u64,
        value: (&raw const socket) as u64,
        flags: 0,
    };
    bpf(MAP_UPDATE_ELEM, &update).map(|_| ())
}

/// Loads the program: a frame goes to the socket of the queue it came by, or to the kernel where there is none.
pub(super) fn load(map: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let instruction = |code: u64, dst: u64, src: u64, offset: u64, value: u64| {
        code | dst << 8 | src << 12 | offset << 16 | value << 32
    };
    // `xdp_md` is in r1: r2 = its queue; r1 = map, in two halves; r3 = XDP_PASS; call bpf_redirect_map; exit.
    let instructions: [u64; 6] = [
        instruction(0x61, 2, 1, RX_QUEUE_INDEX, 0),
        instruction(0x18, 1, 1, 0, map.as_raw_fd() as u64),
        0,
        instruction(0xb7, 3, 0, 0, XDP_PASS),
        instruction(0x85, 0, 0, 0, REDIRECT_MAP),
        instruction(0x95, 0, 0, 0, 0),
    ];
    let load = ProgLoad {
        prog_type: PROG_TYPE_XDP,
        insn_cnt: instructions.len() as u32,
        insns: instructions.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
        prog_name: *b"rackless_xsk\0\0\0\0",
    };
    new_descriptor(PROG_LOAD, &load)
}

/// Attaches a program to an interface for as long as the descriptor given is open: the kernel closes it when the
/// process ends, however it ends.
pub(super) fn attach(program: BorrowedFd<'_>, interface: i32, native: bool) -> io::Result<OwnedFd> {
    let create = LinkCreate {
        prog_fd: program.as_raw_fd() as u32,
        target_ifindex: interface as u32,
        attach_type: ATTACH_TYPE_XDP,
        flags: if native { NATIVE } else { GENERIC },
    };
    new_descriptor(LINK_CREATE, &create)
}

fn new_descriptor<T>(command: c_long, attributes: &T) -> io::Result<OwnedFd> {
    let fd = bpf(command, attributes)?;
    // SAFETY: these commands give a new descriptor, ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn bpf<T>(command: c_long, attributes: &T) -> io::Result<i32> {
    // SAFETY: the attributes are a live struct of the length given without padding, and what it points at is live
    // and of the length that the command reads.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, attributes as *const T, size_of::<T>() as c_ulong) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}
