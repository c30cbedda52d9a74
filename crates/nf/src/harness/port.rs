//! A port in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rackless_packet::MacAddr;

use crate::{Allocator, Packet, Pool, Port, PortInfo, PortStats};

/// A port in memory: what is put into it is received, what is sent can be taken out.
///
/// Clones share the queues: one goes to the graph, one stays with the test.
#[derive(Clone)]
pub struct MemoryPort {
    pub(super) info: PortInfo,
    pool: Pool,
    wire: Arc<Mutex<Wire>>,
}

#[derive(Default)]
struct Wire {
    arriving: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
    stats: PortStats,
}

impl MemoryPort {
    /// A port with a name, a MAC address and the pool that received frames are copied into.
    pub fn new(name: &str, mac: MacAddr, pool: Pool) -> Self {
        let info = PortInfo { name: name.to_owned(), device: format!("memory:{name}"), mac, mtu: 1500 };
        Self { info, pool, wire: Arc::default() }
    }

    /// Puts a frame on the wire towards the port.
    pub fn push(&self, frame: &[u8]) {
        self.wire().arriving.push_back(frame.to_vec());
    }

    /// Takes the frames that were sent since the last call.
    pub fn take_sent(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.wire().sent)
    }

    /// Looks at the frames that were sent since the last [`MemoryPort::take_sent`].
    pub(super) fn each_sent(&self, look: impl FnMut(&Vec<u8>)) {
        self.wire().sent.iter().for_each(look);
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        // Queues of finished frames stay valid when a test thread panics.
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Port for MemoryPort {
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        let mut received = 0;
        while received < max {
            let Some(frame) = wire.arriving.pop_front() else { break };
            let Some(mut packet) = self.pool.alloc() else {
                wire.stats.rx_no_buffer += 1;
                continue;
            };
            if packet.set_data(&frame).is_err() {
                wire.stats.rx_errors += 1;
                continue;
            }
            wire.stats.rx_packets += 1;
            wire.stats.rx_bytes += frame.len() as u64;
            into.push(packet);
            received += 1;
        }
        received
    }

    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
        let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = packets.len();
        wire.stats.tx_packets += taken as u64;
        wire.stats.tx_bytes += packets.iter().map(|packet| packet.len() as u64).sum::<u64>();
        wire.sent.extend(packets.iter().map(|packet| packet.data().to_vec()));
        Packet::free_burst(packets);
        taken
    }

    fn info(&self) -> &PortInfo {
        &self.info
    }

    fn stats(&self) -> PortStats {
        self.wire().stats
    }
}
