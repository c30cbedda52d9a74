//! Switches in a grid that is closed in both directions.

use super::ShapeError;
use super::builder::Builder;
use crate::model::NodeId;

/// A torus of switches, each with one host unless said; names and order are those of Mininet.
pub(super) fn torus(builder: &mut Builder<'_>, numbers: &[usize]) -> Result<(), ShapeError> {
    let (x, y, hosts) = (numbers[0], numbers[1], numbers.get(2).copied().unwrap_or(1));
    builder.cut_loops();
    builder.limit_loop(x.min(y))?;
    let switches = x.saturating_mul(y);
    let nodes = switches.saturating_mul(hosts.saturating_add(1));
    builder.limit(nodes, nodes.saturating_add(switches), hosts.saturating_add(4))?;
    let mut grid = vec![Vec::with_capacity(y); x];
    for (column, switches) in grid.iter_mut().enumerate() {
        for row in 0..y {
            switches.push(place(builder, &format!("{}x{}", column + 1, row + 1), hosts));
        }
    }
    for column in 0..x {
        for row in 0..y {
            builder.link(grid[column][row], grid[column][(row + 1) % y]);
            builder.link(grid[column][row], grid[(column + 1) % x][row]);
        }
    }
    Ok(())
}

/// Adds a switch with its hosts.
fn place(builder: &mut Builder<'_>, place: &str, hosts: usize) -> NodeId {
    let switch = builder.named_switch(format!("s{place}"));
    for number in 1..=hosts {
        let name = if hosts > 1 { format!("h{place}x{number}") } else { format!("h{place}") };
        let host = builder.named_host(name);
        builder.link(host, switch);
    }
    switch
}
