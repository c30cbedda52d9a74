//! Frames from nowhere: for measuring network functions without a driver or a kernel in the way.

use std::net::Ipv4Addr;
use std::path::Path;

use rackless_nf::{Allocator as _, Packet, Pool, Port, PortInfo, PortStats};
use rackless_packet::MacAddr;
use rackless_packet::build::Build;

use crate::pcap::frames;
use crate::spec::NullSpec;
use crate::{DeviceSpec, Error, Options};

/// Receives copies of its templates as fast as it is asked, and counts what is sent.
pub(crate) struct Null {
    pool: Pool,
    info: PortInfo,
    templates: Vec<Vec<u8>>,
    next: usize,
    left: Option<u64>,
    stats: PortStats,
}

impl Null {
    pub(crate) fn open(name: &str, spec: &NullSpec, options: &Options) -> Result<Self, Error> {
        let templates = match &spec.template {
            Some(path) => templates(path)?,
            None => vec![datagram(spec.size)],
        };
        let device = DeviceSpec::Null(spec.clone()).to_string();
        let info = PortInfo { name: name.into(), device, mac: MacAddr([2, 0, 0, 0, 0, 1]), mtu: 1500 };
        let (pool, stats) = (options.pool.clone(), PortStats::default());
        Ok(Self { pool, info, templates, next: 0, left: spec.count, stats })
    }
}

impl Port for Null {
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        let wanted = self.left.map_or(max, |left| max.min(usize::try_from(left).unwrap_or(max)));
        let start = into.len();
        let received = self.pool.alloc_burst(into, wanted);
        for packet in &mut into[start..] {
            let template = &self.templates[self.next];
            self.next = if self.next + 1 < self.templates.len() { self.next + 1 } else { 0 };
            match packet.append(template.len()) {
                Ok(data) => data.copy_from_slice(template),
                // The pool's buffers are smaller than the template: an empty frame says so.
                Err(_) => self.stats.rx_errors += 1,
            }
            self.stats.rx_bytes += packet.len() as u64;
        }
        self.left = self.left.map(|left| left - received as u64);
        self.stats.rx_packets += received as u64;
        received
    }

    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
        let sent = packets.len();
        self.stats.tx_packets += sent as u64;
        self.stats.tx_bytes += packets.iter().map(|packet| packet.len() as u64).sum::<u64>();
        Packet::free_burst(packets);
        sent
    }

    fn info(&self) -> &PortInfo {
        &self.info
    }

    fn stats(&self) -> PortStats {
        self.stats
    }
}

fn templates(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let frames = frames(path)?;
    let longest = frames.iter().map(Vec::len).max();
    let reason = match longest {
        None => "it has no frames",
        Some(len) if len > Pool::ROOM => "it has a frame that is longer than a buffer",
        Some(_) => return Ok(frames),
    };
    Err(Error::File { action: "take templates from", path: path.into(), source: reason.into() })
}

/// A valid UDP datagram in a frame of this length, from and to addresses for benchmarks (RFC 2544, appendix C.2.2).
fn datagram(size: usize) -> Vec<u8> {
    // Headers of Ethernet, IPv4 and UDP.
    let payload = vec![0; size.saturating_sub(14 + 20 + 8)];
    let (src, dst) = (MacAddr([2, 0, 0, 0, 0, 3]), MacAddr([2, 0, 0, 0, 0, 1]));
    Build::ethernet(src, dst)
        .ipv4(Ipv4Addr::new(198, 18, 0, 1), Ipv4Addr::new(198, 19, 0, 1))
        .udp(1024, 9)
        .payload(&payload)
        .to_vec()
        .expect("a datagram below 64 KiB")
}

#[cfg(test)]
mod tests {
    use rackless_packet::checksum::{Verdict, verify};

    use super::*;
    use crate::open;

    #[test]
    fn the_default_template_is_valid_and_the_count_ends_it() {
        let mut port = open("a", &"null:size=100,count=40".parse().unwrap(), &Options::default()).unwrap();
        let mut packets = Vec::new();
        assert_eq!((port.rx_burst(&mut packets, 32), port.rx_burst(&mut packets, 32)), (32, 8));
        assert!(
            packets.iter().all(|packet| packet.len() == 100 && verify(packet.data()) == Verdict::Correct)
        );
        assert_eq!(port.rx_burst(&mut packets, 32), 0);
        assert_eq!(port.tx_burst(&mut packets), 40);
        assert_eq!((port.stats().rx_bytes, port.stats().tx_bytes), (4000, 4000));
    }

    #[test]
    fn an_empty_pool_gives_fewer_frames() {
        let options = Options { pool: Pool::new(10, Pool::ROOM), ..Options::default() };
        let mut port = open("a", &"null:".parse().unwrap(), &options).unwrap();
        let mut packets = Vec::new();
        assert_eq!((port.rx_burst(&mut packets, 32), port.rx_burst(&mut packets, 32)), (10, 0));
    }
}
