//! The functions of the library by the names that configurations give them.

use rackless::nf::{GraphBuilder, Wiring};
use rackless::runtime::Setup;
use rackless_functions::graph::{self, Description};
use rackless_functions::registry::{self, FUNCTIONS, PortSetup};

/// Why what a configuration names cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The configuration names no function.
    #[error("the configuration has no key 'nf'; there are: {}", names())]
    Unnamed,
    /// The configuration names a function and a graph.
    #[error("the configuration has 'nf' and 'graph'; one of them says what runs")]
    Both,
    /// Several workers cannot run the function.
    #[error("{function} (node '{node}') runs with one worker, and there are {workers}: {why}")]
    OneWorker {
        /// The node.
        node: String,
        /// Its function.
        function: &'static str,
        /// How many workers are wanted.
        workers: usize,
        /// Why it cannot.
        why: &'static str,
    },
    /// The function cannot be made.
    #[error(transparent)]
    Function(#[from] registry::Error),
    /// The graph cannot be made.
    #[error(transparent)]
    Graph(#[from] graph::Error),
}

/// Makes the graph that the configuration describes, or that of the one function that it names.
pub(crate) fn build(setup: &Setup) -> Result<GraphBuilder, Error> {
    let ports = setup.ports.iter();
    let ports: Vec<PortSetup> =
        ports.map(|port| PortSetup { info: port.info.clone(), addresses: port.addresses.clone() }).collect();
    if let Some(graph) = description(setup)? {
        graph.functions().try_for_each(|(node, function)| check_workers(setup, node, function))?;
        return Ok(graph.build(&ports)?);
    }
    let name = setup.function().ok_or(Error::Unnamed)?;
    check_workers(setup, name, name)?;
    let (kind, table, text) = (name.to_owned(), setup.table().clone(), setup.text().to_owned());
    let make = move || registry::build(&kind, &registry::Setup::alone(&ports, &table, &text));
    let graph = GraphBuilder::new().boxed_node(name, make()?);
    Ok(graph.remade_by(name, move || make().ok()))
}

/// Refuses a function that as many workers as there are cannot run.
fn check_workers(setup: &Setup, node: &str, function: &str) -> Result<(), Error> {
    let workers = setup.workers;
    // One that is not known is told of by who makes it.
    match registry::find(function).ok().and_then(|found| Some((found.name, found.one_worker?))) {
        Some((function, why)) if workers > 1 => {
            Err(Error::OneWorker { node: node.to_owned(), function, workers, why })
        }
        _ => Ok(()),
    }
}

/// How a graph is drawn.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Format {
    /// Graphviz
    Dot,
    /// For Markdown
    Mermaid,
}

/// Draws what the configuration describes.
pub(crate) fn draw(setup: &Setup, format: Format) -> Result<String, Error> {
    if let Some(graph) = description(setup)? {
        return Ok(match format {
            Format::Dot => graph.to_dot(),
            Format::Mermaid => graph.to_mermaid(),
        });
    }
    let function = registry::find(setup.function().ok_or(Error::Unnamed)?)?;
    let ports: Vec<&str> = setup.configured_ports().collect();
    let ports = if ports.is_empty() { &["*"] } else { ports.as_slice() };
    let wiring = Wiring::alone(function.name, ports);
    Ok(match format {
        Format::Dot => wiring.to_dot(|_| function.about.to_owned()),
        Format::Mermaid => wiring.to_mermaid(|_| function.about.to_owned()),
    })
}

/// The graph that the configuration describes, if it does.
fn description(setup: &Setup) -> Result<Option<Description>, Error> {
    let file = setup.path().display().to_string();
    if let Some(text) = setup.click() {
        return Ok(Some(Description::from_click(text, &file)?));
    }
    match Description::from_toml(setup.text(), setup.table(), &file)? {
        Some(_) if setup.function().is_some() => Err(Error::Both),
        graph => Ok(graph),
    }
}

/// Lists the functions' names.
fn names() -> String {
    FUNCTIONS.each_ref().map(|function| function.name).join(", ")
}
