//! One device of DPDK as a port.
#![allow(
    unsafe_code,
    reason = "ports are a place that ARCHITECTURE.md names: buffers cross the boundary to C"
)]

use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use rackless_dpdk_sys::{Device, RteMbuf, free, linearise};
use rackless_nf::{Allocator as _, Packet, Port, PortChange, PortError, PortInfo, PortState, PortStats};
use rackless_packet::MacAddr;
use rackless_packet::ethernet::EtherType;

use super::bell::Bell;
use super::memory::{DpdkPool, adopt, forget_front, header, is_dpdks, packets_as_mbufs};
use crate::Error;
use crate::interface::{Interface, L2_MAX};

/// The queue that a port uses.
const QUEUE: u16 = 0;
/// Packets per call into DPDK; callers with a larger burst get several calls.
const BURST: usize = 256;
/// `RTE_MBUF_F_RX_VLAN_STRIPPED`: the tag is in `vlan_tci` instead of the frame.
const VLAN_STRIPPED: u64 = 1 << 6;

/// A device of DPDK, one queue each way.
pub(crate) struct DpdkPort {
    pub(super) device: Device,
    pool: DpdkPool,
    pub(super) info: PortInfo,
    pub(super) max_frame: usize,
    burst: Box<[Option<NonNull<RteMbuf>>; BURST]>,
    /// Received by the device and unusable to us.
    unusable: Unusable,
    linearised: u64,
    pub(super) mac_filters: Vec<MacAddr>,
    /// What the driver stands on.
    pub(super) interface: Option<Interface>,
    /// Longest frame that the buffers and the driver's rings hold.
    pub(super) capacity: usize,
    /// What tells of frames where the driver does not.
    bell: Option<Bell>,
}

// SAFETY: the burst's pointers are only used in the call that filled them.
unsafe impl Send for DpdkPort {}

#[derive(Default)]
struct Unusable {
    packets: u64,
    bytes: u64,
}

impl DpdkPort {
    pub(super) fn new(
        name: &str,
        device_string: String,
        device: Device,
        pool: DpdkPool,
        interface: Option<Interface>,
        capacity: usize,
        bell: Option<Bell>,
    ) -> Result<Self, Error> {
        let known = device.info()?;
        // Drivers over an interface say 1500 whatever it has.
        let mtu = interface.as_ref().map_or(known.mtu, |interface| interface.mtu);
        let info = PortInfo { name: name.into(), device: device_string, mac: MacAddr(known.mac), mtu };
        let max_frame = usize::from(mtu) + L2_MAX;
        let (unusable, burst) = (Unusable::default(), Box::new([None; BURST]));
        let (linearised, mac_filters) = (0, Vec::new());
        Ok(Self {
            device,
            pool,
            info,
            max_frame,
            burst,
            unusable,
            linearised,
            mac_filters,
            interface,
            capacity,
            bell,
        })
    }

    /// Takes what the driver has.
    fn poll(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        let start = into.len();
        while into.len() - start < max {
            let wanted = (max - (into.len() - start)).min(BURST);
            let received = self.device.rx_burst(QUEUE, &mut self.burst[..wanted]);
            self.receive(received, into);
            if received < wanted {
                break;
            }
        }
        into.len() - start
    }

    /// Makes packets of the first buffers of the burst, as far as their frames are whole.
    #[inline]
    fn receive(&mut self, received: usize, into: &mut Vec<Packet>) {
        into.reserve(received);
        for index in 0..received {
            let Some(mbuf) = self.burst[index] else { continue };
            let plain = {
                // SAFETY: just received, so ours; the reference ends before the buffer is used otherwise.
                let header = unsafe { header(mbuf) };
                // Longer than the MTU: a ring of net_af_packet may have cut it, and no wire would carry it.
                let fits = header.pkt_len as usize <= self.max_frame;
                fits && header.nb_segs == 1 && header.ol_flags & VLAN_STRIPPED == 0
            };
            if plain {
                // SAFETY: ours, of one segment, from one of our pools.
                into.push(unsafe { adopt(mbuf) });
            } else {
                into.extend(self.receive_odd(mbuf));
            }
        }
    }

    #[cold]
    fn receive_odd(&mut self, mbuf: NonNull<RteMbuf>) -> Option<Packet> {
        let (segments, flags, tci, len) = {
            // SAFETY: as in `receive`.
            let header = unsafe { header(mbuf) };
            (header.nb_segs, header.ol_flags, header.vlan_tci, header.pkt_len as usize)
        };
        // SAFETY: as in `receive`.
        let joined = segments == 1 || len <= self.max_frame && unsafe { linearise(mbuf) };
        if !joined || len > self.max_frame {
            self.unusable.count(len);
            // SAFETY: ours, and not used afterwards.
            unsafe { free(mbuf) };
            return None;
        }
        self.linearised += u64::from(segments > 1);
        // SAFETY: ours, of one segment by now, from one of our pools.
        let mut packet = unsafe { adopt(mbuf) };
        if flags & VLAN_STRIPPED != 0 && !restore_tag(&mut packet, tci) {
            self.unusable.count(len);
            return None;
        }
        Some(packet)
    }

    /// Copies packets of the heap into DPDK's memory; gives how many packets from the front DPDK can be given.
    #[inline]
    fn import(&mut self, packets: &mut [Packet]) -> usize {
        for (index, packet) in packets.iter_mut().enumerate() {
            if !is_dpdks(packet) && !self.import_one(packet) {
                return index;
            }
        }
        packets.len()
    }

    #[cold]
    fn import_one(&mut self, packet: &mut Packet) -> bool {
        let copy = self.pool.alloc().and_then(|mut copy| {
            copy.append(packet.len()).ok()?.copy_from_slice(packet.data());
            Some(copy)
        });
        // Without a buffer it stays the caller's, to be tried again.
        copy.map(|copy| *packet = copy).is_some()
    }
}

impl Port for DpdkPort {
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        match self.poll(into, max) {
            // What came before the bell was silenced does not ring it again.
            0 if self.bell.as_ref().is_some_and(Bell::silence) => self.poll(into, max),
            received => received,
        }
    }

    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
        let ready = self.import(packets);
        // SAFETY: the first `ready` packets are DPDK's buffers and ours; those sent are forgotten below.
        let sent = unsafe { self.device.tx_burst(QUEUE, packets_as_mbufs(&mut packets[..ready])) };
        // SAFETY: handed over just now.
        unsafe { forget_front(packets, sent) };
        sent
    }

    fn info(&self) -> &PortInfo {
        &self.info
    }

    fn state(&self) -> PortState {
        self.state_now()
    }

    fn change(&mut self, change: PortChange) -> Result<(), PortError> {
        self.try_change(change)
    }

    fn wait_fd(&self) -> Option<BorrowedFd<'_>> {
        self.bell.as_ref().map(Bell::fd)
    }

    fn stats(&self) -> PortStats {
        let device = self.device.stats();
        PortStats {
            rx_packets: device.rx_packets.saturating_sub(self.unusable.packets),
            rx_bytes: device.rx_bytes.saturating_sub(self.unusable.bytes),
            tx_packets: device.tx_packets,
            tx_bytes: device.tx_bytes,
            rx_missed: device.rx_missed,
            rx_errors: device.rx_errors + self.unusable.packets,
            tx_errors: device.tx_errors,
            rx_no_buffer: device.rx_no_buffer,
            rx_linearised: self.linearised,
            rx_checksum_completed: 0,
        }
    }
}

impl Unusable {
    fn count(&mut self, len: usize) {
        self.packets += 1;
        self.bytes += len as u64;
    }
}

/// Puts a VLAN tag back into the frame; false when there is no room for it. (Which kind of tag it was, drivers do
/// not tell.)
#[cold]
fn restore_tag(packet: &mut Packet, tci: u16) -> bool {
    if packet.len() < 12 || packet.push(4).is_err() {
        return false;
    }
    let data = packet.data_mut();
    data.copy_within(4..16, 0);
    data[12..14].copy_from_slice(&EtherType::VLAN.get().to_be_bytes());
    data[14..16].copy_from_slice(&tci.to_be_bytes());
    true
}

#[cfg(test)]
mod tests {
    use rackless_dpdk_sys::Mempool;

    use super::*;
    use crate::{DeviceSpec, Dpdk, isolated};

    /// A chain of two buffers, as a driver makes it of a frame that is longer than one.
    fn chain(pool: &Mempool, lengths: [u16; 2]) -> NonNull<RteMbuf> {
        let [first, second] = lengths.map(|len| {
            let mbuf = pool.alloc().unwrap();
            // SAFETY: just allocated.
            let header = unsafe { header(mbuf) };
            (header.data_len, header.pkt_len) = (len, u32::from(len));
            // SAFETY: the length is within the buffer.
            unsafe { header.buf_addr.add(header.data_off.into()).write_bytes(len as u8, len.into()) };
            mbuf
        });
        // SAFETY: just allocated.
        let head = unsafe { header(first) };
        (head.next, head.nb_segs) = (second.as_ptr().cast(), 2);
        head.pkt_len += u32::from(lengths[1]);
        first
    }

    #[test]
    fn a_frame_in_two_segments_is_joined_and_one_that_does_not_fit_is_counted() {
        let name =
            "dpdk::port::tests::a_frame_in_two_segments_is_joined_and_one_that_does_not_fit_is_counted";
        isolated::isolated(name, || {
            let dpdk = Dpdk::new(rackless_dpdk_sys::EalConfig::default(), 1024);
            let DeviceSpec::Dpdk(spec) = "dpdk:net_ring".parse().unwrap() else { panic!("not DPDK") };
            let mut port = dpdk.open("a", &spec).unwrap();
            let mempool = dpdk.state().mempool(super::super::vdev::ROOM).unwrap();
            let mut chains = [chain(&mempool, [1000, 300]), chain(&mempool, [1500, 1500])];
            // SAFETY: ours, and given away.
            assert_eq!(unsafe { port.device.tx_burst(QUEUE, &mut chains) }, 2);
            let mut packets = Vec::new();
            assert_eq!(port.rx_burst(&mut packets, 32), 1);
            assert_eq!(
                packets[0].data(),
                [[1000_u16 as u8; 1000].as_slice(), &[300_u16 as u8; 300]].concat()
            );
            let stats = port.stats();
            assert_eq!((stats.rx_linearised, stats.rx_errors, stats.rx_packets), (1, 1, 1));
            packets.clear();
            assert_eq!(mempool.in_use(), 0);
        });
    }
}
