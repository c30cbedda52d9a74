//! Offloads of an interface, by the ethtool ioctl.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use nix::libc;

use crate::error::Error;
use crate::fault;

const SIOCETHTOOL: libc::c_ulong = 0x8946;

/// What a network function must not see: packets without checksum, and packets beyond the MTU.
///
/// The order counts: segmentation depends on the checksum and on scatter-gather.
const FEATURES: [(u32, &str); 5] = [
    (0x1f, "tcp segmentation"),     // ETHTOOL_STSO
    (0x24, "generic segmentation"), // ETHTOOL_SGSO
    (0x2c, "generic receive"),      // ETHTOOL_SGRO
    (0x19, "scatter-gather"),       // ETHTOOL_SSG
    (0x17, "transmit checksum"),    // ETHTOOL_STXCSUM
];

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// Turns segmentation and checksum offloads of `interface` off, in the namespace of `socket`.
pub(crate) fn offload_off(socket: &impl AsFd, interface: &str) -> Result<(), Error> {
    for (command, feature) in FEATURES {
        let mut value = Value { command, data: 0 };
        // SAFETY: an all-zero ifreq is a valid value of that plain C struct.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes().take(libc::IFNAMSIZ - 1)) {
            *to = from as libc::c_char;
        }
        request.ifr_ifru.ifru_data = (&raw mut value).cast();
        // SAFETY: the descriptor is open for the length of the call, the request is a valid ifreq whose
        // data points to an ethtool_value that lives as long, as these five commands take it.
        let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), SIOCETHTOOL as _, &raw mut request) };
        if result != 0 {
            let source = io::Error::last_os_error();
            return Err(Error::Offload { feature, interface: interface.to_owned(), source });
        }
    }
    fault::step();
    Ok(())
}
