//! Which ports a function has: from its command line, its configuration, or its lab.

use rackless_nf::PortInfo;

use crate::config::{Config, PortConfig};
use crate::{Arguments, DRIVER_VARIABLE, Error, NodeFile, PortSetup};

/// The ports to open: those of the command line, else of the configuration, else all of the lab's node.
pub(crate) fn of(
    arguments: &Arguments,
    config: &Config,
    node: Option<&NodeFile>,
    workers: usize,
) -> Result<Vec<PortConfig>, Error> {
    let from_environment = || std::env::var(DRIVER_VARIABLE).ok().map(|driver| driver.parse()).transpose();
    let driver = match arguments.driver.or(config.driver) {
        Some(driver) => driver,
        None => from_environment()?.unwrap_or_default(),
    };
    let of_lab = || node.iter().flat_map(|node| &node.interfaces);
    let devices = match (arguments.ports.is_empty(), config.ports.is_empty()) {
        (false, _) => arguments.ports.iter().map(|port| parse_port(port)).collect::<Result<_, _>>()?,
        (true, false) => config.ports.clone(),
        (true, true) => of_lab()
            .map(|interface| PortConfig {
                name: interface.name.clone(),
                device: driver.device_of(interface),
                worker: None,
            })
            .collect::<Vec<_>>(),
    };
    if devices.is_empty() {
        return Err(Error::NoPorts);
    }
    let beyond = |port: &&PortConfig| port.worker.is_some_and(|worker| worker >= workers);
    if let Some(port) = devices.iter().find(beyond) {
        return Err(Error::PortWorker { port: port.name.clone(), workers });
    }
    let twice =
        |(index, port): &(usize, &PortConfig)| devices[..*index].iter().any(|other| other.name == port.name);
    match devices.iter().enumerate().find(twice) {
        Some((_, port)) => Err(Error::DuplicatePort(port.name.clone())),
        None => Ok(devices),
    }
}

fn parse_port(text: &str) -> Result<PortConfig, Error> {
    match text.split_once('=') {
        Some((name, device)) if !name.is_empty() && device.contains(':') => {
            Ok(PortConfig { name: name.to_owned(), device: device.to_owned(), worker: None })
        }
        _ => Err(Error::PortArgument(text.to_owned())),
    }
}

/// A port with the addresses that the lab gave to the interface it was opened on.
pub(crate) fn setup(info: &PortInfo, node: Option<&NodeFile>) -> PortSetup {
    let interface =
        node.and_then(|node| node.interfaces.iter().find(|interface| interface.name == info.name));
    let addresses = interface.map(|interface| interface.addresses.clone()).unwrap_or_default();
    PortSetup { info: info.clone(), addresses }
}
