//! The functions by name: what `rackless nf run` can run.

mod error;
mod make;

use ipnet::IpNet;
use rackless_nf::{Nf, PortInfo};
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use error::Error;

/// What a function is made of.
///
/// # Examples
/// ```
/// use rackless_functions::registry::{self, Setup};
///
/// let text = "rate = '10 Mbit/s'";
/// let table: toml::Table = text.parse()?;
/// let error = registry::build("nat", &Setup::alone(&[], &table, text)).err();
/// assert_eq!(error.map(|e| e.to_string()), Some("nat needs two ports, and there are 0".to_owned()));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    /// The ports at which the node stands, in the order of its inputs and outputs: input `i` comes from this port and
    /// output `i` leads to it, perhaps through nodes with a single input. `None` for what is wired otherwise.
    pub ports: Vec<Option<PortSetup>>,
    /// How many inputs are wired.
    pub inputs: usize,
    /// How many outputs are wired.
    pub outputs: usize,
    /// The function's own keys.
    pub table: &'a toml::Table,
    /// The text that `table` was read from, so that mistakes are told with their line; other keys in it are of no
    /// matter. Empty when there is none.
    pub text: &'a str,
    /// The names of the tables in `text` that lead to the function's own; none when its keys stand at the top.
    pub within: &'a [&'a str],
}

/// A port of the function.
#[derive(Clone, Debug)]
pub struct PortSetup {
    /// Name, device, MAC address and MTU.
    pub info: PortInfo,
    /// The addresses that belong to it.
    pub addresses: Vec<IpNet>,
}

/// A function of the library.
#[derive(Clone, Copy)]
pub struct Function {
    /// The name that configuration files use.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// Why several workers cannot run it, each with a function of its own and a share of the flows; `None` if they can.
    pub one_worker: Option<&'static str>,
    build: fn(&Setup<'_>) -> Result<Box<dyn Nf>, Error>,
}

/// All functions.
pub static FUNCTIONS: [Function; 10] = [
    Function {
        name: "router",
        about: "routes IPv6 and IPv4; each route uses its first live next hop",
        one_worker: Some("it learns its neighbours from answers that come to one of them"),
        build: make::router,
    },
    Function {
        name: "nat",
        about: "hides IPv4 hosts on the first port behind one address",
        one_worker: Some(
            "an answer comes to the worker of its own addresses, which has not made the binding",
        ),
        build: make::nat,
    },
    Function {
        name: "shaper",
        about: "joins two ports at a rate, with a queue",
        one_worker: Some("each would have the whole rate"),
        build: make::shaper,
    },
    Function {
        name: "macswap",
        about: "sends every frame back, MAC addresses swapped",
        one_worker: None,
        build: make::macswap,
    },
    Function {
        name: "forward",
        about: "joins ports in pairs, unchanged",
        one_worker: None,
        build: make::forward,
    },
    Function {
        name: "classify",
        about: "an output for each filter, and one for the rest",
        one_worker: None,
        build: make::classify,
    },
    Function {
        name: "split",
        about: "shares packets out over outputs, by flow or by turn",
        one_worker: None,
        build: make::split,
    },
    Function { name: "tee", about: "a copy to each output", one_worker: None, build: make::tee },
    Function {
        name: "counter",
        about: "passes on, and counts packets and bytes",
        one_worker: None,
        build: make::counter,
    },
    Function { name: "sink", about: "drops, for a reason of its own", one_worker: None, build: make::sink },
];

/// Makes the function with this name.
///
/// # Errors
/// Any [`Error`].
pub fn build(name: &str, setup: &Setup<'_>) -> Result<Box<dyn Nf>, Error> {
    (find(name)?.build)(setup)
}

/// The function with this name.
///
/// # Errors
/// [`Error::Unknown`]
pub fn find(name: &str) -> Result<&'static Function, Error> {
    let known = || FUNCTIONS.each_ref().map(|function| function.name).join(", ");
    let unknown = || Error::Unknown { name: name.to_owned(), known: known() };
    FUNCTIONS.iter().find(|function| function.name == name).ok_or_else(unknown)
}

impl<'a> Setup<'a> {
    /// A function that stands at all these ports and nothing else: port `i` is its input and output `i`.
    pub fn alone(ports: &[PortSetup], table: &'a toml::Table, text: &'a str) -> Self {
        let (inputs, outputs) = (ports.len(), ports.len());
        Self { ports: ports.iter().cloned().map(Some).collect(), inputs, outputs, table, text, within: &[] }
    }
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
        let mut document = DeTable::parse(self.text)?;
        for table in self.within {
            let inner = match document.get_mut().get_mut(*table).map(Spanned::get_mut) {
                Some(DeValue::Table(inner)) => std::mem::take(inner),
                _ => DeTable::new(),
            };
            *document.get_mut() = inner;
        }
        let keys = std::mem::take(document.get_mut());
        let own = keys.into_iter().filter(|(key, _)| self.table.contains_key(key.get_ref().as_ref()));
        *document.get_mut() = own.collect();
        T::deserialize(toml::de::Deserializer::from(document)).map_err(|mut error| {
            error.set_input(Some(self.text).filter(|_| self.within.is_empty()));
            error
        })
    }

    fn ports(
        &self,
        function: &'static str,
        needed: &'static str,
        ok: fn(usize) -> bool,
    ) -> Result<(), Error> {
        match self.inputs.max(self.outputs) {
            given if ok(given) => Ok(()),
            given => Err(Error::Ports { function, needed, given }),
        }
    }
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
        build(name, &Setup::alone(&ports, &table, text))
    }

    #[test]
    fn every_function_is_made_by_its_name() {
        for (name, text) in [
            ("router", "nf = 'router'\n[[route]]\nprefix = '::/0'\nvia = ['fd00:a::1']"),
            ("nat", "public = '192.0.2.1'"),
            ("shaper", "rate = '1 Mbit/s'"),
            ("macswap", "nf = 'macswap'"),
            ("forward", ""),
            ("classify", "filters = ['arp', 'tcp port 80']"),
            ("split", "by = 'turn'"),
            ("tee", ""),
            ("counter", ""),
            ("sink", "reason = 'blocked'"),
        ] {
            assert!(try_build(name, text).is_ok(), "{name}");
        }
        let error = try_build("firewall", "").err().unwrap().to_string();
        assert!(error.starts_with("no network function 'firewall'; there are: router, nat, "), "{error}");
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
        let filter = source("classify", "\nfilters = ['tcp', 'tcp prot 80']");
        assert!(filter.contains("line 2") && filter.contains("'tcp prot 80': unexpected 'prot'"), "{filter}");
        let route = source("router", "[[route]]\nprefix = '::/0'\nvia = ['fd00:c::1']");
        assert!(route.starts_with("route ::/0: next hop fd00:c::1 is on no connected network"), "{route}");
    }

    #[test]
    fn without_the_text_mistakes_are_told_all_the_same() {
        let table: toml::Table = "speed = 1".parse().unwrap();
        let error = build("macswap", &Setup::alone(&[], &table, "")).err().unwrap();
        assert!(error.source().is_some_and(|source| source.to_string().contains("speed")));
    }
}
