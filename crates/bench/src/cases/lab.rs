//! Setup and removal of labs (`lab-setup…`), and the memory of a host that does nothing.
//!
//! Ours is what a user types: `rackless up --detach`, `rackless down`. The clock stops when the last interface is
//! gone, which is looked up in the lab's own namespaces (ours) or in the one around (Mininet's switches are there). All
//! sides run whole programs, from their start to their end.
//!
//! Memory is that of the lab while it is up, less what there was before, over its hosts: the kernel's own (slab,
//! per-CPU, vmalloc, page tables and stacks, from `/proc/meminfo`), and the proportional set sizes of all processes
//! of the lab. The page cache is not counted, and the machine's other work is, so that the least of several runs tells.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::memory::{kernel_kib, processes_kib};
use crate::case::{Case, Figure, Repeat, Sides, Site, Target};
use crate::error::Error;
use crate::harness::PAIRS;
use crate::namespace::{Namespace, interfaces_here};
use crate::process::{Program, finish, need, package_version};
use crate::stats::Better;

const NAME: &str = "bench";

/// How long interfaces may take to go once they were told to.
const PATIENCE: Duration = Duration::from_secs(60);
/// The kernel has given memory back when it gives less than this in that time.
const SETTLED: Duration = Duration::from_millis(700);
const SETTLED_KIB: f64 = 1024.0;
/// How long Mininet may take to make a lab.
const MININET: Duration = Duration::from_secs(600);

const fn time(least_ratio: f64) -> Figure {
    Figure { name: "", unit: "s", better: Better::Lower, target: Target::RatioAtLeast(least_ratio) }
}

/// Of a lab that is to be so many times as fast as Mininet.
const BESIDE_MININET: &[Figure] = &[time(7.0)];
/// Of a lab that is to take at most 1.5 times as long as bare netlink.
const BESIDE_NETLINK: &[Figure] = &[time(1.0 / 1.5)];
const AND_MEMORY: &[Figure] = &[
    Figure { name: "time", ..time(7.0) },
    Figure { name: "memory of a host", unit: "KiB", better: Better::Lower, target: Target::Best(400.0) },
];

pub(super) const CASES: &[Case] = &[
    Case {
        name: "lab-setup",
        about: "setup and removal of a switch with 100 hosts, beside Mininet with a Linux bridge",
        figures: &[time(15.0)],
        repeat: Repeat::Pairs(PAIRS),
        privileged: true,
        open: |site| open(site, "single,100", Peer::Mininet),
    },
    Case {
        name: "lab-setup-netlink",
        about: "the same, beside a bare netlink program that makes the same objects (at most 1.5 times its time)",
        figures: BESIDE_NETLINK,
        repeat: Repeat::Pairs(PAIRS),
        privileged: true,
        open: |site| open(site, "single,100", Peer::Netlink),
    },
    Case {
        name: "lab-1000",
        about: "setup and removal of a switch with 1,000 hosts, and the memory of each while it is up, beside Mininet",
        figures: AND_MEMORY,
        repeat: Repeat::PeerOnce(FEW),
        privileged: true,
        open: |site| open(site, "single,1000", Peer::Mininet),
    },
    Case {
        name: "lab-1000-netlink",
        about: "the same, beside bare netlink",
        figures: BESIDE_NETLINK,
        repeat: Repeat::Pairs(FEW),
        privileged: true,
        open: |site| open(site, "single,1000", Peer::Netlink),
    },
    Case {
        name: "lab-tree",
        about: "setup and removal of a tree of 111 switches with 1,000 hosts, beside Mininet",
        figures: BESIDE_MININET,
        repeat: Repeat::PeerOnce(FEW),
        privileged: true,
        open: |site| open(site, "tree,3,10", Peer::Mininet),
    },
    Case {
        name: "lab-tree-netlink",
        about: "the same, beside bare netlink",
        figures: BESIDE_NETLINK,
        repeat: Repeat::Pairs(FEW),
        privileged: true,
        open: |site| open(site, "tree,3,10", Peer::Netlink),
    },
    Case {
        name: "lab-linear",
        about: "setup and removal of 200 switches in a row with a host each, beside Mininet",
        figures: BESIDE_MININET,
        repeat: Repeat::PeerOnce(FEW),
        privileged: true,
        open: |site| open(site, "linear,200", Peer::Mininet),
    },
    Case {
        name: "lab-linear-netlink",
        about: "the same, beside bare netlink",
        figures: BESIDE_NETLINK,
        repeat: Repeat::Pairs(FEW),
        privileged: true,
        open: |site| open(site, "linear,200", Peer::Netlink),
    },
];

/// Runs of a large lab.
const FEW: usize = 3;

struct Lab {
    rackless: PathBuf,
    /// This program, run as the bare netlink program.
    this: PathBuf,
    shape: &'static str,
    hosts: usize,
    peer: Peer,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    Mininet,
    Netlink,
}

fn open(site: &Site, shape: &'static str, peer: Peer) -> Result<Box<dyn Sides>, Error> {
    if peer == Peer::Mininet {
        need("mn", "mininet")?;
        need("brctl", "bridge-utils")?;
        need("ifconfig", "net-tools")?;
    }
    let this = std::env::current_exe().map_err(Error::system("find this program"))?;
    let topology = rackless_topology::Topology::shape(shape);
    let topology = topology.map_err(|error| Error::Make { what: "the shape", source: error.into() })?;
    let hosts =
        topology.nodes.iter().filter(|node| node.kind == rackless_topology::model::Kind::Host).count();
    Ok(Box::new(Lab { rackless: site.program("rackless")?, this, shape, hosts, peer }))
}

impl Sides for Lab {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let before = settle()?;
        let start = Instant::now();
        finish(Command::new(&self.rackless).args(["up", "--detach", "--name", NAME, "--shape", self.shape]))?;
        let up = start.elapsed();
        let memory = self.memory_of_a_host(before)?;
        let namespaces = others()?;
        let interfaces = total(&namespaces)?;
        // The switch, and a veth for each host: the nodes' namespaces without a process are not seen, so the
        // fabric's side counts.
        if interfaces <= self.hosts {
            let seen =
                format!("the lab is up with {interfaces} interfaces in {} namespaces", namespaces.len());
            return Err(Error::Void(seen));
        }
        let start = Instant::now();
        finish(Command::new(&self.rackless).args(["down", NAME]))?;
        wait_until_gone(|| total(&namespaces))?;
        Ok(vec![(up + start.elapsed()).as_secs_f64(), memory])
    }

    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        let before = settle()?;
        match self.peer {
            Peer::Mininet => self.mininet(before),
            Peer::Netlink => {
                let start = Instant::now();
                finish(Command::new(&self.this).args(["inside", "bare", self.shape]))?;
                Ok(vec![start.elapsed().as_secs_f64()])
            }
        }
    }

    fn peer_version(&self) -> Option<String> {
        Some(match self.peer {
            Peer::Mininet => format!("Mininet {}", package_version("mininet")),
            Peer::Netlink => "bare netlink program".to_owned(),
        })
    }
}

impl Lab {
    fn mininet(&self, before: f64) -> Result<Vec<f64>, Error> {
        let start = Instant::now();
        let mut mininet =
            Program::start(Command::new("mn").args(["--switch", "lxbr", "--topo", self.shape]))?;
        mininet.expect_within("Starting CLI", MININET)?;
        let up = start.elapsed();
        let memory = self.memory_of_a_host(before)?;
        let start = Instant::now();
        mininet.say("exit")?;
        mininet.end()?;
        wait_until_gone(interfaces_here)?;
        Ok(vec![(up + start.elapsed()).as_secs_f64(), memory])
    }

    fn memory_of_a_host(&self, kernel_before: f64) -> Result<f64, Error> {
        Ok((kernel_kib()? - kernel_before + processes_kib()?) / self.hosts as f64)
    }
}

/// Waits until the kernel has removed what the last run left to it: a new namespace has to wait for that, and the
/// memory of the old ones is given back seconds later. Gives what the kernel then uses, in KiB.
fn settle() -> Result<f64, Error> {
    std::thread::sleep(Duration::from_millis(200));
    std::thread::scope(|scope| {
        let made = scope.spawn(|| Namespace::create().map(drop)).join();
        made.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let deadline = Instant::now() + PATIENCE;
    let mut used = kernel_kib()?;
    loop {
        std::thread::sleep(SETTLED);
        let now = kernel_kib()?;
        if used - now < SETTLED_KIB || Instant::now() > deadline {
            return Ok(now);
        }
        used = now;
    }
}

/// Gives all network namespaces of processes in the room but the room's own.
fn others() -> Result<Vec<Namespace>, Error> {
    let failed = || Error::system("look through /proc");
    let inode = |file: &File| file.metadata().map(|data| data.ino());
    let own = File::open("/proc/thread-self/ns/net").and_then(|file| inode(&file)).map_err(failed())?;
    let mut seen = BTreeSet::from([own]);
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").map_err(failed())?.flatten() {
        // Processes come and go while they are listed.
        let tasks = fs::read_dir(process.path().join("task")).into_iter().flatten().flatten();
        for file in tasks.filter_map(|task| File::open(task.path().join("ns/net")).ok()) {
            if seen.insert(inode(&file).map_err(failed())?) {
                found.push(Namespace::of(file));
            }
        }
    }
    Ok(found)
}

fn total(namespaces: &[Namespace]) -> Result<usize, Error> {
    namespaces.iter().map(Namespace::interfaces).sum()
}

fn wait_until_gone(count: impl Fn() -> Result<usize, Error>) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match count()? {
            0 => return Ok(()),
            left if Instant::now() > deadline => {
                return Err(Error::Void(format!("{left} interfaces are still there after the lab's end")));
            }
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}
