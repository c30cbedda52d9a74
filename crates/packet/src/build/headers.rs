//! Writing headers in front of what they carry.

use zerocopy::IntoBytes;

use super::ip::{MAX_HEAD, Network};
use super::{Error, EthernetStage};
use crate::checksum::{combine, ones_complement, pseudo_v4, pseudo_v6, udp};
use crate::ethernet::EtherType;
use crate::gtpu::GtpU;
use crate::ipv4::{IpProtocol, Ipv4};
use crate::ipv6::{Ipv6, extension_len, is_extension};
use crate::sctp::Sctp;
use crate::tunnel::Inner;
use crate::udp::Udp;

/// The headers of a packet, to be written in front of a payload that is in place already.
///
/// Nothing of the payload moves; it is only read for a checksum.
///
/// # Examples
/// ```
/// use rackless_packet::build::Build;
/// use rackless_packet::checksum::{Verdict, verify};
/// use rackless_packet::MacAddr;
///
/// let link = Build::ethernet(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
/// let frame = link.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).udp(1, 2).payload(b"hello").to_vec()?;
///
/// // The frame lies where it lies, and room is before it.
/// let headers = link.ipv6("fd00::1".parse()?, "fd00::2".parse()?).vxlan(50_000, 42);
/// let mut tunnelled = [&vec![0; headers.len()][..], &frame].concat();
/// headers.write(&mut tunnelled)?;
/// assert_eq!(verify(&tunnelled), Verdict::Correct);
/// assert_eq!(tunnelled[headers.len()..], frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use = "headers are not written until `write`"]
pub struct Headers<'a> {
    ethernet: EthernetStage,
    network: Network<'a>,
    /// The header behind the network layer, of `head_len` bytes; what depends on the payload is still 0.
    head: [u8; MAX_HEAD],
    head_len: usize,
    kind: Head,
    /// TCP options, not yet padded.
    pub(super) options: &'a [u8],
}

/// What the header behind the network layer is, and thus what of it depends on the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// None, or one that depends on nothing.
    Fixed,
    Tcp,
    Udp,
    /// ICMP on either version, or IGMP.
    Icmp,
    Sctp,
    /// None; the protocol number is that of the packet that follows.
    IpInIp,
    Gre(EtherType),
    /// UDP and VXLAN.
    Vxlan,
    /// UDP and GTP-U.
    GtpU,
}

#[allow(clippy::len_without_is_empty, reason = "an Ethernet header is always there")]
impl<'a> Headers<'a> {
    #[inline]
    pub(super) fn new(ethernet: EthernetStage, network: Network<'a>) -> Self {
        Self { ethernet, network, head: [0; MAX_HEAD], head_len: 0, kind: Head::Fixed, options: &[] }
    }

    #[inline] // else it is copied once more on each way
    pub(super) fn with_head(mut self, kind: Head, head: &[u8]) -> Self {
        self.head[..head.len()].copy_from_slice(head);
        self.head_len = head.len();
        self.kind = kind;
        self
    }

    /// Writes the headers to the first [`Headers::len`] bytes of `frame`, whose other bytes are the payload, with the
    /// lengths and checksums that it makes.
    ///
    /// # Errors
    /// If `frame` is shorter than the headers, options or payload are too long, extension headers not whole, or IP in
    /// IP would carry something else; `frame` is then as it was.
    pub fn write(&self, frame: &mut [u8]) -> Result<(), Error> {
        let (needed, available) = (self.len(), frame.len());
        let payload = frame.get(needed..).ok_or(Error::NoRoom { needed, available })?;
        self.check(payload.len())?;
        self.fill(frame)
    }

    /// Writes the headers to a frame for whose payload they were checked.
    pub(super) fn fill(&self, frame: &mut [u8]) -> Result<(), Error> {
        let network = match self.kind {
            Head::IpInIp => &self.network_of(&frame[self.len()..])?,
            _ => &self.network,
        };
        let (link, packet) = frame.split_at_mut(self.ethernet.len());
        self.write_link(link);
        let (out, transport) = packet.split_at_mut(self.network_len());
        self.write_transport(transport);
        write_network(network, out, transport.len());
        self.write_checksum(network, transport);
        Ok(())
    }

    /// Returns their length in bytes.
    pub fn len(&self) -> usize {
        self.ethernet.len() + self.network_len() + self.head_len + self.options.len().next_multiple_of(4)
    }

    /// Returns whether these are the headers of a tunnel that carries such a thing.
    pub fn carries(&self, inner: Inner) -> bool {
        match self.kind {
            Head::IpInIp | Head::GtpU => inner != Inner::Ethernet,
            Head::Gre(protocol) => inner.ether_type() == protocol,
            Head::Vxlan => inner == Inner::Ethernet,
            _ => false,
        }
    }

    /// Checks that the headers can be written before a payload of this many bytes.
    ///
    /// # Errors
    /// If options or payload are too long, or extension headers not whole.
    pub fn check(&self, payload_len: usize) -> Result<(), Error> {
        if self.ethernet.tag_count > self.ethernet.tags.len() {
            return Err(Error::VlanTags);
        }
        if self.options.len() > 40 {
            return Err(Error::Options { len: self.options.len() });
        }
        let packet_len = self.len() - self.ethernet.len() + payload_len;
        let counted = match self.network {
            Network::V4(_, options) if options.len() > 40 => {
                return Err(Error::Options { len: options.len() });
            }
            Network::V4(..) => packet_len,
            Network::V6 { header, extensions, .. } => {
                last_extension(header.next_header, extensions)?;
                packet_len - Ipv6::LEN
            }
            Network::Other(_) => 0,
        };
        if counted > usize::from(u16::MAX) { Err(Error::TooLong { len: counted }) } else { Ok(()) }
    }

    fn network_len(&self) -> usize {
        match self.network {
            Network::V4(_, options) => Ipv4::LEN + options.len().next_multiple_of(4),
            Network::V6 { extensions, .. } => Ipv6::LEN + extensions.len(),
            Network::Other(_) => 0,
        }
    }

    /// Returns the network layer of IP in IP, with the protocol number of what it carries.
    fn network_of(&self, payload: &[u8]) -> Result<Network<'a>, Error> {
        let carried = match Inner::of_packet(payload).ok_or(Error::NoPacket)? {
            Inner::Ipv4 => IpProtocol::IPIP,
            _ => IpProtocol::IPV6,
        };
        let mut network = self.network;
        match &mut network {
            Network::V4(header, _) => header.protocol = carried,
            Network::V6 { protocol, .. } => *protocol = carried,
            Network::Other(_) => {}
        }
        Ok(network)
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

    fn write_transport(&self, out: &mut [u8]) {
        let len = out.len() as u16; // checked: without an IP header there is no length to write
        let (head, rest) = out.split_at_mut(self.head_len);
        head.copy_from_slice(&self.head[..self.head_len]);
        if matches!(self.kind, Head::Udp | Head::Vxlan | Head::GtpU) {
            head[4..6].copy_from_slice(&len.to_be_bytes());
        }
        if self.kind == Head::GtpU {
            let carried = len - (Udp::LEN + GtpU::LEN) as u16;
            head[Udp::LEN + 2..Udp::LEN + 4].copy_from_slice(&carried.to_be_bytes());
        }
        let padded = &mut rest[..self.options.len().next_multiple_of(4)];
        padded[..self.options.len()].copy_from_slice(self.options);
        padded[self.options.len()..].fill(0);
    }

    fn write_checksum(&self, network: &Network<'_>, transport: &mut [u8]) {
        let field = match (self.kind, network) {
            (Head::Tcp, _) => 16,
            // A tunnel over IPv4 needs none (RFC 7348, section 5); over IPv6 one must be agreed on (RFC 6935).
            (Head::Vxlan | Head::GtpU, Network::V4(..)) => return,
            (Head::Udp | Head::Vxlan | Head::GtpU, _) => 6,
            (Head::Icmp, _) => 2,
            (Head::Sctp, _) => {
                let checksum = Sctp::checksum_of(transport);
                return transport[8..12].copy_from_slice(&checksum.to_le_bytes());
            }
            (Head::Fixed | Head::IpInIp | Head::Gre(_), _) => return,
        };
        let checksum = !combine(pseudo_header(network, transport.len()), ones_complement(transport));
        let checksum = if field == 6 { udp(checksum) } else { checksum };
        transport[field..field + 2].copy_from_slice(&checksum.to_be_bytes());
    }
}

fn write_network(network: &Network<'_>, out: &mut [u8], transport_len: usize) {
    let out_len = out.len();
    match *network {
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

/// Returns the sum of the pseudo-header of layer 4, 0 if it has none.
fn pseudo_header(network: &Network<'_>, len: usize) -> u16 {
    match network {
        Network::V4(ip, _) if matches!(ip.protocol, IpProtocol::ICMPV4 | IpProtocol::IGMP) => 0,
        Network::V4(ip, _) => pseudo_v4(ip.src(), ip.dst(), ip.protocol, len as u16),
        Network::V6 { header, protocol, .. } => pseudo_v6(header.src(), header.dst(), *protocol, len as u32),
        Network::Other(_) => 0,
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
