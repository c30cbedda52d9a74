//! The neighbour tables, which all namespaces of a machine share.

use std::fs;

use rackless_topology::Topology;

use crate::control::Warning;

/// The limit that a kernel has unless told otherwise; a container does not see its machine's.
const DEFAULT_LIMIT: usize = 1024;

/// Warns of a lab that may overfill a table: the kernel then delays packets, and loses some.
///
/// The limit is one of the whole machine, not of a namespace, so that a lab does not raise it by itself. The
/// calling thread is in the namespace the lab was started in.
pub(crate) fn warnings(topology: &Topology) -> Vec<Warning> {
    let families = [("ipv4", "ARP", false), ("ipv6", "IPv6 neighbour", true)];
    let mut warnings = Vec::new();
    for (family, table, v6) in families {
        let limit = fs::read_to_string(format!("/proc/sys/net/{family}/neigh/default/gc_thresh3"));
        let limit = limit.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(DEFAULT_LIMIT);
        let wanted = topology.neighbours(v6);
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
