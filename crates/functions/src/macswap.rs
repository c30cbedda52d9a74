//! Answers every frame where it came from.

use rackless_nf::{Context, Nf, Outcome, Packet, Verdict};

/// Swaps source and destination MAC address and sends the frame back out of the port that it came in by.
#[derive(Clone, Copy, Debug, Default)]
pub struct MacSwap;

impl Nf for MacSwap {
    fn packet(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        packet.ethernet_mut()?.swap();
        Ok(Verdict::Out(cx.input()))
    }
}

#[cfg(test)]
mod tests {
    use super::MacSwap;
    use rackless_nf::{GraphBuilder, Harness};

    #[test]
    fn addresses_are_swapped_and_frames_too_short_for_them_dropped() {
        let mut lab = Harness::new(GraphBuilder::new().node("macswap", MacSwap), &["a", "b"]).unwrap();
        lab.send("b", b"dstdstsrcsrc\x12\x34payload");
        assert_eq!(lab.received("b"), [b"srcsrcdstdst\x12\x34payload"]);
        lab.send("b", b"short");
        assert_eq!(lab.drops("macswap", "malformed"), 1);
    }
}
