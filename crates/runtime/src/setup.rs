//! What a network function is told before it runs: its ports, their addresses, its settings.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use rackless_nf::PortInfo;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::config::File;

/// What a network function is told before it runs.
#[derive(Debug)]
pub struct Setup {
    /// The function's name.
    pub name: String,
    /// The ports, in the order of their indexes.
    pub ports: Vec<PortSetup>,
    /// The worker that the function is made for, from 0 on.
    pub worker: usize,
    /// How many workers there are, each with a function of its own.
    pub workers: usize,
    pub(crate) file: File,
    pub(crate) settings_read: Cell<bool>,
}

/// A port as a function sees it before it runs.
#[derive(Clone, Debug)]
pub struct PortSetup {
    /// Name, device, MAC address and MTU.
    pub info: PortInfo,
    /// The addresses that the lab gave to the interface; empty outside of a lab.
    pub addresses: Vec<IpNet>,
}

impl Setup {
    /// What a configuration file alone says: without ports, to look at it.
    ///
    /// # Errors
    /// When the file cannot be read, or the runtime's keys in it are wrong.
    pub fn of_file(path: &Path) -> Result<Self, Error> {
        let file = File::read(path)?;
        let name = file.config.name.clone().unwrap_or_default();
        Ok(Self { name, ports: Vec::new(), worker: 0, workers: 1, file, settings_read: false.into() })
    }

    /// The function's own part of the configuration file, without the runtime's keys.
    ///
    /// Types that say `deny_unknown_fields` refuse what they do not know.
    ///
    /// # Errors
    /// [`Error::Settings`]
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let settings = |error: toml::de::Error| Error::Settings {
            path: self.file.path.clone(),
            message: error.message().to_owned(),
        };
        self.table().clone().try_into().map_err(settings)
    }

    /// As [`Setup::settings`], as a TOML table.
    pub fn table(&self) -> &toml::Table {
        self.settings_read.set(true);
        &self.file.rest
    }

    /// The text of the configuration file if it is a graph's, and no TOML.
    pub fn click(&self) -> Option<&str> {
        self.settings_read.set(true);
        self.file.is_click.then_some(self.file.text.as_str())
    }

    /// The names of the ports in the configuration file.
    pub fn configured_ports(&self) -> impl Iterator<Item = &str> {
        self.file.config.ports.iter().map(|port| port.name.as_str())
    }

    /// The text of the configuration file, to tell mistakes with their place; empty without one.
    pub fn text(&self) -> &str {
        &self.file.text
    }

    /// The key `nf` of the configuration: which function of a library to run.
    pub fn function(&self) -> Option<&str> {
        self.file.config.nf.as_deref()
    }

    /// The path of the configuration file; empty without one.
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

/// The lab's description of the node that a program runs on.
#[derive(Clone, Debug, Deserialize)]
pub struct NodeFile {
    /// The node's name.
    pub node: String,
    /// Its interfaces, in order.
    pub interfaces: Vec<NodeInterface>,
}

/// An interface of the node.
#[derive(Clone, Debug, Deserialize)]
pub struct NodeInterface {
    /// Its name.
    pub name: String,
    /// The addresses that belong to whoever runs the interface.
    #[serde(default)]
    pub addresses: Vec<IpNet>,
    /// What opens it, where it is no interface of the kernel.
    #[serde(default)]
    pub device: Option<String>,
}

impl NodeFile {
    /// The environment variable that holds the path of the description.
    pub const VARIABLE: &str = "RACKLESS_NODE_FILE";

    /// Reads the description if the program runs in a lab.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NodeFile`]
    pub fn from_env() -> Result<Option<Self>, Error> {
        let Some(path) = std::env::var_os(Self::VARIABLE).map(PathBuf::from) else { return Ok(None) };
        let text = std::fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        serde_json::from_slice(&text).map(Some).map_err(|source| Error::NodeFile { path, source })
    }
}
