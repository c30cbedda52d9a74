//! What must hold in a running lab.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use rackless_packet::filter::Filter;
use serde::{Deserialize, Serialize};

use super::{Command, End, NodeId};
use crate::units::{Duration, Probability, Rate};

/// Something that must hold in a running lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What the check is called in reports.
    pub name: String,
    /// The nodes it runs on, at least one; it holds if it holds on each.
    pub on: Vec<NodeId>,
    /// What is tried.
    pub probe: Probe,
    /// The probe is repeated until it ends as wanted or until this time is over; 5 s unless said, 2 s where it shall
    /// fail.
    pub within: Duration,
    /// The check holds when the probe fails, and from then on keeps failing until the time is over.
    ///
    /// Never set for measurements.
    pub fails: bool,
}

/// What a check tries.
#[derive(Debug, Clone, PartialEq)]
pub enum Probe {
    /// An echo request to each target is answered; a node leaves out the targets that are its own.
    Ping {
        /// At least one target for every node of [`Check::on`].
        targets: Vec<Target>,
    },
    /// Of a number of echo requests to each target, so many are answered, and so soon.
    RoundTrips {
        /// As for [`Probe::Ping`].
        targets: Vec<Target>,
        /// How many requests each target gets.
        count: u32,
        /// What the median of the round-trip times must be.
        rtt: Bounds<Duration>,
        /// What the share of requests without an answer must be.
        loss: Bounds<Probability>,
    },
    /// A TCP connection opens.
    Tcp {
        /// Where to.
        address: SocketAddr,
        /// What is sent when it is open.
        send: Option<String>,
        /// What the answer must contain.
        expect: Option<String>,
    },
    /// A datagram is answered.
    Udp {
        /// Where to.
        address: SocketAddr,
        /// What the datagram contains.
        send: String,
        /// What an answer must contain.
        expect: Option<String>,
    },
    /// A GET request over HTTP is answered.
    Http {
        /// What is asked for.
        url: Url,
        /// The status of the answer.
        status: u16,
        /// What its body must contain.
        expect: Option<String>,
    },
    /// So many bits pass in a second.
    Throughput {
        /// Where to, a node.
        to: Target,
        /// How long is measured.
        time: Duration,
        /// The rate at which datagrams are sent; `None`: what a TCP connection carries is measured.
        udp: Option<Rate>,
        /// What the rate of payload that arrives must be.
        rate: Bounds<Rate>,
    },
    /// Packets pass an interface.
    Seen {
        /// The interface.
        end: End,
        /// Which packets count.
        filter: Filter,
        /// How many must pass.
        count: u32,
    },
    /// A command exits with status 0.
    Run {
        /// The command.
        command: Command,
        /// What its output must contain.
        expect: Option<String>,
    },
}

/// A node or address that a probe goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The node, when the lab file names one.
    pub node: Option<NodeId>,
    /// The address.
    pub address: IpAddr,
}

/// A resource that a server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// The server.
    pub address: SocketAddr,
    /// What the server calls it, `/` first.
    pub path: String,
}

/// The smallest and the largest value that is allowed; never both `None`, and never crossed, in a check that measures
/// the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds<T> {
    /// The smallest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<T>,
    /// The largest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<T>,
}

impl Probe {
    /// Returns whether a value is measured, which other traffic would disturb.
    pub const fn is_measurement(&self) -> bool {
        matches!(self, Self::RoundTrips { .. } | Self::Throughput { .. })
    }
}

impl<T> Bounds<T> {
    /// Allows everything.
    pub const ANY: Self = Self { at_least: None, at_most: None };

    /// Returns whether everything is allowed.
    pub const fn is_any(&self) -> bool {
        self.at_least.is_none() && self.at_most.is_none()
    }
}

impl<T: PartialOrd> Bounds<T> {
    /// Returns whether a value is allowed.
    pub fn contain(&self, value: &T) -> bool {
        self.at_least.as_ref().is_none_or(|least| value >= least)
            && self.at_most.as_ref().is_none_or(|most| value <= most)
    }
}

impl<T: fmt::Display> fmt::Display for Bounds<T> {
    /// Writes `at least 10 ms and at most 20 ms`, or the one that is given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.at_least, &self.at_most) {
            (Some(least), Some(most)) => write!(f, "at least {least} and at most {most}"),
            (Some(least), None) => write!(f, "at least {least}"),
            (None, Some(most)) => write!(f, "at most {most}"),
            (None, None) => f.write_str("anything"),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.address, self.path)
    }
}
