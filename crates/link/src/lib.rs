//! What a cable does to frames: a description of its conditions, and a model of them. Use it wherever frames pass a
//! link that is not there: between two sockets in real time, or between two simulated hosts in virtual time.
//!
//! # Examples
//! ```
//! use rackless_link::{Conditions, Direction, DropReason};
//!
//! let conditions: Conditions = toml::from_str("delay = \"10 ms\"\nloss = \"50 %\"")?;
//! let mut direction = Direction::new(&conditions, 7, 0);
//! for number in 0..100 {
//!     direction.offer(vec![number; 60], 0);
//! }
//!
//! let due = direction.next_due().ok_or("all were lost")?;
//! assert_eq!(due, conditions.delay.as_ps());
//! let mut arrived = 0;
//! while direction.take_due(due).is_some() {
//!     arrived += 1;
//! }
//! assert_eq!(arrived + direction.counters().dropped.of(DropReason::Loss).frames, 100);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Modules
//! - `conditions`: what a cable does in one direction, as a value with a text form, and presets of well-known links.
//! - `direction`: the model, and the order in which a frame meets the conditions; `bottleneck`: queue and
//!   transmitter; `cable`: loss, doubles, damage, delay; `line`: the frames on their way.
//! - `frame`: what the model needs of a frame; [`ethernet`]: the same for the bytes of one.
//! - `counters`: what became of the frames.
//! - [`units`]: durations, rates, probabilities and sizes, with one text form.
//! - `patch`: changes to some of the conditions.
//!
//! # What it does not do
//! It reads no clock and moves no bytes: times come in as arguments, and frames stay where they are. It knows one
//! direction at a time, no half-duplex or shared media, and no queue per flow. It does not cut frames into segments:
//! one that stands for several is sent, lost and delivered whole.

#![forbid(unsafe_code)]

mod bottleneck;
mod cable;
mod conditions;
mod counters;
mod direction;
pub mod ethernet;
mod frame;
mod line;
mod patch;
mod random;
pub mod units;

pub use conditions::{
    Chance, CoDel, Conditions, ConditionsError, Distribution, Jitter, Layer, Limit, LossModel,
    ParseLimitError, Preset, Queue, Red, Reorder, Trace, TraceError, preset, presets,
};
pub use counters::{Count, Counters, DropReason, Drops};
pub use direction::Direction;
pub use frame::Frame;
pub use patch::Patch;

/// A moment: picoseconds since any start, the same for all calls.
pub type Time = u64;

pub(crate) const PS_PER_SECOND: u64 = 1_000_000_000_000;

/// Bytes of an Ethernet frame that carries a packet of 1500 bytes, without its checksum.
pub(crate) const FULL_FRAME: u64 = 1514;
