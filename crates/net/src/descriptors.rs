//! The file descriptors that a lab needs.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rackless_topology::Topology;

use crate::error::Error;

/// For a node: its namespace, and a netlink socket in it while the lab is made.
const EACH_NODE: usize = 2;
/// For a program: its process, its output and its log.
const EACH_PROGRAM: usize = 3;
/// For clients, pipes, the fabric, and what the caller left open.
const BESIDES: usize = 40;

/// Takes as many descriptors as this process may have: the usual soft limit of 1,024 is for programs using select.
///
/// # Errors
/// The lab needs more than that; nothing has been made yet.
pub(crate) fn reserve(topology: &Topology) -> Result<(), Error> {
    // A limit that cannot be told is met when it is met.
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return Ok(()) };
    let limit = if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft };
    let nodes = topology.nodes.len();
    let programs = topology.program_ids().count();
    let needed = BESIDES + EACH_NODE * nodes + EACH_PROGRAM * programs;
    if needed as u64 > limit {
        return Err(Error::Descriptors { nodes, needed, limit });
    }
    Ok(())
}
