//! Lab files, with the files beside them that they name.

use std::fs;
use std::path::Path;

use rackless_topology::{Error, Topology};

/// Reads the text of a lab file, and from `directory` the traces that it names; `file` is its name for messages.
///
/// # Errors
/// All that is wrong, each with its place in the lab file; in a trace also with its line there.
pub fn parse(file: &str, text: &str, directory: &Path) -> Result<Topology, Error> {
    Topology::parse_with(file, text, &|path| fs::read_to_string(directory.join(path)))
}
