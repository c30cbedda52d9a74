//! The functions of the library by the names that configurations give them.

use rackless::nf::GraphBuilder;
use rackless::runtime;
use rackless_functions::registry::{self, FUNCTIONS, PortSetup};

/// Why the function that a configuration names cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The configuration names no function.
    #[error("the configuration has no key 'nf'; there are: {}", names())]
    Unnamed,
    /// The function cannot be made.
    #[error(transparent)]
    Function(#[from] registry::Error),
}

/// Makes the graph of the function that the configuration names.
pub(crate) fn build(setup: &runtime::Setup) -> Result<GraphBuilder, Error> {
    let name = setup.function().ok_or(Error::Unnamed)?;
    let ports = setup.ports.iter();
    let ports: Vec<PortSetup> =
        ports.map(|port| PortSetup { info: port.info.clone(), addresses: port.addresses.clone() }).collect();
    let (kind, table, text) = (name.to_owned(), setup.table().clone(), setup.text().to_owned());
    let make = move || registry::build(&kind, &registry::Setup { ports: &ports, table: &table, text: &text });
    let graph = GraphBuilder::new().boxed_node(name, make()?);
    Ok(graph.remade_by(name, move || make().ok()))
}

/// Lists the functions' names.
fn names() -> String {
    FUNCTIONS.map(|function| function.name).join(", ")
}
