//! IPv6 frames.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Transport, ethernet, ipv6_addr, mac, transport};
use crate::build::{Build, Error, Ipv6Stage};
use crate::icmpv6::{TimeExceededCode, UnreachableCode};
use crate::ipv4::IpProtocol;
use crate::tcp::TcpFlags;

/// Yields well-formed IPv6 frames: TCP, UDP, SCTP, ICMPv6, fragments and nothing at all, some with extension headers.
pub fn ipv6_frame() -> impl Strategy<Value = Vec<u8>> {
    let header = (ethernet(), ipv6_addr(), ipv6_addr(), 1_u8.., any::<u8>(), any::<u32>(), chain());
    let body =
        prop_oneof![8 => transport().prop_map(Body::Transport), 1 => fragment(), 1 => Just(Body::None)];
    (header, body).prop_map(|((ethernet, src, dst, hop_limit, class, label, chain), body)| {
        let stage = ethernet.ipv6(src, dst).hop_limit(hop_limit).traffic_class(class).flow_label(label);
        let first = chain.first().map_or(IpProtocol::FRAGMENT, |(kind, _)| *kind);
        let mut bytes = concat(&chain);
        let frame = match &body {
            Body::Transport(transport) if chain.is_empty() => write(stage, transport),
            Body::Transport(transport) => write(stage.extensions(first, &bytes), transport),
            Body::Fragment { header, payload } => {
                patch_last(&chain, &mut bytes, IpProtocol::FRAGMENT);
                bytes.extend(header);
                stage.extensions(first, &bytes).payload(IpProtocol::UDP, payload).to_vec()
            }
            Body::None if chain.is_empty() => stage.payload(IpProtocol::NO_NEXT_HEADER, &[]).to_vec(),
            Body::None => stage.extensions(first, &bytes).payload(IpProtocol::NO_NEXT_HEADER, &[]).to_vec(),
        };
        frame.expect("extension headers are whole and the payload is short")
    })
}

/// Yields neighbour solicitations and advertisements.
pub fn ndp_frame() -> impl Strategy<Value = Vec<u8>> {
    (mac(), ipv6_addr(), mac(), ipv6_addr(), any::<u32>(), any::<bool>()).prop_map(
        |(src_mac, src_ip, dst_mac, dst_ip, flags, ask)| {
            let message = if ask {
                Build::neighbour_solicitation(src_mac, src_ip, dst_ip)
            } else {
                Build::neighbour_advertisement(src_mac, src_ip, dst_mac, dst_ip, flags & 0xe000_0000)
            };
            message.to_vec().expect("the message has a fixed length")
        },
    )
}

#[derive(Debug, Clone)]
enum Body {
    Transport(Transport),
    Fragment { header: [u8; 8], payload: Vec<u8> },
    None,
}

/// Extension headers: kind, and bytes whose first is to be filled in.
type Chain = Vec<(IpProtocol, Vec<u8>)>;

fn write(stage: Ipv6Stage<'_>, transport: &Transport) -> Result<Vec<u8>, Error> {
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
    let place = prop_oneof![Just(1_u16), (1_u16..1000, 0_u16..2).prop_map(|(at, more)| at << 3 | more)];
    (place, any::<[u8; 4]>(), vec(any::<[u8; 8]>(), 1..9)).prop_map(|(place, [e, f, g, h], payload)| {
        let [c, d] = place.to_be_bytes();
        Body::Fragment { header: [0, 0, c, d, e, f, g, h], payload: payload.concat() }
    })
}

/// Yields nothing, mostly, or extension headers in the order of RFC 8200, section 4.1.
fn chain() -> impl Strategy<Value = Chain> {
    let padded = |units: u8| {
        let mut bytes = vec![0; (usize::from(units) + 1) * 8];
        bytes[1] = units;
        bytes[2] = 1; // PadN
        bytes[3] = bytes.len() as u8 - 4;
        bytes
    };
    let options = move |kind| (0_u8..4).prop_map(move |units| (kind, padded(units)));
    // A routing header of an experimental type that is done, and an authentication header of 24 bytes.
    let routing = Just((IpProtocol::ROUTING, vec![0, 0, 253, 0, 0, 0, 0, 0]));
    let authentication = Just((IpProtocol::AH, [&[0, 4][..], &[0; 22]].concat()));
    let header = |strategy: BoxedStrategy<_>| proptest::option::of(strategy);
    let chain = (
        header(options(IpProtocol::HOP_BY_HOP).boxed()),
        header(routing.boxed()),
        header(authentication.boxed()),
        header(options(IpProtocol::DESTINATION_OPTIONS).boxed()),
    );
    let chain = chain.prop_map(|(a, b, c, d)| [a, b, c, d].into_iter().flatten().collect());
    prop_oneof![2 => Just(vec![]), 1 => chain]
}

/// Returns the bytes of a chain, whose headers name each other.
fn concat(chain: &Chain) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (n, (_, header)) in chain.iter().enumerate() {
        let start = bytes.len();
        bytes.extend(header);
        bytes[start] = chain.get(n + 1).map_or(0, |(kind, _)| kind.0);
    }
    bytes
}

/// Lets the last header of a chain name what follows it.
fn patch_last(chain: &Chain, bytes: &mut [u8], next: IpProtocol) {
    if let Some((_, last)) = chain.last() {
        let start = bytes.len() - last.len();
        bytes[start] = next.0;
    }
}
