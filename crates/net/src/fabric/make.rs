//! Interfaces as messages for the kernel.

use std::os::fd::AsFd;

use crate::message::{self, VethEnd};
use crate::namespace::Namespace;
use crate::netlink::Request;
use crate::plan::{InterfacePlan, LinkKind, LinkPlan, NodePlan};

pub(super) fn new_interface(node: &NodePlan, interface: &InterfacePlan, namespace: &Namespace) -> Request {
    let port =
        VethEnd { name: &interface.port.name, index: interface.port.index, mtu: interface.mtu, mac: None };
    let far = VethEnd {
        name: &interface.name,
        index: interface.index,
        mtu: interface.mtu,
        mac: Some(interface.mac),
    };
    let message = message::new_veth(&port, interface.port.bridge, &far, Some(namespace.as_fd()));
    Request::create(message, "create interface", format!("{}:{}", node.name, interface.name))
}

pub(super) fn new_trunk(link: &LinkPlan) -> Vec<Request> {
    let LinkKind::Trunk { ports: [a, b] } = &link.kind else { return Vec::new() };
    let label = link.label.as_str();
    let end = |name, index| VethEnd { name, index, mtu: link.mtu, mac: None };
    let pair = message::new_veth(&end(&a.name, a.index), a.bridge, &end(&b.name, b.index), None);
    let mut requests = vec![Request::create(pair, "create link", label)];
    if let Some(bridge) = b.bridge {
        requests.push(Request::change(message::enslave(b.index, bridge), "create link", label));
    }
    requests.push(Request::change(message::set_up(b.index, true), "raise link", label));
    requests
}
