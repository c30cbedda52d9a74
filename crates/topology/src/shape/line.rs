//! Switches in a row, alone, or in a ring.

use super::ShapeError;
use super::builder::Builder;
use crate::model::NodeId;

/// One switch with hosts.
pub(super) fn single(builder: &mut Builder<'_>, numbers: &[usize]) -> Result<(), ShapeError> {
    linear(builder, &[1, numbers[0]])
}

/// A row of switches, each with one host unless said.
pub(super) fn linear(builder: &mut Builder<'_>, numbers: &[usize]) -> Result<(), ShapeError> {
    let (switches, hosts) = row_of(numbers);
    let nodes = switches.saturating_mul(hosts.saturating_add(1));
    builder.limit(nodes, nodes - 1, hosts.saturating_add((switches - 1).min(2)))?;
    let row = row(builder, switches, hosts);
    join_row(builder, &row);
    Ok(())
}

/// A row of switches whose last is joined to its first.
pub(super) fn ring(builder: &mut Builder<'_>, numbers: &[usize]) -> Result<(), ShapeError> {
    let (switches, hosts) = row_of(numbers);
    builder.cut_loops();
    builder.limit_loop(switches)?;
    let nodes = switches.saturating_mul(hosts.saturating_add(1));
    builder.limit(nodes, nodes, hosts.saturating_add(2))?;
    let row = row(builder, switches, hosts);
    join_row(builder, &row);
    builder.link(row[switches - 1], row[0]);
    Ok(())
}

/// Returns the number of switches, and of hosts at each.
pub(super) fn row_of(numbers: &[usize]) -> (usize, usize) {
    (numbers[0], numbers.get(1).copied().unwrap_or(1))
}

/// Adds switches with their hosts, and returns the switches.
pub(super) fn row(builder: &mut Builder<'_>, switches: usize, hosts: usize) -> Vec<NodeId> {
    let row: Vec<NodeId> = (0..switches).map(|_| builder.switch()).collect();
    // Host by host, as Mininet numbers them: the first host of every switch, then the second.
    for number in 1..=hosts {
        for (index, switch) in row.iter().enumerate() {
            let host = if hosts > 1 && switches > 1 {
                builder.named_host(format!("h{number}s{}", index + 1))
            } else {
                builder.host()
            };
            builder.link(host, *switch);
        }
    }
    row
}

fn join_row(builder: &mut Builder<'_>, row: &[NodeId]) {
    for pair in row.windows(2) {
        builder.link(pair[0], pair[1]);
    }
}
