//! Writing a complete packet.

use zerocopy::IntoBytes;

use super::ip::{MAX_HEAD, Network};
use super::{Error, EthernetStage};
use crate::checksum::{combine, ones_complement, pseudo_v4, pseudo_v6, udp};
use crate::ethernet::EtherType;
use crate::ipv4::{IpProtocol, Ipv4};
use crate::ipv6::{Ipv6, extension_len, is_extension};

/// A packet with all its layers, which may be written.
#[derive(Debug, Clone, Copy)]
#[must_use = "a packet is not built until it is written"]
pub struct Complete<'a> {
    pub(super) ethernet: EthernetStage,
    pub(super) network: Network<'a>,
    /// The fixed header behind the network layer, of `head_len` bytes; its checksum is still 0.
    pub(super) head: [u8; MAX_HEAD],
    pub(super) head_len: usize,
    /// TCP options, not yet padded.
    pub(super) options: &'a [u8],
    pub(super) payload: &'a [u8],
}

impl<'a> Complete<'a> {
    pub(super) fn raw(ethernet: EthernetStage, network: Network<'a>, payload: &'a [u8]) -> Self {
        Self { ethernet, network, head: [0; MAX_HEAD], head_len: 0, options: &[], payload }
    }

    pub(super) fn set_head(&mut self, head: &[u8]) {
        self.head[..head.len()].copy_from_slice(head);
        self.head_len = head.len();
    }

    /// Writes the frame to the start of `out` and returns its length. Nothing is allocated; bytes behind the frame
    /// stay as they are.
    ///
    /// # Errors
    /// If `out` is too short, options or payload too long, or extension headers not whole.
    pub fn write_into(&self, out: &mut [u8]) -> Result<usize, Error> {
        let len = self.check()?;
        let available = out.len();
        let out = out.get_mut(..len).ok_or(Error::NoRoom { needed: len, available })?;
        let (link, packet) = out.split_at_mut(self.ethernet.len());
        self.write_link(link);
        let (network, transport) = packet.split_at_mut(self.network_len());
        self.write_transport(transport);
        self.write_network(network, transport.len());
        self.write_checksum(transport);
        Ok(len)
    }

    /// Returns the frame.
    ///
    /// # Errors
    /// If options or payload are too long, or extension headers not whole.
    pub fn to_vec(&self) -> Result<Vec<u8>, Error> {
        let mut frame = vec![0; self.check()?];
        self.write_into(&mut frame)?;
        Ok(frame)
    }

    /// Returns the length of the whole frame, as [`Complete::write_into`] writes it.
    pub fn frame_len(&self) -> usize {
        self.ethernet.len() + self.network_len() + self.transport_len()
    }

    fn network_len(&self) -> usize {
        match self.network {
            Network::V4(_, options) => Ipv4::LEN + options.len().next_multiple_of(4),
            Network::V6 { extensions, .. } => Ipv6::LEN + extensions.len(),
            Network::Other(_) => 0,
        }
    }

    fn transport_len(&self) -> usize {
        self.head_len + self.options.len().next_multiple_of(4) + self.payload.len()
    }

    /// Returns the length of the frame if all its parts fit where they belong.
    fn check(&self) -> Result<usize, Error> {
        if self.ethernet.tag_count > self.ethernet.tags.len() {
            return Err(Error::VlanTags);
        }
        if self.options.len() > 40 {
            return Err(Error::Options { len: self.options.len() });
        }
        let counted = match self.network {
            Network::V4(_, options) if options.len() > 40 => {
                return Err(Error::Options { len: options.len() });
            }
            Network::V4(..) => self.network_len() + self.transport_len(),
            Network::V6 { header, extensions, .. } => {
                last_extension(header.next_header, extensions)?;
                extensions.len() + self.transport_len()
            }
            Network::Other(_) => 0,
        };
        if counted > usize::from(u16::MAX) {
            Err(Error::TooLong { len: counted })
        } else {
            Ok(self.frame_len())
        }
    }

    fn write_link(&self, out: &mut [u8]) {
        out[..6].copy_from_slice(&self.ethernet.dst.0);
        out[6..12].copy_from_slice(&self.ethernet.src.0);
        let mut at = 12;
        for (announced_by, tci) in &self.ethernet.tags[..self.ethernet.tag_count] {
            out[at..at + 2].copy_from_slice(announced_by.as_bytes());
            out[at + 2..at + 4].copy_from_slice(&tci.to_be_bytes());
            at += 4;
        }
        let ether_type = match self.network {
            Network::V4(..) => EtherType::IPV4,
            Network::V6 { .. } => EtherType::IPV6,
            Network::Other(ether_type) => ether_type,
        };
        out[at..].copy_from_slice(ether_type.as_bytes());
    }

    fn write_network(&self, out: &mut [u8], transport_len: usize) {
        let out_len = out.len();
        match self.network {
            Network::V4(mut header, options) => {
                let (fixed, padded) = out.split_at_mut(Ipv4::LEN);
                padded[..options.len()].copy_from_slice(options);
                padded[options.len()..].fill(0);
                header.version_ihl = 0x40 | (out_len / 4) as u8;
                header.total_len.set((out_len + transport_len) as u16);
                header.fill_checksum(padded);
                fixed.copy_from_slice(header.as_bytes());
            }
            Network::V6 { mut header, extensions, protocol } => {
                let (fixed, chain) = out.split_at_mut(Ipv6::LEN);
                chain.copy_from_slice(extensions);
                match last_extension(header.next_header, extensions) {
                    Ok(Some(last)) => chain[last] = protocol.0,
                    _ => header.next_header = protocol,
                }
                header.payload_len.set((extensions.len() + transport_len) as u16);
                fixed.copy_from_slice(header.as_bytes());
            }
            Network::Other(_) => {}
        }
    }

    fn write_transport(&self, out: &mut [u8]) {
        let (head, rest) = out.split_at_mut(self.head_len);
        head.copy_from_slice(&self.head[..self.head_len]);
        let (padded, payload) = rest.split_at_mut(self.options.len().next_multiple_of(4));
        padded[..self.options.len()].copy_from_slice(self.options);
        padded[self.options.len()..].fill(0);
        payload.copy_from_slice(self.payload);
    }

    fn write_checksum(&self, transport: &mut [u8]) {
        let len = transport.len();
        let (protocol, pseudo) = match self.network {
            Network::V4(ip, _) if ip.protocol == IpProtocol::ICMPV4 => (ip.protocol, 0),
            Network::V4(ip, _) => (ip.protocol, pseudo_v4(ip.src(), ip.dst(), ip.protocol, len as u16)),
            Network::V6 { header, protocol, .. } => {
                (protocol, pseudo_v6(header.src(), header.dst(), protocol, len as u32))
            }
            Network::Other(_) => return,
        };
        if self.head_len == 0 {
            return; // a raw payload
        }
        let checksum = !combine(pseudo, ones_complement(transport));
        let (field, checksum) = match protocol {
            IpProtocol::TCP => (16, checksum),
            IpProtocol::UDP => (6, udp(checksum)),
            _ => (2, checksum),
        };
        transport[field..field + 2].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Returns where the last header of a chain starts, or `None` if the chain is empty.
fn last_extension(first: IpProtocol, chain: &[u8]) -> Result<Option<usize>, Error> {
    let (mut protocol, mut offset, mut last) = (first, 0, None);
    while offset < chain.len() {
        let len = extension_len(protocol, &chain[offset..])
            .filter(|_| is_extension(protocol))
            .ok_or(Error::Extensions)?;
        last = Some(offset);
        protocol = IpProtocol(chain[offset]);
        offset += len;
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Build, SOLICITED_OVERRIDE, may_answer_with_error};
    use crate::checksum::{Verdict, verify};
    use crate::icmpv4::UnreachableCode;
    use crate::icmpv6::TimeExceededCode;
    use crate::layout::Layout;
    use crate::mac::MacAddr;
    use crate::tcp::TcpFlags;

    const A: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const B: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    #[test]
    fn a_neighbour_solicitation_is_built_byte_for_byte() {
        let frame = Build::neighbour_solicitation(A, "fe80::1".parse().unwrap(), "fe80::2".parse().unwrap());
        let frame = frame.to_vec().unwrap();
        let text: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            text,
            "3333ff00000202000000000186dd\
             6000000000203afffe800000000000000000000000000001ff0200000000000000000001ff000002\
             8700\
             7a97\
             00000000fe800000000000000000000000000002\
             0101020000000001"
        );
    }

    #[test]
    fn errors_quote_no_more_than_the_rfcs_allow() {
        let long = vec![7; 3000];
        let v4 = Build::ethernet(A, B).ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let v4 = v4.unreachable(UnreachableCode::HOST, &long).to_vec().unwrap();
        assert_eq!((v4.len(), verify(&v4)), (14 + 576, Verdict::Correct));
        let v6 = Build::ethernet(A, B).ipv6("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
        let v6 = v6.time_exceeded(TimeExceededCode::HOP_LIMIT, &long).to_vec().unwrap();
        assert_eq!((v6.len(), verify(&v6)), (14 + 1280, Verdict::Correct));
        assert!(!may_answer_with_error(&v4, &Layout::scan(&v4)));
        assert!(!may_answer_with_error(&v6, &Layout::scan(&v6)));
    }

    #[test]
    fn an_error_is_sent_about_ordinary_packets_only() {
        let allowed = |frame: Complete| {
            let frame = frame.to_vec().unwrap();
            may_answer_with_error(&frame, &Layout::scan(&frame))
        };
        let v4 = |dst, to: [u8; 4]| {
            Build::ethernet(A, dst).ipv4([10, 0, 0, 1].into(), to.into()).echo_request(1, 1, &[])
        };
        assert!(allowed(v4(B, [10, 0, 0, 2])));
        assert!(!allowed(v4(MacAddr::BROADCAST, [10, 0, 0, 2])));
        assert!(!allowed(v4(B, [255; 4])));
        assert!(!allowed(v4(B, [224, 0, 0, 1])));
        let from_nobody = Build::neighbour_solicitation(A, "::".parse().unwrap(), "fe80::2".parse().unwrap());
        assert!(!allowed(from_nobody));
        assert!(!allowed(Build::arp_request(A, [10, 0, 0, 1].into(), [10, 0, 0, 2].into())));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let tcp = Build::ethernet(A, B).ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).tcp(1, 2);
        assert_eq!(tcp.write_into(&mut [0; 53]), Err(Error::NoRoom { needed: 54, available: 53 }));
        assert_eq!(tcp.options(&[1; 41]).to_vec(), Err(Error::Options { len: 41 }));
        let long = vec![0; 65_496];
        assert_eq!(tcp.payload(&long).to_vec(), Err(Error::TooLong { len: 65_536 }));
        assert_eq!(tcp.payload(&long[1..]).to_vec().map(|frame| frame.len()), Ok(65_549));
        let v6 = Build::ethernet(A, B).ipv6("::1".parse().unwrap(), "::2".parse().unwrap());
        let chain = [60, 0, 1, 4, 0, 0, 0, 0, 1];
        assert_eq!(v6.extensions(IpProtocol::HOP_BY_HOP, &chain).udp(1, 2).to_vec(), Err(Error::Extensions));
        let three = Build::ethernet(A, B).qinq(1).vlan(2).vlan(3);
        assert_eq!(three.payload(EtherType::LLDP, &[]).to_vec(), Err(Error::VlanTags));
    }

    #[test]
    fn a_buffer_used_before_leaves_no_trace() {
        let syn = Build::ethernet(A, B)
            .qinq(5)
            .vlan(6)
            .ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
            .options(&[148, 4, 0, 0, 1])
            .tcp(1, 2)
            .flags(TcpFlags::SYN)
            .options(&[2, 4, 5, 180, 1]);
        let mut used = [0xff; 100];
        let len = syn.write_into(&mut used).unwrap();
        assert_eq!((len, syn.frame_len()), (22 + 28 + 28, 78));
        assert_eq!(used[..len], syn.to_vec().unwrap());
        assert!(used[len..].iter().all(|&byte| byte == 0xff));
        assert_eq!(verify(&used[..len]), Verdict::Correct);
    }

    #[test]
    fn advertisements_echoes_and_arp_have_right_checksums() {
        let (a, b) = ("fd00::a".parse().unwrap(), "fd00::b".parse().unwrap());
        let frames = [
            Build::neighbour_advertisement(A, a, B, b, SOLICITED_OVERRIDE).to_vec(),
            Build::ethernet(A, B).ipv6(a, b).echo_reply(7, 8, b"odd").to_vec(),
            Build::ethernet(A, B).ipv6(a, b).packet_too_big(1280, b"x").to_vec(),
            Build::ethernet(A, B)
                .ipv4([1; 4].into(), [2; 4].into())
                .fragmentation_needed(1280, b"x")
                .to_vec(),
            Build::arp_reply(A, [1; 4].into(), B, [2; 4].into()).to_vec(),
        ];
        for frame in frames {
            let frame = frame.unwrap();
            assert_eq!(verify(&frame), Verdict::Correct);
            assert_eq!(Layout::scan(&frame).malformed, None);
        }
    }
}
