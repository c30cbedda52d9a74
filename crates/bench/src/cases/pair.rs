//! A lab of two nodes and a link, which the cases of wires measure.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::lab_of::LabOf;
use crate::case::Site;
use crate::error::Error;
use crate::process::{Program, cpu_of, finish};

/// The nodes, each with the one interface `eth0`.
pub(super) const A: &str = "a";
pub(super) const B: &str = "b";
/// How often the baseline is measured.
const BASELINES: usize = 4;
/// What a wire process is called.
pub(super) const WIRE: &str = "rackless-wire";

/// The lab; it goes with this value.
pub(super) struct Pair {
    lab: LabOf,
    timed_frames: PathBuf,
}

/// What `timed_frames receive` prints.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Received {
    pub(super) frames: u64,
    pub(super) bits_per_second: f64,
    pub(super) longest_gap_us: f64,
    pub(super) delay_us: Quantiles,
    pub(super) error_us: Quantiles,
}

/// What `timed_frames send` prints.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Sent {
    pub(super) frames: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Quantiles {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) p99_9: f64,
}

/// What went from `a` to `b`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) sent: Sent,
    pub(super) received: Received,
    /// How much of a core the wire process took while frames were sent.
    pub(super) share: f64,
}

/// Frames to be sent.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) rate: f64,
    pub(super) seconds: f64,
    pub(super) bytes: usize,
}

impl Pair {
    /// Brings up a lab whose link has these keys.
    ///
    /// The kernel of nodes of the kind `nf` sends nothing by itself and leaves no work to others; that of hosts has
    /// addresses and offloads.
    pub(super) fn up(site: &Site, kind: &str, link: &str) -> Result<Self, Error> {
        let node = |name| format!("[node.{name}]\nkind = \"{kind}\"\n");
        let text = format!("{}{}[[link]]\nends = [\"{A}\", \"{B}\"]\n{link}\n", node(A), node(B));
        Ok(Self {
            lab: LabOf::up(site, "pair", &text)?,
            timed_frames: site.program("examples/timed_frames")?,
        })
    }

    /// Runs a verb of the command line.
    pub(super) fn run(&self, args: &[&str]) -> Result<String, Error> {
        finish(&mut self.lab.verb(args))
    }

    /// Takes what the link does to frames away, and sets other conditions.
    pub(super) fn set(&self, conditions: &[&str]) -> Result<(), Error> {
        self.run(&[&["link", "set", "a:eth0", "--clear"], conditions].concat()).map(drop)
    }

    /// Makes the command that runs a program on a node.
    pub(super) fn on(&self, node: &str, program: &std::path::Path) -> Command {
        self.lab.on(node, program)
    }

    /// Sends frames from `a` to `b`, which should take so many microseconds.
    pub(super) fn flow(&self, load: Load, expected_us: f64) -> Result<Flow, Error> {
        let mut receiver = self.receive(expected_us)?;
        let (cpu, start) = (cpu_of(WIRE)?, Instant::now());
        let sent = self.send(load)?;
        let share = (cpu_of(WIRE)? - cpu) as f64 / start.elapsed().as_nanos() as f64;
        let received = parse("timed_frames", &receiver.expect("frames")?)?;
        Ok(Flow { sent, received, share })
    }

    /// Starts the receiver on `b`.
    pub(super) fn receive(&self, expected_us: f64) -> Result<Program, Error> {
        let mut command = self.on(B, &self.timed_frames);
        let mut receiver = Program::start(command.args(["receive", "eth0", &expected_us.to_string()]))?;
        receiver.expect("ready")?;
        Ok(receiver)
    }

    /// Sends from `a`, and comes back when all is sent.
    pub(super) fn send(&self, load: Load) -> Result<Sent, Error> {
        parse("timed_frames", &finish(&mut self.sender(load))?)
    }

    pub(super) fn sender(&self, Load { rate, seconds, bytes }: Load) -> Command {
        let mut command = self.on(A, &self.timed_frames);
        command.args(["send", "eth0", &rate.to_string(), &seconds.to_string(), &bytes.to_string()]);
        command
    }

    /// Gives how long a frame takes over a redirect of the kernel, in microseconds: what is not the wire's. Other work
    /// on the machine only adds to it, so the least of several medians tells. The link has no conditions afterwards.
    pub(super) fn baseline_us(&self) -> Result<f64, Error> {
        self.set(&[])?;
        let load = Load { rate: 1000.0, seconds: 0.3, bytes: 64 };
        let mut least = f64::INFINITY;
        for _ in 0..BASELINES {
            least = least.min(self.flow(load, 0.0)?.received.delay_us.p50);
        }
        Ok(least)
    }
}

/// Reads what a program printed as JSON.
pub(super) fn parse<T: DeserializeOwned>(program: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text.trim())
        .map_err(|error| Error::Void(format!("{program} printed '{}': {error}", text.trim())))
}
