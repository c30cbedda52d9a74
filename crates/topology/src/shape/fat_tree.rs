//! The k-ary fat tree of data centres: M. Al-Fares, A. Loukissas, A. Vahdat, "A scalable, commodity data center
//! network architecture", SIGCOMM 2008, section 3.

use super::ShapeError;
use super::builder::Builder;
use crate::model::NodeId;

/// A fat tree of switches with this number of ports, all in use.
pub(super) fn fat_tree(builder: &mut Builder<'_>, numbers: &[usize]) -> Result<(), ShapeError> {
    let ports = numbers[0];
    if !ports.is_multiple_of(2) {
        return Err(builder.odd());
    }
    builder.cut_loops();
    let half = ports / 2;
    let cores = half.saturating_mul(half);
    let hosts = cores.saturating_mul(ports);
    let nodes = hosts.saturating_add(cores.saturating_mul(5)); // core, and 2 * half in each of 2 * half pods
    builder.limit(nodes, hosts.saturating_mul(3), ports)?;
    let cores: Vec<NodeId> = (1..=cores).map(|number| builder.named_switch(format!("c{number}"))).collect();
    for pod in 1..=ports {
        let above = (1..=half).map(|number| builder.named_switch(format!("a{pod}x{number}")));
        let above: Vec<NodeId> = above.collect();
        for number in 1..=half {
            edge(builder, &format!("{pod}x{number}"), &above);
        }
        // The first switch of every pod is joined to the first cores, the second to the next.
        for (switch, cores) in above.iter().zip(cores.chunks(half)) {
            cores.iter().for_each(|core| builder.link(*switch, *core));
        }
    }
    Ok(())
}

/// Adds a switch with as many hosts below as there are switches above.
fn edge(builder: &mut Builder<'_>, place: &str, above: &[NodeId]) {
    let switch = builder.named_switch(format!("e{place}"));
    for number in 1..=above.len() {
        let host = builder.named_host(format!("h{place}x{number}"));
        builder.link(host, switch);
    }
    above.iter().for_each(|other| builder.link(switch, *other));
}
