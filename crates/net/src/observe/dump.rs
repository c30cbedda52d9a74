//! Interfaces and their queues, over routing netlink.

use std::collections::BTreeMap;

use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage, Stats64};

use super::{Counters, InterfaceObservation};
use crate::disciplines;
use crate::error::Error;
use crate::netlink::Netlink;

/// Lists the interfaces in the calling thread's namespace.
pub(super) fn interfaces() -> Result<Vec<InterfaceObservation>, Error> {
    let mut netlink = Netlink::open()?;
    let links = netlink.links()?;
    let disciplines = disciplines::read(&mut netlink)?;
    let interface = |link: LinkMessage| {
        let queue_drops = disciplines.get(&link.header.index).map(|found| found.drops());
        interface(link, queue_drops.unwrap_or_default())
    };
    Ok(links.into_iter().map(interface).collect())
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
