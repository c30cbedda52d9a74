//! Interfaces and their queues, over routing netlink.

use std::collections::BTreeMap;

use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage, Stats64};

use super::{Counters, InterfaceObservation};
use crate::disciplines;
use crate::error::Error;
use crate::netlink::Netlink;

/// The type of a message that tells of an interface (linux/rtnetlink.h).
const RTM_NEWLINK: u16 = 16;

/// Lists the interfaces in the calling thread's namespace.
pub(super) fn interfaces() -> Result<Vec<InterfaceObservation>, Error> {
    let mut netlink = Netlink::open()?;
    let links = netlink.messages(Message::GetLink(LinkMessage::default()), RTM_NEWLINK)?;
    let disciplines = disciplines::read(&mut netlink)?;
    let interface = |message: Message| match message {
        Message::NewLink(link) => {
            let queue_drops =
                disciplines.get(&link.header.index).map(|found| found.drops()).unwrap_or_default();
            Some(interface(link, queue_drops))
        }
        _ => None,
    };
    Ok(links.into_iter().filter_map(interface).collect())
}

fn interface(link: LinkMessage, queue_drops: BTreeMap<String, u64>) -> InterfaceObservation {
    let mut found = InterfaceObservation {
        name: String::new(),
        index: link.header.index,
        up: link.header.flags.contains(LinkFlags::Up),
        carrier: false,
        counters: Counters::default(),
        queue_drops,
    };
    for attribute in link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => found.name = name,
            LinkAttribute::Carrier(carrier) => found.carrier = carrier != 0,
            LinkAttribute::Stats64(stats) => found.counters = Counters::from(stats),
            _ => {}
        }
    }
    found
}

impl From<Stats64> for Counters {
    fn from(stats: Stats64) -> Self {
        Self {
            rx_packets: stats.rx_packets,
            rx_bytes: stats.rx_bytes,
            rx_dropped: stats.rx_dropped,
            rx_errors: stats.rx_errors,
            tx_packets: stats.tx_packets,
            tx_bytes: stats.tx_bytes,
            tx_dropped: stats.tx_dropped,
            tx_errors: stats.tx_errors,
        }
    }
}
