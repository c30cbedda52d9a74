//! Runs a network function on real ports: configuration, worker, clock and control socket.
//!
//! Use it through the crate `rackless` (`rackless::main!`). It does not do: packets, devices, network functions.
//!
//! # Map
//! - [`config`]: the configuration file.
//! - [`Setup`]: what a function is told before it runs.
//! - [`run`]: from arguments to the last counters.
//! - [`Report`], [`control`], [`prometheus`]: counters, and how to ask for them; [`watch`]: packets on their way.

#![forbid(unsafe_code)]

pub mod config;
pub mod control;
mod core;
mod crash;
mod error;
mod metrics;
pub mod prometheus;
mod recorder;
mod reload;
mod report;
mod setup;
pub mod watch;
mod worker;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use rackless_nf::{Allocator, Graph, GraphBuilder, Pool, Port};
use rackless_ports::{DeviceSpec, Dpdk, EalConfig, Options, Xdp};

pub use config::Driver;
pub use error::{Error, chain};
pub use reload::{Fate, Reloaded, ReloadedNode};
pub use report::{Counter, Drop, Node, PortReport, Report};
pub use setup::{NodeFile, NodeInterface, PortSetup, Setup};

use config::{Config, File, PortConfig};
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
/// Says `NAME: running` with its ports on standard error once packets flow. `build` is called again when the configuration
/// is to be read again: on SIGHUP, or by the control socket.
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
    let devices = devices(&arguments, &config, node.as_ref())?;

    let (ports, allocator) = open(&devices, &config)?;
    let setup = Setup {
        name: name.clone(),
        ports: ports.iter().map(|port| port_setup(port.info(), node.as_ref())).collect(),
        file,
        settings_read: false.into(),
    };
    let build: Build = Box::new(move |setup| build(setup).map_err(|error| Error::Build(error.into())));
    let graph = build(&setup)?;
    if let Some(error) = setup.file.unknown_key().filter(|_| !setup.settings_read.get()) {
        return Err(error);
    }
    let infos = ports.iter().map(|port| port.info().clone()).collect();
    let mut graph = graph.build(infos, allocator, config.seed)?;
    let crashes = Crashes::new(&name, &config, node.is_some(), &graph)?;

    let start = Start::now();
    let recorded = record(&name, &config, node.is_some(), start, &mut graph)?;
    let (wakeup, waker) = Wakeup::new()?;
    let (caller, calls) = Caller::new(waker, start);
    let (path, infos) = (arguments.config.clone(), graph.ports().to_vec());
    let source = Source { name: name.clone(), path, config: config.clone(), ports: infos, build };
    let reloader = Reloader::new(source);
    reloader.on_hangup(&caller)?;
    let metrics = config.metrics.map(|address| metrics::serve(address, &caller)).transpose()?;
    let in_lab = node.is_some().then(|| PathBuf::from(LAB_CONTROL));
    let control =
        config.control.clone().or(in_lab).map(|path| Server::start(&path, caller, reloader)).transpose()?;
    if let Some(core) = config.core {
        pin(core)?;
    }
    say(&setup, metrics);
    say_of_crashes(&name, &config, recorded.as_ref());
    let (idle, started) = (config.idle, start.instant);
    let worker = Worker { name, graph, ports, idle, crashes, calls, _control: control, wakeup, started };
    let result = worker.run(arguments.duration);
    if let Some(recorded) = recorded.filter(|_| result.is_err()) {
        eprintln!("the frames received last are in {}", recorded.path().display());
        recorded.keep();
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
fn say_of_crashes(name: &str, config: &Config, recorded: Option<&RecordFile>) {
    if let Some(recorded) = recorded {
        let (frames, file) = (config.last_frames, recorded.path().display());
        eprintln!("{name}: a crash leaves the last {frames} frames received in {file}");
    }
    if config.core_dump {
        eprintln!("{name}: {}", core::allow());
    }
}

/// Says that the function runs, and where.
fn say(setup: &Setup, metrics: Option<SocketAddr>) {
    let port = |port: &PortSetup| format!("{} ({})", port.info.name, port.info.device);
    let listed: Vec<String> = setup.ports.iter().map(port).collect();
    eprintln!("{}: running on {}", setup.name, listed.join(", "));
    if let Some(address) = metrics {
        eprintln!("{}: metrics on http://{address}/metrics", setup.name);
    }
}

/// Open ports, and the pool for packets that the function makes.
type Opened = (Vec<Box<dyn Port>>, Box<dyn Allocator>);

/// Opens the ports, and chooses the pool that the function's own packets come from: DPDK's where DPDK sends them.
fn open(devices: &[PortConfig], config: &Config) -> Result<Opened, Error> {
    let pool = Pool::new(config.pool.count, config.pool.room);
    let mut eal = EalConfig::from_env();
    eal.extra.extend(config.dpdk.eal.iter().cloned());
    let buffers = u32::try_from(config.pool.count).unwrap_or(u32::MAX);
    let dpdk = Dpdk::new(eal, buffers);
    let (xdp, ring_frames) = (Xdp::default(), Options::RING_FRAMES);
    let options = Options { pool: pool.clone(), dpdk: dpdk.clone(), xdp, ring_frames };

    let mut ports = Vec::new();
    let mut allocator: Box<dyn Allocator> = Box::new(pool);
    for PortConfig { name, device } in devices {
        let failed = |source| Error::Port { name: name.clone(), source };
        let spec: DeviceSpec = device.parse().map_err(failed)?;
        ports.push(rackless_ports::open(name, &spec, &options).map_err(failed)?);
        if matches!(spec, DeviceSpec::Dpdk(_)) {
            allocator = Box::new(dpdk.pool().map_err(failed)?);
        }
    }
    Ok((ports, allocator))
}

/// The ports to open: those of the command line, else of the configuration, else all of the lab's node.
fn devices(
    arguments: &Arguments,
    config: &Config,
    node: Option<&NodeFile>,
) -> Result<Vec<PortConfig>, Error> {
    let from_environment = || std::env::var(DRIVER_VARIABLE).ok().map(|driver| driver.parse()).transpose();
    let driver = match arguments.driver.or(config.driver) {
        Some(driver) => driver,
        None => from_environment()?.unwrap_or_default(),
    };
    let of_lab = || node.iter().flat_map(|node| &node.interfaces);
    let devices = match (arguments.ports.is_empty(), config.ports.is_empty()) {
        (false, _) => arguments.ports.iter().map(|port| parse_port(port)).collect::<Result<_, _>>()?,
        (true, false) => config.ports.clone(),
        (true, true) => of_lab()
            .map(|interface| PortConfig { name: interface.name.clone(), device: driver.device_of(interface) })
            .collect::<Vec<_>>(),
    };
    if devices.is_empty() {
        return Err(Error::NoPorts);
    }
    let twice =
        |(index, port): &(usize, &PortConfig)| devices[..*index].iter().any(|other| other.name == port.name);
    match devices.iter().enumerate().find(twice) {
        Some((_, port)) => Err(Error::DuplicatePort(port.name.clone())),
        None => Ok(devices),
    }
}

fn parse_port(text: &str) -> Result<PortConfig, Error> {
    match text.split_once('=') {
        Some((name, device)) if !name.is_empty() && device.contains(':') => {
            Ok(PortConfig { name: name.to_owned(), device: device.to_owned() })
        }
        _ => Err(Error::PortArgument(text.to_owned())),
    }
}

/// A port with the addresses that the lab gave to the interface it was opened on.
fn port_setup(info: &rackless_nf::PortInfo, node: Option<&NodeFile>) -> PortSetup {
    let interface =
        node.and_then(|node| node.interfaces.iter().find(|interface| interface.name == info.name));
    let addresses = interface.map(|interface| interface.addresses.clone()).unwrap_or_default();
    PortSetup { info: info.clone(), addresses }
}

/// Pins the calling thread to one core.
fn pin(core: usize) -> Result<(), Error> {
    let mut set = CpuSet::new();
    let pinned = set.set(core).and_then(|()| sched_setaffinity(nix::unistd::Pid::from_raw(0), &set));
    pinned.map_err(|errno| Error::System {
        what: "pin the worker to the core of the configuration",
        source: errno.into(),
    })
}

/// Where the control socket of the function that runs with this configuration is.
///
/// # Errors
/// When the configuration cannot be read.
pub fn control_path(config: Option<&Path>) -> Result<PathBuf, Error> {
    let file = config.map(File::read).transpose()?.unwrap_or_default();
    Ok(file.config.control.unwrap_or_else(|| PathBuf::from(LAB_CONTROL)))
}
