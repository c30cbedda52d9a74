//! Shared memory with another process, as a device string names it.

use std::fmt;
use std::path::PathBuf;

use rackless_packet::MacAddr;

use super::{key_value, number};

/// Shared memory with another process, by libmemif's protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemifSpec {
    /// The unix socket over which the two agree.
    pub socket: MemifSocket,
    /// Which of the two this is.
    pub role: MemifRole,
    /// The number of the connection on the socket, the same at both ends.
    pub id: u32,
    /// The largest layer 3 packet, in bytes.
    pub mtu: u16,
    /// Frames in each ring, a power of two; at a server the client decides.
    pub ring: u16,
    /// The port's hardware address; without one it follows from socket, id and role.
    pub mac: Option<MacAddr>,
}

/// Where a unix socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemifSocket {
    /// At a path; another network namespace can reach it.
    Path(PathBuf),
    /// In the abstract namespace, written `@name`: it belongs to the network namespace and goes with the server.
    Abstract(String),
}

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemifRole {
    /// Listens on the socket, which is this port's alone.
    Server,
    /// Connects, as often as it takes, and owns the shared memory.
    Client,
}

/// What `sockaddr_un` has for a path, its end included.
const SOCKET_MAX: usize = 107;
/// Frames in a ring unless said otherwise, as in libmemif and DPDK.
const RING: u16 = 1024;
const ALLOWED: &str =
    "allowed are role=server|client, id=<number>, mtu=<bytes>, ring=<frames>, mac=<address>";

impl MemifSpec {
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let mut words = rest.split(',');
        let socket = socket(words.next().unwrap_or_default())?;
        let (mut role, mut spec) = (None, Self::new(socket, MemifRole::Client));
        for word in words {
            match key_value(word)? {
                ("role", "server") => role = Some(MemifRole::Server),
                ("role", "client") => role = Some(MemifRole::Client),
                ("id", value) => spec.id = number(value)?,
                ("mtu", value) => spec.mtu = number(value)?,
                ("ring", value) => spec.ring = number(value)?,
                ("mac", value) => {
                    spec.mac = Some(value.parse().map_err(|_| format!("'{value}' is no hardware address"))?);
                }
                _ => return Err(format!("'{word}' is not an argument; {ALLOWED}")),
            }
        }
        spec.role = role.ok_or("say role=server or role=client; each connection has one of both")?;
        // What IPv4 asks of every link.
        if spec.mtu < 68 {
            return Err("mtu is 68 to 65535 bytes".into());
        }
        if !spec.ring.is_power_of_two() || !(2..=1 << 14).contains(&spec.ring) {
            return Err("ring is a power of two from 2 to 16384 frames".into());
        }
        Ok(spec)
    }

    /// A connection with the usual settings.
    pub fn new(socket: MemifSocket, role: MemifRole) -> Self {
        Self { socket, role, id: 0, mtu: 1500, ring: RING, mac: None }
    }
}

fn socket(text: &str) -> Result<MemifSocket, String> {
    if text.is_empty() || text == "@" {
        return Err("after 'memif:' stands the path of a unix socket, or @name for an abstract one".into());
    }
    if text.len() > SOCKET_MAX {
        return Err(format!("the path of a unix socket has at most {SOCKET_MAX} bytes"));
    }
    Ok(match text.strip_prefix('@') {
        Some(name) => MemifSocket::Abstract(name.to_owned()),
        None => MemifSocket::Path(text.into()),
    })
}

impl fmt::Display for MemifSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Abstract(name) => write!(f, "@{name}"),
        }
    }
}

impl fmt::Display for MemifSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Self::new(self.socket.clone(), self.role);
        let role = if self.role == MemifRole::Server { "server" } else { "client" };
        write!(f, "memif:{},role={role}", self.socket)?;
        if self.id != usual.id {
            write!(f, ",id={}", self.id)?;
        }
        if self.mtu != usual.mtu {
            write!(f, ",mtu={}", self.mtu)?;
        }
        if self.ring != usual.ring {
            write!(f, ",ring={}", self.ring)?;
        }
        self.mac.iter().try_for_each(|mac| write!(f, ",mac={mac}"))
    }
}
