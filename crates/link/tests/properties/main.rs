//! Properties of the crate, by what a frame meets.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod conditions;
mod delay;
mod faults;
mod model;
mod probe;
mod queue;
mod rate;
mod trace;
mod units;
