//! A function keeps a packet that it was lent: `Verdict::Hold` is the way.

use rackless_nf::{Context, Nf, Outcome, Packet, Verdict};

struct Keeper<'a>(Vec<&'a mut Packet>);

impl<'a> Nf for Keeper<'a> {
    fn packet(&mut self, packet: &mut Packet, _cx: &mut Context<'_>) -> Outcome {
        self.0.push(packet);
        Ok(Verdict::Hold(0))
    }
}

fn main() {}
