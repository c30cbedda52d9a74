//! The lab file that an import writes.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};

use ipnet::IpNet;
use rackless_packet::MacAddr;

use crate::model::{Command, DEFAULT_MTU, Kind};

/// A lab, as its file says it.
#[derive(Debug, Default)]
pub(super) struct Lab {
    pub(super) name: String,
    pub(super) nodes: Vec<Node>,
    pub(super) links: Vec<Link>,
}

/// A node and all its keys.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) stp: bool,
    pub(super) interfaces: Vec<Interface>,
    pub(super) loopback: Vec<IpNet>,
    /// Routes in the form of the lab file.
    pub(super) routes: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) sysctl: BTreeMap<String, String>,
    pub(super) run: Option<Command>,
}

/// An interface that a link has made.
#[derive(Debug, Default)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) addresses: Vec<IpNet>,
    pub(super) mac: Option<MacAddr>,
    pub(super) mtu: Option<u32>,
}

/// A link, with both ends as `node:interface`.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) ends: [String; 2],
    pub(super) mtu: u32,
}

impl Display for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "name = {}", text(&self.name))?;
        self.nodes.iter().try_for_each(|node| write!(f, "\n{node}"))?;
        self.links.iter().try_for_each(|link| write!(f, "\n{link}"))
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "[node.{}]", self.name)?;
        if self.kind != Kind::default() {
            writeln!(f, "kind = {}", text(self.kind.as_str()))?;
        }
        if self.stp {
            writeln!(f, "stp = true")?;
        }
        if self.kind == Kind::Switch {
            return Ok(());
        }
        for interface in &self.interfaces {
            write!(f, "{interface}")?;
        }
        // A host of whose addresses nothing is said would get some.
        let none = self.interfaces.iter().all(|interface| interface.addresses.is_empty());
        if none && self.kind == Kind::Host && !self.interfaces.is_empty() {
            writeln!(f, "addresses = []")?;
        }
        if !self.loopback.is_empty() {
            writeln!(f, "interface.lo.addresses = {}", texts(&self.loopback))?;
        }
        if !self.routes.is_empty() {
            writeln!(f, "routes = {}", texts(&self.routes))?;
        }
        if !self.sysctl.is_empty() {
            writeln!(f, "sysctl = {}", table(&self.sysctl))?;
        }
        if !self.env.is_empty() {
            writeln!(f, "env = {}", table(&self.env))?;
        }
        match &self.run {
            None => Ok(()),
            Some(Command::Shell(line)) => writeln!(f, "run = {}", text(line)),
            Some(Command::Args(words)) => writeln!(f, "run = {}", texts(words)),
        }
    }
}

impl Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = key(&self.name);
        if !self.addresses.is_empty() {
            writeln!(f, "interface.{name}.addresses = {}", texts(&self.addresses))?;
        }
        if let Some(mac) = self.mac {
            writeln!(f, "interface.{name}.mac = {}", text(&mac.to_string()))?;
        }
        if let Some(mtu) = self.mtu {
            writeln!(f, "interface.{name}.mtu = {mtu}")?;
        }
        Ok(())
    }
}

impl Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "[[link]]\nends = {}", texts(&self.ends))?;
        if self.mtu != DEFAULT_MTU { writeln!(f, "mtu = {}", self.mtu) } else { Ok(()) }
    }
}

/// Writes a string with its quotes.
fn text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Writes a list, a line an item where one line would be too long to read.
fn texts(items: &[impl ToString]) -> String {
    const LENGTH: usize = 90;
    let items: Vec<String> = items.iter().map(|item| text(&item.to_string())).collect();
    let line = items.join(", ");
    if line.len() <= LENGTH { format!("[{line}]") } else { format!("[\n  {},\n]", items.join(",\n  ")) }
}

fn table(entries: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    for (name, value) in entries {
        let comma = if out.is_empty() { "" } else { ", " };
        let _ = write!(out, "{comma}{} = {}", key(name), text(value)); // a string takes all
    }
    format!("{{ {out} }}")
}

/// Writes a key, with quotes where it needs them.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if bare { name.to_owned() } else { text(name) }
}
