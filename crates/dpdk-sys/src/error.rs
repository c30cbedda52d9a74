//! What can go wrong between Rust and DPDK.

/// Why DPDK did not do what was asked.
///
/// `log` holds what DPDK itself said about it, lines joined by `; `.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The executable was built where libdpdk's headers were missing.
    #[error("DPDK ports are not built in: {reason}; install pkg-config and libdpdk-dev, then build again")]
    NotBuilt {
        /// What the build script found.
        reason: String,
    },
    /// The shim cannot be opened, mostly because libdpdk is not installed here.
    #[error("cannot open libdpdk {version}: {message}; install it (Debian: apt install dpdk libdpdk-dev)")]
    Library {
        /// The version of DPDK that the shim was built for.
        version: &'static str,
        /// What the dynamic linker said.
        message: String,
    },
    /// EAL exists once per process, also after it has gone.
    #[error("EAL was already initialised in this process, and DPDK cannot do that twice")]
    AlreadyInitialised,
    /// An EAL option that would end the process or that C cannot take.
    #[error("EAL option '{option}' is refused: {reason}")]
    Option {
        /// The option as it was given.
        option: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// EAL did not start.
    #[error("cannot initialise EAL with '{arguments}': {reason}{log}")]
    Init {
        /// The command line that EAL was given.
        arguments: String,
        /// The error number in words.
        reason: String,
        /// What DPDK said.
        log: Log,
    },
    /// The memory for a pool of buffers is not there.
    #[error("cannot make mempool {name} of {count} buffers: {reason}{log}")]
    Pool {
        /// Name of the mempool.
        name: String,
        /// How many buffers it was to have.
        count: u32,
        /// The error number in words.
        reason: String,
        /// What DPDK said.
        log: Log,
    },
    /// A device cannot be brought into the state asked for.
    #[error("cannot {action} DPDK device {device}: {reason}{log}")]
    Device {
        /// What was attempted.
        action: &'static str,
        /// Name of the device.
        device: String,
        /// The error number in words.
        reason: String,
        /// What DPDK said.
        log: Log,
    },
}

/// What DPDK wrote to its log meanwhile; shown as ` (…)`, or as nothing when it was silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log(pub String);

impl std::fmt::Display for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<&str> = self.0.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        // EAL prints its usage after a bad option: the reason stands in the lines around it.
        let lines: Vec<&str> =
            lines.into_iter().filter(|line| line.contains(": ") && !line.starts_with('-')).collect();
        if lines.is_empty() {
            return Ok(());
        }
        // The last lines are those about the failure.
        write!(f, " ({})", lines[lines.len().saturating_sub(6)..].join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_shown_on_one_line_without_the_usage_text() {
        let log = Log("EAL: invalid parameter\n\nUsage: x\n  -c COREMASK   cores\n".into());
        assert_eq!(log.to_string(), " (EAL: invalid parameter; Usage: x)");
        assert_eq!(Log::default().to_string(), "");
    }
}
