//! A network interface through a packet socket: a shared receive ring, transmission in batches of system calls.

mod ring;
mod socket;

use std::borrow::Cow;
use std::cell::Cell;
use std::os::fd::BorrowedFd;

use rackless_nf::{
    Allocator as _, Packet, Pool, Port, PortChange, PortError, PortInfo, PortState, PortStats,
};
use rackless_packet::checksum;
use rackless_packet::ethernet::EtherType;

use self::ring::{Frame, Ring};
use self::socket::{Fanout, PacketSocket, Refusal};
pub(crate) use self::socket::{bind, new_socket, set_option};
use crate::interface::{Interface, Settings};
use crate::{Error, Options};

/// Empty bursts between two looks for an error pending on the socket. A pending error (the interface went down)
/// makes the descriptor readable until it is read, so a worker that sleeps must not leave it; reading it is a
/// system call, so a worker that spins must not do it every time.
const EMPTY_BURSTS: u32 = 64;

/// A network interface.
pub(crate) struct AfPacket {
    socket: PacketSocket,
    ring: Ring,
    pool: Pool,
    info: PortInfo,
    settings: Settings,
    /// Longest frame that fits the interface's MTU.
    max_frame: usize,
    /// Frames that the port did not want, for their addresses.
    unwanted: u64,
    empty_bursts: u32,
    stats: PortStats,
    /// The kernel's counter of frames that found the ring full starts anew at each look.
    missed: Cell<u64>,
    /// Sent packets on their way back to their pools.
    sent: Vec<Packet>,
}

impl AfPacket {
    pub(crate) fn open(name: &str, interface: &str, options: &Options) -> Result<Self, Error> {
        Self::on(name, Interface::named(interface)?, options, None)
    }

    /// Opens several ports that share an interface's frames by flows; a flow has the same number at every interface
    /// that is opened by as many.
    pub(crate) fn open_queues(name: &str, interface: &str, options: &[Options]) -> Result<Vec<Self>, Error> {
        let interface = Interface::named(interface)?;
        let mut fanout = Fanout::default();
        let queues = options.iter().map(|own| Self::on(name, interface.clone(), own, Some(&mut fanout)));
        let queues = queues.collect::<Result<Vec<_>, _>>()?;
        for queue in &queues {
            queue.socket.begin().map_err(|source| Error::Interface {
                action: "begin to receive",
                interface: interface.name.clone(),
                source,
            })?;
        }
        Ok(queues)
    }

    fn on(
        name: &str,
        interface: Interface,
        options: &Options,
        fanout: Option<&mut Fanout>,
    ) -> Result<Self, Error> {
        let device = format!("af_packet:{}", interface.name);
        let (socket, ring) = PacketSocket::open(&interface, options.ring_frames, fanout)?;
        let settings = Settings::new(interface.clone(), ring.capacity()).map_err(|source| {
            Error::Interface { action: "take in all addresses", interface: interface.name.clone(), source }
        })?;
        let info = PortInfo { name: name.into(), device, mac: interface.mac, mtu: interface.mtu };
        Ok(Self {
            socket,
            ring,
            pool: options.pool.clone(),
            info,
            settings,
            max_frame: interface.max_frame(),
            unwanted: 0,
            empty_bursts: 0,
            stats: PortStats::default(),
            missed: Cell::new(0),
            sent: Vec::with_capacity(socket::BATCH),
        })
    }

    fn empty(&mut self) {
        self.empty_bursts += 1;
        if self.empty_bursts == EMPTY_BURSTS {
            self.empty_bursts = 0;
            self.socket.clear_error();
        }
    }

    /// Counts what the device refused and says how many packets from the front of `packets` are gone by it.
    fn refused(&mut self, refusal: Refusal, left: usize) -> usize {
        let gone = match refusal {
            Refusal::Full => 0,
            Refusal::Frame => 1,
            Refusal::Device => left,
        };
        self.stats.tx_errors += gone as u64;
        gone
    }

    fn give_back(&mut self, packets: &mut Vec<Packet>, n: usize) {
        if n == packets.len() {
            return Packet::free_burst(packets);
        }
        self.sent.extend(packets.drain(..n));
        Packet::free_burst(&mut self.sent);
    }
}

impl Port for AfPacket {
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        let ready = self.ring.ready(max);
        if ready == 0 {
            self.empty();
            return 0;
        }
        self.empty_bursts = 0;
        let start = into.len();
        // Frames for which there is no buffer stay in the ring.
        let buffers = self.pool.alloc_burst(into, ready);
        let mut kept = start;
        for index in start..start + buffers {
            let packet = &mut into[index];
            let stats = &mut self.stats;
            let max_frame = self.max_frame;
            let settings = &self.settings;
            let taken = self
                .ring
                .take(|frame| settings.takes(frame.bytes).then(|| receive(packet, &frame, max_frame, stats)));
            match taken {
                Some(true) => {
                    into.swap(kept, index);
                    kept += 1;
                }
                Some(false) => {}
                None => self.unwanted += 1,
            }
        }
        into.truncate(kept);
        kept - start
    }

    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
        let mut taken = 0;
        while taken < packets.len() {
            let (sent, refusal) = self.socket.send(&packets[taken..]);
            self.stats.tx_packets += sent as u64;
            self.stats.tx_bytes +=
                packets[taken..taken + sent].iter().map(|packet| packet.len() as u64).sum::<u64>();
            taken += sent;
            match refusal.map(|refusal| self.refused(refusal, packets.len() - taken)) {
                Some(0) => break,
                Some(gone) => taken += gone,
                None => {}
            }
        }
        self.give_back(packets, taken);
        taken
    }

    fn info(&self) -> &PortInfo {
        &self.info
    }

    fn stats(&self) -> PortStats {
        self.missed.set(self.missed.get() + self.socket.take_missed());
        PortStats { rx_missed: self.missed.get(), ..self.stats }
    }

    fn xstats(&self) -> Vec<(Cow<'static, str>, u64)> {
        vec![("to addresses of others".into(), self.unwanted)]
    }

    fn state(&self) -> PortState {
        self.settings.state()
    }

    fn change(&mut self, change: PortChange) -> Result<(), PortError> {
        self.max_frame = self.settings.change(change, &mut self.info)?;
        Ok(())
    }

    fn wait_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.fd())
    }
}

/// Copies a frame of the ring into a fresh packet; false when it is unusable.
#[inline]
fn receive(packet: &mut Packet, frame: &Frame<'_>, max_frame: usize, stats: &mut PortStats) -> bool {
    // Longer than the MTU: a sender's kernel left the segmentation to hardware, and so it will not fit any wire.
    let usable = !frame.cut && frame.bytes.len() <= max_frame && write(packet, frame).is_ok();
    if !usable {
        stats.rx_errors += 1;
        return false;
    }
    if frame.checksum_missing && checksum::fill(packet.data_mut()).is_ok() {
        stats.rx_checksum_completed += 1;
    }
    stats.rx_packets += 1;
    stats.rx_bytes += packet.len() as u64;
    true
}

/// Writes the bytes as they were on the wire: the kernel keeps the outer VLAN tag aside.
#[inline]
fn write(packet: &mut Packet, frame: &Frame<'_>) -> Result<(), rackless_nf::Reason> {
    let Some((tpid, tci)) = frame.vlan.filter(|_| frame.bytes.len() >= 12) else {
        packet.append(frame.bytes.len())?.copy_from_slice(frame.bytes);
        return Ok(());
    };
    let data = packet.append(frame.bytes.len() + 4)?;
    let (addresses, rest) = frame.bytes.split_at(12);
    data[..12].copy_from_slice(addresses);
    data[12..14].copy_from_slice(&tpid.unwrap_or(EtherType::VLAN.get()).to_be_bytes());
    data[14..16].copy_from_slice(&tci.to_be_bytes());
    data[16..].copy_from_slice(rest);
    Ok(())
}
