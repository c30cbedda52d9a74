//! A lab on Linux: namespaces, links, processes, held by one process.
//!
//! Use it to run a [`Topology`](rackless_topology::Topology) on real interfaces of this machine, and to
//! talk to labs that run. A lab is a process ([`run`], [`run_detached`]); everybody else is its [`Client`]. A program
//! that needs labs, as a test does, holds each by a [`Lab`].
//!
//! # Examples
//! A test of ten lines; `examples/library.rs` has more:
//! ```no_run
//! # #[allow(clippy::test_attr_in_doctest, reason = "this is how a test looks")]
//! #[test]
//! fn the_delay_of_a_link_is_seen_by_a_ping() -> Result<(), rackless_net::Error> {
//!     let lab = rackless_net::Lab::shape("single,2")?;
//!     lab.set_conditions("h1", "eth0", [("delay", "20 ms")])?;
//!     let ping = lab.run("h1", ["ping", "-c1", "10.0.0.2"])?;
//!     assert!(String::from_utf8_lossy(&ping.stdout).contains("time=4"));
//!     Ok(())
//! }
//! ```
//!
//! The process itself, and a client:
//! ```no_run
//! use rackless_net::{Client, LinkState, Options, run_detached};
//! use rackless_topology::Topology;
//!
//! let topology = Topology::shape("single,2")?;
//! let directory = std::env::current_dir()?;
//! run_detached(topology, Options { directory, ends_with_caller: true, ..Options::default() })?;
//! let mut lab = Client::connect(Some("single-2"))?;
//! lab.set_link("h1", "eth0", LinkState::Down)?;
//! lab.down()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How a lab is made
//! - `lab` makes it, serves it and removes it; `detach` puts it into the background; `userns` makes an
//!   ordinary user root inside.
//! - `plan` settles every name and index, `switch` how many bridges a switch is; `fabric` and `node` carry the plan out
//!   with the messages of `message` over `netlink`. Every interface of a node is a veth whose other end, its port, is
//!   born in the lab's fabric namespace; `fabric` joins the ports by redirects or bridges (`join`). `netem` holds the
//!   messages that give a port the conditions of a cable, `disciplines` reads what they have counted.
//! - `converge` changes a running lab to what its file says, `links` its links, `schedule` those that the file plans.
//! - `init` is the first process of a PID namespace and starts all programs; `programs` orders and awaits them,
//!   `restart` starts them again, `log` keeps what they write, `lines` shows that of several, `environment` is what they
//!   are told, `files` what they find.
//! - `description` reads lab files with the traces beside them.
//! - `library` brings labs up for other programs: it starts `rackless hold`, which becomes the lab and ends with them.
//! - `service` and `client` speak `control`, JSON lines over the socket in the lab's folder (`rundir`); `find` finds what
//!   clients name, `shared` is what all threads of the lab know.
//! - `kernel_wire` puts the messages of `netem` on the ports of a link, `leaving` takes them off when they are empty;
//!   `wire` is the process that does the same in user space.
//! - `history` keeps what happened; `observe` looks at interfaces, queues and processes of all namespaces.
//! - `outside` leads out of the lab where a node does, and says what it changes there.
//! - `cgroup` limits what the programs of a node use, `limits` tells of it.
//! - `reaper` removes that folder when the lab is killed, with the control groups and the switches of other interfaces
//!   that it lists; the kernel removes all else, because nothing but descriptors of the lab process holds the namespaces.
//! - `descriptors` and `neighbours` tell of a lab that is too large for the machine's limits.
//! - `facility` tries what the kernel lets us do; `fault` kills the lab at a chosen step, for tests.
//!
//! `sys` holds the crate's unsafe code: the few system calls without a safe wrapper.
//!
//! # What it does not do
//! It knows no packets, starts no helper programs (`ip`, `tc`) and never touches an interface or a
//! namespace that it has not made, but for what a node of kind `nat` needs outside.

mod attribute;
mod cgroup;
mod client;
mod connection;
mod control;
mod converge;
mod description;
mod descriptors;
mod detach;
mod disciplines;
mod environment;
mod error;
mod fabric;
mod facility;
mod fault;
mod files;
mod find;
mod history;
mod hosts;
mod init;
mod join;
mod kernel_wire;
mod lab;
mod leaving;
mod library;
mod limits;
mod lines;
mod links;
mod log;
mod message;
mod namespace;
mod neighbours;
mod netem;
mod netlink;
mod node;
mod observe;
mod outside;
mod plan;
mod programs;
mod reaper;
mod restart;
mod rundir;
mod schedule;
mod service;
mod shared;
mod shell;
mod sockets;
mod switch;
mod sys;
mod tap;
mod userns;
mod watch;
mod wire;

pub use cgroup::Usage;
pub use client::{Client, Execution, Origin, Signals, folder, labs};
pub use control::{
    Event, Exec, InterfaceStatus, LimitsStatus, LinkStatus, NodeStatus, ProgramStatus, Status, Warning,
};
pub use description::parse;
pub use detach::run_detached;
pub use disciplines::{Dropped, KernelCounters};
pub use error::Error;
pub use fabric::{Carrier, LinkCounters};
pub use facility::{Facility, facilities};
pub use history::Record;
pub use init::Ended;
pub use lab::{Options, Packages, run};
pub use library::{Fault, Lab, hold_for_caller};
pub use netlink::Refusal;
pub use observe::{
    Counters, Direction, InterfaceObservation, LinkObservation, NodeObservation, Observation,
    ProcessObservation,
};
pub use rackless_topology::model::{LinkChange, LinkState};
pub use tap::{Frame, Tap};
