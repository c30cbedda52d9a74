//! Tests of the network functions in memory and virtual time.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed")]

mod examples;
mod lab;
mod nat;
mod replaced;
mod router_errors;
mod router_liveness;
mod router_neighbours;
mod router_properties;
mod shaper;
mod wires;
