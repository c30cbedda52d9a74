//! `bypass`: delay for a program that bypasses its node's kernel.
//!
//! ```text
//! source eth0 ── eth0 [ a: testpmd io over net_af_packet ] eth1 ── 10 ms ── eth0 b
//! ```
//!
//! Frames with numbers pass testpmd, which gives them to its interface past the queueing disciplines
//! (`qdisc_bypass`). They are captured where the link begins, outside of `a`, and where it ends, outside of `b`; what a
//! frame took is the difference. In a lab the link has the delay. Beside it stands the same lab without it, in which the
//! nodes' own interfaces have it from netem, as Mininet does it; that needs netem, and so the stock kernel in user mode
//! (`tools/stock-kernel`). There a ping, which does not bypass the kernel, has to take its 20 ms.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rackless_packet::capture::Reader;

use super::lab_of::LabOf;
use super::{own_prefix, stock};
use crate::case::{Case, Figure, Repeat, Sides, Site, Target};
use crate::error::Error;
use crate::process::{Program, finish, need, package_version};
use crate::stats::{Better, median, range};

const fn figure(name: &'static str, target: Target) -> Figure {
    Figure { name, unit: "ms", better: Better::Higher, target }
}

pub(super) const CASES: &[Case] = &[Case {
    name: "bypass",
    about: "what a link's 10 ms delay frames of testpmd with qdisc bypass, beside netem on the node's own interface",
    figures: &[
        // A wire is as exact as `wire-delay` says.
        figure("least", Target::Every(9.8)),
        figure("median", Target::Every(9.8)),
        figure("most", Target::Shown),
    ],
    repeat: Repeat::PeerOnce(3),
    privileged: true,
    open: |site| {
        need("dpdk-testpmd", "dpdk-dev")?;
        Ok(Box::new(Lab::up(site, "delay = \"10 ms\"")?))
    },
}];

/// Frames, and in how many seconds they are sent.
const FRAMES: usize = 1000;
const SECONDS: &str = "1";
/// How long a program may take where all is slow.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the number of a frame of `timed_frames` lies, and its EtherType.
const NUMBER: std::ops::Range<usize> = 14..22;
const FILTER: &str = "ether proto 0x88b5";

struct Lab {
    lab: LabOf,
    timed_frames: PathBuf,
    capture: PathBuf,
}

/// Measures netem on the nodes' own interfaces, on a kernel that has it, and prints the least, the median and the most
/// of what frames took, in milliseconds.
pub(crate) fn run_netem_in_nodes(site: &Site) -> Result<(), Error> {
    let lab = Lab::up(site, "")?;
    for (node, interface) in [("a", "eth1"), ("b", "eth0")] {
        let line = ["qdisc", "add", "dev", interface, "root", "netem", "delay", "10ms"];
        finish(lab.lab.on(node, "tc").args(line))?;
    }
    let ping = finish(lab.lab.on("a", "ping").args(["-n", "-c", "5", "-i", "0.1", "10.9.0.2"]))?;
    let least = ping.lines().find_map(|line| line.strip_prefix("rtt min/avg/max/mdev = "));
    let least = least.and_then(|times| times.split('/').next()?.parse::<f64>().ok());
    if least.is_none_or(|ms| ms < 20.0) {
        return Err(Error::Void(format!("netem does not delay a ping: {ping}")));
    }
    println!("{:?}", lab.measure()?);
    Ok(())
}

impl Lab {
    fn up(site: &Site, link: &str) -> Result<Self, Error> {
        let text = format!(
            "[node.source]\nkind = \"nf\"\n\
             [node.a]\ninterface.eth0.addresses = []\ninterface.eth1.addresses = [\"10.9.0.1/24\"]\n\
             [node.b]\naddresses = [\"10.9.0.2/24\"]\n\
             [[link]]\nends = [\"source\", \"a:eth0\"]\n[[link]]\nends = [\"a:eth1\", \"b\"]\n{link}\n"
        );
        Ok(Self {
            lab: LabOf::up(site, "bypass", &text)?,
            timed_frames: site.program("examples/timed_frames")?,
            capture: site.scratch.join("bypass.pcapng"),
        })
    }

    /// Gives the least, the median and the most of what frames took over the link, in milliseconds.
    fn measure(&self) -> Result<[f64; 3], Error> {
        let device = |number| {
            format!(
                "--vdev=net_af_packet{number},iface=eth{number},qdisc_bypass=1,blocksz=65536,framecnt=4096"
            )
        };
        let mut testpmd = self.lab.on("a", "stdbuf");
        testpmd.args(["-oL", "dpdk-testpmd", "--lcores", "0@0,1@0", own_prefix().as_str()]);
        testpmd.args(["--no-huge", "-m", "256", "--no-pci"]);
        testpmd.args([device(0), device(1)]);
        testpmd.args(["--", "--total-num-mbufs=16384", "--forward-mode=io", "--auto-start"]);
        let mut testpmd = Program::start(&mut testpmd)?;
        testpmd.expect_within("Press enter to exit", PATIENCE)?;

        let mut capture = self.lab.verb(&["capture", "a:eth1", "b:eth0", "--filter", FILTER, "--write"]);
        capture.arg(&self.capture);
        let mut capture = Program::start(capture.args(["--count", &(2 * FRAMES).to_string()]))?;
        capture.expect("capturing at")?;
        let rate = FRAMES.to_string();
        finish(self.lab.on("source", &self.timed_frames).args(["send", "eth0", &rate, SECONDS, "64"]))?;
        capture.expect_within("frames captured", PATIENCE)?;
        // Before the node's program, which the lab ends.
        drop(testpmd);
        took(&self.capture)
    }
}

impl Sides for Lab {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        self.measure().map(Vec::from)
    }

    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        stock::figures(&["netem-in-nodes"])
    }

    fn peer_version(&self) -> Option<String> {
        Some(format!("netem in the node, testpmd {}", package_version("dpdk-dev")))
    }
}

/// Gives the least, the median and the most of the time between the two captures of each frame, in milliseconds.
fn took(capture: &Path) -> Result<[f64; 3], Error> {
    let unreadable = |source| Error::Make { what: "sense of a capture", source };
    let file = File::open(capture).map_err(Error::system("open a capture"))?;
    let reader = Reader::new(BufReader::new(file)).map_err(|error| unreadable(error.into()))?;
    let mut times = BTreeMap::<u64, Vec<u64>>::new();
    for record in reader {
        let record = record.map_err(|error| unreadable(error.into()))?;
        let number = record.data.get(NUMBER).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        times.entry(number.unwrap_or(u64::MAX)).or_default().push(record.time_ns);
    }
    let ms = |times: &Vec<u64>| match times[..] {
        [before, after] => Ok(after.abs_diff(before) as f64 / 1e6),
        _ => Err(Error::Void(format!("a frame was captured {} times, and not twice", times.len()))),
    };
    let took = times.values().map(ms).collect::<Result<Vec<f64>, Error>>()?;
    if took.len() != FRAMES {
        return Err(Error::Void(format!("of {FRAMES} frames {} were captured", took.len())));
    }
    let [least, most] = range(&took);
    Ok([least, median(&took), most])
}
