//! What joins the ports of a link in the fabric, as messages for the kernel.

use crate::message;
use crate::netlink::Request;
use crate::plan::{LinkKind, LinkPlan, Port};

/// What joins the two ports of a cable that does nothing to frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    /// tc redirects each frame to the other port.
    Redirect,
    /// A bridge with two ports that learns nothing.
    Bridge,
}

/// The way of frames between the ports of a link.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way<'a> {
    /// Straight.
    Straight(Join),
    /// Through the TAPs of a wire: the first on the side of the first port.
    Wire(&'a [Port; 2]),
}

/// Prepares the ports of a cable that is to be joined in the given way for the first time.
pub(crate) fn prepare(link: &LinkPlan, join: Join) -> Vec<Request> {
    let LinkKind::Cable { ports, spare } = &link.kind else { return Vec::new() };
    match join {
        Join::Redirect => ports.iter().map(|port| ingress(link, port)).collect(),
        Join::Bridge => {
            let bridge = message::new_cable_bridge(&spare.name, spare.index, link.mtu);
            vec![Request::create(bridge, "join link", link.label.as_str())]
        }
    }
}

/// Prepares the TAPs of a wire: what comes out of them goes to the ports.
pub(crate) fn prepare_wire(link: &LinkPlan, taps: &[Port; 2]) -> Vec<Request> {
    let label = link.label.as_str();
    let mut requests: Vec<Request> = taps
        .iter()
        .map(|tap| Request::change(message::adopt(tap.index, link.mtu), "raise wire", label))
        .collect();
    for (port, tap) in redirected(link, taps) {
        requests.extend([ingress(link, port), ingress(link, tap), redirect(link, tap, port)]);
    }
    requests
}

/// Lets frames pass.
pub(crate) fn connect(link: &LinkPlan, way: Way<'_>) -> Vec<Request> {
    match (&link.kind, way) {
        (LinkKind::Cable { ports: [a, b], .. }, Way::Straight(Join::Redirect)) => {
            vec![redirect(link, a, b), redirect(link, b, a)]
        }
        (LinkKind::Cable { ports, spare }, Way::Straight(Join::Bridge)) => {
            let mut requests: Vec<Request> =
                ports.iter().map(|port| enslave(link, port, spare.index)).collect();
            requests.extend(
                ports
                    .iter()
                    .map(|port| Request::change(message::open_port(port.index), "join link", label(link))),
            );
            requests
        }
        (_, Way::Straight(_)) => {
            let bridged = link.ports().iter().filter_map(|port| Some((port, port.bridge?)));
            bridged.map(|(port, bridge)| enslave(link, port, bridge)).collect()
        }
        (_, Way::Wire(taps)) => {
            let bridged = taps.iter().zip(bridges(link)).filter_map(|(tap, bridge)| Some((tap, bridge?)));
            let bridged = bridged.map(|(tap, bridge)| enslave(link, tap, bridge));
            let redirected = redirected(link, taps).into_iter().map(|(port, tap)| redirect(link, port, tap));
            bridged.chain(redirected).collect()
        }
    }
}

/// Leads frames from the straight way through a wire.
///
/// Where redirects are, each is swapped at once and no frame gets lost or doubled. At a bridge, the TAP is there
/// before the port goes: a broadcast may come twice in that moment. Two bridges are parted for that moment, since
/// frames would circle on two ways.
pub(crate) fn detour(link: &LinkPlan, taps: &[Port; 2]) -> Vec<Request> {
    let (on, off) = (connect(link, Way::Wire(taps)), leave(link));
    match link.kind {
        LinkKind::Trunk { .. } => off.into_iter().chain(on).collect(),
        _ => on.into_iter().chain(off).collect(),
    }
}

/// Leads frames from a wire back to the straight way, as [`detour`] does.
pub(crate) fn return_from(link: &LinkPlan, taps: &[Port; 2], join: Join) -> Vec<Request> {
    let on = connect(link, Way::Straight(join));
    match link.kind {
        LinkKind::Cable { .. } => on,
        LinkKind::Drop { .. } => on.into_iter().chain(disconnect(link, Way::Wire(taps))).collect(),
        LinkKind::Trunk { .. } => disconnect(link, Way::Wire(taps)).into_iter().chain(on).collect(),
        LinkKind::Memory => Vec::new(),
    }
}

/// Takes the ports of a link out of their bridges.
fn leave(link: &LinkPlan) -> Vec<Request> {
    link.ports().iter().filter(|port| port.bridge.is_some()).map(|port| release(link, port)).collect()
}

/// Drops every frame and leaves the ports up: what arrives there meets a namespace without addresses.
pub(crate) fn disconnect(link: &LinkPlan, way: Way<'_>) -> Vec<Request> {
    match (&link.kind, way) {
        (LinkKind::Cable { ports, .. }, Way::Straight(Join::Redirect)) => {
            ports.iter().map(|port| unredirect(link, port)).collect()
        }
        // A port that is merely disabled comes back by itself when the node takes its end down and up.
        (_, Way::Straight(_)) => link.ports().iter().map(|port| release(link, port)).collect(),
        (_, Way::Wire(taps)) => {
            let redirected = redirected(link, taps).into_iter().map(|(port, _)| unredirect(link, port));
            let bridged = taps.iter().zip(bridges(link)).filter(|(_, bridge)| bridge.is_some());
            redirected.chain(bridged.map(|(tap, _)| release(link, tap))).collect()
        }
    }
}

/// Gives the bridge on each side of a link, where there is one.
fn bridges(link: &LinkPlan) -> [Option<u32>; 2] {
    match &link.kind {
        LinkKind::Cable { .. } | LinkKind::Memory => [None, None],
        LinkKind::Drop { port, .. } => [None, port.bridge],
        LinkKind::Trunk { ports: [a, b] } => [a.bridge, b.bridge],
    }
}

/// Gives the indices of the ports that the TAPs of a wire reach by a redirect.
pub(crate) fn ports_behind(link: &LinkPlan) -> [Option<u32>; 2] {
    match &link.kind {
        LinkKind::Cable { ports: [a, b], .. } => [Some(a.index), Some(b.index)],
        LinkKind::Drop { port, .. } => [Some(port.index), None],
        LinkKind::Trunk { .. } | LinkKind::Memory => [None, None],
    }
}

/// Gives the ports that a wire reaches by a redirect, each with its TAP.
fn redirected<'a>(link: &'a LinkPlan, taps: &'a [Port; 2]) -> Vec<(&'a Port, &'a Port)> {
    match &link.kind {
        LinkKind::Cable { ports, .. } => ports.iter().zip(taps).collect(),
        LinkKind::Drop { port, .. } => vec![(port, &taps[0])],
        LinkKind::Trunk { .. } | LinkKind::Memory => Vec::new(),
    }
}

fn label(link: &LinkPlan) -> &str {
    link.label.as_str()
}

fn ingress(link: &LinkPlan, port: &Port) -> Request {
    Request::replace(message::new_ingress(port.index), "join link", label(link))
}

fn redirect(link: &LinkPlan, from: &Port, to: &Port) -> Request {
    Request::replace(message::new_redirect(from.index, to.index), "join link", label(link))
}

fn unredirect(link: &LinkPlan, from: &Port) -> Request {
    Request::change(message::delete_redirect(from.index), "silence link", label(link))
}

fn enslave(link: &LinkPlan, port: &Port, bridge: u32) -> Request {
    Request::change(message::enslave(port.index, bridge), "join link", label(link))
}

fn release(link: &LinkPlan, port: &Port) -> Request {
    Request::change(message::release(port.index), "silence link", label(link))
}
