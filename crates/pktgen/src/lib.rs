//! The packet generator: MoonGen's API over LuaJIT, on any port.
//!
//! Use it to run a MoonGen script over ports of [`rackless_nf`]. Every task of the script is a thread with a Lua
//! machine of its own; packet buffers are reached through LuaJIT's FFI, so that a loop over packets compiles to
//! loads and stores. What hardware did for MoonGen (rates, checksums, filters, VLAN tags, receive-side scaling) is
//! done in software.
//!
//! ```no_run
//! use rackless_pktgen::{GenOptions, run};
//!
//! # fn ports() -> Vec<Box<dyn rackless_nf::Port>> { Vec::new() }
//! let status = run(GenOptions::new("syn-flood.lua").args(["0", "-r", "100"]).ports(ports()))?;
//! std::process::exit(status.code().into());
//! # Ok::<(), rackless_pktgen::Error>(())
//! ```
//!
//! # Map
//! - [`run`], [`GenOptions`], [`ExitStatus`], [`Error`]: the whole interface.
//! - `native`: the C functions that Lua calls per batch, the only module with `unsafe` code; `host`: the safe
//!   functions for everything else.
//! - `session`, `stop`, `shared`: tasks, the end of a run, what tasks share.
//! - `device`, `steering`, `pacing`, `offload`: a NIC in software over one port.
//! - `vm`, `modules`: the Lua machine and the embedded library, whose modules have MoonGen's names (`lua/`).
//!
//! It does not do: opening ports, reading a command line, ending the process.

mod device;
mod error;
mod host;
mod modules;
mod native;
mod offload;
mod pacing;
mod run;
mod session;
mod shared;
mod steering;
mod stop;
mod vm;

pub use error::Error;
pub use run::{ExitStatus, GenOptions, Output, run};
