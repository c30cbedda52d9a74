use serde::{Deserialize, Serialize};

/// What of a frame counts against a rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layer {
    /// All that occupies an Ethernet cable: the frame, padded to 60 bytes, its checksum (4), preamble and start
    /// delimiter (8) and the gap between frames (12). IEEE 802.3, clause 4.
    #[serde(alias = "l1")]
    L1,
    /// The frame without its checksum, as `tc` and interface counters count.
    #[default]
    #[serde(alias = "l2")]
    L2,
    /// The packet: the frame without Ethernet header and VLAN tags, as access providers count.
    #[serde(alias = "l3")]
    L3,
}
