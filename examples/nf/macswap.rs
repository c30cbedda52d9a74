//! Sends every frame back to its sender: a mirror to test links and generators with.

use rackless::prelude::*;

/// Swaps the MAC addresses and sends the frame out of the port it came in by.
struct MacSwap;

impl Nf for MacSwap {
    fn packet(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        packet.ethernet_mut()?.swap();
        Ok(Verdict::Out(cx.input()))
    }
}

rackless::main!(|_setup: &Setup| Ok::<_, GraphError>(GraphBuilder::new().node("macswap", MacSwap)));

#[test]
fn a_frame_goes_back_and_half_a_frame_is_dropped_by_name() -> Result<(), GraphError> {
    let mut lab = Harness::new(GraphBuilder::new().node("macswap", MacSwap), &["a"])?;
    lab.send("a", b"\x02aaaaa\x02bbbbb\x08\x00payload");
    lab.send("a", b"\x02aaaaa");
    assert_eq!(lab.received("a"), [b"\x02bbbbb\x02aaaaa\x08\x00payload"]);
    assert_eq!(lab.drops("macswap", "malformed"), 1);
    Ok(())
}
