//! Things a kernel may lack, tried.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use nix::libc;

/// Opens an AF_XDP socket.
pub(crate) fn open_xdp() -> io::Result<OwnedFd> {
    // SAFETY: the call takes integers and gives a new descriptor or -1.
    let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    owned(i64::from(fd))
}

/// Loads the smallest XDP program, which passes everything and is attached to nothing.
pub(crate) fn load_bpf() -> io::Result<OwnedFd> {
    const PROG_LOAD: libc::c_int = 5;
    const PROG_TYPE_XDP: u32 = 6;
    /// `r0 = XDP_PASS; exit`, as `struct bpf_insn`.
    const PROGRAM: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 2, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
    /// The beginning of `union bpf_attr` for this command; the kernel takes what follows for zero.
    #[repr(C)]
    struct Load {
        kind: u32,
        instructions: u32,
        program: u64,
        license: u64,
        log: [u32; 2],
        log_buffer: u64,
    }
    let load = Load {
        kind: PROG_TYPE_XDP,
        instructions: PROGRAM.len() as u32,
        program: PROGRAM.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        log: [0; 2],
        log_buffer: 0,
    };
    // SAFETY: the attributes are as long as stated, and point to constants of the stated number of instructions and
    // to a C string.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const load, size_of::<Load>()) };
    owned(fd)
}

fn owned(fd: i64) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
