//! The file descriptors that a lab needs.

use std::collections::BTreeSet;
use std::fs;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rackless_topology::model::NodeId;
use rackless_topology::{Diff, Topology};

use crate::error::Error;
use crate::fabric::Fabric;

/// For a node: its namespace, and a netlink socket in it while the lab is made.
const EACH_NODE: usize = 2;
/// For a program: its process, its output and its log.
const EACH_PROGRAM: usize = 3;
/// For a wire: its two TAPs.
const EACH_WIRE: usize = 2;
/// For clients, pipes, the fabric, and what the caller left open.
const BESIDES: usize = 40;
/// For clients that come while a lab changes, and what is open for a moment.
const SPARE: usize = 10;

/// Takes as many descriptors as this process may have: the usual soft limit of 1,024 is for programs using select.
///
/// # Errors
/// The lab needs more than that; nothing has been made yet.
pub(crate) fn reserve(topology: &Topology) -> Result<(), Error> {
    let Some(limit) = limit() else { return Ok(()) };
    let nodes = topology.nodes.len();
    let programs = topology.program_ids().count();
    let needed = BESIDES + EACH_NODE * nodes + EACH_PROGRAM * programs;
    if needed as u64 > limit {
        return Err(Error::Descriptors { nodes, needed, limit, lab: None });
    }
    Ok(())
}

/// Does so for a change of the lab that this process is, beside what it has open.
pub(crate) fn reserve_for(diff: &Diff, wanted: &Topology, fabric: &Fabric) -> Result<(), Error> {
    let (Some(limit), Ok(open)) = (limit(), fs::read_dir("/proc/self/fd")) else { return Ok(()) };
    let kept = diff.nodes.kept.iter().filter(|(.., differs)| *differs).map(|(_, id, _)| *id);
    let links = diff.links.new.iter().chain(diff.mended.iter().map(|(_, place)| place));
    let ends = links.flat_map(|place| wanted.links[*place].ends).map(|end| end.node);
    let configured: BTreeSet<NodeId> =
        kept.chain(ends).filter(|id| fabric.node(&wanted[*id].name).is_some()).collect();
    let comes = EACH_NODE * diff.nodes.new.len()
        + configured.len()
        + EACH_PROGRAM * diff.programs.new.len()
        + EACH_WIRE * fabric.wires_for(diff, wanted);
    let goes = diff.nodes.gone.len() + EACH_PROGRAM * diff.programs.gone.len();
    let needed = (open.count() + comes + SPARE).saturating_sub(goes);
    if needed as u64 > limit {
        let lab = Some(std::process::id());
        return Err(Error::Descriptors { nodes: wanted.nodes.len(), needed, limit, lab });
    }
    Ok(())
}

/// Raises the limit as far as this process may, and gives it; one that cannot be told is met when it is met.
fn limit() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    Some(if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft })
}
