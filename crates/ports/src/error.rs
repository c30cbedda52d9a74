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
    /// DPDK is missing or refused.
    #[error(transparent)]
    Dpdk(#[from] rackless_dpdk_sys::Error),
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
