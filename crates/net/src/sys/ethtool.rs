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

/// Frames whose VLAN tag stands beside them: XDP programs see them without it. No command is these features' own.
const VLAN: [&str; 2] = ["tx-vlan-hw-insert", "tx-vlan-stag-hw-insert"];
/// How messages call them.
const VLAN_NAME: &str = "VLAN tag insertion";

/// `ETHTOOL_GSSET_INFO`, `ETHTOOL_GSTRINGS`, `ETHTOOL_SFEATURES`, and the set of strings that names features.
const COUNT: u32 = 0x37;
const STRINGS: u32 = 0x1b;
const SET: u32 = 0x3b;
const NAMES: u32 = 4;
/// Bytes of a string, `ETH_GSTRING_LEN`.
const STRING: usize = 32;

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// `struct ethtool_sset_info`, for one set.
#[repr(C)]
struct Count {
    command: u32,
    reserved: u32,
    sets: u64,
    count: u32,
}

/// Turns segmentation, checksum and VLAN offloads of `interface` off, in the namespace of `socket`.
pub(crate) fn offload_off(socket: &impl AsFd, interface: &str) -> Result<(), Error> {
    let failed = |feature| {
        let interface = interface.to_owned();
        move |source| Error::Offload { feature, interface, source }
    };
    for (command, feature) in FEATURES {
        let mut value = Value { command, data: 0 };
        // SAFETY: these five commands take an ethtool_value.
        unsafe { ethtool(socket, interface, (&raw mut value).cast()) }.map_err(failed(feature))?;
    }
    vlan_off(socket, interface).map_err(failed(VLAN_NAME))?;
    fault::step();
    Ok(())
}

/// Turns off what leaves VLAN tags beside frames, as far as the interface has it.
fn vlan_off(socket: &impl AsFd, interface: &str) -> io::Result<()> {
    let names = names(socket, interface)?;
    // `struct ethtool_sfeatures`: command, number of blocks, and for each block of 32 features which are meant, and
    // which of them shall be on.
    let mut request = vec![0u32; 2 + 2 * names.len().div_ceil(32)];
    (request[0], request[1]) = (SET, names.len().div_ceil(32) as u32);
    for place in names.iter().enumerate().filter(|(_, name)| VLAN.contains(&name.as_str())) {
        request[2 + 2 * (place.0 / 32)] |= 1 << (place.0 % 32);
    }
    // SAFETY: the command takes this struct, with as many blocks as it says.
    unsafe { ethtool(socket, interface, request.as_mut_ptr().cast()) }
}

/// Gives the names of the kernel's features, in the order of their numbers.
fn names(socket: &impl AsFd, interface: &str) -> io::Result<Vec<String>> {
    let mut count = Count { command: COUNT, reserved: 0, sets: 1 << NAMES, count: 0 };
    // SAFETY: the command takes this struct, and writes one count for the one set that is asked for.
    unsafe { ethtool(socket, interface, (&raw mut count).cast()) }?;
    // `struct ethtool_gstrings`: command, set, number of strings, and the strings.
    let header = [STRINGS, NAMES, count.count];
    let mut request: Vec<u8> = header.into_iter().flat_map(u32::to_ne_bytes).collect();
    request.resize(request.len() + count.count as usize * STRING, 0);
    // SAFETY: the command takes this struct, with room for as many strings as the kernel said that there are.
    unsafe { ethtool(socket, interface, request.as_mut_ptr().cast()) }?;
    let strings = request[size_of_val(&header)..].chunks(STRING);
    let name = |string: &[u8]| {
        let end = string.iter().position(|byte| *byte == 0).unwrap_or(string.len());
        String::from_utf8_lossy(&string[..end]).into_owned()
    };
    Ok(strings.map(name).collect())
}

/// Makes a request about an interface in the namespace of a socket.
///
/// # Safety
/// `data` points to what its command takes, and has room for what it gives.
unsafe fn ethtool(socket: &impl AsFd, interface: &str, data: *mut libc::c_char) -> io::Result<()> {
    // SAFETY: an all-zero ifreq is a valid value of that plain C struct.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes().take(libc::IFNAMSIZ - 1)) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = data;
    // SAFETY: the descriptor is open for the length of the call, the request is a valid ifreq, and its data is as the
    // caller promises.
    match unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), SIOCETHTOOL as _, &raw mut request) } {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
