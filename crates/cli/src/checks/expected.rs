//! What a check wants to see, in words.

use rackless_topology::Topology;
use rackless_topology::model::{Check, Probe};

use crate::probe;

/// Says what a check wants to see.
pub(super) fn of(topology: &Topology, check: &Check) -> String {
    let quoted = |text: &str| probe::shown(text.as_bytes(), 120);
    let containing = |what: String, expect: &Option<String>| match expect {
        Some(text) => format!("{what} that contains {}", quoted(text)),
        None => what,
    };
    let wanted = match &check.probe {
        Probe::Ping { .. } => {
            return if check.fails { "no answer" } else { "an answer from each target" }.to_owned();
        }
        Probe::RoundTrips { rtt, loss, .. } => {
            let rtt = (!rtt.is_any()).then(|| format!("a median round trip of {rtt}"));
            let loss = (!loss.is_any()).then(|| format!("a loss of {loss}"));
            return rtt.into_iter().chain(loss).collect::<Vec<_>>().join(" and ");
        }
        Probe::Tcp { address, expect: expect @ Some(_), .. } => {
            containing(format!("an answer of {address}"), expect)
        }
        Probe::Tcp { address, expect: None, .. } => format!("a connection to {address}"),
        Probe::Udp { address, expect, .. } => containing(format!("an answer of {address}"), expect),
        Probe::Http { url, status, expect: Some(text) } => {
            format!("status {status} of {url} and a body that contains {}", quoted(text))
        }
        Probe::Http { url, status, expect: None } => format!("status {status} of {url}"),
        Probe::Throughput { to, rate, .. } => {
            let to = to.node.map_or("", |id| &topology[id].name);
            return format!("a throughput to {to} of {rate}");
        }
        Probe::Seen { end, filter, count } => {
            let packets = if *count == 1 { "a packet".to_owned() } else { format!("{count} packets") };
            let filter = if filter.as_str().is_empty() { "any" } else { filter.as_str() };
            format!("{packets} ({filter}) at {}", topology.end_name(*end))
        }
        Probe::Run { command, expect } => {
            let succeeds = format!("'{command}' to succeed");
            match expect {
                Some(_) => containing(format!("{succeeds} with output"), expect),
                None => succeeds,
            }
        }
    };
    if check.fails { format!("not {wanted}") } else { wanted }
}
