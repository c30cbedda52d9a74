//! `memif`: frames of 64 bytes through shared memory between two processes, beside a pair of testpmd's.
//!
//! One process makes frames and sends them, on a core of its own; the other receives them on the other core, and what it
//! received per second of its processor time counts. Both spin, so that a second of that time is one of the clock where
//! nobody else runs; where the sender is kept from its core, the receiver spins for nothing, and so the best run counts.

use std::path::PathBuf;
use std::process::Command;

use super::throughput::{Reading, Testpmd, ns_per_packet, read_ours};
use super::{CORES, need_two_cores, own_prefix, unique, write};
use crate::case::{Case, Figure, Repeat, Sides, Site, Target};
use crate::error::Error;
use crate::harness::PAIRS;
use crate::process::{Program, need};
use crate::stats::Better;

pub(super) const CASES: &[Case] = &[Case {
    name: "memif",
    about: "64-byte frames from process to process by memif:, beside testpmd txonly and rxonly over net_memif",
    figures: &[Figure {
        name: "",
        unit: "Mpps per core",
        better: Better::Higher,
        target: Target::Best(10.0),
    }],
    repeat: Repeat::Pairs(PAIRS),
    privileged: true,
    open,
}];

struct Bed {
    forward: PathBuf,
    site: Site,
}

fn open(site: &Site) -> Result<Box<dyn Sides>, Error> {
    need("dpdk-testpmd", "dpdk-dev")?;
    need_two_cores()?;
    Ok(Box::new(Bed { forward: site.program("examples/forward")?, site: site.clone() }))
}

impl Bed {
    /// Gives the path of a socket for a run: processes that are killed leave theirs.
    fn socket(&self) -> String {
        self.site.scratch.join(format!("{}.memif", unique())).display().to_string()
    }

    /// Starts a forwarder of ours between these two devices; gives also where it answers.
    fn start(&self, name: &str, core: usize, devices: [&str; 2]) -> Result<(Program, PathBuf), Error> {
        let [config, control] = ["toml", "sock"].map(|end| self.site.scratch.join(format!("{name}.{end}")));
        let [a, b] = devices;
        write(
            &config,
            &format!(
                "core = {core}\nidle = \"spin\"\ncontrol = \"{}\"\n\
                 [[ports]]\nname = \"a\"\ndevice = \"{a}\"\n[[ports]]\nname = \"b\"\ndevice = \"{b}\"\n",
                control.display()
            ),
        )?;
        let mut program = Program::start(Command::new(&self.forward).arg("run").arg(&config))?;
        program.expect("running on")?;
        Ok((program, control))
    }
}

impl Sides for Bed {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let socket = self.socket();
        let _sender =
            self.start("sender", CORES[0], ["null:size=64", &format!("memif:{socket},role=server")])?;
        let (receiver, control) =
            self.start("receiver", CORES[1], [&format!("memif:{socket},role=client"), "null:count=0"])?;
        Ok(vec![1000.0 / ns_per_packet(|| read_ours(&receiver, &control))?])
    }

    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        let socket = self.socket();
        let start = |role: &str, cores, mode| {
            let device = format!("net_memif0,role={role},id=0,socket={socket},socket-abstract=no");
            let prefix = own_prefix();
            let eal = ["--no-huge", "-m", "256", prefix.as_str()];
            Testpmd::start_on(cores, &eal, [device.as_str()], &[mode])
        };
        let _sender = start("server", [CORES[1], CORES[0]], "--forward-mode=txonly")?;
        let mut receiver = start("client", CORES, "--forward-mode=rxonly")?;
        let received = || receiver.read().map(|reading| Reading { sent: reading.received, ..reading });
        Ok(vec![1000.0 / ns_per_packet(received)?])
    }

    fn peer_version(&self) -> Option<String> {
        Some(Testpmd::version())
    }
}
