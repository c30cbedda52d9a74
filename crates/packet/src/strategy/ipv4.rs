//! IPv4 frames.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Transport, ethernet, ipv4_addr, transport};
use crate::build::Ipv4Stage;
use crate::checksum;
use crate::icmpv4::{TimeExceededCode, UnreachableCode};
use crate::igmp::IgmpType;
use crate::ipv4::{IpProtocol, Ipv4};
use crate::tcp::TcpFlags;

/// Yields well-formed IPv4 frames: TCP, UDP, SCTP, ICMP, IGMP, fragments and unknown protocols, some with options.
pub fn ipv4_frame() -> impl Strategy<Value = Vec<u8>> {
    let header = (ethernet(), ipv4_addr(), ipv4_addr(), 1_u8.., any::<u8>(), any::<u16>(), options());
    let body =
        prop_oneof![8 => transport().prop_map(Body::Transport), 1 => fragment(), 1 => unknown(), 1 => igmp()];
    (header, body).prop_map(|((ethernet, src, dst, ttl, dscp_ecn, id, options), body)| {
        let stage = ethernet.ipv4(src, dst).ttl(ttl).dscp_ecn(dscp_ecn).id(id).options(&options);
        let frame = match &body {
            Body::Transport(transport) => write(stage, transport),
            Body::Raw { flags_fragment, protocol, payload } => {
                stage.flags_fragment(*flags_fragment).payload(*protocol, payload).to_vec()
            }
        };
        frame.expect("options and payload are short")
    })
}

#[derive(Debug, Clone)]
enum Body {
    Transport(Transport),
    Raw { flags_fragment: u16, protocol: IpProtocol, payload: Vec<u8> },
}

fn write(stage: Ipv4Stage<'_>, transport: &Transport) -> Result<Vec<u8>, crate::build::Error> {
    match transport {
        Transport::Tcp { ports, seq, ack, flags, options, payload } => stage
            .tcp(ports.0, ports.1)
            .seq(*seq)
            .ack(*ack)
            .flags(TcpFlags(*flags))
            .options(options)
            .payload(payload)
            .to_vec(),
        Transport::Udp { ports, payload } => stage.udp(ports.0, ports.1).payload(payload).to_vec(),
        Transport::Echo { reply: false, id, seq, payload } => stage.echo_request(*id, *seq, payload).to_vec(),
        Transport::Echo { reply: true, id, seq, payload } => stage.echo_reply(*id, *seq, payload).to_vec(),
        Transport::Sctp(packet) => stage.payload(IpProtocol::SCTP, packet).to_vec(),
        Transport::Error { exceeded: true, code, quoted } => {
            stage.time_exceeded(TimeExceededCode(*code), quoted).to_vec()
        }
        Transport::Error { exceeded: false, code, quoted } => {
            stage.unreachable(UnreachableCode(*code), quoted).to_vec()
        }
    }
}

/// A first fragment has a UDP header and at least 8 bytes; a later one has anything.
fn fragment() -> impl Strategy<Value = Body> {
    let first = (vec(any::<[u8; 8]>(), 1..9)).prop_map(|payload| (Ipv4::MORE_FRAGMENTS, payload));
    let later = (1_u16..1000, any::<bool>(), vec(any::<[u8; 8]>(), 1..9))
        .prop_map(|(offset, more, payload)| (offset | u16::from(more) << 13, payload));
    prop_oneof![first, later].prop_map(|(flags_fragment, payload)| Body::Raw {
        flags_fragment,
        protocol: IpProtocol::UDP,
        payload: payload.concat(),
    })
}

/// Protocols that we do not look into.
fn unknown() -> impl Strategy<Value = Body> {
    let protocol = prop_oneof![Just(IpProtocol::GRE), Just(IpProtocol::OSPF), Just(IpProtocol::ESP)];
    (protocol, vec(any::<u8>(), 0..40)).prop_map(|(protocol, payload)| Body::Raw {
        flags_fragment: 0,
        protocol,
        payload,
    })
}

/// Messages of all versions.
fn igmp() -> impl Strategy<Value = Body> {
    let kind = prop_oneof![Just(IgmpType::REPORT_V1), Just(IgmpType::REPORT_V2), Just(IgmpType::LEAVE)];
    let short =
        (kind, any::<[u8; 5]>()).prop_map(|(kind, [a, b, c, d, e])| vec![kind.0, a, 0, 0, b, c, d, e]);
    let sources = || vec(any::<[u8; 4]>(), 0..4);
    let query = (any::<[u8; 7]>(), sources()).prop_map(|([a, b, c, d, e, f, g], sources)| {
        [&[IgmpType::QUERY.0, a, 0, 0, b, c, d, e, f, g, 0, sources.len() as u8][..], &sources.concat()]
            .concat()
    });
    let report = (1_u8..7, any::<[u8; 4]>(), sources()).prop_map(|(kind, group, sources)| {
        let record = [&[kind, 0, 0, sources.len() as u8][..], &group, &sources.concat()].concat();
        [&[IgmpType::REPORT_V3.0, 0, 0, 0, 0, 0, 0, 1][..], &record].concat()
    });
    prop_oneof![short, query, report].prop_map(|mut payload| {
        let checksum = checksum::internet(&payload);
        payload[2..4].copy_from_slice(&checksum.to_be_bytes());
        Body::Raw { flags_fragment: 0, protocol: IpProtocol::IGMP, payload }
    })
}

/// Yields nothing, mostly, or well-formed options of at most 40 bytes.
fn options() -> impl Strategy<Value = Vec<u8>> {
    let option = prop_oneof![
        Just(vec![1]),
        Just(vec![148, 4, 0, 0]),
        vec(any::<u8>(), 4..10).prop_map(|data| [&[7, data.len() as u8 + 2][..], &data].concat()),
    ];
    prop_oneof![3 => Just(vec![]), 1 => vec(option, 1..4).prop_map(|options| options.concat())]
}
