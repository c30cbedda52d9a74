//! `idle` and `round-trip`: what a network function costs that has nothing to do, and what it adds to a ping.
//!
//! ```text
//! client c ── eth0 [ f: forwarder ] eth1 ── s server        a lab
//! ```
//!
//! Ours sleeps when it has nothing to do, as in every lab where functions outnumber cores; testpmd polls, and so has a
//! core to itself.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::lab_of::LabOf;
use super::{own_prefix, write};
use crate::case::{Case, Figure, Repeat, Sides, Site, Target};
use crate::error::Error;
use crate::process::{Program, await_end_of, cpu_of, finish, need, package_version};
use crate::stats::Better;

/// What a forwarder of ours is called.
const FORWARD: &str = "forward";
/// For how long nothing happens.
const WINDOW: Duration = Duration::from_secs(3);
/// The drivers of ours.
const DRIVERS: [&str; 3] = ["af_packet", "af_xdp", "dpdk"];

const fn share(name: &'static str) -> Figure {
    Figure { name, unit: "% of a core", better: Better::Lower, target: Target::Best(1.0) }
}

const fn round_trip(name: &'static str) -> Figure {
    Figure { name, unit: "us", better: Better::Lower, target: Target::Shown }
}

pub(super) const CASES: &[Case] = &[
    Case {
        name: "idle",
        about: "processor time of a network function at 0 packets per second",
        figures: &[share("af_packet"), share("af_xdp"), share("dpdk")],
        repeat: Repeat::PeerOnce(3),
        privileged: true,
        open: |site| Ok(Box::new(Idle(Lab::up(site)?))),
    },
    Case {
        name: "round-trip",
        about: "mean round trip of a ping through a forwarder that sleeps, beside testpmd io that polls net_af_packet",
        figures: &[round_trip("af_packet"), round_trip("af_xdp")],
        repeat: Repeat::Pairs(5),
        privileged: true,
        open: |site| {
            need("dpdk-testpmd", "dpdk-dev")?;
            Ok(Box::new(RoundTrip(Lab::up(site)?)))
        },
    },
];

struct Idle(Lab);
struct RoundTrip(Lab);

/// The lab; it goes with this value.
struct Lab {
    lab: LabOf,
    forward: PathBuf,
    config: PathBuf,
}

impl Lab {
    fn up(site: &Site) -> Result<Self, Error> {
        let text = "[node.c]\naddresses = [\"10.9.0.1/24\"]\n[node.s]\naddresses = [\"10.9.0.2/24\"]\n\
                    [node.f]\nkind = \"nf\"\n\
                    [[link]]\nends = [\"c\", \"f:eth0\"]\n[[link]]\nends = [\"f:eth1\", \"s\"]\n";
        Ok(Self {
            lab: LabOf::up(site, "idle", text)?,
            forward: site.program("examples/forward")?,
            config: site.scratch.join("forward.toml"),
        })
    }

    /// Starts our forwarder on a driver, asleep when there is nothing to do.
    fn forward(&self, driver: &str) -> Result<Program, Error> {
        let port = |name: &str, interface: &str| {
            let device = match driver {
                "dpdk" => format!("dpdk:net_af_packet,iface={interface}"),
                driver => format!("{driver}:{interface}"),
            };
            format!("[[ports]]\nname = \"{name}\"\ndevice = \"{device}\"\n")
        };
        await_end_of(FORWARD)?; // the lab ends the one before when its client has gone
        write(&self.config, &format!("{}{}", port("a", "eth0"), port("b", "eth1")))?;
        let mut forward = Program::start(self.lab.on("f", &self.forward).arg("run").arg(&self.config))?;
        forward.expect("running on")?;
        Ok(forward)
    }

    /// Gives the mean round trip of a ping from client to server, in microseconds.
    fn round_trip_us(&self) -> Result<f64, Error> {
        // The first asks for addresses, too.
        let ping = |count: &str| {
            let args = ["-n", "-q", "-c", count, "-i", "0.01", "-W", "5", "10.9.0.2"];
            finish(self.lab.on("c", "ping").args(args))
        };
        ping("5")?;
        let printed = ping("200")?;
        let times = printed.lines().find_map(|line| line.strip_prefix("rtt min/avg/max/mdev = "));
        let mean = times.and_then(|times| times.split('/').nth(1)?.parse::<f64>().ok());
        mean.map(|ms| ms * 1000.0).ok_or_else(|| Error::Void(format!("ping printed '{printed}'")))
    }
}

impl Sides for Idle {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let share = |driver: &&str| {
            let _running = self.0.forward(driver)?;
            std::thread::sleep(WINDOW / 3); // the kernel's own words on new interfaces are not the function's
            let (cpu, start) = (cpu_of(FORWARD)?, Instant::now());
            std::thread::sleep(WINDOW);
            Ok((cpu_of(FORWARD)? - cpu) as f64 / start.elapsed().as_nanos() as f64 * 100.0)
        };
        DRIVERS.iter().map(share).collect()
    }
}

impl Sides for RoundTrip {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let measure = |driver: &&str| {
            let _running = self.0.forward(driver)?;
            self.0.round_trip_us()
        };
        DRIVERS[..2].iter().map(measure).collect()
    }

    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        let device = |number| format!("--vdev=net_af_packet{number},iface=eth{number},qdisc_bypass=1");
        await_end_of(FORWARD)?;
        let mut testpmd = self.0.lab.on("f", "stdbuf");
        testpmd.args(["-oL", "dpdk-testpmd", "--lcores", "0@0,1@1", own_prefix().as_str()]);
        testpmd.args(["--no-huge", "-m", "256", "--no-pci"]);
        testpmd.args([device(0), device(1)]);
        testpmd.args(["--", "--total-num-mbufs=16384", "--forward-mode=io", "--auto-start"]);
        let mut testpmd = Program::start(&mut testpmd)?;
        testpmd.expect("Press enter to exit")?;
        let round_trip = self.0.round_trip_us()?;
        Ok(vec![round_trip, round_trip])
    }

    fn peer_version(&self) -> Option<String> {
        Some(format!("testpmd {}", package_version("dpdk-dev")))
    }
}
