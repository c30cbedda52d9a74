//! What clients name: nodes, programs, interfaces.

use rackless_topology::model::{End, ProgramId};
use rackless_topology::{NodeId, Topology};

use crate::error::Error;

/// Finds a node by its name.
pub(crate) fn node(topology: &Topology, name: &str) -> Result<NodeId, Error> {
    topology.node_id(name).ok_or_else(|| Error::NoNode {
        node: name.to_owned(),
        nodes: topology.nodes.iter().map(|node| node.name.clone()).collect(),
    })
}

/// Finds the programs that `node` or `node:program` names, at least one.
pub(crate) fn programs(topology: &Topology, text: &str) -> Result<Vec<ProgramId>, Error> {
    let (node, program) = match text.split_once(':') {
        Some((node, program)) => (node, Some(program)),
        None => (text, None),
    };
    let id = self::node(topology, node)?;
    let fits = |id: &ProgramId| program.is_none_or(|name| topology[*id].name.as_deref() == Some(name));
    let found: Vec<ProgramId> = topology.programs_of(id).filter(fits).collect();
    match (found.is_empty(), program) {
        (false, _) => Ok(found),
        (true, Some(program)) if !topology[id].programs.is_empty() => Err(Error::NoProgramNamed {
            node: node.to_owned(),
            program: program.to_owned(),
            programs: topology[id].programs.iter().filter_map(|program| program.name.clone()).collect(),
        }),
        (true, _) => Err(Error::NoProgram { node: node.to_owned() }),
    }
}

/// Finds an interface by its node and its name: its link, and its end of that.
pub(crate) fn end(topology: &Topology, node: &str, interface: &str) -> Result<(usize, End), Error> {
    let id = self::node(topology, node)?;
    let found = topology[id].interface_id(interface).map(|interface| End { node: id, interface });
    found.and_then(|end| Some((topology.link_of(end)?, end))).ok_or_else(|| Error::NoInterface {
        node: node.to_owned(),
        interface: interface.to_owned(),
        interfaces: topology[id].interfaces.iter().map(|interface| interface.name.clone()).collect(),
    })
}
