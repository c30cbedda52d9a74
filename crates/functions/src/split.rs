//! Packets shared out over outputs.

use rackless_nf::{Context, Nf, Outcome, Packet, Verdict};
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
    turn: usize,
    /// Packets by output.
    counts: Vec<u64>,
}

impl Split {
    /// Makes a split with this many outputs, of which there is at least one.
    pub fn new(config: SplitConfig, outputs: u8) -> Self {
        Self { by: config.by, turn: 0, counts: vec![0; usize::from(outputs.max(1))] }
    }
}

impl Nf for Split {
    fn packet(&mut self, packet: &mut Packet, _: &mut Context<'_>) -> Outcome {
        let output = match self.by {
            SplitBy::Flow => packet.flow_share(self.counts.len()),
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
