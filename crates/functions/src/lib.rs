//! The library of network functions: a router, a NAT, a shaper, and small ones to wire them with.
//!
//! Use it to run a ready function by its name ([`registry`]) or as a node of a graph of your own; what a function is,
//! is in the crate `rackless-nf`.
//!
//! ```
//! use rackless_functions::Forward;
//! use rackless_nf::{GraphBuilder, Harness};
//!
//! let mut lab = Harness::new(GraphBuilder::new().node("forward", Forward), &["a", "b"])?;
//! lab.send("a", b"any frame");
//! assert_eq!(lab.received("b"), [b"any frame"]);
//! # Ok::<(), rackless_nf::GraphError>(())
//! ```
//!
//! # Map
//! - [`router`]: IPv6 and IPv4, with ARP, neighbour discovery, ICMP and live next hops.
//! - [`nat`]: many IPv4 hosts behind one address.
//! - [`shaper`]: a rate and a queue.
//! - [`MacSwap`], [`Forward`]: back to the sender, on to the next port.
//! - [`Classify`], [`Split`], [`Tee`], [`Counter`], [`Sink`]: what other nodes are wired with.
//! - [`registry`]: all of them by name, with their settings from TOML.
//! - [`graph`]: several of them wired together, from a file.
//!
//! It does not do: I/O, clocks, the keys of a configuration file that are not a function's own.

#![forbid(unsafe_code)]

mod bucket;
mod classify;
mod counter;
mod forward;
pub mod graph;
mod macswap;
pub mod nat;
pub mod registry;
pub mod router;
pub mod shaper;
mod sink;
mod split;
mod tee;

pub use classify::{Classify, ClassifyConfig, FilterError, FilterText};
pub use counter::Counter;
pub use forward::Forward;
pub use macswap::MacSwap;
pub use nat::{Nat, NatConfig, NatDrop};
pub use router::config::{
    IcmpErrorConfig, InterfaceConfig, NeighbourConfig, NextHop, ProbeConfig, RouteConfig, RouterConfig,
    RouterFile,
};
pub use router::error::RouterError;
pub use router::{Router, RouterDrop};
pub use shaper::{Shaper, ShaperConfig, ShaperDrop};
pub use sink::{Sink, SinkConfig};
pub use split::{Split, SplitBy, SplitConfig};
pub use tee::Tee;
