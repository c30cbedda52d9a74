//! The ways of a lab to the outside: the uplinks of its nodes of kind `nat`.
//!
//! Such a node has one more interface, [`UPLINK`], a veth whose other end is in the network in which the lab was
//! started. The node masquerades what it forwards with its address there, so that the outside meets none of the lab's
//! own addresses. Outside of the lab there are, for as long as it runs:
//!
//! - the other end of the veth, with an address of four free ones of 169.254.0.0/16. The kernel removes it with the
//!   node.
//! - a table of nftables that masquerades the node's address behind those of the machine. Its socket owns it: the
//!   kernel removes it when the lab's process is gone.
//! - the switch `forwarding` of interfaces where it was off, without which answers would not find their way back. Which
//!   they are stands in the lab's folder, and who removes the folder turns them off again (see [`forwarding`]). So that
//!   the machine becomes no router for others, the table drops what comes in by them, but for what goes on to a lab.
//!
//! A firewall of the machine that drops what it does not know drops this too. IPv6 does not leave the lab.

pub(crate) mod forwarding;
mod nft;
mod subnet;

use std::net::IpAddr;
use std::os::fd::AsFd;
use std::path::Path;

use ipnet::{IpNet, Ipv4Net};
use netlink_packet_core::{NetlinkDeserializable, NetlinkHeader};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use nix::net::if_::if_nametoindex;
use rackless_topology::Topology;
use rackless_topology::model::{Kind, Node, UPLINK};

use crate::error::Error;
use crate::fabric::Fabric;
use crate::message::{self, VethEnd};
use crate::namespace::Namespace;
use crate::netlink::{Netlink, Request};
use crate::plan::UPLINK_INDEX;
use nft::{Chain, Hook, Table, Term};

/// The MTU of an uplink: that of most networks.
const MTU: u32 = 1500;

/// How the names of uplinks begin, outside.
const NAME: &str = "rk";

/// The uplinks of a lab.
pub(crate) struct Uplinks {
    outside: Namespace,
    /// Whether an ordinary user's lab wants them.
    rootless: bool,
    made: Vec<Uplink>,
    /// How many were made; their interfaces are numbered.
    count: usize,
    /// Outside: it goes with this value.
    table: Option<Table>,
    /// How often that was made; its names differ, so that one goes when the next is there.
    tables: usize,
}

/// The uplink of a node.
struct Uplink {
    node: String,
    /// The interface outside, and its index there.
    name: String,
    index: u32,
    /// The addresses outside and of the node.
    sides: [Ipv4Net; 2],
    /// In the node: it goes with this value.
    table: Option<Table>,
}

/// Says why a lab that needs the outside cannot have it; the calling process is still the one that was started.
pub(crate) fn check(topology: &Topology) -> Result<(), Error> {
    refuse(topology, !nix::unistd::geteuid().is_root())
}

fn refuse(topology: &Topology, rootless: bool) -> Result<(), Error> {
    match topology.nodes.iter().find(|node| node.kind == Kind::Nat) {
        Some(node) if rootless => Err(Error::NatRootless { node: node.name.clone() }),
        _ => Ok(()),
    }
}

/// Tries whether packets can be masqueraded, in the calling thread's network namespace; nothing is left.
pub(crate) fn attempt() -> Result<(), Error> {
    let rules = vec![vec![Term::Masquerade]];
    table("rackless-try", "a nat", &[Chain { name: "leave", hook: Some(Hook::MASQUERADE), rules }]).map(drop)
}

impl Uplinks {
    /// Makes what uplinks into the network `outside` begin with; there is none yet.
    pub(crate) fn none(outside: Namespace, rootless: bool) -> Self {
        Self { outside, rootless, made: Vec::new(), count: 0, table: None, tables: 0 }
    }

    /// Says why a lab that runs cannot have the uplinks that it shall have.
    pub(crate) fn check(&self, topology: &Topology) -> Result<(), Error> {
        refuse(topology, self.rootless)
    }

    /// Makes the uplinks that nodes of kind `nat` have not got; `folder` is the lab's.
    ///
    /// The nodes are there already, and the uplinks of those that are gone have been [removed](Self::remove_all_but).
    /// When this fails, what was changed outside is undone by removing the folder, or by the next change.
    pub(crate) fn make(&mut self, topology: &Topology, fabric: &Fabric, folder: &Path) -> Result<(), Error> {
        let has = |uplinks: &Self, node: &Node| uplinks.made.iter().any(|made| made.node == node.name);
        let nodes: Vec<&Node> =
            topology.nodes.iter().filter(|node| node.kind == Kind::Nat && !has(self, node)).collect();
        if nodes.is_empty() {
            return Ok(());
        }
        nodes.iter().try_for_each(|node| {
            let namespace =
                fabric.node(&node.name).ok_or_else(|| Error::NoNetwork { node: node.name.clone() })?;
            self.add(node, namespace)
        })?;
        self.open_outside(folder)
    }

    /// Makes one node's uplink: both interfaces with their addresses, and what the node does with packets.
    fn add(&mut self, node: &Node, namespace: &Namespace) -> Result<(), Error> {
        let number = self.count;
        self.count += 1;
        let uplink = self.outside.within(|| Uplink::make(node, namespace, number))?;
        let near = uplink.sides[1];
        let gateway = IpAddr::V4(uplink.sides[0].addr());
        let place = self.made.len();
        self.made.push(uplink);
        let table = namespace.within(|| {
            let what = || format!("uplink of {}", node.name);
            let default = IpNet::V4(Ipv4Net::default());
            Netlink::open()?.send(vec![
                Request::change(message::no_generated_address(UPLINK_INDEX), "configure", what()),
                Request::change(message::set_up(UPLINK_INDEX, true), "raise", what()),
                Request::create(
                    message::new_address(UPLINK_INDEX, &near.into()),
                    "give an address to",
                    what(),
                ),
                Request::create(
                    message::new_route(&default, Some(gateway), UPLINK_INDEX),
                    "give a default route to",
                    what(),
                ),
            ])?;
            let rules = vec![vec![Term::Out(UPLINK_INDEX), Term::Masquerade]];
            table("rackless", &node.name, &[Chain { name: "leave", hook: Some(Hook::MASQUERADE), rules }])
        })?;
        self.made[place].table = Some(table);
        Ok(())
    }

    /// Lets what comes from the uplinks leave the machine, and the answers come back.
    fn open_outside(&mut self, folder: &Path) -> Result<(), Error> {
        let made = &self.made;
        self.tables += 1;
        let name = format!("rackless-{}.{}", nix::unistd::getpid(), self.tables);
        let table = self.outside.within(|| {
            made.iter().try_for_each(|uplink| forwarding::open(&uplink.name))?;
            let names = forwarding::plan(folder)?;
            // One that vanished meanwhile needs no rule.
            let opened: Vec<u32> =
                names.iter().filter_map(|name| if_nametoindex(name.as_str()).ok()).collect();
            let leave = made.iter().map(|uplink| {
                vec![Term::From(uplink.sides[1].addr()), Term::NotOut(uplink.index), Term::Masquerade]
            });
            let chains = [
                Chain { name: "leave", hook: Some(Hook::MASQUERADE), rules: leave.collect() },
                Chain {
                    name: "closed",
                    hook: None,
                    rules: vec![vec![Term::OutLike(NAME), Term::Return], vec![Term::Drop]],
                },
                Chain {
                    name: "pass",
                    hook: Some(Hook::FORWARD),
                    rules: opened.iter().map(|index| vec![Term::In(*index), Term::Jump("closed")]).collect(),
                },
            ];
            // What shall stay closed is closed before anything is opened.
            let table = table(&name, &made[0].node, &chains)?;
            names.iter().try_for_each(|name| forwarding::open(name))?;
            Ok(table)
        })?;
        self.table = Some(table);
        Ok(())
    }

    /// Removes the uplinks of nodes that are not to be kept; on return they are gone, and what is open for none is closed.
    pub(crate) fn remove_all_but(
        &mut self,
        is_kept: impl Fn(&str) -> bool,
        folder: &Path,
    ) -> Result<(), Error> {
        let (kept, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.made).into_iter().partition(|uplink| is_kept(&uplink.node));
        self.made = kept;
        if gone.is_empty() {
            return Ok(());
        }
        let last = self.made.is_empty();
        let removed = self.outside.within(|| {
            let closed = if last { forwarding::close(folder) } else { Ok(()) };
            let delete = |uplink: &Uplink| {
                let object = format!("uplink of {}", uplink.node);
                Request::change(message::delete_interface(uplink.index), "remove", object)
            };
            let removed = Netlink::open()?.send(gone.iter().map(delete).collect());
            closed.and(removed)
        });
        match last {
            true => self.table = None,
            false => self.open_outside(folder)?,
        }
        removed
    }
}

impl Uplink {
    /// Makes the two interfaces, and raises the one in the calling thread's namespace, which is outside.
    fn make(node: &Node, namespace: &Namespace, number: usize) -> Result<Self, Error> {
        let pid = nix::unistd::getpid();
        let what = || format!("uplink of {}", node.name);
        let mut netlink = Netlink::open()?;
        let start = pid.as_raw().unsigned_abs().wrapping_add(u32::try_from(number).unwrap_or_default());
        let sides = subnet::free(start, &addresses(&mut netlink)?)
            .ok_or_else(|| Error::NoSubnet { node: node.name.clone() })?;
        // A process number has at most 7 digits.
        let name = format!("{NAME}{pid}.{number}");
        let index = outside_index(pid.as_raw().unsigned_abs(), number);
        let far = VethEnd { name: &name, index, mtu: MTU, mac: None };
        let near = VethEnd { name: UPLINK, index: UPLINK_INDEX, mtu: MTU, mac: None };
        let veth = message::new_veth(&far, None, &near, Some(namespace.as_fd()));
        netlink.send(vec![Request::create(veth, "create", what())])?;
        let address = message::new_address(index, &sides[0].into());
        netlink.send(vec![Request::create(address, "give an address to", what())])?;
        Ok(Self { node: node.name.clone(), name, index, sides, table: None })
    }
}

/// Gives an index that no other interface outside is likely to have: the kernel takes that of the node's end only with
/// one for this end. A process number has at most 22 bits.
fn outside_index(pid: u32, number: usize) -> u32 {
    const PROCESS_BITS: u32 = 22;
    let number = u32::try_from(number % 255).unwrap_or_default() + 1;
    (number << PROCESS_BITS) | (pid & ((1 << PROCESS_BITS) - 1))
}

fn table(name: &str, node: &str, chains: &[Chain]) -> Result<Table, Error> {
    let failed = |source| Error::Nat { node: node.to_owned(), action: "masquerade (nftables) for", source };
    Table::create(name, chains).map_err(failed)
}

/// Lists the IPv4 addresses in the namespace of a socket.
fn addresses(netlink: &mut Netlink) -> Result<Vec<Ipv4Net>, Error> {
    /// RTM_NEWADDR of linux/rtnetlink.h.
    const NEW_ADDRESS: u16 = 20;
    let answers = netlink.dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()))?;
    let address = |payload: &Vec<u8>| {
        let mut header = NetlinkHeader::default();
        header.message_type = NEW_ADDRESS;
        let RouteNetlinkMessage::NewAddress(message) =
            RouteNetlinkMessage::deserialize(&header, payload).ok()?
        else {
            return None;
        };
        let length = message.header.prefix_len;
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Local(IpAddr::V4(address)) => Ipv4Net::new(*address, length).ok(),
            _ => None,
        })
    };
    Ok(answers.iter().filter_map(address).collect())
}
