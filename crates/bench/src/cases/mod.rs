//! The cases: a file for those that are alike.

mod bare;
mod bypass;
mod demo;
mod forward;
mod graph;
mod idle;
mod instructions;
mod lab;
mod lab_of;
mod line;
mod macswap;
mod memif;
mod memory;
mod pair;
mod router;
mod stock;
mod throughput;
mod wire_delay;
mod wire_frames;
mod wire_rate;
mod wire_swap;
mod wire_tcp;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::case::Case;
use crate::error::Error;

pub(crate) use bare::run as run_bare;
pub(crate) use bypass::run_netem_in_nodes;
pub(crate) use instructions::run_turns;
pub(crate) use router::run as run_router;
pub(crate) use wire_delay::run_netem;
pub(crate) use wire_tcp::{run_sink, run_source};

/// The cases in the order in which they run.
const GROUPS: &[&[Case]] = &[
    lab::CASES,
    wire_delay::CASES,
    wire_rate::CASES,
    wire_tcp::CASES,
    wire_frames::CASES,
    wire_swap::CASES,
    bypass::CASES,
    graph::CASES,
    instructions::CASES,
    macswap::CASES,
    forward::CASES,
    memif::CASES,
    router::CASES,
    idle::CASES,
    demo::CASES,
];

/// Gives all cases in the order in which they run.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    GROUPS.iter().copied().flatten()
}

/// The core that sources and main threads run on, and the core of the forwarder alone.
const CORES: [usize; 2] = [0, 1];

/// Checks that there is a core for the source and one for the forwarder.
fn need_two_cores() -> Result<(), Error> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < CORES.len() { Err(Error::Cores(cores)) } else { Ok(()) }
}

/// Gives testpmd a name of its own on a node (`--file-prefix`): the one of the last run may still be there, and with it
/// the files in `/run/dpdk` that both would share.
fn own_prefix() -> String {
    format!("--file-prefix=run{}", unique())
}

/// Gives a number that no other call gives.
fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Writes a text file of the bench's own.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(Error::system(format!("write {}", path.display())))
}
