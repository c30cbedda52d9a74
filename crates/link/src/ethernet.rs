//! What the model needs to know about the bytes of an Ethernet frame.

/// Bytes of an Ethernet header without VLAN tags.
pub const HEADER_LEN: usize = 14;

/// Bytes of a VLAN tag. IEEE 802.1Q, clause 9.
const TAG_LEN: usize = 4;

/// More tags than this are taken for payload: real frames have two.
const MOST_TAGS: usize = 4;

/// EtherTypes that announce a VLAN tag.
const TAGS: [u16; 2] = [0x8100, 0x88a8];

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// The two bits of Explicit Congestion Notification. RFC 3168, section 5.
const NOT_ECT: u8 = 0b00;
const CE: u8 = 0b11;

/// Returns the bytes before the packet: the Ethernet header and its VLAN tags, cut to the frame.
pub fn header_len(frame: &[u8]) -> usize {
    let tagged = |at: usize| TAGS.iter().any(|&tag| ether_type(frame, at) == Some(tag));
    let mut len = HEADER_LEN;
    while tagged(len) && len < HEADER_LEN + MOST_TAGS * TAG_LEN {
        len += TAG_LEN;
    }
    len.min(frame.len())
}

/// Marks the packet in a frame that it met congestion, and returns whether it bears the mark now.
///
/// It does not if its transport does not understand the mark (not ECT), or if there is no IPv4 or IPv6 packet. The
/// IPv4 checksum is updated as RFC 1624 says, so that a wrong one stays wrong.
///
/// # Examples
/// ```
/// use rackless_link::ethernet::mark_ce;
///
/// let mut frame = vec![0; 34];
/// frame[12..16].copy_from_slice(&[0x08, 0x00, 0x45, 0x02]); // IPv4, ECT(0)
/// assert!(mark_ce(&mut frame));
/// assert_eq!(frame[15], 0x03);
/// ```
pub fn mark_ce(frame: &mut [u8]) -> bool {
    let start = header_len(frame);
    let kind = ether_type(frame, start);
    let packet = &mut frame[start..];
    match kind {
        Some(IPV4) => packet.first_chunk_mut::<20>().is_some_and(mark_ipv4),
        Some(IPV6) => packet.first_chunk_mut::<40>().is_some_and(mark_ipv6),
        _ => false,
    }
}

/// Flips a bit, counted from the first of the first byte and round again behind the last; not in an empty frame.
pub fn flip_bit(frame: &mut [u8], bit: usize) {
    if !frame.is_empty() {
        frame[bit / 8 % frame.len()] ^= 0x80 >> (bit % 8);
    }
}

/// Returns the EtherType that stands before the byte at `end`.
fn ether_type(frame: &[u8], end: usize) -> Option<u16> {
    frame.get(end.checked_sub(2)?..end).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}

fn mark_ipv4(header: &mut [u8; 20]) -> bool {
    match header[1] & CE {
        NOT_ECT => false,
        CE => true,
        _ => {
            let before = u16::from_be_bytes([header[0], header[1]]);
            header[1] |= CE;
            let after = u16::from_be_bytes([header[0], header[1]]);
            let checksum = u16::from_be_bytes([header[10], header[11]]);
            header[10..12].copy_from_slice(&updated(checksum, before, after).to_be_bytes());
            true
        }
    }
}

fn mark_ipv6(header: &mut [u8; 40]) -> bool {
    /// The traffic class ends in the upper half of the second byte.
    const SHIFT: u32 = 4;
    let capable = (header[1] >> SHIFT) & CE != NOT_ECT;
    if capable {
        header[1] |= CE << SHIFT;
    }
    capable
}

/// Returns a checksum after one word under it has changed. RFC 1624, equation 3.
fn updated(checksum: u16, before: u16, after: u16) -> u16 {
    let mut sum = u32::from(!checksum) + u32::from(!before) + u32::from(after);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // The loop ends with 16 bits.
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(types: &[u16], packet: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        for (index, kind) in types.iter().enumerate() {
            frame.extend(kind.to_be_bytes());
            if index + 1 < types.len() {
                frame.extend([0, 7]); // the tag's VLAN
            }
        }
        frame.extend(packet);
        frame
    }

    /// An IPv4 header with the right checksum.
    fn ipv4(tos: u8) -> Vec<u8> {
        let mut header = vec![0x45, tos, 0, 40, 1, 2, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        let checksum = !sum(&header);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        header
    }

    fn sum(bytes: &[u8]) -> u16 {
        let words = bytes.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
        let sum: u32 = words.sum();
        ((sum & 0xffff) + (sum >> 16)) as u16
    }

    #[test]
    fn an_ipv4_packet_is_marked_and_its_checksum_stays_right() {
        for tos in 0..=255 {
            let mut marked = frame(&[IPV4], &ipv4(tos));
            assert_eq!(mark_ce(&mut marked), tos & 3 != 0);
            let expected = if tos & 3 == 0 { tos } else { tos | 3 };
            assert_eq!(marked[15], expected);
            assert_eq!(sum(&marked[14..]), 0xffff, "{tos}");
        }
    }

    #[test]
    fn an_ipv6_packet_is_marked_in_its_traffic_class_alone() {
        let mut packet = [0xff; 40];
        packet[1] = 0b1110_1111;
        let mut marked = frame(&[IPV6], &packet);
        assert!(mark_ce(&mut marked));
        packet[1] = 0xff;
        assert_eq!(marked[14..], packet);
        packet[1] = 0b1100_1111;
        let mut not_capable = frame(&[IPV6], &packet);
        assert!(!mark_ce(&mut not_capable));
        assert_eq!(not_capable[14..], packet);
    }

    #[test]
    fn a_packet_behind_vlan_tags_is_found() {
        let mut marked = frame(&[0x88a8, 0x8100, IPV4], &ipv4(1));
        assert_eq!(header_len(&marked), 22);
        assert!(mark_ce(&mut marked));
        assert_eq!(sum(&marked[22..]), 0xffff);
    }

    #[test]
    fn what_is_no_whole_packet_is_left_alone() {
        let whole = frame(&[0x8100, IPV4], &ipv4(2));
        for len in 0..whole.len() {
            let mut cut = whole[..len].to_vec();
            assert!(!mark_ce(&mut cut));
            assert_eq!(cut, whole[..len]);
            assert!(header_len(&cut) <= len);
        }
        assert!(!mark_ce(&mut frame(&[0x0806], &[0xff; 40])));
        assert_eq!(header_len(&frame(&[0x8100; 9], &[])), 30);
    }

    #[test]
    fn a_bit_is_flipped_where_it_stands() {
        let mut bytes = vec![0, 0, 0];
        flip_bit(&mut bytes, 9);
        assert_eq!(bytes, [0, 0b0100_0000, 0]);
        flip_bit(&mut bytes, 24 + 9);
        assert_eq!(bytes, [0, 0, 0]);
        flip_bit(&mut [], 3);
    }
}
