//! Echo requests over ICMP and ICMPv6, to many targets at once.

mod measure;
mod reach;
mod wire;

pub(super) use measure::{Wanted, measure};
pub(super) use reach::reach;

/// How many targets a finding names.
const NAMED: usize = 3;

/// Joins what is wrong with targets, and counts what is not named.
fn name_some(all: &[String]) -> String {
    let named = all[..all.len().min(NAMED)].join("; ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}
