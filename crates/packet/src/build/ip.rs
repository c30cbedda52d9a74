//! The IP, TCP and UDP stages.

use std::net::{Ipv4Addr, Ipv6Addr};

use zerocopy::IntoBytes;
use zerocopy::network_endian::{U16, U32};

use super::headers::{Head, Headers};
use super::write::Complete;
use super::{Error, EthernetStage};
use crate::ethernet::EtherType;
use crate::ipv4::{IpProtocol, Ipv4};
use crate::ipv6::Ipv6;
use crate::tcp::{Tcp, TcpFlags};
use crate::udp::Udp;

/// The longest fixed part behind the network header: a neighbour solicitation with its option.
pub(super) const MAX_HEAD: usize = 32;

/// A frame that has its IPv4 header.
#[derive(Debug, Clone, Copy)]
#[must_use = "a stage builds nothing until it is written"]
pub struct Ipv4Stage<'a> {
    pub(super) ethernet: EthernetStage,
    pub(super) header: Ipv4,
    pub(super) options: &'a [u8],
}

/// A frame that has its IPv6 header.
#[derive(Debug, Clone, Copy)]
#[must_use = "a stage builds nothing until it is written"]
pub struct Ipv6Stage<'a> {
    pub(super) ethernet: EthernetStage,
    pub(super) header: Ipv6,
    pub(super) extensions: &'a [u8],
}

/// The network layer of a complete packet.
#[derive(Debug, Clone, Copy)]
pub(super) enum Network<'a> {
    V4(Ipv4, &'a [u8]),
    V6 { header: Ipv6, extensions: &'a [u8], protocol: IpProtocol },
    Other(EtherType),
}

/// A frame that has its TCP header and may be written.
#[derive(Debug, Clone, Copy)]
#[must_use = "a stage builds nothing until it is written"]
pub struct TcpStage<'a> {
    ethernet: EthernetStage,
    network: Network<'a>,
    header: Tcp,
    options: &'a [u8],
    payload: &'a [u8],
}

/// A frame that has its UDP header and may be written.
#[derive(Debug, Clone, Copy)]
#[must_use = "a stage builds nothing until it is written"]
pub struct UdpStage<'a> {
    ethernet: EthernetStage,
    network: Network<'a>,
    header: Udp,
    payload: &'a [u8],
}

impl<'a> Ipv4Stage<'a> {
    pub(super) fn new(ethernet: EthernetStage, src: Ipv4Addr, dst: Ipv4Addr) -> Self {
        let header = Ipv4 {
            version_ihl: 0x45,
            dscp_ecn: 0,
            total_len: U16::ZERO,
            id: U16::ZERO,
            flags_fragment: U16::ZERO,
            ttl: 64, // the default of RFC 1700 and of Linux
            protocol: IpProtocol(255),
            checksum: U16::ZERO,
            src: src.octets(),
            dst: dst.octets(),
        };
        Self { ethernet, header, options: &[] }
    }

    /// Sets the TTL.
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.header.ttl = ttl;
        self
    }

    /// Sets differentiated services and congestion notification.
    pub fn dscp_ecn(mut self, dscp_ecn: u8) -> Self {
        self.header.dscp_ecn = dscp_ecn;
        self
    }

    /// Sets the identification.
    pub fn id(mut self, id: u16) -> Self {
        self.header.id.set(id);
        self
    }

    /// Sets the flag "don't fragment".
    pub fn dont_fragment(self) -> Self {
        self.flags_fragment(Ipv4::DONT_FRAGMENT)
    }

    /// Sets flags and fragment offset, as in [`Ipv4::flags_fragment`]; the payload of a fragment is best given by
    /// [`Ipv4Stage::payload`], because a layer 4 checksum covers the whole packet.
    pub fn flags_fragment(mut self, flags_fragment: u16) -> Self {
        self.header.flags_fragment.set(flags_fragment);
        self
    }

    /// Sets the options, at most 40 bytes; they are padded to whole words.
    pub fn options(mut self, options: &'a [u8]) -> Self {
        self.options = options;
        self
    }

    /// Adds a TCP header.
    pub fn tcp(mut self, src_port: u16, dst_port: u16) -> TcpStage<'a> {
        self.header.protocol = IpProtocol::TCP;
        TcpStage::new(self.ethernet, self.network(), src_port, dst_port)
    }

    /// Adds a UDP header.
    pub fn udp(mut self, src_port: u16, dst_port: u16) -> UdpStage<'a> {
        self.header.protocol = IpProtocol::UDP;
        UdpStage::new(self.ethernet, self.network(), src_port, dst_port)
    }

    /// Adds any other payload, which completes the packet; no checksum in it is computed.
    pub fn payload(mut self, protocol: IpProtocol, payload: &'a [u8]) -> Complete<'a> {
        self.header.protocol = protocol;
        Complete::new(self.ethernet, self.network(), payload)
    }

    pub(super) fn network(&self) -> Network<'a> {
        Network::V4(self.header, self.options)
    }

    /// The network layer with what it carries, for code that both versions share.
    pub(super) fn over(mut self, protocol: IpProtocol) -> (EthernetStage, Network<'a>) {
        self.header.protocol = protocol;
        (self.ethernet, self.network())
    }
}

impl<'a> Ipv6Stage<'a> {
    pub(super) fn new(ethernet: EthernetStage, src: Ipv6Addr, dst: Ipv6Addr) -> Self {
        let header = Ipv6 {
            version_class_flow: U32::new(0x6000_0000),
            payload_len: U16::ZERO,
            next_header: IpProtocol::NO_NEXT_HEADER,
            hop_limit: 64,
            src: src.octets(),
            dst: dst.octets(),
        };
        Self { ethernet, header, extensions: &[] }
    }

    /// Sets the hop limit.
    pub fn hop_limit(mut self, hop_limit: u8) -> Self {
        self.header.hop_limit = hop_limit;
        self
    }

    /// Sets the traffic class.
    pub fn traffic_class(mut self, class: u8) -> Self {
        let word = &mut self.header.version_class_flow;
        word.set(word.get() & 0xf00f_ffff | u32::from(class) << 20);
        self
    }

    /// Sets the flow label to the low 20 bits of `label`.
    pub fn flow_label(mut self, label: u32) -> Self {
        let word = &mut self.header.version_class_flow;
        word.set(word.get() & 0xfff0_0000 | label & 0xf_ffff);
        self
    }

    /// Puts extension headers between the IPv6 header and layer 4: whole headers, the first one of kind `first`,
    /// whose next-header bytes name each other; that of the last is filled in.
    ///
    /// The layer 4 checksum is computed with the destination of the IPv6 header, which is wrong with a routing
    /// header that has segments left.
    pub fn extensions(mut self, first: IpProtocol, headers: &'a [u8]) -> Self {
        self.header.next_header = first;
        self.extensions = headers;
        self
    }

    /// Adds a TCP header.
    pub fn tcp(self, src_port: u16, dst_port: u16) -> TcpStage<'a> {
        TcpStage::new(self.ethernet, self.network(IpProtocol::TCP), src_port, dst_port)
    }

    /// Adds a UDP header.
    pub fn udp(self, src_port: u16, dst_port: u16) -> UdpStage<'a> {
        UdpStage::new(self.ethernet, self.network(IpProtocol::UDP), src_port, dst_port)
    }

    /// Adds any other payload, which completes the packet; no checksum in it is computed.
    pub fn payload(self, protocol: IpProtocol, payload: &'a [u8]) -> Complete<'a> {
        Complete::new(self.ethernet, self.network(protocol), payload)
    }

    pub(super) fn network(&self, protocol: IpProtocol) -> Network<'a> {
        Network::V6 { header: self.header, extensions: self.extensions, protocol }
    }

    /// The network layer with what it carries, for code that both versions share.
    pub(super) fn over(self, protocol: IpProtocol) -> (EthernetStage, Network<'a>) {
        (self.ethernet, self.network(protocol))
    }
}

impl<'a> TcpStage<'a> {
    fn new(ethernet: EthernetStage, network: Network<'a>, src_port: u16, dst_port: u16) -> Self {
        let header = Tcp {
            src_port: U16::new(src_port),
            dst_port: U16::new(dst_port),
            seq: U32::ZERO,
            ack: U32::ZERO,
            data_offset: 0,
            flags: TcpFlags::default(),
            window: U16::new(65_535),
            checksum: U16::ZERO,
            urgent: U16::ZERO,
        };
        Self { ethernet, network, header, options: &[], payload: &[] }
    }

    /// Sets the control bits.
    pub fn flags(mut self, flags: TcpFlags) -> Self {
        self.header.flags = flags;
        self
    }

    /// Sets the sequence number.
    pub fn seq(mut self, seq: u32) -> Self {
        self.header.seq.set(seq);
        self
    }

    /// Sets the acknowledgement number; the flag is set by [`TcpStage::flags`].
    pub fn ack(mut self, ack: u32) -> Self {
        self.header.ack.set(ack);
        self
    }

    /// Sets the window, which is 65,535 otherwise.
    pub fn window(mut self, window: u16) -> Self {
        self.header.window.set(window);
        self
    }

    /// Sets the urgent pointer.
    pub fn urgent(mut self, urgent: u16) -> Self {
        self.header.urgent.set(urgent);
        self
    }

    /// Sets the options, at most 40 bytes; they are padded to whole words.
    pub fn options(mut self, options: &'a [u8]) -> Self {
        self.options = options;
        self
    }

    /// Sets the payload.
    pub fn payload(mut self, payload: &'a [u8]) -> Self {
        self.payload = payload;
        self
    }

    fn complete(&self) -> Complete<'a> {
        let mut header = self.header;
        // Options that are too long make writing fail, so the shift loses nothing that is written.
        header.data_offset = ((Tcp::LEN + self.options.len()).div_ceil(4) << 4) as u8;
        let complete = Complete::new(self.ethernet, self.network, self.payload);
        let mut complete = complete.with_head(Head::Tcp, header.as_bytes());
        complete.headers.options = self.options;
        complete
    }
}

impl<'a> UdpStage<'a> {
    fn new(ethernet: EthernetStage, network: Network<'a>, src_port: u16, dst_port: u16) -> Self {
        let header = Udp {
            src_port: U16::new(src_port),
            dst_port: U16::new(dst_port),
            len: U16::ZERO,
            checksum: U16::ZERO,
        };
        Self { ethernet, network, header, payload: &[] }
    }

    /// Sets the payload.
    pub fn payload(mut self, payload: &'a [u8]) -> Self {
        self.payload = payload;
        self
    }

    fn complete(&self) -> Complete<'a> {
        let complete = Complete::new(self.ethernet, self.network, self.payload);
        complete.with_head(Head::Udp, self.header.as_bytes())
    }
}

macro_rules! write_by_completing {
    ($stage:ident) => {
        impl<'a> $stage<'a> {
            /// Returns the headers alone, to be written in front of a payload that is in place already.
            pub fn headers(&self) -> Headers<'a> {
                self.complete().headers()
            }

            /// Returns the length of the whole frame; see [`Complete::frame_len`].
            pub fn frame_len(&self) -> usize {
                self.complete().frame_len()
            }

            /// Writes the frame to the start of `out` and returns its length; see [`Complete::write_into`].
            ///
            /// # Errors
            /// As [`Complete::write_into`].
            pub fn write_into(&self, out: &mut [u8]) -> Result<usize, Error> {
                self.complete().write_into(out)
            }

            /// Returns the frame; see [`Complete::to_vec`].
            ///
            /// # Errors
            /// As [`Complete::to_vec`].
            pub fn to_vec(&self) -> Result<Vec<u8>, Error> {
                self.complete().to_vec()
            }
        }
    };
}

write_by_completing!(TcpStage);
write_by_completing!(UdpStage);
