//! The headers of tunnels, and SCTP.

use zerocopy::IntoBytes;
use zerocopy::network_endian::U16;

use super::EthernetStage;
use super::headers::{Head, Headers};
use super::ip::{Ipv4Stage, Ipv6Stage, MAX_HEAD, Network};
use super::write::Complete;
use crate::ethernet::EtherType;
use crate::gre::Gre;
use crate::gtpu::GtpU;
use crate::ipv4::IpProtocol;
use crate::sctp::Sctp;
use crate::udp::Udp;
use crate::vxlan::Vxlan;

macro_rules! tunnels {
    ($stage:ident) => {
        impl<'a> $stage<'a> {
            /// Makes the headers of a tunnel that carries IPv4 or IPv6 packets as they are (RFC 2003, RFC 4213,
            /// RFC 2473).
            pub fn ip_in_ip(self) -> Headers<'a> {
                headers(self.over(IpProtocol::IPIP), Head::IpInIp, &[])
            }

            /// Makes the headers of a GRE tunnel that carries what `protocol` says: packets, or frames
            /// ([`EtherType::TRANSPARENT_BRIDGING`]).
            pub fn gre(self, protocol: EtherType, key: Option<u32>) -> Headers<'a> {
                gre(self.over(IpProtocol::GRE), protocol, key)
            }

            /// Makes the headers of a VXLAN that carries frames; only the low 24 bits of `vni` count.
            ///
            /// The source port should be a hash of the frame's headers, so that flows spread over paths (RFC 7348,
            /// section 5). UDP has a checksum on IPv6 only.
            pub fn vxlan(self, src_port: u16, vni: u32) -> Headers<'a> {
                let head = Vxlan::new(vni);
                over_udp(self.over(IpProtocol::UDP), Head::Vxlan, (src_port, Vxlan::PORT), head.as_bytes())
            }

            /// Makes the headers of a GTP-U tunnel that carries IPv4 or IPv6 packets.
            ///
            /// UDP has a checksum on IPv6 only.
            pub fn gtpu(self, src_port: u16, teid: u32) -> Headers<'a> {
                let head = GtpU::new(teid, 0);
                over_udp(self.over(IpProtocol::UDP), Head::GtpU, (src_port, GtpU::PORT), head.as_bytes())
            }

            /// Adds SCTP's common header and its chunks, which completes the packet.
            pub fn sctp(
                self,
                src_port: u16,
                dst_port: u16,
                verification_tag: u32,
                chunks: &'a [u8],
            ) -> Complete<'a> {
                let header = Sctp {
                    src_port: src_port.into(),
                    dst_port: dst_port.into(),
                    verification_tag: verification_tag.into(),
                    checksum: 0.into(),
                };
                let (ethernet, network) = self.over(IpProtocol::SCTP);
                Complete::new(ethernet, network, chunks).with_head(Head::Sctp, header.as_bytes())
            }
        }
    };
}

tunnels!(Ipv4Stage);
tunnels!(Ipv6Stage);

fn headers<'a>((ethernet, network): (EthernetStage, Network<'a>), kind: Head, head: &[u8]) -> Headers<'a> {
    Headers::new(ethernet, network).with_head(kind, head)
}

fn gre(stage: (EthernetStage, Network<'_>), protocol: EtherType, key: Option<u32>) -> Headers<'_> {
    let mut header = Gre::new(protocol);
    let Some(key) = key else { return headers(stage, Head::Gre(protocol), header.as_bytes()) };
    header.flags_version.set(Gre::KEY);
    let mut head = [0; 2 * Gre::LEN];
    head[..Gre::LEN].copy_from_slice(header.as_bytes());
    head[Gre::LEN..].copy_from_slice(&key.to_be_bytes());
    headers(stage, Head::Gre(protocol), &head)
}

/// Makes headers with a UDP header before `head`.
fn over_udp<'a>(
    stage: (EthernetStage, Network<'a>),
    kind: Head,
    (src_port, dst_port): (u16, u16),
    head: &[u8],
) -> Headers<'a> {
    let udp =
        Udp { src_port: src_port.into(), dst_port: dst_port.into(), len: U16::ZERO, checksum: U16::ZERO };
    let mut both = [0; MAX_HEAD];
    both[..Udp::LEN].copy_from_slice(udp.as_bytes());
    both[Udp::LEN..Udp::LEN + head.len()].copy_from_slice(head);
    headers(stage, kind, &both[..Udp::LEN + head.len()])
}

#[cfg(test)]
mod tests {
    use crate::build::{Build, Error, Headers, Ipv4Stage, Ipv6Stage};
    use crate::checksum::{Verdict, verify};
    use crate::ethernet::EtherType;
    use crate::layout::Layout;
    use crate::mac::MacAddr;
    use crate::tunnel::{Inner, TunnelKind};

    const A: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const B: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    fn v4() -> Ipv4Stage<'static> {
        Build::ethernet(A, B).ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
    }

    fn v6() -> Ipv6Stage<'static> {
        Build::ethernet(A, B).vlan(9).ipv6([1; 16].into(), [2; 16].into())
    }

    fn before(headers: Headers<'_>, payload: &[u8]) -> Result<Vec<u8>, Error> {
        let mut frame = [&vec![0xff; headers.len()][..], payload].concat();
        headers.write(&mut frame).map(|()| frame)
    }

    #[test]
    fn all_tunnels_are_found_again_with_right_checksums() {
        let frame = v4().udp(1, 2).payload(b"odd").to_vec().unwrap();
        let bridged = EtherType::TRANSPARENT_BRIDGING;
        let tunnels = [
            (v4().ip_in_ip(), v6().ip_in_ip(), TunnelKind::IpInIp, Inner::Ipv4),
            (
                v4().gre(EtherType::IPV4, None),
                v6().gre(EtherType::IPV4, None),
                TunnelKind::Gre { key: None },
                Inner::Ipv4,
            ),
            (
                v4().gre(bridged, Some(7)),
                v6().gre(bridged, Some(7)),
                TunnelKind::Gre { key: Some(7) },
                Inner::Ethernet,
            ),
            (v4().vxlan(9, 42), v6().vxlan(9, 42), TunnelKind::Vxlan { vni: 42 }, Inner::Ethernet),
            (v4().gtpu(9, 5), v6().gtpu(9, 5), TunnelKind::GtpU { teid: 5 }, Inner::Ipv4),
        ];
        for (in_4, in_6, kind, carries) in tunnels {
            let payload = if carries == Inner::Ethernet { &frame } else { &frame[14..] };
            for headers in [in_4, in_6] {
                assert!(headers.carries(carries));
                let tunnelled = before(headers, payload).unwrap();
                assert_eq!(verify(&tunnelled), Verdict::Correct);
                let tunnel = Layout::scan(&tunnelled).tunnel(&tunnelled).unwrap();
                assert_eq!((tunnel.kind, tunnel.carries, tunnel.bytes(&tunnelled)), (kind, carries, payload));
            }
        }
    }

    #[test]
    fn udp_of_a_tunnel_has_a_checksum_on_ipv6_only() {
        let frame = v6().udp(1, 2).to_vec().unwrap();
        let in_4 = before(v4().vxlan(9, 42), &frame).unwrap();
        assert_eq!(in_4[34..42], [0, 9, 0x12, 0xb5, 0, (16 + frame.len()) as u8, 0, 0]);
        let in_6 = before(v6().vxlan(9, 42), &frame).unwrap();
        assert_ne!(in_6[64..66], [0, 0]);
    }

    #[test]
    fn headers_are_the_packet_without_its_payload() {
        let udp = v6().udp(1, 2);
        assert_eq!(before(udp.headers(), b"hello"), udp.payload(b"hello").to_vec());
        let sctp = v4().sctp(7, 9, 1, &[11, 0, 0, 4]);
        assert_eq!(before(sctp.headers(), &[11, 0, 0, 4]), sctp.to_vec());
        assert_eq!(verify(&sctp.to_vec().unwrap()), Verdict::Correct);
        assert!(!udp.headers().carries(Inner::Ethernet) && !sctp.headers().carries(Inner::Ipv4));
    }

    #[test]
    fn what_cannot_be_carried_is_refused_and_nothing_written() {
        assert_eq!(before(v4().ip_in_ip(), &[0x50; 40]), Err(Error::NoPacket));
        let mut frame = [7; 40];
        assert_eq!(v4().vxlan(1, 1).write(&mut frame), Err(Error::NoRoom { needed: 50, available: 40 }));
        let mut long = vec![7; 65_550];
        assert_eq!(v4().gtpu(1, 1).write(&mut long), Err(Error::TooLong { len: 65_536 }));
        assert!(frame.iter().chain(&long).all(|&byte| byte == 7));
    }
}
