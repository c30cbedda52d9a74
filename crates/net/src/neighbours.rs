//! The neighbour tables, which all namespaces of a machine share.

use std::fs;

use rackless_topology::Topology;

use crate::control::Warning;

/// The limit that a kernel has unless told otherwise; a container does not see its machine's.
const DEFAULT_LIMIT: usize = 1024;

/// Gives the entries that a lab may need of the tables for IPv4 and IPv6.
pub(crate) fn needed(topology: &Topology) -> [usize; 2] {
    [false, true].map(|v6| topology.neighbours(v6))
}

/// Does so for a lab that changes; 0 where it needs no more than before.
pub(crate) fn needed_more(live: &Topology, wanted: &Topology) -> [usize; 2] {
    let ([v4, v6], [live4, live6]) = (needed(wanted), needed(live));
    [(v4, live4), (v6, live6)].map(|(wanted, live)| if wanted > live { wanted } else { 0 })
}

/// Warns of a lab that may overfill a table: the kernel then delays packets, and loses some.
///
/// The limit is one of the whole machine, not of a namespace, so that a lab does not raise it by itself. The
/// calling thread is in a namespace that sees it: the one that the lab was started in, or a client's.
pub(crate) fn warnings(needed: [usize; 2]) -> Vec<Warning> {
    let families = [("ipv4", "ARP"), ("ipv6", "IPv6 neighbour")];
    let mut warnings = Vec::new();
    for ((family, table), wanted) in families.into_iter().zip(needed) {
        let limit = fs::read_to_string(format!("/proc/sys/net/{family}/neigh/default/gc_thresh3"));
        let limit = limit.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(DEFAULT_LIMIT);
        if wanted > limit {
            warnings.push(Warning {
                message: format!(
                    "if all nodes talk with each other, they need {wanted} entries of the {table} table, \
                     and this machine has {limit} for all its namespaces: packets would be late or lost"
                ),
                hint: format!(
                    "'sudo sysctl net.{family}.neigh.default.gc_thresh3={}' makes room",
                    (2 * wanted).next_power_of_two()
                ),
            });
        }
    }
    warnings
}
