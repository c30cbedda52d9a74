//! Two mutable views of one packet at once.

use rackless_nf::{Context, Outcome, Packet, Verdict};

fn packet(packet: &mut Packet, _cx: &mut Context<'_>) -> Outcome {
    let ethernet = packet.ethernet_mut()?;
    let ip = packet.ipv4_mut()?;
    ip.ttl -= 1;
    ethernet.swap();
    Ok(Verdict::Out(0))
}

fn main() {}
