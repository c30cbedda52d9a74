//! Ports: how packets come in and go out, over packet sockets, AF_XDP, shared memory, DPDK, files, or not at all.
//!
//! Use it to run network functions on real interfaces; a device string says which ([`DeviceSpec`]):
//!
//! ```
//! use rackless_nf::Port as _;
//! use rackless_ports::{Options, open};
//!
//! let mut port = open("a", &"null:size=64".parse()?, &Options::default())?;
//! let mut packets = Vec::new();
//! assert_eq!(port.rx_burst(&mut packets, 32), 32);
//! assert_eq!(port.tx_burst(&mut packets), 32);
//! assert_eq!(port.stats().tx_bytes, 32 * 64);
//! # Ok::<(), rackless_ports::Error>(())
//! ```
//!
//! | Back-end | Its frames |
//! |---|---|
//! | `af_packet:` | An interface of this network namespace: a receive ring shared with the kernel, batches of sends. VLAN tags and transport checksums that the kernel keeps aside are put into the frame. What it sends, packet sockets on the same interface (tcpdump) do not see: capture at the other end. |
//! | `af_xdp:` | An interface of this network namespace, or one of its queues: an XDP program takes its frames before the kernel makes packets of them. Frames are up to 3,840 bytes long. What a sender's kernel leaves to hardware (checksums, segmentation, VLAN tags) is missing from a frame: its offloads have to be off, as on a lab's links to NFs. |
//! | `dpdk:` | Any device of DPDK, in [`Dpdk`]'s memory, without a copy; packets of the heap are copied once when they are sent. Its `net_af_xdp` leaves its XDP program behind when the process is killed; `af_xdp:` does not. |
//! | `memif:` | What another process puts into shared memory, by libmemif's protocol: another port of ours, DPDK's `net_memif`, VPP. No kernel in between but to wake who sleeps. A peer that goes away and comes back is a link that goes down and up. The peer is trusted with the memory: one that cuts its file short ends this process. |
//! | `kernel:` | The kernel of this network namespace, at an interface that the port makes: it receives what the port sends, and the other way round. |
//! | `null:` | Copies of templates, for measuring. |
//! | `pcap:` | Files. |
//!
//! No port asks for an offload, and none passes on a frame that was cut or is longer than its MTU allows: such are
//! counted as `rx_errors`.
//!
//! What it does not do: schedule, park threads, know graphs; all that is the crate `rackless-runtime`'s.
//!
//! # Privileges
//! `af_packet:` and DPDK devices on interfaces need `CAP_NET_RAW` (and for the address filter of DPDK's
//! `net_af_packet`, `CAP_NET_ADMIN`) over the network namespace: root, or whoever made it in a user namespace.
//! `af_xdp:` needs `CAP_BPF` and `CAP_NET_ADMIN` in the first user namespace, as root outside of any has them.
//! `kernel:` needs `CAP_NET_ADMIN` over the network namespace. The others need none.
//!
//! # Kernel
//! `af_packet:` needs Linux 4.20 (`PACKET_IGNORE_OUTGOING`), `af_xdp:` 5.9 (XDP programs that end with their process).

mod af_packet;
mod af_xdp;
mod dpdk;
mod epoll;
mod error;
mod interface;
#[cfg(test)]
#[path = "../../dpdk-sys/tests/isolated/mod.rs"]
mod isolated;
mod kernel;
mod memif;
mod null;
mod pcap;
mod spec;

use rackless_nf::{Pool, Port};

pub use af_xdp::Xdp;
pub use dpdk::{Dpdk, DpdkPool};
pub use error::Error;
pub use rackless_dpdk_sys::{EalConfig, availability as dpdk_availability};
pub use spec::{AfXdpSpec, DeviceSpec, DpdkSpec, KernelSpec, MemifRole, MemifSocket, MemifSpec};
pub use spec::{NullSpec, Prefixed, XdpMode, ZeroCopy};

/// What ports have in common.
#[derive(Clone)]
pub struct Options {
    /// Where received packets come from, on all ports but DPDK's. Its buffers bound the longest frame that is
    /// received; a longer one counts as an error.
    pub pool: Pool,
    /// DPDK for `dpdk:` devices. Clones of these options share it, as they must: it exists once per process.
    pub dpdk: Dpdk,
    /// XDP programs of `af_xdp:` devices. Clones of these options share them, so that several ports can have queues
    /// of one interface.
    pub xdp: Xdp,
    /// Frames that an interface's receive ring holds at least.
    pub ring_frames: usize,
}

impl Options {
    /// Frames in a receive ring unless said otherwise. With an eighth of it, half of all frames were lost whenever
    /// the process waited for a core.
    pub const RING_FRAMES: usize = 4096;
}

impl Default for Options {
    /// 16,384 buffers of the usual size, and DPDK configured from the environment.
    fn default() -> Self {
        Self {
            pool: Pool::new(16_384, Pool::ROOM),
            dpdk: Dpdk::default(),
            xdp: Xdp::default(),
            ring_frames: Self::RING_FRAMES,
        }
    }
}

/// Opens a device by several queues, as a port `name` for each of `options`; `None` where the device has one.
///
/// Frames come by the queue of their flow: both directions of one by the same number, also at other devices that are
/// opened by as many queues here. Fragments come by the number of their addresses.
///
/// # Errors
/// [`Error`], before anything is received.
pub fn open_queues(
    name: &str,
    device: &DeviceSpec,
    options: &[Options],
) -> Result<Option<Vec<Box<dyn Port>>>, Error> {
    let DeviceSpec::AfPacket { interface } = device else { return Ok(None) };
    let queues = af_packet::AfPacket::open_queues(name, interface, options)?;
    Ok(Some(queues.into_iter().map(|queue| Box::new(queue) as Box<dyn Port>).collect()))
}

/// Opens a device as the port `name`.
///
/// # Errors
/// [`Error`], before anything is received.
///
/// # Privileges
/// See the crate's page.
pub fn open(name: &str, device: &DeviceSpec, options: &Options) -> Result<Box<dyn Port>, Error> {
    Ok(match device {
        DeviceSpec::AfPacket { interface } => Box::new(af_packet::AfPacket::open(name, interface, options)?),
        DeviceSpec::AfXdp(spec) => Box::new(af_xdp::AfXdp::open(name, spec, options)?),
        DeviceSpec::Dpdk(spec) => Box::new(options.dpdk.open(name, spec)?),
        DeviceSpec::Memif(spec) => Box::new(memif::Memif::open(name, spec, options)?),
        DeviceSpec::Kernel(spec) => Box::new(kernel::Kernel::open(name, spec, options)?),
        DeviceSpec::Null(spec) => Box::new(null::Null::open(name, spec, options)?),
        DeviceSpec::Pcap { input, output } => {
            Box::new(pcap::Pcap::open(name, input.as_deref(), output.as_deref(), options)?)
        }
    })
}
