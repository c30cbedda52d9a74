//! Network functions without I/O: the packet buffer, the contract of a network function, the graph that runs
//! functions, and a harness that tests them in memory and virtual time.
//!
//! Use it to write a network function that knows neither DPDK nor Linux nor the wall clock; the crate `rackless`
//! runs it on real ports.
//!
//! ```
//! use rackless_nf::{Context, GraphBuilder, Harness, Outcome, Packet, Verdict};
//!
//! // Receive on a, send on b.
//! let forward = |_packet: &mut Packet, _cx: &mut Context<'_>| -> Outcome { Ok(Verdict::Out(0)) };
//! let graph = GraphBuilder::new().node("forward", forward).wire("rx:a -> forward -> tx:b")?;
//!
//! let mut lab = Harness::new(graph, &["a", "b"])?;
//! lab.send("a", b"any frame");
//! assert_eq!(lab.received("b"), [b"any frame"]);
//! # Ok::<(), rackless_nf::GraphError>(())
//! ```
//!
//! # Map
//! - [`buffer`]: `Packet`, an owned handle to memory laid out like an `rte_mbuf`; [`pool`]: buffers on the heap.
//! - `flow`: which flow a packet belongs to ([`Packet::flow_hash`]).
//! - [`headers`]: typed views of a packet's headers; `stack`: headers pushed and popped, tunnels entered and left.
//! - [`Nf`], [`Context`], [`Reason`]: the contract; [`group_by`]: an output for each group of packets.
//! - [`Graph`], [`GraphBuilder`], [`Wiring`]: nodes, what leads where, counters, pictures; [`Graph::swap`]
//!   and [`Graph::replace`]: functions replaced with what they know; [`Graph::trace`] and
//!   [`Graph::capture`]: packets on their way.
//! - [`Port`]: the seam to the world; [`MemoryPort`] and [`Harness`]: the world in memory.
//!
//! It does not do: sockets, threads, clocks, configuration files.

pub mod buffer;
mod context;
mod flow;
mod graph;
mod group;
mod harness;
pub mod headers;
mod nf;
pub mod pool;
mod port;
mod reason;
mod stack;

/// Time in picoseconds. 64 bits of them are 213 days, more than any run.
pub type Time = u64;

/// Picoseconds in a nanosecond, a microsecond, a millisecond, a second.
pub mod time {
    use crate::Time;
    /// One nanosecond.
    pub const NANOSECOND: Time = 1_000;
    /// One microsecond.
    pub const MICROSECOND: Time = 1_000 * NANOSECOND;
    /// One millisecond.
    pub const MILLISECOND: Time = 1_000 * MICROSECOND;
    /// One second.
    pub const SECOND: Time = 1_000 * MILLISECOND;
}

pub use buffer::Packet;
pub use context::Context;
pub use graph::build::GraphBuilder;
pub use graph::counters::{DropCount, NodeReport};
pub use graph::crash::{Call, Crash, CrashFrame};
pub use graph::error::{Error as GraphError, Mistake, Origin};
pub use graph::swap::{Fate, Succession};
pub use graph::watch::{
    CaptureError, CapturedFrame, Edge, Edges, NoteChange, PacketTrace, TraceEvent, TraceStep, WatchId,
};
pub use graph::wiring::Wiring;
pub use graph::{EdgeReport, Graph, Turn};
pub use group::{GroupBy, group_by};
pub use harness::{Harness, MemoryPort};
pub use nf::{Nf, Outcome, State, Verdict};
pub use pool::{Allocator, Pool};
pub use port::{Port, PortChange, PortError, PortInfo, PortState, PortStats};
pub use reason::Reason;
