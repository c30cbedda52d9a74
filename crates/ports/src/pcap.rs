//! Frames from a capture file and to one.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rackless_nf::{Allocator as _, Packet, Pool, Port, PortInfo, PortStats};
use rackless_packet::MacAddr;
use rackless_packet::capture::{LinkType, Reader, Record};
use rackless_packet::pcap::Writer;

use crate::{DeviceSpec, Error, Options};

/// Receives the frames of a capture once, as fast as it is asked, and writes what is sent to another.
pub(crate) struct Pcap {
    pool: Pool,
    info: PortInfo,
    input: std::vec::IntoIter<Vec<u8>>,
    output: Option<Writer<BufWriter<File>>>,
    stats: PortStats,
}

impl Pcap {
    pub(crate) fn open(
        name: &str,
        input: Option<&Path>,
        output: Option<&Path>,
        options: &Options,
    ) -> Result<Self, Error> {
        let frames = input.map(frames).transpose()?.unwrap_or_default();
        let output_file = output.map(create).transpose()?;
        let spec = DeviceSpec::Pcap { input: input.map(PathBuf::from), output: output.map(PathBuf::from) };
        let info = PortInfo {
            name: name.into(),
            device: spec.to_string(),
            mac: MacAddr([2, 0, 0, 0, 0, 2]),
            mtu: u16::MAX,
        };
        let (pool, stats) = (options.pool.clone(), PortStats::default());
        Ok(Self { pool, info, input: frames.into_iter(), output: output_file, stats })
    }

    /// Writes one burst; false when the file takes no more.
    fn write(&mut self, packets: &[Packet]) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let Some(output) = &mut self.output else { return true };
        let written = packets.iter().all(|packet| output.write(&Record::new(time_ns, packet.data())).is_ok());
        // So that the file is whole whenever somebody looks.
        written && output.get_mut().flush().is_ok()
    }
}

impl Port for Pcap {
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        let start = into.len();
        self.pool.alloc_burst(into, max.min(self.input.len()));
        let mut kept = start;
        for index in start..into.len() {
            let Some(frame) = self.input.next() else { break };
            if into[index].set_data(&frame).is_err() {
                self.stats.rx_errors += 1;
                continue;
            }
            self.stats.rx_packets += 1;
            self.stats.rx_bytes += frame.len() as u64;
            into.swap(kept, index);
            kept += 1;
        }
        into.truncate(kept);
        kept - start
    }

    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
        let sent = packets.len();
        if self.write(packets) {
            self.stats.tx_packets += sent as u64;
            self.stats.tx_bytes += packets.iter().map(|packet| packet.len() as u64).sum::<u64>();
        } else {
            self.stats.tx_errors += sent as u64;
        }
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

/// All frames of a capture of Ethernet.
pub(crate) fn frames(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let failed = |source| Error::File { action: "read frames from", path: path.into(), source };
    let file = File::open(path).map_err(|error| failed(error.into()))?;
    let mut reader = Reader::new(BufReader::new(file)).map_err(|error| failed(error.into()))?;
    let mut frames = Vec::new();
    while let Some(record) = reader.next() {
        let record = record.map_err(|error| failed(error.into()))?;
        let number = frames.len() + 1;
        if reader.link_type(record.interface) != Some(LinkType::ETHERNET) {
            return Err(failed(format!("frame {number} is not Ethernet").into()));
        }
        if record.data.len() != record.original_len as usize {
            return Err(failed(format!("frame {number} was cut when it was captured").into()));
        }
        frames.push(record.data);
    }
    Ok(frames)
}

fn create(path: &Path) -> Result<Writer<BufWriter<File>>, Error> {
    let failed = |source| Error::File { action: "write frames to", path: path.into(), source };
    let file = File::create(path).map_err(|error| failed(error.into()))?;
    Writer::new(BufWriter::new(file), LinkType::ETHERNET).map_err(|error| failed(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open;

    #[test]
    fn a_capture_passes_from_file_to_file() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one.pcap"), dir.path().join("two.pcap"));
        let device: DeviceSpec = format!("pcap:,{}", one.display()).parse().unwrap();
        let options = Options::default();
        let mut port = open("out", &device, &options).unwrap();
        let sent: Vec<Vec<u8>> = (0..100).map(|n| vec![n as u8; 60 + n]).collect();
        let mut packets: Vec<Packet> = sent.iter().filter_map(|frame| options.pool.packet(frame)).collect();
        assert_eq!(port.rx_burst(&mut packets, 1), 0);
        assert_eq!((port.tx_burst(&mut packets), packets.len()), (100, 0));

        let device: DeviceSpec = format!("pcap:{},{}", one.display(), two.display()).parse().unwrap();
        let mut port = open("through", &device, &options).unwrap();
        while port.rx_burst(&mut packets, 32) > 0 {
            port.tx_burst(&mut packets);
        }
        assert_eq!((port.stats().rx_packets, port.stats().tx_packets), (100, 100));
        assert_eq!(frames(&two).unwrap(), sent);

        let device = format!("null:template={}", two.display()).parse().unwrap();
        let mut port = open("round", &device, &options).unwrap();
        assert_eq!(port.rx_burst(&mut packets, 101), 101);
        assert_eq!((packets[99].data(), packets[100].data()), (&sent[99][..], &sent[0][..]));
    }

    #[test]
    fn a_missing_or_damaged_capture_is_an_error_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nonsense");
        let text = |error: &Error| {
            let source = std::error::Error::source(error).map(|source| format!(": {source}"));
            format!("{error}{}", source.unwrap_or_default())
        };
        let open_it = || open("a", &format!("pcap:{}", path.display()).parse().unwrap(), &Options::default());
        let error = text(&open_it().err().unwrap());
        assert!(error.contains("nonsense") && error.contains("No such file"), "{error}");
        std::fs::write(&path, b"no capture at all, at all").unwrap();
        let error = text(&open_it().err().unwrap());
        assert!(error.contains("not a pcap or pcapng capture"), "{error}");
    }
}
