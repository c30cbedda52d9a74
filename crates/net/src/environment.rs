//! What a node's program finds in its environment, and the file that describes its interfaces.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use rackless_topology::Topology;
use rackless_topology::model::{End, Interface, Medium, Node, NodeId};
use serde::Serialize;

use crate::control::InterfaceStatus;
use crate::error::Error;
use crate::rundir;
use crate::shared::{Shared, lock};

/// The folder of the sockets by which links in memory come about, in the lab's folder.
const SOCKETS: &str = "memif";

/// What a node's program is told of its node.
#[derive(Serialize)]
struct NodeFile<'a> {
    lab: &'a str,
    node: &'a str,
    interfaces: Vec<InterfaceStatus>,
}

impl Shared {
    /// Lays the node's and the lab's variables over those of `base`.
    pub(crate) fn environment(
        &self,
        node: &Node,
        base: &[(String, String)],
    ) -> Result<Vec<(String, String)>, Error> {
        let file = self.node_file(node)?;
        let own = [
            ("RACKLESS_LAB", self.name.clone()),
            ("RACKLESS_NODE", node.name.clone()),
            ("RACKLESS_NODE_FILE", file.to_string_lossy().into_owned()),
        ];
        let mut all = base.to_vec();
        let wanted = node.env.iter().map(|(name, value)| (name.as_str(), value.clone()));
        for (name, value) in wanted.chain(own) {
            set(&mut all, name, value);
        }
        let rest = all.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.clone());
        let mut path = self.package_folders(node)?;
        path.extend(std::env::current_exe().ok().as_deref().and_then(Path::parent).map(Path::to_owned));
        let mut path: Vec<String> = path.iter().map(|folder| folder.display().to_string()).collect();
        path.push(rest.unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".to_owned()));
        set(&mut all, "PATH", path.join(":"));
        Ok(all)
    }

    /// Gives the folders of the executables of the node's package.
    fn package_folders(&self, node: &Node) -> Result<Vec<PathBuf>, Error> {
        let Some(package) = &node.package else { return Ok(Vec::new()) };
        lock(&self.packages)
            .get(package)
            .cloned()
            .ok_or_else(|| Error::NotBuilt { node: node.name.clone(), package: package.clone() })
    }

    /// Writes the file that describes a node, unless it is there.
    fn node_file(&self, node: &Node) -> Result<PathBuf, Error> {
        let path = self.folder.join(format!("nodes/{}.json", node.name));
        if path.exists() { Ok(path) } else { self.write_node_file(node) }
    }

    /// Writes the file that describes a node, in one go: a program may be reading it.
    pub(crate) fn write_node_file(&self, node: &Node) -> Result<PathBuf, Error> {
        let name = &node.name;
        let topology = self.topology();
        let interfaces =
            topology.node_id(name).map(|id| interfaces(&topology, id, &self.folder)).unwrap_or_default();
        if interfaces.iter().any(|interface| interface.device.is_some()) {
            let sockets = self.folder.join(SOCKETS);
            fs::create_dir_all(&sockets).map_err(Error::file("create", &sockets))?;
        }
        let content = NodeFile { lab: &self.name, node: name, interfaces };
        let content = serde_json::to_vec(&content).expect("a node file is plain data");
        let path = self.folder.join(format!("nodes/{name}.json"));
        // No other file has this name: two programs may be started at once.
        let own = format!("nodes/{name}.{}", self.next_job.fetch_add(1, Ordering::Relaxed));
        let written = rundir::write(&self.folder, &own, &content)?;
        fs::rename(written, &path).map_err(Error::file("write", &path))?;
        Ok(path)
    }
}

/// Describes the interfaces of a node of the lab with this folder.
pub(crate) fn interfaces(topology: &Topology, node: NodeId, folder: &Path) -> Vec<InterfaceStatus> {
    let interfaces = topology[node].interfaces.iter().enumerate();
    let interfaces = interfaces.map(|(place, interface)| InterfaceStatus {
        device: in_memory(topology, End { node, interface: place }, folder),
        name: interface.name.clone(),
        mac: interface.mac.to_string(),
        mtu: interface.mtu,
        addresses: interface.addresses.iter().map(ToString::to_string).collect(),
        link_local: interface.link_local().to_string(),
    });
    interfaces.collect()
}

/// Gives the port that an end of a link in memory is: the first end is the server.
fn in_memory(topology: &Topology, end: End, folder: &Path) -> Option<String> {
    let link = &topology.links[topology.link_of(end)?];
    if link.medium != Medium::Memif {
        return None;
    }
    let first = link.ends[0];
    let role = if first == end { "server" } else { "client" };
    let name = format!("{}.{}", topology[first.node].name, topology.interface(first).name);
    let socket = folder.join(SOCKETS).join(name);
    let Interface { mtu, mac, .. } = topology.interface(end);
    Some(format!("memif:{},role={role},mtu={mtu},mac={mac}", socket.display()))
}

/// Gives the environment of the lab process, less what is meant for itself alone.
pub(crate) fn inherited() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| !name.starts_with("RACKLESS_TEST_"))
        .collect()
}

fn set(all: &mut Vec<(String, String)>, name: &str, value: String) {
    match all.iter_mut().find(|(other, _)| other == name) {
        Some((_, old)) => *old = value,
        None => all.push((name.to_owned(), value)),
    }
}
