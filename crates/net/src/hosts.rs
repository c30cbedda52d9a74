//! The names by which nodes know each other: `/etc/hosts`, the same for all nodes of a lab.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rackless_topology::Topology;
use rackless_topology::model::Node;

use crate::error::Error;

/// Where programs look for names (hosts(5)).
const HOSTS: &str = "/etc/hosts";

/// Writes the machine's own names and those of the nodes into the lab's folder.
///
/// The file is changed in its place, where running programs see it.
pub(crate) fn write(topology: &Topology, folder: &Path) -> Result<(), Error> {
    let mut text = fs::read_to_string(HOSTS).unwrap_or_default(); // a machine may have none
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for node in &topology.nodes {
        for address in addresses(node) {
            let _ = writeln!(text, "{address}\t{}", node.name); // a string takes all
        }
    }
    let path = kept(folder);
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
    };
    write().map_err(Error::file("write", &path))?;
    crate::fault::step();
    Ok(())
}

/// Gives the file of names and where a node's programs see it, unless the machine has none there.
pub(crate) fn shown(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    Path::new(HOSTS).is_file().then(|| (kept(folder), PathBuf::from(HOSTS)))
}

fn kept(folder: &Path) -> PathBuf {
    folder.join("hosts")
}

/// The addresses by which a node is reached: those of its interfaces, or of its loopback where these have none.
fn addresses(node: &Node) -> Vec<IpAddr> {
    let of_interfaces = node.interfaces.iter().flat_map(|interface| &interface.addresses);
    let found: Vec<IpAddr> = of_interfaces.map(|net| net.addr()).collect();
    if found.is_empty() { node.loopback.iter().map(|net| net.addr()).collect() } else { found }
}
