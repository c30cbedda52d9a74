//! What this machine's kernel lets us do: each thing is tried, in namespaces that are thrown away.

use std::fs::File;
use std::io::{self, Read, Write};

use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, pipe2};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::message::{self, VethEnd};
use crate::namespace::Namespace;
use crate::netem::Egress;
use crate::netlink::{Netlink, Request};
use crate::{cgroup, outside, sys, userns};

const VETH: [u32; 2] = [11, 12];
const BRIDGE: u32 = 13;
const WIRE: u32 = 14;

/// Something that labs or ports may need of the kernel, and whether it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facility {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// Whether no lab runs without it.
    pub needed: bool,
    /// Why it cannot be had; `None`: it works.
    pub missing: Option<String>,
    /// What may help.
    pub hint: Option<String>,
}

/// Tries what labs and ports need of the kernel; nothing is left behind.
///
/// The calling process must have one thread.
///
/// # Errors
/// The attempt itself could not be made.
pub fn facilities() -> Result<Vec<Facility>, Error> {
    let spawn = |source: io::Error| Error::Spawn { what: "a process that tries things".into(), source };
    let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| spawn(errno.into()))?;
    match sys::fork()? {
        ForkResult::Child => {
            drop(read);
            let found = serde_json::to_vec(&attempt()).expect("facilities are plain data");
            let _ = File::from(write).write_all(&found); // the other side sees that it is cut short
            std::process::exit(0)
        }
        ForkResult::Parent { child } => {
            drop(write);
            let mut found = Vec::new();
            let result = File::from(read).read_to_end(&mut found);
            let _ = waitpid(child, None);
            result.map_err(spawn)?;
            serde_json::from_slice(&found).map_err(|error| spawn(error.into()))
        }
    }
}

/// Tries everything; the calling process is left in namespaces of its own.
fn attempt() -> Vec<Facility> {
    let mut found = Vec::new();
    let names = try_namespaces();
    let usable = names.is_ok();
    found.push(Facility::new("namespaces", "network, mount, PID and host names of nodes", true, names));
    if !usable {
        return found;
    }
    let purpose = "limits of nodes: cpus, memory (control groups)";
    found.push(Facility::new("cgroups", purpose, false, cgroup::attempt()));
    let mut netlink = match Netlink::open() {
        Ok(netlink) => netlink,
        Err(error) => {
            found.push(Facility::new("netlink", "making interfaces", true, Err(error)));
            return found;
        }
    };
    let mut tried = |name: &str, purpose: &str, needed: bool, requests: Vec<Request>| {
        found.push(Facility::new(name, purpose, needed, netlink.send(requests)));
    };
    tried("veth", "links", true, vec![veth()]);
    tried("bridge", "switches", true, bridge());
    tried(
        "redirect",
        "links at full speed (tc mirred and u32); without it bridges join them",
        false,
        redirect(),
    );
    tried("netem", "delay, loss and rate by the kernel", false, netem());
    let purpose = "nodes of kind nat (nftables that go with their owner: Linux 5.12)";
    found.push(Facility::new("nftables", purpose, false, outside::attempt()));
    let opened = |name: &str, purpose: &str, result: io::Result<std::os::fd::OwnedFd>| {
        let result = result.map(drop).map_err(|source| Error::Facility { name: name.to_owned(), source });
        Facility::new(name, purpose, false, result)
    };
    found.push(opened("packet socket", "ports af_packet:, captures", sys::open_tap(VETH[0])));
    found.push(opened("tun", "links shaped in user space", sys::open_wire_end("try3", WIRE, true)));
    found.push(opened("xdp socket", "ports af_xdp:", sys::open_xdp()));
    found.push(opened("bpf", "ports af_xdp:, which load a program", sys::load_bpf()));
    found
}

/// Enters all namespaces that a lab makes.
fn try_namespaces() -> Result<(), Error> {
    userns::enter()?;
    let others = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS;
    unshare(others).map_err(Error::namespace("create", "PID, mount or host name"))?;
    Namespace::create().map(drop)
}

impl Facility {
    fn new(name: &str, purpose: &str, needed: bool, result: Result<(), Error>) -> Self {
        let error = result.err();
        Self {
            name: name.to_owned(),
            purpose: purpose.to_owned(),
            needed,
            missing: error.as_ref().map(Error::chain),
            hint: error.as_ref().and_then(Error::hint),
        }
    }
}

fn veth() -> Request {
    let end = |name, index| VethEnd { name, index, mtu: 1500, mac: None };
    let message = message::new_veth(&end("try0", VETH[0]), None, &end("try1", VETH[1]), None);
    Request::create(message, "create", "a veth")
}

fn bridge() -> Vec<Request> {
    vec![
        Request::create(message::new_switch("try2", BRIDGE, 1500, None), "create", "a bridge"),
        Request::change(message::enslave(VETH[1], BRIDGE), "attach", "a veth to a bridge"),
    ]
}

fn redirect() -> Vec<Request> {
    vec![
        Request::create(message::new_ingress(VETH[0]), "create", "an ingress queue"),
        Request::create(message::new_redirect(VETH[0], VETH[1]), "create", "a redirect"),
    ]
}

fn netem() -> Vec<Request> {
    Egress::default().create(VETH[0], "a link that is tried")
}
