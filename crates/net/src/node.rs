//! A node's own side: its addresses, routes and sysctls.

use std::fs;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::error::Error;
use crate::fault;
use crate::message;
use crate::namespace::Namespace;
use crate::netlink::{Netlink, Request};
use crate::plan::{InterfacePlan, NodePlan, Role};

/// Sets what the node's kernel does with packets; the calling thread is in its namespace.
///
/// It comes before the interfaces, which inherit it. Hosts need nothing: a write to `/proc/sys` in
/// every namespace of a big lab would cost more than all the rest.
pub(crate) fn set_role(node: &NodePlan) -> Result<(), Error> {
    match node.role {
        Role::Host => Ok(()),
        Role::Muted => {
            // Where its program gives the kernel an address at an interface of its own, the kernel is to answer there
            // only: it knows no ARP elsewhere, and takes no packet whose answer would leave by that interface.
            write_sysctl(&node.name, "net.ipv4.conf.default.arp_ignore", "8")?;
            write_sysctl(&node.name, "net.ipv4.conf.default.rp_filter", "1")?;
            silence_ipv6()
        }
        Role::Router => {
            for name in
                ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.default.forwarding"]
            {
                write_sysctl(&node.name, name, "1")?;
            }
            // A router of a lab forwards what its routes say, even where answers come another way.
            for name in ["net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter"] {
                write_sysctl(&node.name, name, "0")?;
            }
            Ok(())
        }
    }
}

/// Turns IPv6 off for all interfaces to come in the calling thread's namespace.
pub(crate) fn silence_ipv6() -> Result<(), Error> {
    for name in ["net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.default.disable_ipv6"] {
        if sysctl_path(name).exists() {
            write_sysctl("the fabric", name, "1")?;
        }
    }
    Ok(())
}

/// Gives the node its sysctls and brings its interfaces up.
///
/// It comes before the addresses: of a new address the kernel tells the neighbours at once, in vain where an interface
/// is down. What `live` has already stays as it is.
pub(crate) fn raise(
    node: &NodePlan,
    live: Option<&NodePlan>,
    namespace: &Namespace,
    socket: &mut Netlink,
) -> Result<(), Error> {
    if let Some((name, _)) = node.sysctl.iter().find(|(name, _)| !name.starts_with("net.")) {
        return Err(Error::HostSysctl { name: name.clone(), node: node.name.clone() });
    }
    let has = |given: &(String, String)| live.is_some_and(|live| live.sysctl.contains(given));
    let sysctls: Vec<_> = node.sysctl.iter().filter(|given| !has(given)).collect();
    if !sysctls.is_empty() {
        namespace
            .within(|| sysctls.iter().try_for_each(|(name, value)| write_sysctl(&node.name, name, value)))?;
    }
    let raise = |index| Request::change(message::set_up(index, true), "raise interfaces of node", &node.name);
    let mut requests = vec![raise(message::LOOPBACK)];
    for interface in &node.interfaces {
        if node.role != Role::Muted {
            let no_address = message::no_generated_address(interface.index);
            requests.push(Request::change(no_address, "configure interface", name_of(node, interface)));
        }
        requests.push(raise(interface.index));
    }
    socket.send(requests)
}

/// Gives the node its addresses and routes.
///
/// What `live` has already changes in its place: what is in both stays, and so do the connections that use it.
pub(crate) fn configure(node: &NodePlan, live: Option<&NodePlan>, socket: &mut Netlink) -> Result<(), Error> {
    if let Some(live) = live {
        for request in removals(live, node) {
            let _ = socket.send(vec![request]); // with an interface went its addresses and routes
        }
    }
    socket.send(additions(node, live))
}

/// What gives the node its addresses and routes.
fn additions(node: &NodePlan, live: Option<&NodePlan>) -> Vec<Request> {
    // What is there already is replaced by the same.
    let give = if live.is_some() { Request::replace } else { Request::create };
    let address = |index, address: &IpNet, interface: &str| {
        let object = format!("{address} to {}:{interface}", node.name);
        give(message::new_address(index, address), "give address", object)
    };
    let mut requests: Vec<Request> =
        node.loopback.iter().map(|given| address(message::LOOPBACK, given, "lo")).collect();
    for interface in node.interfaces.iter().filter(|_| node.role != Role::Muted) {
        let link_local = IpNet::from(ipnet::Ipv6Net::new_assert(interface.link_local, 64));
        let given = interface.addresses.iter().chain([&link_local]);
        requests.extend(given.map(|given| address(interface.index, given, &interface.name)));
    }
    requests.extend(node.routes.iter().map(|route| {
        let message = message::new_route(&route.prefix, route.via, route.index);
        give(message, "give route", format!("{} to {}", route.prefix, node.name))
    }));
    requests
}

/// What takes from the node the addresses and routes that it has in `live` alone.
fn removals(live: &NodePlan, node: &NodePlan) -> Vec<Request> {
    let routes = live.routes.iter().filter(|route| !node.routes.contains(route)).map(|route| {
        let message = message::delete_route(&route.prefix, route.via, route.index);
        Request::change(message, "take route", format!("{} from {}", route.prefix, node.name))
    });
    let given = |plan: &NodePlan| {
        let interfaces = plan.interfaces.iter();
        let interfaces = interfaces.flat_map(|at| at.addresses.iter().map(|given| (at.index, *given)));
        interfaces.chain(plan.loopback.iter().map(|given| (message::LOOPBACK, *given))).collect::<Vec<_>>()
    };
    let wanted = given(node);
    let addresses = given(live).into_iter().filter(|address| !wanted.contains(address));
    let addresses = addresses.map(|(index, address)| {
        let object = format!("{address} from {}", node.name);
        Request::change(message::delete_address(index, &address), "take address", object)
    });
    routes.chain(addresses).collect()
}

fn name_of(node: &NodePlan, interface: &InterfacePlan) -> String {
    format!("{}:{}", node.name, interface.name)
}

fn write_sysctl(node: &str, name: &str, value: &str) -> Result<(), Error> {
    fs::write(sysctl_path(name), value).map_err(|source| Error::Sysctl {
        name: name.to_owned(),
        value: value.to_owned(),
        node: node.to_owned(),
        source,
    })?;
    fault::step();
    Ok(())
}

/// Dots part the name; a slash stands for a dot inside a part, as in sysctl(8).
fn sysctl_path(name: &str) -> PathBuf {
    let parts = name.split('.').map(|part| part.replace('/', "."));
    let mut path = PathBuf::from("/proc/sys");
    path.extend(parts);
    path
}
