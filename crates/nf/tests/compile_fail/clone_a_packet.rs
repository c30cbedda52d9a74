//! A packet is cloned: two owners would give one buffer back twice.

use rackless_nf::{Allocator, Packet, Pool};

fn main() {
    let packet: Packet = Pool::new(1, Pool::ROOM).alloc().expect("the pool is full");
    let twice: Packet = packet.clone();
    drop((packet, twice));
}
