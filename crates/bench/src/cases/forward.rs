//! `forward-…`: frames of 64 bytes from one veth to another, ours and testpmd in the same place.
//!
//! ```text
//! source s0 ── n0 [ forwarder ] n1 ── k0 sink          three namespaces
//! ```
//!
//! The kernel itself makes the frames (live frames of BPF, valid UDP datagrams) on one core, several times as many as
//! a forwarder can take; the forwarder spins on the other. What counts is what arrives at `k0` per second of the
//! forwarder's processor time, so that other work on the machine takes from both alike. A run in which the source was
//! not faster than the forwarder is void.

use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{CORES, need_two_cores, write};
use crate::case::{Case, Figure, Repeat, Sides, Site, Target};
use crate::error::Error;
use crate::harness::PAIRS;
use crate::namespace::Namespace;
use crate::netlink::{self, Batch, End};
use crate::process::{Program, finish, need, package_version};
use crate::stats::Better;

/// How long frames flow before the counters are read first, and between first and last.
const WARM_UP: Duration = Duration::from_millis(400);
const WINDOW: Duration = Duration::from_millis(1500);
/// How much more must be offered than is forwarded.
const SATURATION: f64 = 1.1;

pub(super) const CASES: &[Case] = &[
    case(
        "forward-af-packet",
        "64-byte frames from veth to veth per second of the forwarder's CPU time, beside testpmd io over \
         net_af_packet",
        &[figure(0.95)],
        |site| open(site, "af_packet", Peer::AfPacket),
    ),
    case(
        "forward-af-xdp",
        "the same by af_xdp:, beside testpmd io over net_af_xdp",
        &[figure(0.95)],
        |site| open(site, "af_xdp", Peer::AfXdp),
    ),
    case(
        "forward-af-xdp-af-packet",
        "the same by af_xdp:, beside testpmd io over net_af_packet",
        &[figure(1.35)],
        |site| open(site, "af_xdp", Peer::AfPacket),
    ),
];

const fn case(
    name: &'static str,
    about: &'static str,
    figures: &'static [Figure],
    open: fn(&Site) -> Result<Box<dyn Sides>, Error>,
) -> Case {
    Case { name, about, figures, repeat: Repeat::Pairs(PAIRS), privileged: true, open }
}

const fn figure(ratio: f64) -> Figure {
    let target = Target::RatioAtLeast(ratio);
    Figure { name: "", unit: "Mpps per core", better: Better::Higher, target }
}

/// The driver of testpmd's ports.
#[derive(Clone, Copy)]
enum Peer {
    AfPacket,
    AfXdp,
}

impl Peer {
    fn device(self, number: usize, interface: &str) -> String {
        match self {
            Self::AfPacket => format!(
                "--vdev=net_af_packet{number},iface={interface},qdisc_bypass=1,blocksz=65536,framecnt=4096"
            ),
            Self::AfXdp => format!("--vdev=net_af_xdp{number},iface={interface}"),
        }
    }
}

struct Forward {
    bed: Bed,
    site: Site,
    live_frames: PathBuf,
    forwarder: PathBuf,
    driver: &'static str,
    peer: Peer,
}

/// The namespaces and the veths between them.
struct Bed {
    source: Namespace,
    middle: Namespace,
    sink: Namespace,
}

fn open(site: &Site, driver: &'static str, peer: Peer) -> Result<Box<dyn Sides>, Error> {
    need("dpdk-testpmd", "dpdk-dev")?;
    need_two_cores()?;
    let live_frames = site.program("examples/live_frames")?;
    let forwarder = site.program("examples/forward")?;
    let bed = Bed::make()?;
    bed.middle.within(|| finish(Command::new(&live_frames).args(["receive", "n0"])))?;
    Ok(Box::new(Forward { bed, site: site.clone(), live_frames, forwarder, driver, peer }))
}

impl Bed {
    fn make() -> Result<Self, Error> {
        // On a thread that ends with the making, for each creation moves the thread.
        let make = || {
            let (source, sink) = (quiet_namespace()?, quiet_namespace()?);
            let middle = quiet_namespace()?;
            let socket = netlink::open()?;
            let far = |name| End { name, index: 2 };
            let mut batch = Batch::default();
            for (name, index, far, namespace) in
                [("n0", 10, far("s0"), &source), ("n1", 11, far("k0"), &sink)]
            {
                batch.veth(&End { name, index }, None, 0, &far, Some(namespace.as_fd()));
            }
            batch.send(&socket)?;
            for namespace in [&source, &sink] {
                namespace.within(|| Batch::default().up(2).send(&netlink::open()?))?;
            }
            Ok(Self { source, middle, sink })
        };
        std::thread::scope(|scope| {
            scope.spawn(make).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// Makes a namespace whose kernel sends nothing by itself, and leaves the calling thread in it.
fn quiet_namespace() -> Result<Namespace, Error> {
    let namespace = Namespace::create()?;
    for name in ["all", "default"] {
        let path = format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6");
        // A kernel without IPv6 is quiet, too.
        let _ = std::fs::write(path, "1");
    }
    Ok(namespace)
}

impl Forward {
    /// Measures a forwarder that runs, in million packets per second of its processor time.
    fn measure(&self, forwarder: &Program) -> Result<f64, Error> {
        let seconds = (2 * WARM_UP + WINDOW).as_secs_f64().to_string();
        let send = || {
            let mut command = Command::new("taskset");
            command.args(["-c", &CORES[0].to_string()]).arg(&self.live_frames);
            Program::start(command.args(["send", "s0", &seconds]))
        };
        let mut source = self.bed.source.within(send)?;
        std::thread::sleep(WARM_UP);
        let [cpu, sent, offered] = self.counters(forwarder)?;
        std::thread::sleep(WINDOW);
        let [cpu, sent, offered] = {
            let later = self.counters(forwarder)?;
            [later[0] - cpu, later[1] - sent, later[2] - offered]
        };
        source.expect("frames")?;
        if sent == 0 {
            return Err(Error::Void("nothing arrived at the sink".to_owned()));
        }
        if (offered as f64) < SATURATION * sent as f64 {
            return Err(Error::Void(format!("the source is too slow: {offered} offered, {sent} forwarded")));
        }
        Ok(sent as f64 / cpu as f64 * 1000.0)
    }

    /// The forwarder's processor time in nanoseconds, packets at the sink, and packets offered to the forwarder.
    fn counters(&self, forwarder: &Program) -> Result<[u64; 3], Error> {
        let sent = self.bed.sink.counters("k0")?.rx;
        let cpu = forwarder.cpu_ns()?;
        let offered = self.bed.middle.counters("n0")?;
        Ok([cpu, sent, offered.rx + offered.rx_dropped])
    }
}

impl Sides for Forward {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let config = self.site.scratch.join("forward.toml");
        write(
            &config,
            &format!(
                "core = {}\nidle = \"spin\"\n\
                 [[ports]]\nname = \"a\"\ndevice = \"{driver}:n0\"\n\
                 [[ports]]\nname = \"b\"\ndevice = \"{driver}:n1\"\n",
                CORES[1],
                driver = self.driver
            ),
        )?;
        let start = || Program::start(Command::new(&self.forwarder).arg("run").arg(&config));
        let mut forwarder = self.bed.middle.within(start)?;
        forwarder.expect("running on")?;
        self.measure(&forwarder).map(|rate| vec![rate])
    }

    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        let start = || {
            Program::start(
                Command::new("stdbuf")
                    .args(["-oL", "dpdk-testpmd"])
                    .args(["--lcores", &format!("0@{},1@{}", CORES[0], CORES[1])])
                    .args(["--no-huge", "-m", "256", "--no-pci"])
                    .args([self.peer.device(0, "n0"), self.peer.device(1, "n1")])
                    .args(["--", "--total-num-mbufs=16384", "--forward-mode=io", "--auto-start"]),
            )
        };
        let mut forwarder = self.bed.middle.within(start)?;
        forwarder.expect("Press enter to exit")?;
        let rate = self.measure(&forwarder)?;
        // Killed, it would leave its XDP programs on the interfaces.
        forwarder.say("")?;
        forwarder.end()?;
        Ok(vec![rate])
    }

    fn peer_version(&self) -> Option<String> {
        Some(format!("testpmd {}", package_version("dpdk-dev")))
    }
}
