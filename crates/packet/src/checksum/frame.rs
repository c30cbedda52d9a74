//! The checksums of a whole frame: verified, or computed anew.

use std::fmt;
use std::ops::Range;

use zerocopy::FromBytes;

use super::{combine, ones_complement, pseudo_v4, pseudo_v6, udp};
use crate::ipv4::{IpProtocol, Ipv4};
use crate::ipv6::{Ipv6, extensions};
use crate::layout::{L3Kind, L4Kind, Layout, Malformed};
use crate::sctp::Sctp;

/// What [`verify`] finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All checksums that the frame has are right. A frame of an unknown protocol has none.
    Correct,
    /// The IPv4 header checksum, if there is one, is right; that of layer 4 cannot be verified from this frame
    /// alone: it is a fragment, or has a routing header with segments left, whose final destination is not read.
    Partial,
    /// A checksum is wrong; the outermost one is told.
    Wrong {
        /// Whose checksum.
        layer: Layer,
        /// What the frame says: 32 bits of SCTP, 16 of the others.
        found: u32,
        /// What it should say.
        expected: u32,
    },
    /// The checksums cannot be found.
    Malformed(Malformed),
}

/// A header with a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// The IPv4 header.
    Ipv4,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP on IPv4.
    Icmpv4,
    /// ICMP on IPv6.
    Icmpv6,
    /// SCTP, whose checksum is a CRC32c.
    Sctp,
    /// IGMP.
    Igmp,
}

impl Verdict {
    /// Returns whether nothing is known to be wrong: [`Verdict::Correct`] or [`Verdict::Partial`].
    pub const fn is_ok(self) -> bool {
        matches!(self, Self::Correct | Self::Partial)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ipv4 => "IPv4",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmpv4 => "ICMP",
            Self::Icmpv6 => "ICMPv6",
            Self::Sctp => "SCTP",
            Self::Igmp => "IGMP",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Correct => f.write_str("checksums correct"),
            Self::Partial => f.write_str("layer 4 checksum not verifiable"),
            Self::Wrong { layer, found, expected } => {
                let width = if *layer == Layer::Sctp { 10 } else { 6 };
                write!(f, "{layer} checksum {found:#0width$x} is wrong, {expected:#0width$x} would be right")
            }
            Self::Malformed(malformed) => malformed.fmt(f),
        }
    }
}

/// Verifies the IPv4 header checksum and the checksum of TCP, UDP, SCTP, ICMP or IGMP of a frame, also behind VLAN tags.
///
/// UDP on IPv4 may have none; UDP on IPv6 must have one (RFC 8200, section 8.1).
///
/// # Examples
/// ```
/// use rackless_packet::build::Build;
/// use rackless_packet::checksum::{Layer, Verdict, fill, verify};
/// use rackless_packet::MacAddr;
///
/// let mut frame = Build::ethernet(MacAddr::ZERO, MacAddr::BROADCAST)
///     .ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
///     .udp(1, 2)
///     .to_vec()?;
/// assert_eq!(verify(&frame), Verdict::Correct);
/// frame[37] = 3; // the destination port
/// assert!(matches!(verify(&frame), Verdict::Wrong { layer: Layer::Udp, .. }));
/// fill(&mut frame)?;
/// assert_eq!(verify(&frame), Verdict::Correct);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(frame: &[u8]) -> Verdict {
    verify_at(frame, &Layout::scan(frame))
}

/// As [`verify`], for bytes that were scanned before.
pub(crate) fn verify_at(frame: &[u8], layout: &Layout) -> Verdict {
    if let Some(covered) = ipv4_header(frame, layout)
        && let Some(wrong) = covered.verify(frame)
    {
        return wrong;
    }
    if let Some(malformed) = layout.malformed {
        return Verdict::Malformed(malformed);
    }
    match layer_4(frame, layout) {
        Ok(Checked::Nothing) => Verdict::Correct,
        Ok(Checked::Elsewhere) => Verdict::Partial,
        Ok(Checked::Here(covered)) => covered.verify(frame).unwrap_or(Verdict::Correct),
        Err(malformed) => Verdict::Malformed(malformed),
    }
}

/// Computes all checksums of a frame that [`verify`] verifies, and writes them into it.
///
/// A checksum that cannot be computed from this frame alone (see [`Verdict::Partial`]) stays as it is.
///
/// # Errors
/// If the frame is malformed; the checksums of the layers before that are written nevertheless.
pub fn fill(frame: &mut [u8]) -> Result<(), Malformed> {
    let layout = Layout::scan(frame);
    if let Some(covered) = ipv4_header(frame, &layout) {
        covered.fill(frame);
    }
    if let Some(malformed) = layout.malformed {
        return Err(malformed);
    }
    if let Checked::Here(covered) = layer_4(frame, &layout)? {
        covered.fill(frame);
    }
    Ok(())
}

/// A checksum field and what it covers.
struct Covered {
    layer: Layer,
    range: Range<usize>,
    field: usize,
    pseudo: u16,
    optional: bool,
}

/// Where the checksum of layer 4 can be had from.
enum Checked {
    Nothing,
    Elsewhere,
    Here(Covered),
}

impl Covered {
    fn verify(&self, frame: &[u8]) -> Option<Verdict> {
        let (found, wrong) = match self.layer {
            Layer::Sctp => {
                let found = u32::from_le_bytes(self.field(frame));
                (found, found != Sctp::checksum_of(&frame[self.range.clone()]))
            }
            _ => {
                let found = u16::from_be_bytes(self.field(frame));
                let sum = combine(self.pseudo, ones_complement(&frame[self.range.clone()]));
                let absent = self.layer == Layer::Udp && found == 0;
                (found.into(), (sum != 0xffff || absent) && !(absent && self.optional))
            }
        };
        wrong.then(|| Verdict::Wrong { layer: self.layer, found, expected: self.expected(frame) })
    }

    fn fill(&self, frame: &mut [u8]) {
        let checksum = self.expected(frame);
        match self.layer {
            Layer::Sctp => frame[self.field..self.field + 4].copy_from_slice(&checksum.to_le_bytes()),
            _ => frame[self.field..self.field + 2].copy_from_slice(&(checksum as u16).to_be_bytes()),
        }
    }

    fn expected(&self, frame: &[u8]) -> u32 {
        if self.layer == Layer::Sctp {
            return Sctp::checksum_of(&frame[self.range.clone()]);
        }
        // The field lies at an even distance from the start, so the two sides sum up as words.
        let before = ones_complement(&frame[self.range.start..self.field]);
        let behind = ones_complement(&frame[self.field + 2..self.range.end]);
        let checksum = !combine(self.pseudo, combine(before, behind));
        u32::from(if self.layer == Layer::Udp { udp(checksum) } else { checksum })
    }

    fn field<const N: usize>(&self, frame: &[u8]) -> [u8; N] {
        std::array::from_fn(|n| frame[self.field + n])
    }
}

fn ipv4_header(frame: &[u8], layout: &Layout) -> Option<Covered> {
    let l3 = layout.l3.filter(|l3| l3.kind == L3Kind::Ipv4)?;
    let start = usize::from(l3.offset);
    let (ip, _) = Ipv4::ref_from_prefix(&frame[start..]).ok()?;
    let range = start..start + ip.header_len();
    Some(Covered { layer: Layer::Ipv4, range, field: start + 10, pseudo: 0, optional: false })
}

fn layer_4(frame: &[u8], layout: &Layout) -> Result<Checked, Malformed> {
    let (Some(l3), Some(l4)) = (layout.l3, layout.l4) else {
        return Ok(if layout.later_fragment { Checked::Elsewhere } else { Checked::Nothing });
    };
    let (start, mut end) = (usize::from(l4.offset), usize::from(layout.end));
    let packet = &frame[usize::from(l3.offset)..end];
    // The CRC of SCTP covers no address.
    if layout.fragment || (l4.kind != L4Kind::Sctp && segments_left(l3.kind, packet)) {
        return Ok(Checked::Elsewhere);
    }
    let (layer, protocol, field) = match l4.kind {
        L4Kind::Tcp => (Layer::Tcp, IpProtocol::TCP, start + 16),
        L4Kind::Udp => (Layer::Udp, IpProtocol::UDP, start + 6),
        L4Kind::Icmpv4 => (Layer::Icmpv4, IpProtocol::ICMPV4, start + 2),
        L4Kind::Icmpv6 => (Layer::Icmpv6, IpProtocol::ICMPV6, start + 2),
        L4Kind::Sctp => (Layer::Sctp, IpProtocol::SCTP, start + 8),
        L4Kind::Igmp => (Layer::Igmp, IpProtocol::IGMP, start + 2),
    };
    if layer == Layer::Udp {
        let len = usize::from(u16::from_be_bytes([frame[start + 4], frame[start + 5]]));
        if len < 8 || len > end - start {
            return Err(Malformed::UdpLength);
        }
        end = start + len;
    }
    let pseudo = match (l4.kind, Ipv4::ref_from_prefix(packet), Ipv6::ref_from_prefix(packet)) {
        (L4Kind::Icmpv4 | L4Kind::Sctp | L4Kind::Igmp, ..) => 0,
        (_, Ok((ip, _)), _) if l3.kind == L3Kind::Ipv4 => {
            pseudo_v4(ip.src(), ip.dst(), protocol, (end - start) as u16)
        }
        (_, _, Ok((ip, _))) => pseudo_v6(ip.src(), ip.dst(), protocol, (end - start) as u32),
        _ => return Ok(Checked::Nothing),
    };
    Ok(Checked::Here(Covered { layer, range: start..end, field, pseudo, optional: l3.kind == L3Kind::Ipv4 }))
}

/// Returns whether a routing header still has to replace the destination.
fn segments_left(kind: L3Kind, packet: &[u8]) -> bool {
    let Some((ip, payload)) = Ipv6::ref_from_prefix(packet).ok().filter(|_| kind == L3Kind::Ipv6) else {
        return false;
    };
    extensions(ip.next_header, payload)
        .map_while(Result::ok)
        .any(|header| header.protocol == IpProtocol::ROUTING && header.bytes[3] != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Build;
    use crate::mac::MacAddr;

    fn udp_frame() -> Vec<u8> {
        let stage = Build::ethernet(MacAddr::ZERO, MacAddr::BROADCAST).vlan(3);
        stage.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).udp(1, 2).payload(b"odd").to_vec().unwrap()
    }

    #[test]
    fn the_layer_that_is_wrong_is_told() {
        let mut frame = udp_frame();
        assert_eq!(verify(&frame), Verdict::Correct);
        frame[26] -= 1; // TTL
        assert!(matches!(verify(&frame), Verdict::Wrong { layer: Layer::Ipv4, .. }));
        fill(&mut frame).unwrap();
        *frame.last_mut().unwrap() ^= 1;
        let Verdict::Wrong { layer: Layer::Udp, found, expected } = verify(&frame) else { panic!() };
        assert_eq!(expected, found - 0x100);
    }

    #[test]
    fn the_crc_of_sctp_and_the_checksum_of_igmp_are_filled_and_verified() {
        let stage = Build::ethernet(MacAddr::ZERO, MacAddr::BROADCAST);
        let stage = stage.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let sctp = [0, 7, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 11, 0, 0, 4];
        let igmp = [0x16, 0, 0, 0, 239, 1, 1, 1];
        for (protocol, packet) in [(IpProtocol::SCTP, &sctp[..]), (IpProtocol::IGMP, &igmp)] {
            let mut frame = stage.payload(protocol, packet).to_vec().unwrap();
            let Verdict::Wrong { layer, found: 0, expected } = verify(&frame) else { panic!("{protocol}") };
            fill(&mut frame).unwrap();
            assert_eq!(verify(&frame), Verdict::Correct);
            let right = if layer == Layer::Sctp { Sctp::checksum_of(&sctp) } else { 0xf9fc };
            assert_eq!(expected, right);
        }
    }

    #[test]
    fn udp_may_go_without_a_checksum_on_ipv4_only() {
        let mut frame = udp_frame();
        frame[44..46].fill(0);
        assert_eq!(verify(&frame), Verdict::Correct);
        let stage = Build::ethernet(MacAddr::ZERO, MacAddr::BROADCAST);
        let mut frame =
            stage.ipv6("::1".parse().unwrap(), "::2".parse().unwrap()).udp(1, 2).to_vec().unwrap();
        frame[60..62].fill(0);
        assert!(matches!(verify(&frame), Verdict::Wrong { layer: Layer::Udp, found: 0, .. }));
    }

    #[test]
    fn a_udp_length_beyond_the_packet_is_malformed() {
        let mut frame = udp_frame();
        frame[43] += 1;
        assert_eq!(verify(&frame), Verdict::Malformed(Malformed::UdpLength));
        assert_eq!(fill(&mut frame), Err(Malformed::UdpLength));
    }

    #[test]
    fn a_fragment_is_verified_as_far_as_it_can_be() {
        let mut frame = udp_frame();
        frame[24] |= 0x20;
        fill(&mut frame).unwrap();
        assert_eq!(verify(&frame), Verdict::Partial);
        frame[24] = 0x40;
        assert!(matches!(verify(&frame), Verdict::Wrong { layer: Layer::Ipv4, .. }));
    }

    #[test]
    fn segments_left_put_the_checksum_out_of_reach() {
        let chain = |left| [59, 0, 4, left, 0, 0, 0, 0];
        for (left, verdict) in [(0, Verdict::Correct), (1, Verdict::Partial)] {
            let chain = chain(left);
            let stage = Build::ethernet(MacAddr::ZERO, MacAddr::BROADCAST);
            let stage = stage.ipv6("::1".parse().unwrap(), "::2".parse().unwrap());
            let frame = stage.extensions(IpProtocol::ROUTING, &chain).udp(1, 2).to_vec().unwrap();
            assert_eq!(verify(&frame), verdict);
        }
    }
}
