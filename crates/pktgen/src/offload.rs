//! What a NIC does to a frame on its way out or in: checksums and VLAN tags, here in software.

use std::net::{Ipv4Addr, Ipv6Addr};

use rackless_nf::Packet;
use rackless_packet::checksum;
use rackless_packet::ipv4::IpProtocol;

/// Offload flags of an mbuf, DPDK 22.11's `RTE_MBUF_F_*`.
pub(crate) mod flags {
    /// The VLAN tag of a received frame is in `vlan_tci`, and no longer in the frame.
    pub(crate) const RX_VLAN_STRIPPED: u64 = 1 | 1 << 6;
    /// Which transport checksum is wanted.
    pub(crate) const TX_L4_MASK: u64 = 3 << 52;
    pub(crate) const TX_TCP: u64 = 1 << 52;
    pub(crate) const TX_UDP: u64 = 3 << 52;
    pub(crate) const TX_IP_CKSUM: u64 = 1 << 54;
    pub(crate) const TX_IPV4: u64 = 1 << 55;
    pub(crate) const TX_VLAN: u64 = 1 << 57;
    /// Everything that this module does on the way out.
    pub(crate) const TX_WORK: u64 = TX_L4_MASK | TX_IP_CKSUM | TX_VLAN;
}

const VLAN_LEN: usize = 4;
const MACS_LEN: usize = 12;

/// Completes a frame as its mbuf asks: `wanted` are the offload flags, `lengths` the `tx_offload` field.
///
/// A frame that is shorter than its flags claim leaves as it is, which is what hardware does with it.
pub(crate) fn complete(packet: &mut Packet, wanted: u64, lengths: u64, vlan_tci: u16) {
    if wanted & (flags::TX_L4_MASK | flags::TX_IP_CKSUM) != 0 {
        let l3 = (lengths & 0x7f) as usize;
        let l4 = l3 + ((lengths >> 7) & 0x1ff) as usize;
        fill_checksums(packet.data_mut(), wanted, l3, l4);
    }
    if wanted & flags::TX_VLAN != 0 {
        insert_vlan(packet, vlan_tci);
    }
}

/// Takes the outer VLAN tag out of a received frame and returns its control information.
pub(crate) fn strip_vlan(packet: &mut Packet) -> Option<u16> {
    let frame = packet.data();
    if frame.get(MACS_LEN..MACS_LEN + 2)? != [0x81, 0x00] || frame.len() < MACS_LEN + VLAN_LEN + 2 {
        return None;
    }
    let tci = u16::from_be_bytes([frame[MACS_LEN + 2], frame[MACS_LEN + 3]]);
    packet.data_mut().copy_within(..MACS_LEN, VLAN_LEN);
    packet.pull(VLAN_LEN).ok()?;
    Some(tci)
}

fn insert_vlan(packet: &mut Packet, tci: u16) {
    if packet.len() < MACS_LEN || packet.push(VLAN_LEN).is_err() {
        return;
    }
    let frame = packet.data_mut();
    frame.copy_within(VLAN_LEN..VLAN_LEN + MACS_LEN, 0);
    frame[MACS_LEN..MACS_LEN + 2].copy_from_slice(&[0x81, 0x00]);
    frame[MACS_LEN + 2..MACS_LEN + VLAN_LEN].copy_from_slice(&tci.to_be_bytes());
}

#[inline]
fn fill_checksums(frame: &mut [u8], wanted: u64, l3: usize, l4: usize) {
    if wanted & flags::TX_IPV4 != 0 && wanted & flags::TX_IP_CKSUM != 0 && l4 <= frame.len() && l4 >= l3 + 20
    {
        put(frame, l3 + 10, l3..l4, 0, |sum| sum);
    }
    let (field, protocol) = match wanted & flags::TX_L4_MASK {
        flags::TX_TCP => (16, IpProtocol::TCP),
        flags::TX_UDP => (6, IpProtocol::UDP),
        _ => return,
    };
    // The length by the IP header: what lies behind it in the frame is padding.
    let length = |at: usize| frame.get(at..at + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
    let end = match wanted & flags::TX_IPV4 {
        0 => length(l3 + 4).map(|payload| l3 + 40 + payload),
        _ => length(l3 + 2).map(|total| l3 + total),
    };
    let Some(end) = end.map(|end| end.min(frame.len())).filter(|end| *end >= l4 + field + 2) else { return };
    let Some(pseudo) = pseudo_header(frame, l3, protocol, end - l4) else { return };
    put(
        frame,
        l4 + field,
        l4..end,
        pseudo,
        if protocol == IpProtocol::UDP { checksum::udp } else { |sum| sum },
    );
}

/// The sum of the pseudo-header of the packet whose IP header is at `l3`.
pub(crate) fn pseudo_header(frame: &[u8], l3: usize, protocol: IpProtocol, len: usize) -> Option<u16> {
    let header = frame.get(l3..)?;
    if header.first()? >> 4 == 4 {
        let addresses: [u8; 8] = header.get(12..20)?.try_into().ok()?;
        let [a, b, c, d, e, f, g, h] = addresses;
        let (src, dst) = (Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(e, f, g, h));
        Some(checksum::pseudo_v4(src, dst, protocol, u16::try_from(len).ok()?))
    } else {
        let src: [u8; 16] = header.get(8..24)?.try_into().ok()?;
        let dst: [u8; 16] = header.get(24..40)?.try_into().ok()?;
        Some(checksum::pseudo_v6(
            Ipv6Addr::from(src),
            Ipv6Addr::from(dst),
            protocol,
            u32::try_from(len).ok()?,
        ))
    }
}

/// Writes the checksum of `range` at `field`, which lies within it at an even offset and counts as zero.
#[inline]
fn put(frame: &mut [u8], field: usize, range: std::ops::Range<usize>, pseudo: u16, finish: fn(u16) -> u16) {
    if range.end > frame.len() || field + 2 > range.end {
        return;
    }
    let old = u16::from_be_bytes([frame[field], frame[field + 1]]);
    let sum = checksum::combine(pseudo, checksum::ones_complement(&frame[range]));
    // Taken out of the sum instead of zeroed before: a load that overlaps a store just made waits for it.
    let sum = checksum::combine(sum, !old);
    frame[field..field + 2].copy_from_slice(&finish(!sum).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;
    use rackless_nf::Pool;

    use super::*;

    fn built(builder: etherparse::PacketBuilderStep<etherparse::UdpHeader>) -> Vec<u8> {
        let mut frame = Vec::new();
        builder.write(&mut frame, b"seven b").unwrap();
        frame
    }

    fn udp4() -> Vec<u8> {
        built(PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(7, 9))
    }

    #[test]
    fn flags_complete_the_checksums_that_etherparse_computes() {
        let right = udp4();
        let mut broken = right.clone();
        broken[24..26].fill(0xaa);
        broken[40..42].fill(0xbb);
        let pool = Pool::new(1, 256);
        let mut packet = pool.packet(&broken).unwrap();
        complete(&mut packet, flags::TX_IPV4 | flags::TX_IP_CKSUM | flags::TX_UDP, 14 | 20 << 7, 0);
        assert_eq!(packet.data(), right);
    }

    #[test]
    fn padding_is_no_part_of_the_checksum() {
        let right = udp4();
        let mut padded = right.clone();
        padded[40..42].fill(0);
        padded.extend([0xff; 11]);
        fill_checksums(&mut padded, flags::TX_IPV4 | flags::TX_IP_CKSUM | flags::TX_UDP, 14, 34);
        assert_eq!(padded[..right.len()], right);
    }

    #[test]
    fn ipv6_frames_are_completed() {
        let v6 = || PacketBuilder::ethernet2([1; 6], [2; 6]).ipv6([1; 16], [2; 16], 64);
        let mut tcp = Vec::new();
        v6().tcp(1, 2, 3, 4).write(&mut tcp, b"abc").unwrap();
        for (right, field, wanted) in [(built(v6().udp(1, 2)), 60, flags::TX_UDP), (tcp, 70, flags::TX_TCP)] {
            let mut frame = right.clone();
            frame[field..field + 2].fill(0x55);
            fill_checksums(&mut frame, wanted, 14, 54);
            assert_eq!(frame, right);
        }
    }

    #[test]
    fn frames_shorter_than_their_flags_claim_are_left_alone() {
        let right = udp4();
        for len in 0..right.len() {
            let mut frame = right[..len].to_vec();
            fill_checksums(&mut frame, flags::TX_IPV4 | flags::TX_IP_CKSUM | flags::TX_UDP, 14, 34);
            fill_checksums(&mut frame, flags::TX_TCP, 100, 50);
        }
    }

    #[test]
    fn a_tag_is_inserted_and_stripped() {
        let right = udp4();
        let pool = Pool::new(1, 256);
        let mut packet = pool.packet(&right).unwrap();
        complete(&mut packet, flags::TX_VLAN, 0, 0x2064);
        assert_eq!(packet.data()[12..16], [0x81, 0, 0x20, 0x64]);
        assert_eq!(strip_vlan(&mut packet), Some(0x2064));
        assert_eq!(packet.data(), right);
        assert_eq!(strip_vlan(&mut packet), None);
    }
}
