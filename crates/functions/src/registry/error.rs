//! Why a function cannot be made.

use crate::RouterError;

/// Why a function cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No function has the name.
    #[error("no network function '{name}'; there are: {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The function's keys are wrong.
    #[error("cannot read the settings of {function}")]
    Settings {
        /// The function's name.
        function: &'static str,
        /// What is wrong, and where if the text is known.
        source: Box<toml::de::Error>,
    },
    /// The function needs other ports.
    #[error("{function} needs {needed}, and there are {given}")]
    Ports {
        /// The function's name.
        function: &'static str,
        /// What it needs.
        needed: &'static str,
        /// How many there are.
        given: usize,
    },
    /// The function stands between ports alone, and one of its ends is somewhere else.
    #[error(
        "{function} stands at ports alone, with nothing but nodes of a single input between: \
         its input {number} must come from the port that its output {number} leads to"
    )]
    Interfaces {
        /// The function's name.
        function: &'static str,
        /// Input and output that are no interface.
        number: usize,
    },
    /// The router's addresses and routes contradict each other.
    #[error("cannot set up the router")]
    Router(#[from] RouterError),
    /// The NAT gives out no port.
    #[error("nat: first_port {first} is greater than last_port {last}")]
    NatPorts {
        /// The first port.
        first: u16,
        /// The last port.
        last: u16,
    },
    /// There are more filters than outputs can be numbered.
    #[error("classify takes at most {most} filters, and there are {given}", most = crate::Classify::MOST)]
    Filters {
        /// How many there are.
        given: usize,
    },
}
