//! TAP interfaces, the ends of wires in user space.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;

use nix::libc;

/// Length of `struct virtio_net_hdr`, which comes before each frame where frames may be joined.
pub(crate) const VNET_HEADER: usize = 10;

const TUNSETOFFLOAD: libc::c_ulong = 0x4004_54d0;
const TUNSETIFINDEX: libc::c_ulong = 0x4004_54da;
/// Checksums may be left out, and TCP segments of IPv4 and IPv6 be joined.
const TUN_F_CSUM: libc::c_ulong = 1;
const TUN_F_TSO: libc::c_ulong = 2 | 4;

/// Makes a TAP of this name and index in the calling thread's namespace; it goes with its last descriptor.
///
/// Reads and writes never block. With `header` each frame comes behind a virtio-net header; without, the kernel gives and
/// takes plain frames, and takes a fifth less time for it.
pub(crate) fn open_wire_end(name: &str, index: u32, header: bool) -> io::Result<OwnedFd> {
    let file = File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
    let index = index as libc::c_uint;
    // SAFETY: TUNSETIFINDEX reads an unsigned int, which lives during the call.
    check(unsafe { libc::ioctl(file.as_raw_fd(), TUNSETIFINDEX as _, &raw const index) })?;
    // SAFETY: an all-zero ifreq is a valid value of that plain C struct.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(libc::IFNAMSIZ - 1)) {
        *to = from as libc::c_char;
    }
    let with_header = if header { libc::IFF_VNET_HDR } else { 0 };
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI | with_header) as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes an ifreq, which lives during the call.
    check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) })?;
    Ok(file.into())
}

/// Says whether frames read from a TAP may be without checksums, and longer than the MTU.
pub(crate) fn set_wire_offload(end: &impl AsFd, offload: bool) -> io::Result<()> {
    let flags = if offload { TUN_F_CSUM | TUN_F_TSO } else { 0 };
    // SAFETY: TUNSETOFFLOAD takes an integer argument.
    check(unsafe { libc::ioctl(end.as_fd().as_raw_fd(), TUNSETOFFLOAD as _, flags) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
