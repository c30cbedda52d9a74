//! Packets shared out over outputs.

use ahash::RandomState;
use rackless_nf::{Context, Nf, Outcome, Packet, Verdict};
use rackless_packet::{L3Kind, L4Kind};
use serde::Deserialize;

/// What a [`Split`] is told: the keys of its configuration.
///
/// # Examples
/// ```
/// let config: rackless_functions::SplitConfig = toml::from_str(r#"
///     by = "flow"    # or "turn": each packet to the next output; default "flow"
/// "#)?;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitConfig {
    /// What decides.
    pub by: SplitBy,
}

/// What decides by which output a packet leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// Its flow: addresses, protocol, and ports of TCP, UDP and SCTP. All packets of a flow, of both directions, leave
    /// by one output.
    #[default]
    Flow,
    /// Its turn: one to each output, then from the first again.
    Turn,
}

/// Shares packets, unchanged, out over its outputs.
///
/// Of a fragment only addresses and protocol count, so that all of a packet stay together; of a frame without IP, its
/// MAC addresses. All splits agree about a flow.
pub struct Split {
    by: SplitBy,
    hasher: RandomState,
    turn: usize,
    /// Packets by output.
    counts: Vec<u64>,
}

impl Split {
    /// Makes a split with this many outputs, of which there is at least one.
    pub fn new(config: SplitConfig, outputs: u8) -> Self {
        // The keys are of no meaning; that they are always the same lets two splits agree.
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        Self { by: config.by, hasher, turn: 0, counts: vec![0; usize::from(outputs.max(1))] }
    }

    fn of_flow(&self, packet: &Packet) -> usize {
        let hash = u128::from(self.hasher.hash_one(flow(packet)));
        // The high half of the product: evenly spread over the outputs, without a division.
        ((hash * self.counts.len() as u128) >> 64) as usize
    }
}

impl Nf for Split {
    fn packet(&mut self, packet: &mut Packet, _: &mut Context<'_>) -> Outcome {
        let output = match self.by {
            SplitBy::Flow => self.of_flow(packet),
            SplitBy::Turn => {
                let next = (self.turn + 1) % self.counts.len();
                std::mem::replace(&mut self.turn, next)
            }
        };
        self.counts[output] += 1;
        Ok(Verdict::Out(output as u8))
    }

    fn outputs(&self) -> Option<usize> {
        Some(self.counts.len())
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let counts = self.counts.iter().enumerate();
        counts.map(|(output, count)| (format!("output {output}"), *count)).collect()
    }
}

/// An address and a port.
type End = ([u8; 16], [u8; 2]);

/// What all packets of a flow share: its protocol and its two ends, the smaller first.
fn flow(packet: &Packet) -> (u8, End, End) {
    let layout = packet.layout();
    let mut ends: [End; 2] = [([0; 16], [0; 2]); 2];
    let addresses = match layout.l3.map(|l3| l3.kind) {
        Some(L3Kind::Ipv4) => packet
            .ipv4()
            .ok()
            .map(|ip| [ip.src().to_ipv6_mapped().octets(), ip.dst().to_ipv6_mapped().octets()]),
        Some(L3Kind::Ipv6) => packet.ipv6().ok().map(|ip| [ip.src().octets(), ip.dst().octets()]),
        _ => None,
    };
    match addresses {
        Some(addresses) => addresses.into_iter().zip(&mut ends).for_each(|(address, end)| end.0 = address),
        None => {
            for (mac, end) in packet.data().chunks_exact(6).zip(&mut ends) {
                end.0[..6].copy_from_slice(mac);
            }
        }
    }
    let has_ports = |kind| matches!(kind, L4Kind::Tcp | L4Kind::Udp | L4Kind::Sctp);
    if let Some(l4) = layout.l4.filter(|l4| has_ports(l4.kind) && !layout.fragment) {
        let ports = packet.data()[l4.offset.into()..].chunks_exact(2);
        ports.zip(&mut ends).for_each(|(port, end)| end.1.copy_from_slice(port));
    }
    ends.sort_unstable();
    let [a, b] = ends;
    (layout.protocol.0, a, b)
}
