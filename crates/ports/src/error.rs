//! Why a port cannot be opened.

use std::io;
use std::path::PathBuf;

/// Why a port cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A device string that means nothing.
    #[error("unknown device '{device}': {reason}")]
    Spec {
        /// The device string as it was given.
        device: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// The network namespace has no such interface.
    #[error("no interface {name} in this network namespace; there are: {present}")]
    NoInterface {
        /// The name asked for.
        name: String,
        /// The names that exist, separated by commas.
        present: String,
    },
    /// The kernel refused a step.
    #[error("cannot {action} on interface {interface}")]
    Interface {
        /// What was attempted.
        action: &'static str,
        /// The interface.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// XDP programs are for who may load BPF, which no user namespace can give.
    #[error(
        "cannot load an XDP program for interface {interface}: af_xdp needs root outside of user namespaces \
         (CAP_BPF and CAP_NET_ADMIN there); af_packet:{interface} works without"
    )]
    XdpNotPermitted {
        /// The interface.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Another process has an XDP program on the interface, or another port of this process in another mode.
    #[error("interface {interface} has an XDP program of another process or of a port in another mode")]
    XdpBusy {
        /// The interface.
        interface: String,
    },
    /// The interface has fewer queues.
    #[error("interface {interface} has no receive queue {queue}; its last is {last}")]
    NoQueue {
        /// The interface.
        interface: String,
        /// The number asked for.
        queue: u32,
        /// The highest number.
        last: u32,
    },
    /// Another AF_XDP socket has the queue.
    #[error("queue {queue} of interface {interface} belongs to another AF_XDP socket")]
    QueueBusy {
        /// The interface.
        interface: String,
        /// Its queue.
        queue: u32,
    },
    /// The interface's frames are longer than a port can carry.
    #[error(
        "frames of interface {interface} have up to {frame} bytes with its MTU, and af_xdp carries up to {max}; \
         set a smaller MTU or use af_packet:{interface}"
    )]
    FrameTooLong {
        /// The interface.
        interface: String,
        /// Bytes of its longest frame, with two VLAN tags.
        frame: usize,
        /// Bytes of the longest frame that the port carries.
        max: usize,
    },
    /// DPDK is missing or refused.
    #[error(transparent)]
    Dpdk(#[from] rackless_dpdk_sys::Error),
    /// The unix socket of a shared memory connection.
    #[error("cannot {action} socket {socket}")]
    Socket {
        /// What was attempted.
        action: &'static str,
        /// The socket, an abstract one after '@'.
        socket: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file of frames cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What went wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
