//! Switches each of which is joined to each other.

use super::ShapeError;
use super::builder::Builder;
use super::line;

/// A full mesh of switches, each with one host unless said.
pub(super) fn mesh(builder: &mut Builder<'_>, numbers: &[usize]) -> Result<(), ShapeError> {
    let (switches, hosts) = line::row_of(numbers);
    builder.cut_loops();
    builder.limit_loop(switches)?;
    let trunks = switches.saturating_mul(switches - 1) / 2;
    let links = switches.saturating_mul(hosts).saturating_add(trunks);
    let nodes = switches.saturating_mul(hosts.saturating_add(1));
    builder.limit(nodes, links, hosts.saturating_add(switches - 1))?;
    let row = line::row(builder, switches, hosts);
    for (index, one) in row.iter().enumerate() {
        for other in &row[index + 1..] {
            builder.link(*one, *other);
        }
    }
    Ok(())
}
