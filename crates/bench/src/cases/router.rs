//! `router`: the processor time of a packet in the IPv6 and IPv4 router, beside testpmd's macswap.
//!
//! Both sides read the same frames ([`crate::templates`]) on both of their ports, over and over, by copying them into
//! fresh buffers in bursts of 64, and drop at the sink after counting. Ours does so by `null:` ports, the peer by
//! `net_pcap` with `infinite_rx=1`, the one driver of DPDK that receives given frames without a wire: it copies them
//! from memory, as `null:` does. (`net_null` gives empty buffers, and `net_ring` the same few packets again and
//! again, in which a router would soon meet a hop limit of zero.) The peer's ports cost a few nanoseconds of their
//! own, and so do ours; macswap touches the same cache line as a router, does the least with it that a forwarder
//! must, and so stands for everything that is not routing.
//!
//! Both run pinned to one core, on ordinary pages. Time is that of the thread's processor, packets are what the sinks
//! counted between two looks at it.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rackless_functions::Router;
use rackless_nf::GraphBuilder;
use rackless_runtime::control::{Request, Subject, request};
use rackless_runtime::{Arguments, Setup};

use super::{CORES, need_two_cores, write};
use crate::case::{Case, Figure, Repeat, Sides, Site, Target};
use crate::error::Error;
use crate::harness::PAIRS;
use crate::process::{Program, need, package_version};
use crate::stats::Better;
use crate::templates::{self, Side};

/// How long packets flow before the counters are read first, and between first and last.
const WARM_UP: Duration = Duration::from_millis(300);
const WINDOW: Duration = Duration::from_millis(1500);
/// What must arrive of what was received; the rest are answers of next hops, which end in the router.
const FORWARDED: f64 = 0.99;

pub(super) const CASES: &[Case] = &[Case {
    name: "router",
    about: "CPU time per packet of the IPv6 and IPv4 router, beside testpmd macswap on the same frames",
    figures: &[Figure {
        name: "",
        unit: "ns",
        better: Better::Lower,
        target: Target::DifferenceAtMost(15.0),
    }],
    repeat: Repeat::Pairs(PAIRS),
    privileged: true,
    open,
}];

struct Bed {
    this: PathBuf,
    config: PathBuf,
    control: PathBuf,
    frames: [PathBuf; 2],
}

/// Runs the router on the ports of a configuration file, as a network function's program would.
pub(crate) fn run(config: PathBuf) -> Result<(), rackless_runtime::Error> {
    let arguments = Arguments { config: Some(config), ..Arguments::default() };
    let build =
        |_: &Setup| Router::new(templates::config()).map(|router| GraphBuilder::new().node("router", router));
    rackless_runtime::run(arguments, "router", build).map(drop)
}

fn open(site: &Site) -> Result<Box<dyn Sides>, Error> {
    need("dpdk-testpmd", "dpdk-dev")?;
    need_two_cores()?;
    let this = std::env::current_exe().map_err(Error::system("find this program"))?;
    let frames = templates::write(&site.scratch)?;
    let (config, control) = (site.scratch.join("router.toml"), site.scratch.join("router.sock"));
    let mut text = format!("core = {}\nidle = \"spin\"\ncontrol = \"{}\"\n", CORES[1], control.display());
    for (side, frames) in Side::BOTH.into_iter().zip(&frames) {
        let device = format!("null:template={}", frames.display());
        text.push_str(&format!("[[ports]]\nname = \"{}\"\ndevice = \"{device}\"\n", side.name()));
    }
    write(&config, &text)?;
    Ok(Box::new(Bed { this, config, control, frames }))
}

/// Processor time and packets so far.
struct Reading {
    cpu_ns: u64,
    received: u64,
    sent: u64,
}

/// Reads twice and gives nanoseconds per packet.
fn measure(mut read: impl FnMut() -> Result<Reading, Error>) -> Result<Vec<f64>, Error> {
    std::thread::sleep(WARM_UP);
    let first = read()?;
    std::thread::sleep(WINDOW);
    let last = read()?;
    let (received, sent) = (last.received - first.received, last.sent - first.sent);
    if sent == 0 || (sent as f64) < FORWARDED * received as f64 {
        return Err(Error::Void(format!("{received} packets were received, and {sent} sent")));
    }
    Ok(vec![(last.cpu_ns - first.cpu_ns) as f64 / sent as f64])
}

impl Sides for Bed {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let mut router =
            Program::start(Command::new(&self.this).args(["inside", "router"]).arg(&self.config))?;
        router.expect("running on")?;
        measure(|| {
            let report = request(&self.control, Request::Get(Subject::Counters))
                .map_err(|error| Error::Make { what: "a request for counters", source: error.into() })?;
            let cpu_ns = router.cpu_ns()?;
            let received = report.ports.iter().map(|port| port.received).sum();
            let sent = report.ports.iter().map(|port| port.sent).sum();
            Ok(Reading { cpu_ns, received, sent })
        })
    }

    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        let device = |number: usize| {
            format!("--vdev=net_pcap{number},rx_pcap={},infinite_rx=1", self.frames[number].display())
        };
        let mut testpmd = Program::start(
            Command::new("stdbuf")
                .args(["-oL", "dpdk-testpmd", "--lcores", &format!("0@{},1@{}", CORES[0], CORES[1])])
                .args(["--no-huge", "-m", "256", "--no-pci"])
                .args([device(0), device(1)])
                .args(["--", "-i", "--total-num-mbufs=16384", "--forward-mode=macswap", "--burst=64"]),
        )?;
        testpmd.say("start")?;
        testpmd.expect("packet forwarding")?;
        measure(|| {
            testpmd.say("show port stats all")?;
            let mut reading = Reading { cpu_ns: 0, received: 0, sent: 0 };
            for _ in Side::BOTH {
                reading.received += number(&testpmd.expect("RX-packets:")?);
                reading.sent += number(&testpmd.expect("TX-packets:")?);
            }
            reading.cpu_ns = testpmd.cpu_ns()?;
            Ok(reading)
        })
    }

    fn peer_version(&self) -> Option<String> {
        Some(format!("testpmd {}", package_version("dpdk-dev")))
    }
}

/// The first number of a line of testpmd's statistics.
fn number(line: &str) -> u64 {
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn testpmds_statistics_are_read() {
        assert_eq!(number("  RX-packets: 1234       RX-missed: 0          RX-bytes:  78976"), 1234);
        assert_eq!(number("no number"), 0);
    }

    #[test]
    fn packets_that_do_not_come_out_make_a_measurement_void() {
        let mut readings = [(0, 0, 0), (100, 100, 50)].into_iter();
        let mut read = || {
            let (cpu_ns, received, sent) = readings.next().unwrap();
            Ok(Reading { cpu_ns, received, sent })
        };
        assert!(
            measure(&mut read).unwrap_err().to_string().contains("100 packets were received, and 50 sent")
        );
    }
}
