//! What the lab and a wire process say to each other: one JSON text per line.

use rackless_link::{Conditions, Counters};
use serde::{Deserialize, Serialize};

/// What the lab asks of a wire process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Carry frames between the two TAPs sent along. No reply.
    Add {
        /// Names the cable in later messages.
        cable: u64,
        /// Where random numbers start.
        seed: u64,
        /// Whether frames come and go behind a virtio-net header.
        header: bool,
        /// The ports to which the TAPs lead, by index, where frames may also go past them.
        ports: [Option<u32>; 2],
        /// From the first TAP to the second, and from the second to the first.
        conditions: [Conditions; 2],
        /// Whether to be exact at the cost of a core.
        precise: bool,
    },
    /// Take other conditions. No reply.
    Change { cable: u64, conditions: [Conditions; 2], precise: bool },
    /// Deliver the frames on their way, and then forget the cable. No reply.
    Remove { cable: u64 },
    /// Let no frame go to this port past its TAP from now on. No reply.
    Show { port: u32 },
    /// Tell what the cables did: [`Reply`].
    Counters,
}

/// What each cable did in both directions since it was added.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply(pub(super) Vec<(u64, [Counters; 2])>);
