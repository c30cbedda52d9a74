//! What holds for all packets: property tests, with `etherparse` as the oracle.

mod captures;
mod filters;
mod oracle;
mod robust;
mod tunnels;
