//! The description of a lab: read a lab file or a shape, and get a [`Topology`] that is complete and free of
//! contradictions, or every error with its place. Use it to run, check, draw or generate labs.
//!
//! # Examples
//! ```
//! use rackless_topology::Topology;
//!
//! let lab = Topology::parse(
//!     "two.toml",
//!     r#"
//!     [node.left]
//!     addresses = ["fd00::1/64"]
//!
//!     [node.right]
//!     addresses = ["fd00::2/64"]
//!
//!     [[link]]
//!     ends = ["left", "right"]
//!
//!     [[check]]
//!     name = "they meet"
//!     on = "left"
//!     ping = "right"
//!     "#,
//! )?;
//! assert_eq!((lab.name.as_str(), lab.nodes.len(), lab.links.len()), ("two", 2, 1));
//!
//! let error = Topology::parse("two.toml", "[node.left]\nadresses = []").unwrap_err();
//! assert!(error.to_string().contains("did you mean 'addresses'?"));
//! # Ok::<(), rackless_topology::Error>(())
//! ```
//!
//! # Modules
//! - [`model`]: the types of a topology.
//! - [`units`]: durations, rates, probabilities and sizes, with one text form.
//! - [`clab`]: labs of containerlab, read and written.
//! - [`graph`]: pictures, as dot, mermaid and SVG.
//! - `file`: the lab file's keys; `shape`: labs in a line; `plan`: automatic addresses and MACs; `neighbours`: how many they come to know; `json`: what
//!   `--json` prints; `error`: what is wrong, and where.
//!
//! # The lab file
//! TOML. Top level: `name`, `shape`. Every other key is one of these:
//!
//! | Table | Keys |
//! |---|---|
//! | `[node.NAME]` | `kind` = `"host"` (default), `"nf"`, `"router"`, `"switch"`, `"process"` · `addresses` of the first interface · `routes` · `package` · `run` · `ready` · `restart` = `"never"` (default), `"on-failure"`, `"always"` · `env` · `files` · `sysctl` · `after` · `stp` of a switch |
//! | `[node.NAME.interface.IF]` | `addresses` · `mac` · `mtu` · `offload`; IF may be `lo`, with `addresses` only |
//! | `ready` | one of `tcp`, `log`, `command`, `file` · `within` |
//! | `files` | `"/path" = "content"` or `"/path" = { from = "local file" }` |
//! | `[[link]]` | `ends` = two of `"node"` or `"node:interface"` · `mtu` · `offload` · `wire` · `medium` · conditions |
//! | `[[event]]` | `at` · `link` = `"node"` or `"node:interface"` · `down` or `silent` · conditions · `for` |
//! | `[[event]]` | `at` · `partition` = `"a,s1 \| b,s2"` (groups that no frame passes between) · `for` |
//! | `[[check]]` | `name` · `on` · one probe · `within` · `fails` |
//!
//! | Probe | Goes with | Holds when |
//! |---|---|---|
//! | `ping` = nodes, addresses or `"all"` | `family` | each answers |
//! | `ping` | `count`, `rtt`, `loss`, each of the two `{ at_least, at_most }` | of `count` requests (20), 10 ms apart, so many are lost, and the median round trip is so long |
//! | `tcp` = `"[fd00::1]:80"` | `send`, `expect` | a connection opens, and the answer contains `expect` |
//! | `udp` = `"[fd00::1]:53"` | `send`, `expect` | a datagram is answered |
//! | `http` = `"http://[fd00::1]:80/path"` | `status` (200), `expect` | GET is answered so |
//! | `throughput` = `{ to, at_least, at_most, time, udp }` | `family` | so much payload arrives, by TCP, or of datagrams sent at the rate `udp` |
//! | `seen` = `"h1:eth0"` | `filter` (tcpdump's language), `count` (1) | so many packets pass the interface, counted from before the first check starts |
//! | `run` = a command | `expect` | it succeeds |
//!
//! - An interface without a name is the first free of `eth0`, `eth1`, … of its node, in the order of the links.
//! - A host without `addresses` gets them by the automatic plan (an empty list means none). In a lab of one
//!   segment, which is a link or all that switches join: `10.0.0.N/8` as in Mininet, and `fd00::N/64`. In a lab
//!   of several: `10.K.0.N/16` and `fd00:0:0:K::N/64`. N counts hosts in the order of the nodes, K segments.
//! - A MAC is derived from the names of node and interface, and the link-local address from the MAC.
//! - A process is a program that runs with the lab, in the network where the lab was started: it has no links.
//! - A check is repeated until it holds or `within` (5 s) is over. With `fails = true` the probe must fail, and from its
//!   first failure on keep failing until `within` (2 s) is over. Measurements run one by one, after all other checks.
//! - `on = "all"` and `ping = "all"` mean every host that has an address.
//! - Commands run in the directory of the lab file; a string is a line for `/bin/sh`, a list is program and
//!   arguments.
//! - Conditions are the keys of [`Conditions`](model::Conditions) for both directions, in the tables `tx` and `rx` for
//!   what the first end (of an event: the named one) sends and receives, and `preset` for all that is not said.
//!   A `trace` is a list of milliseconds, or the path of a file with one in each line, from the lab file's folder on.
//!   An event changes the conditions that it names, and undoes the change after the time of `for`.
//! - `package` is the folder of a cargo package. Who brings the lab up builds it, and programs of the node find its
//!   executables in `PATH`.
//! - A switch with `stp = true` cuts loops of links by the spanning tree protocol, and passes frames on 4 s after
//!   its links are up. A loop of switches without it is refused.
//! - A shape's nodes are there before the file's, which can link to them and, by a table of the same name, give
//!   them all keys but `kind`.
//!
//! # What it does not do
//! It reads no file itself (see [`Topology::parse_with`]), starts nothing and knows neither Linux nor packets: it turns text into a description. It
//! does not judge whether a lab works; the checks of a running lab do.

#![forbid(unsafe_code)]

pub mod clab;
mod cut;
mod diff;
mod end;
mod error;
mod file;
pub mod graph;
mod json;
pub mod model;
mod neighbours;
mod plan;
mod shape;

pub use cut::CutError;
pub use diff::{Action, Change, Diff, Parts};
pub use end::EndError;
pub use error::{Diagnostic, Error};
pub use file::SCHEMA;
pub use model::{NodeId, Topology};
pub use rackless_link::units;
pub use shape::{SHAPES, ShapeError};
