//! `macswap`: a graph of one node over DPDK's null driver, beside testpmd's macswap in the same place.
//!
//! Both run pinned to one core over `net_null` with hugepages, in bursts of 64, and a packet goes out where it came in.
//! The driver gives buffers of 64 bytes and takes them back, and does not look at them: what differs is what moves and
//! counts packets between its two calls.

use std::path::PathBuf;
use std::process::Command;

use super::throughput::{Testpmd, ns_per_packet, read_ours};
use super::{CORES, need_two_cores, write};
use crate::case::{Case, Figure, Repeat, Sides, Site, Target};
use crate::error::Error;
use crate::harness::PAIRS;
use crate::hugepages;
use crate::process::{Program, need};
use crate::stats::Better;

/// As many hugepages of 2 MiB as either side takes.
const HUGEPAGES: u64 = 256;

pub(super) const CASES: &[Case] = &[Case {
    name: "macswap",
    about: "CPU time per packet of macswap over net_null with hugepages, beside testpmd macswap",
    figures: &[Figure { name: "", unit: "ns", better: Better::Lower, target: Target::RatioAtLeast(0.95) }],
    repeat: Repeat::Pairs(PAIRS),
    privileged: true,
    open,
}];

struct Bed {
    macswap: PathBuf,
    config: PathBuf,
    control: PathBuf,
}

fn open(site: &Site) -> Result<Box<dyn Sides>, Error> {
    need("dpdk-testpmd", "dpdk-dev")?;
    need_two_cores()?;
    hugepages::reserve(HUGEPAGES)?;
    let (config, control) = (site.scratch.join("macswap.toml"), site.scratch.join("macswap.sock"));
    write(
        &config,
        &format!(
            "core = {}\nidle = \"spin\"\ncontrol = \"{}\"\n\
             [[ports]]\nname = \"a\"\ndevice = \"dpdk:net_null0,size=64\"\n",
            CORES[1],
            control.display()
        ),
    )?;
    Ok(Box::new(Bed { macswap: site.program("examples/macswap")?, config, control }))
}

impl Sides for Bed {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let mut macswap = Program::start(Command::new(&self.macswap).arg("run").arg(&self.config))?;
        macswap.expect("running on")?;
        Ok(vec![ns_per_packet(|| read_ours(&macswap, &self.control))?])
    }

    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        let options = ["--forward-mode=macswap", "--port-topology=loop"];
        let mut testpmd = Testpmd::start(&["--in-memory"], ["net_null0,size=64"], &options)?;
        Ok(vec![ns_per_packet(|| testpmd.read())?])
    }

    fn peer_version(&self) -> Option<String> {
        Some(Testpmd::version())
    }
}
