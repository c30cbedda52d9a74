//! Runs a network function on real ports: configuration, worker, clock and control socket.
//!
//! Use it through the crate `rackless` (`rackless::main!`). It does not do: packets, devices, network functions.
//!
//! # Map
//! - [`config`]: the configuration file.
//! - [`Setup`]: what a function is told before it runs.
//! - [`run`]: from arguments to the last counters; `worker`: the loop; `team`: several of them, and what they share.
//! - [`Report`], [`control`], [`prometheus`]: counters, and how to ask for them; [`watch`]: packets on their way.

#![forbid(unsafe_code)]

pub mod config;
pub mod control;
mod core;
mod crash;
mod devices;
mod error;
mod metrics;
pub mod prometheus;
mod recorder;
mod reload;
mod report;
mod setup;
mod sum;
mod team;
pub mod watch;
mod worker;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rackless_nf::{Graph, GraphBuilder};

pub use config::Driver;
pub use error::{Error, chain};
pub use reload::{Fate, Reloaded, ReloadedNode};
pub use report::{Counter, Drop, Node, PortReport, Report};
pub use setup::{NodeFile, NodeInterface, PortSetup, Setup};
pub use sum::WorkerReport;

use config::{Config, File};
use control::{Caller, Server};
use crash::Crashes;
use recorder::{RecordFile, Recorder};
use reload::{Build, Reloader, Source};
use watch::serve::Start;
use worker::{Wakeup, Worker};

/// What the command line of a network function says.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// Ports as `NAME=DEVICE`; they replace those of the configuration.
    pub ports: Vec<String>,
    /// How the lab's interfaces are opened; goes before configuration and environment.
    pub driver: Option<Driver>,
    /// When to end by itself.
    pub duration: Option<Duration>,
}

/// The environment variable by which a lab chooses the driver of all its network functions.
pub const DRIVER_VARIABLE: &str = "RACKLESS_DRIVER";

/// The control socket of a network function in a lab; `/run` is private to each node.
pub const LAB_CONTROL: &str = "/run/rackless-nf.sock";

/// Opens the ports, makes the graph that `build` describes, and runs it until it is told to stop.
///
/// Says `NAME: running` with its ports on standard error once packets flow. With several workers, `build` is called for
/// each, and each runs a graph of its own. It is called again when the configuration is to be read again: on SIGHUP, or by
/// the control socket.
///
/// # Errors
/// What is wrong with the configuration, the ports or the graph.
pub fn run<B, E>(arguments: Arguments, program: &str, build: B) -> Result<Report, Error>
where
    B: Fn(&Setup) -> Result<GraphBuilder, E> + Send + Sync + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let file = arguments.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
    let node = NodeFile::from_env()?;
    let config = file.config.clone();
    let name = config.name.clone().or_else(|| node.as_ref().map(|node| node.node.clone()));
    let name = name.unwrap_or_else(|| program.to_owned());
    let cores = config.cores_of_workers()?;
    let devices = devices::of(&arguments, &config, node.as_ref(), cores.len())?;

    let (wakeups, wakers) = Wakeup::of_workers(cores.len())?;
    let (caller, calls) = Caller::of_workers(&wakers, Start::now())?;
    let posts = team::open(&devices, &config, &cores, wakers)?;
    let ports = posts.first().map(|post| post.ports.as_slice()).unwrap_or_default();
    let mut setup = Setup {
        name: name.clone(),
        ports: ports.iter().map(|port| devices::setup(port.info(), node.as_ref())).collect(),
        worker: 0,
        workers: cores.len(),
        file,
        settings_read: false.into(),
    };
    let build: Build = Box::new(move |setup| build(setup).map_err(|error| Error::Build(error.into())));
    let (mut workers, mut recorded) = (Vec::new(), Vec::new());
    for (((post, wakeup), calls), core) in posts.into_iter().zip(wakeups).zip(calls).zip(&cores) {
        setup.worker = workers.len();
        let graph = build(&setup)?;
        if let Some(error) = setup.file.unknown_key().filter(|_| !setup.settings_read.get()) {
            return Err(error);
        }
        let infos = post.ports.iter().map(|port| port.info().clone()).collect();
        let seed = config.seed.wrapping_add(setup.worker as u64);
        let mut graph = graph.build(infos, post.allocator, seed)?;
        let of_worker =
            if setup.workers > 1 { format!("{name}-worker{}", setup.worker) } else { name.clone() };
        recorded.extend(record(&of_worker, &config, node.is_some(), caller.start(), &mut graph)?);
        let crashes = Crashes::new(&name, &config, node.is_some(), &graph)?;
        let (name, ports, member) = (name.clone(), post.ports, post.member);
        let (core, idle, started) = (*core, config.idle, caller.start().instant);
        workers.push(Worker { name, graph, ports, idle, crashes, calls, wakeup, started, core, member });
    }

    let infos = setup.ports.iter().map(|port| port.info.clone()).collect();
    let (path, count) = (arguments.config.clone(), setup.workers);
    let source =
        Source { name: name.clone(), path, config: config.clone(), ports: infos, workers: count, build };
    let reloader = Reloader::new(source);
    reloader.on_hangup(&caller)?;
    let metrics = config.metrics.map(|address| metrics::serve(address, &caller)).transpose()?;
    let in_lab = node.is_some().then(|| PathBuf::from(LAB_CONTROL));
    // Kept so that its socket goes with the workers.
    let _control =
        config.control.clone().or(in_lab).map(|path| Server::start(&path, caller, reloader)).transpose()?;
    say(&setup, metrics);
    say_of_crashes(&name, &config, node.is_some(), &recorded);
    let result = worker::run_all(workers, arguments.duration);
    for file in recorded.into_iter().filter(|_| result.is_err()) {
        eprintln!("the frames received last are in {}", file.path().display());
        file.keep();
    }
    result
}

/// Keeps the frames that the graph receives last, if the configuration says so.
fn record(
    name: &str,
    config: &Config,
    in_lab: bool,
    start: Start,
    graph: &mut Graph,
) -> Result<Option<RecordFile>, Error> {
    let folder = crash::folder(config, in_lab);
    match config.last_frames {
        0 => Ok(None),
        frames if frames > Recorder::MOST => Err(Error::LastFrames { frames, most: Recorder::MOST }),
        frames => {
            let created = Recorder::create(&folder, name, frames, graph.ports(), start);
            let (mut recorder, file) = created.map_err(|source| Error::Record { folder, source })?;
            graph.record_by(move |port, packets, now| recorder.record(port, packets, now));
            Ok(Some(file))
        }
    }
}

/// Says what a crash will leave, and where.
fn say_of_crashes(name: &str, config: &Config, in_lab: bool, recorded: &[RecordFile]) {
    let whose = if in_lab { " of the node" } else { "" };
    for file in recorded {
        let (frames, file) = (config.last_frames, file.path().display());
        eprintln!("{name}: a crash leaves the last {frames} frames received in {file}{whose}");
    }
    if config.core_dump {
        eprintln!("{name}: {}", core::allow());
    }
}

/// Says that the function runs, and where.
fn say(setup: &Setup, metrics: Option<SocketAddr>) {
    let port = |port: &PortSetup| format!("{} ({})", port.info.name, port.info.device);
    let listed: Vec<String> = setup.ports.iter().map(port).collect();
    let workers = match setup.workers {
        1 => String::new(),
        workers => format!(", {workers} workers"),
    };
    eprintln!("{}: running on {}{workers}", setup.name, listed.join(", "));
    if let Some(address) = metrics {
        eprintln!("{}: metrics on http://{address}/metrics", setup.name);
    }
}

/// Where the control socket of the function that runs with this configuration is.
///
/// # Errors
/// When the configuration cannot be read.
pub fn control_path(config: Option<&Path>) -> Result<PathBuf, Error> {
    let file = config.map(File::read).transpose()?.unwrap_or_default();
    Ok(file.config.control.unwrap_or_else(|| PathBuf::from(LAB_CONTROL)))
}
