//! Write a network function once; run the same executable in memory, in an emulated network and on DPDK.
//!
//! A network function is a value with one method per packet ([`Nf`](prelude::Nf)), or a closure.
//! [`main!`] makes it a program:
//!
//! ```no_run
//! use rackless::prelude::*;
//!
//! /// Receives on `a` and sends on `b`, and the other way round.
//! fn forward(_packet: &mut Packet, _cx: &mut Context<'_>) -> Outcome {
//!     Ok(Verdict::Out(0))
//! }
//!
//! rackless::main!(|_setup: &Setup| {
//!     let graph = GraphBuilder::new().node("there", forward).node("back", forward);
//!     graph.wire("rx:a -> there -> tx:b; rx:b -> back -> tx:a")
//! });
//! ```
//!
//! The program is started as `forward run --port a=af_packet:eth0 --port b=af_packet:eth1`, with DPDK as
//! `--port a=dpdk:net_af_packet,iface=eth0`, and in a lab without any port: there it takes its node's interfaces.
//! Tests run the function in [`Harness`](prelude::Harness), in memory and virtual time.
//!
//! | Module | What it has |
//! |---|---|
//! | [`prelude`] | what a network function uses |
//! | [`packet`] | headers, checksums, builders, dissector, capture files |
//! | [`nf`] | the contract, the graph, the harness |
//! | [`ports`] | device strings and what they open |
//! | [`runtime`] | configuration, worker, control socket |
//!
//! It does not do: labs (the command `rackless`), traffic (`rackless gen`).

#![forbid(unsafe_code)]

mod program;

pub use program::{Run, run_main};
pub use rackless_nf as nf;
pub use rackless_packet as packet;
pub use rackless_ports as ports;
pub use rackless_runtime as runtime;

/// What a network function uses.
pub mod prelude {
    pub use rackless_nf::{
        Context, GraphBuilder, GraphError, Harness, Nf, Outcome, Packet, Reason, Time, Verdict, drop_reasons,
        group_by, time,
    };
    pub use rackless_packet::MacAddr;
    pub use rackless_runtime::Setup;
}

/// Makes a program of a network function: `main`, its command line, and all its runners.
///
/// The argument is a function from [`&Setup`](runtime::Setup) to a [`GraphBuilder`](nf::GraphBuilder) or an error.
#[macro_export]
macro_rules! main {
    ($build:expr) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run_main(module_path!(), $build)
        }
    };
}
