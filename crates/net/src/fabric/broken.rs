//! Links that are not there any more as they were made: a node's root removed an interface, and with it went its port.

use std::collections::{BTreeSet, HashSet};

use nix::net::if_::if_nametoindex;

use super::Fabric;
use crate::error::Error;

impl Fabric {
    /// Gives the links of which a port is gone, by their places.
    pub(crate) fn broken(&mut self) -> Result<BTreeSet<usize>, Error> {
        let there = self.indexes()?;
        let links = self.links.iter().enumerate();
        let broken =
            links.filter(|(_, link)| link.plan.ports().iter().any(|port| !there.contains(&port.index)));
        Ok(broken.map(|(place, _)| place).collect())
    }

    /// Refuses to make links again where another interface has the name of the one that is gone.
    pub(crate) fn check_mended(&mut self, links: impl Iterator<Item = usize>) -> Result<(), Error> {
        let ports = links.flat_map(|place| self.links[place].plan.ports()).map(|port| port.index);
        let mut gone: HashSet<u32> = ports.collect();
        if gone.is_empty() {
            return Ok(());
        }
        let there = self.indexes()?;
        gone.retain(|index| !there.contains(index));
        for node in &self.nodes {
            for interface in node.plan.interfaces.iter().filter(|at| gone.contains(&at.port.index)) {
                let other = node.namespace.within(|| Ok(if_nametoindex(interface.name.as_str())))?;
                if other.is_ok() {
                    let (node, interface) = (node.plan.name.clone(), interface.name.clone());
                    return Err(Error::OtherInterface { node, interface });
                }
            }
        }
        Ok(())
    }

    /// Gives the indexes of all interfaces in the fabric.
    fn indexes(&mut self) -> Result<HashSet<u32>, Error> {
        Ok(self.netlink.links()?.into_iter().map(|link| link.header.index).collect())
    }
}
