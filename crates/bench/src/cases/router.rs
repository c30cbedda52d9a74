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

use rackless_functions::Router;
use rackless_nf::GraphBuilder;
use rackless_runtime::{Arguments, Setup};

use super::throughput::{Testpmd, ns_per_packet, read_ours};
use super::{CORES, need_two_cores, write};
use crate::case::{Case, Figure, Repeat, Sides, Site, Target};
use crate::error::Error;
use crate::harness::PAIRS;
use crate::process::{Program, need};
use crate::stats::Better;
use crate::templates::{self, Side};

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

impl Sides for Bed {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let mut router =
            Program::start(Command::new(&self.this).args(["inside", "router"]).arg(&self.config))?;
        router.expect("running on")?;
        Ok(vec![ns_per_packet(|| read_ours(&router, &self.control))?])
    }

    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        let device = |number: usize| {
            format!("net_pcap{number},rx_pcap={},infinite_rx=1", self.frames[number].display())
        };
        let devices = [device(0), device(1)];
        let mut testpmd = Testpmd::start(
            &["--no-huge", "-m", "256"],
            devices.iter().map(String::as_str),
            &["--forward-mode=macswap"],
        )?;
        Ok(vec![ns_per_packet(|| testpmd.read())?])
    }

    fn peer_version(&self) -> Option<String> {
        Some(Testpmd::version())
    }
}
