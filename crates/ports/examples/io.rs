//! Forwards between two ports as fast as it can, in both directions, until its time is over: what testpmd calls
//! `io`. Prints the counters of both ports and the CPU time per packet.
//!
//! ```text
//! io af_packet:eth0 af_packet:eth1 3
//! io dpdk:net_null,size=64 dpdk:net_null,size=64 3
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use rackless_nf::{Packet, Port};
use rackless_ports::{Options, open};

/// Packets per burst, DPDK's usual number.
const BURST: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [a, b, seconds] = &words[..] else { return Err("use: io <device> <device> <seconds>".into()) };
    let options = Options::default();
    let mut ports = [open("a", &a.parse()?, &options)?, open("b", &b.parse()?, &options)?];
    let end = Instant::now() + Duration::from_secs_f64(seconds.parse()?);
    let start = cpu_ns()?;
    let mut packets: Vec<Packet> = Vec::with_capacity(BURST);
    while Instant::now() < end {
        // The clock is looked at rarely.
        for _ in 0..256 {
            let [a, b] = &mut ports;
            forward(&mut **a, &mut **b, &mut packets);
            forward(&mut **b, &mut **a, &mut packets);
        }
    }
    let stats = ports.each_ref().map(|port| port.stats());
    let sent: u64 = stats.iter().map(|stats| stats.tx_packets).sum();
    let used = cpu_ns()? - start;
    println!("{stats:#?}");
    println!("{sent} packets, {:.1} ns of CPU time each", used as f64 / sent.max(1) as f64);
    Ok(())
}

/// CPU time of this thread. (Wall-clock time says nothing on a machine that does other work.)
fn cpu_ns() -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("an empty schedstat")?.parse()?)
}

fn forward(from: &mut dyn Port, to: &mut dyn Port, packets: &mut Vec<Packet>) {
    if from.rx_burst(packets, BURST) > 0 {
        to.tx_burst(packets);
        // What the port does not take now is lost, as in testpmd.
        Packet::free_burst(packets);
    }
}
