//! The functions by name: what `rackless nf run` can run.

use ipnet::IpNet;
use rackless_nf::{Nf, PortInfo};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::router::config::{InterfaceConfig, RouterConfig};
use crate::{Forward, MacSwap, Nat, Router, RouterError, Shaper};

/// What a function is made of.
///
/// # Examples
/// ```
/// use rackless_functions::registry::{self, Setup};
///
/// let text = "rate = '10 Mbit/s'";
/// let table: toml::Table = text.parse()?;
/// let error = registry::build("shaper", &Setup { ports: &[], table: &table, text }).err();
/// assert_eq!(error.map(|e| e.to_string()), Some("shaper needs two ports, and there are 0".to_owned()));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The ports, in the order of the node's inputs and outputs.
    pub ports: &'a [PortSetup],
    /// The function's own keys.
    pub table: &'a toml::Table,
    /// The text of the file that `table` was read from, so that mistakes are told with their line; other keys in it
    /// are of no matter. Empty when there is none.
    pub text: &'a str,
}

/// A port of the function.
#[derive(Clone, Debug)]
pub struct PortSetup {
    /// Name, device, MAC address and MTU.
    pub info: PortInfo,
    /// The addresses that belong to it.
    pub addresses: Vec<IpNet>,
}

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
}

/// A function of the library.
#[derive(Clone, Copy)]
pub struct Function {
    /// The name that configuration files use.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    build: fn(&Setup<'_>) -> Result<Box<dyn Nf>, Error>,
}

/// All functions.
pub const FUNCTIONS: [Function; 5] = [
    Function {
        name: "router",
        about: "routes IPv6 and IPv4; each route uses its first live next hop",
        build: router,
    },
    Function { name: "nat", about: "hides IPv4 hosts on the first port behind one address", build: nat },
    Function { name: "shaper", about: "joins two ports at a rate, with a queue", build: shaper },
    Function { name: "macswap", about: "sends every frame back, MAC addresses swapped", build: macswap },
    Function { name: "forward", about: "joins ports in pairs, unchanged", build: forward },
];

/// Makes the function with this name.
///
/// # Errors
/// Any [`Error`].
pub fn build(name: &str, setup: &Setup<'_>) -> Result<Box<dyn Nf>, Error> {
    let unknown = || Error::Unknown {
        name: name.to_owned(),
        known: FUNCTIONS.map(|function| function.name).join(", "),
    };
    let function = FUNCTIONS.iter().find(|function| function.name == name).ok_or_else(unknown)?;
    (function.build)(setup)
}

impl Setup<'_> {
    /// Reads the function's keys; unknown ones are refused by the type.
    fn settings<T: DeserializeOwned>(&self, function: &'static str) -> Result<T, Error> {
        let read =
            if self.text.is_empty() { self.table.clone().try_into() } else { self.settings_from_text() };
        read.map_err(|source| Error::Settings { function, source: Box::new(source) })
    }

    /// Reads the keys from the text, for its positions.
    fn settings_from_text<T: DeserializeOwned>(&self) -> Result<T, toml::de::Error> {
        let mut document = toml::de::DeTable::parse(self.text)?;
        let keys = std::mem::take(document.get_mut());
        let own = keys.into_iter().filter(|(key, _)| self.table.contains_key(key.get_ref().as_ref()));
        *document.get_mut() = own.collect();
        T::deserialize(toml::de::Deserializer::from(document)).map_err(|mut error| {
            error.set_input(Some(self.text));
            error
        })
    }

    fn ports(
        &self,
        function: &'static str,
        needed: &'static str,
        ok: fn(usize) -> bool,
    ) -> Result<(), Error> {
        match self.ports.len() {
            given if ok(given) => Ok(()),
            given => Err(Error::Ports { function, needed, given }),
        }
    }
}

fn router(setup: &Setup<'_>) -> Result<Box<dyn Nf>, Error> {
    let interface = |port: &PortSetup| InterfaceConfig {
        name: port.info.name.clone(),
        addresses: port.addresses.clone(),
    };
    let interfaces = setup.ports.iter().map(interface).collect();
    let config = RouterConfig { interfaces, file: setup.settings("router")? };
    Ok(Box::new(Router::new(config)?))
}

fn nat(setup: &Setup<'_>) -> Result<Box<dyn Nf>, Error> {
    setup.ports("nat", "two ports", |given| given == 2)?;
    let config: crate::NatConfig = setup.settings("nat")?;
    if config.first_port > config.last_port {
        return Err(Error::NatPorts { first: config.first_port, last: config.last_port });
    }
    Ok(Box::new(Nat::new(config)))
}

fn shaper(setup: &Setup<'_>) -> Result<Box<dyn Nf>, Error> {
    setup.ports("shaper", "two ports", |given| given == 2)?;
    Ok(Box::new(Shaper::new(setup.settings("shaper")?)))
}

/// The settings of a function that has none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoSettings {}

fn macswap(setup: &Setup<'_>) -> Result<Box<dyn Nf>, Error> {
    let NoSettings {} = setup.settings("macswap")?;
    Ok(Box::new(MacSwap))
}

fn forward(setup: &Setup<'_>) -> Result<Box<dyn Nf>, Error> {
    setup.ports("forward", "an even number of ports", |given| given % 2 == 0)?;
    let NoSettings {} = setup.settings("forward")?;
    Ok(Box::new(Forward))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rackless_packet::MacAddr;
    use std::error::Error as _;

    fn port(name: &str, addresses: &[&str]) -> PortSetup {
        let info = PortInfo {
            name: name.to_owned(),
            device: "memory:".to_owned(),
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            mtu: 1500,
        };
        PortSetup { info, addresses: addresses.iter().map(|address| address.parse().unwrap()).collect() }
    }

    fn try_build(name: &str, text: &str) -> Result<Box<dyn Nf>, Error> {
        let ports = [port("a", &["fd00:a::fe/64"]), port("b", &["fd00:b::fe/64"])];
        let mut table: toml::Table = text.parse().unwrap();
        table.remove("nf");
        build(name, &Setup { ports: &ports, table: &table, text })
    }

    #[test]
    fn every_function_is_made_by_its_name() {
        for (name, text) in [
            ("router", "nf = 'router'\n[[route]]\nprefix = '::/0'\nvia = ['fd00:a::1']"),
            ("nat", "public = '192.0.2.1'"),
            ("shaper", "rate = '1 Mbit/s'"),
            ("macswap", "nf = 'macswap'"),
            ("forward", ""),
        ] {
            assert!(try_build(name, text).is_ok(), "{name}");
        }
        let error = try_build("firewall", "").err().unwrap().to_string();
        assert_eq!(error, "no network function 'firewall'; there are: router, nat, shaper, macswap, forward");
    }

    #[test]
    fn mistakes_are_told_with_their_line_and_what_is_allowed() {
        let source = |name: &str, text: &str| {
            try_build(name, text).err().unwrap().source().expect("a source").to_string()
        };
        let unknown = source("router", "nf = 'router'\n\n[[route]]\nprefix = '::/0'\nvja = ['fd00:a::1']");
        assert!(unknown.contains("line 5, column 1") && unknown.contains("`prefix` or `via`"), "{unknown}");
        let unknown = source("macswap", "nf = 'macswap'\nspeed = 1");
        assert!(unknown.contains("line 2, column 1") && unknown.contains("speed"), "{unknown}");
        let missing = source("shaper", "queue = '1 kB'");
        assert!(missing.contains("missing field `rate`"), "{missing}");
        let wrong = source("shaper", "rate = '1 Mbyte'");
        assert!(wrong.contains("line 1"), "{wrong}");
        let route = source("router", "[[route]]\nprefix = '::/0'\nvia = ['fd00:c::1']");
        assert!(route.starts_with("route ::/0: next hop fd00:c::1 is on no connected network"), "{route}");
    }

    #[test]
    fn without_the_text_mistakes_are_told_all_the_same() {
        let table: toml::Table = "speed = 1".parse().unwrap();
        let error = build("macswap", &Setup { ports: &[], table: &table, text: "" }).err().unwrap();
        assert!(error.source().is_some_and(|source| source.to_string().contains("speed")));
    }
}
