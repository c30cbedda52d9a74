//! Reads label stacks, GRE, GTP-U, SCTP, group records and segment routing headers.
#![no_main]

use rackless_packet::gre::Gre;
use rackless_packet::gtpu::{self, GtpU};
use rackless_packet::icmpv6::mld;
use rackless_packet::igmp::{self, Igmp};
use rackless_packet::ipv6::Srh;
use rackless_packet::mpls;
use rackless_packet::sctp::{self, Sctp};
use zerocopy::FromBytes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));

fn check(bytes: &[u8]) {
    let mut stack = mpls::stack(bytes);
    assert!(stack.by_ref().count() <= mpls::MAX_LABELS + 1 && stack.offset() <= bytes.len());
    assert!(sctp::chunks(bytes).count() <= bytes.len().div_ceil(4));
    Sctp::checksum_of(bytes);
    if let Some(srh) = Srh::parse(bytes) {
        assert!(srh.last().is_some() && srh.tlvs().count() <= bytes.len());
    }
    if let Ok((gre, rest)) = Gre::ref_from_prefix(bytes) {
        assert!(gre.header_len() <= Gre::MAX_LEN);
        assert!(gre.sequence(rest).is_none() || gre.header_len() <= bytes.len());
        (gre.checksum(rest), gre.key(rest));
    }
    if let Ok((gtpu, rest)) = GtpU::ref_from_prefix(bytes) {
        (gtpu.sequence(rest), gtpu.n_pdu(rest));
        let mut extensions = gtpu.extensions(rest);
        let failed = extensions.by_ref().take(gtpu::MAX_EXTENSIONS + 1).any(|extension| extension.is_err());
        assert!(failed || extensions.offset() <= rest.len());
        assert!(extensions.next().is_none());
    }
    groups(bytes);
}

fn groups(bytes: &[u8]) {
    if let Ok((igmp, rest)) = Igmp::ref_from_prefix(bytes) {
        igmp.version(bytes.len());
        let count = u16::from_be_bytes([igmp.group[2], igmp.group[3]]);
        assert!(igmp::records::<4>(rest, count).count() <= rest.len() / 8 + 1);
        assert!(mld::records(rest, count).count() <= rest.len() / 20 + 1);
    }
    if let Ok((query, rest)) = igmp::Query::ref_from_prefix(bytes) {
        assert!(query.sources(rest).is_none_or(|sources| sources.len() * 4 <= rest.len()));
    }
    if let Ok((query, rest)) = mld::Query::ref_from_prefix(bytes) {
        assert!(query.sources(rest).is_none_or(|sources| sources.len() * 16 <= rest.len()));
    }
}
