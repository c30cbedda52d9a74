//! Labs of [containerlab](https://containerlab.dev), `*.clab.yml`: read into lab files, and written.
//!
//! What one of both has no word for is left out, and a [`Warning`] says so.
//!
//! | containerlab | here |
//! |---|---|
//! | kind `linux` | `host`; `router` if it forwards IPv4 and IPv6 |
//! | kinds `bridge`, `ovs-bridge` | `switch` |
//! | other kinds | `host`, with a warning |
//! | `exec`: `ip address add`, `ip route add`, `ip link set`, `sysctl -w` | `addresses`, `routes`, `mac` and `mtu`, `sysctl` |
//! | `entrypoint`, `cmd`, and what else is in `exec` | `run` |
//! | `env`, `sysctls` | `env`, `sysctl` |
//! | `links` between two nodes, brief or extended | `[[link]]` |
//!
//! # Examples
//! ```
//! use rackless_topology::{Topology, clab};
//!
//! let file = "
//! name: two
//! topology:
//!   kinds: {linux: {image: alpine}}
//!   nodes:
//!     a: {kind: linux, exec: [ip addr add 10.0.0.1/24 dev eth1]}
//!     b: {kind: linux, exec: [ip addr add 10.0.0.2/24 dev eth1]}
//!   links:
//!     - endpoints: [a:eth1, b:eth1]
//! ";
//! let imported = clab::import("two.clab.yml", file)?;
//! assert_eq!(imported.warnings[0].to_string(), "4:19: 'image' of a, b: nodes are no containers yet");
//! let lab = Topology::parse("two.toml", &imported.lab)?;
//! assert_eq!(lab.nodes[1].interfaces[0].addresses[0].to_string(), "10.0.0.2/24");
//! assert!(clab::export(&lab, "alpine").file.contains("- ip address add 10.0.0.2/24 dev eth1"));
//! # Ok::<(), rackless_topology::Error>(())
//! ```

mod command;
mod definition;
mod export;
mod import;
mod lab;
mod link;
mod lost;
mod names;
mod node;
mod program;
mod yaml;

use std::fmt;

pub use export::{Exported, export};
pub use import::{Imported, import};

/// The MTU of containerlab's links that give none, in bytes.
const CLAB_MTU: u32 = 9500;

/// The label by which an exported node says its kind where containerlab has no word for it.
const KIND_LABEL: &str = "rackless-kind";

/// The label by which an exported switch says that it cuts loops.
const STP_LABEL: &str = "rackless-stp";

/// Sysctls that make a router, with which an exported router forwards and by which an imported one is known.
const FORWARDING: [&str; 2] = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"];

/// The names of nodes by which links of containerlab mean the machine itself.
const RESERVED: [&str; 3] = ["host", "mgmt-net", "macvlan"];

/// Something that is left out, or changed, on the way from one format to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The line and the column in the file that is read, both from 1, if that has a place.
    pub place: Option<(usize, usize)>,
    /// The key that is not carried over as it is.
    pub key: String,
    /// The nodes that it is about; none: the whole lab.
    pub nodes: Vec<String>,
    /// What becomes of it, and why.
    pub why: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}: ")?;
        }
        write!(f, "'{}'", self.key)?;
        if !self.nodes.is_empty() {
            write!(f, " of {}", self.nodes.join(", "))?;
        }
        write!(f, ": {}", self.why)
    }
}
