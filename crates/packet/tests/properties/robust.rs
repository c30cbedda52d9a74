//! No input panics, and what is repaired is right.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use rackless_packet::build::{Build, may_answer_with_error};
use rackless_packet::checksum::{self, Change, Verdict, fill, internet, verify};
use rackless_packet::gre::Gre;
use rackless_packet::gtpu::{self, GtpU};
use rackless_packet::icmpv6::{mld, ndp};
use rackless_packet::ipv4::IpProtocol;
use rackless_packet::ipv6::Srh;
use rackless_packet::{Layout, MacAddr, dissect, igmp, ipv4, ipv6, mpls, sctp, strategy, tcp};
use zerocopy::FromBytes;
use zerocopy::network_endian::U16;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_frame_is_scanned_filled_and_printed(mut frame in strategy::any_frame()) {
        let layout = Layout::scan(&frame);
        let (payload, end) = (usize::from(layout.payload), usize::from(layout.end));
        prop_assert!(usize::from(layout.l2_len) <= payload && payload <= end && end <= frame.len());
        prop_assert!(layout.l4.is_none_or(|l4| l4.offset < layout.payload));
        may_answer_with_error(&frame, &layout);
        dissect::summary(&frame).to_string();
        dissect::detail(&frame).to_string();
        let rows = dissect::hexdump(&frame).to_string().lines().count();
        prop_assert_eq!(rows, frame.len().div_ceil(16));
        let filled = fill(&mut frame);
        let verdict = verify(&frame);
        prop_assert!(!matches!(verdict, Verdict::Wrong { .. }), "{}", verdict);
        prop_assert_eq!(filled.is_ok(), verdict.is_ok());
    }

    #[test]
    fn a_frame_cut_anywhere_is_scanned_within_its_bounds(frame in strategy::frame()) {
        for end in 0..frame.len() {
            let layout = Layout::scan(&frame[..end]);
            prop_assert!(layout.payload <= layout.end && usize::from(layout.end) <= end);
            verify(&frame[..end]);
        }
    }

    #[test]
    fn all_iterators_end_on_any_bytes(bytes in vec(any::<u8>(), 0..120), first: u8) {
        prop_assert!(ipv4::options(&bytes).count() <= bytes.len());
        prop_assert!(tcp::options(&bytes).count() <= bytes.len());
        prop_assert!(ndp::options(&bytes).count() <= bytes.len());
        prop_assert!(ipv6::extensions(IpProtocol(first), &bytes).count() <= ipv6::MAX_EXTENSIONS + 1);
        prop_assert!(mpls::stack(&bytes).count() <= mpls::MAX_LABELS + 1);
        prop_assert!(sctp::chunks(&bytes).count() <= bytes.len().div_ceil(4));
        prop_assert!(igmp::records::<4>(&bytes, u16::MAX).count() <= bytes.len() / 8 + 1);
        prop_assert!(mld::records(&bytes, u16::MAX).count() <= bytes.len() / 20 + 1);
        let gtpu = GtpU { flags: first, ..GtpU::new(1, 0) };
        prop_assert!(gtpu.extensions(&bytes).count() <= gtpu::MAX_EXTENSIONS + 1);
    }

    #[test]
    fn optional_fields_are_read_from_any_bytes(bytes in vec(any::<u8>(), 0..64)) {
        if let Ok((gre, rest)) = Gre::ref_from_prefix(&bytes) {
            prop_assert_eq!(gre.checksum(rest).is_some(), gre.has(Gre::CHECKSUM) && rest.len() >= 4);
            prop_assert_eq!(gre.key(rest).is_none() || gre.has(Gre::KEY), true);
            prop_assert!(gre.sequence(rest).is_none() || bytes.len() >= gre.header_len());
        }
        if let Ok((gtpu, rest)) = GtpU::ref_from_prefix(&bytes) {
            let optional = (gtpu.sequence(rest), gtpu.n_pdu(rest), gtpu.first_extension(rest));
            prop_assert!(gtpu.has_optional() && rest.len() >= 4 || optional == (None, None, None));
        }
        if let Some(srh) = Srh::parse(&bytes) {
            prop_assert!(srh.last().is_some() && srh.tlvs().count() <= bytes.len());
        }
        if let Ok((query, rest)) = igmp::Query::ref_from_prefix(&bytes) {
            prop_assert!(query.sources(rest).is_none_or(|sources| sources.len() * 4 <= rest.len()));
        }
        if let Ok((query, rest)) = mld::Query::ref_from_prefix(&bytes) {
            prop_assert!(query.sources(rest).is_none_or(|sources| sources.len() * 16 <= rest.len()));
        }
    }

    #[test]
    fn the_extension_iterator_and_the_scan_agree(frame in strategy::ipv6_frame()) {
        let layout = Layout::scan(&frame);
        let l3 = usize::from(layout.l2_len);
        let mut walk = ipv6::extensions(IpProtocol(frame[l3 + 6]), &frame[l3 + 40..layout.end.into()]);
        prop_assert!(walk.by_ref().all(|header| header.is_ok()));
        prop_assert_eq!(walk.protocol(), layout.protocol);
        let behind = layout.l4.map_or(layout.payload, |l4| l4.offset);
        prop_assert_eq!(l3 + 40 + walk.offset(), usize::from(behind));
    }

    #[test]
    fn an_update_is_as_good_as_a_new_checksum(
        mut bytes in vec(any::<[u8; 2]>(), 30..40),
        at in 1_usize..10,
        half: u16,
        word: u32,
        v4: u32,
        v6: u128,
    ) {
        bytes[0] = [0x45, 0]; // no header is all zeros
        let mut bytes = bytes.concat();
        let mut expected = U16::new(internet(&bytes));
        let old = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let old_half = old(&bytes, 2 * at);
        bytes[2 * at..2 * at + 2].copy_from_slice(&half.to_be_bytes());
        let one = checksum::update_u16(expected.get(), old_half, half);
        prop_assert_eq!(one, internet(&bytes));

        let mut field: [u8; 4] = bytes[24..28].try_into().expect("four bytes");
        let old_word = u32::from_be_bytes(field);
        bytes[24..28].copy_from_slice(&word.to_be_bytes());
        let two = checksum::update_u32(one, old_word, word);
        prop_assert_eq!(two, internet(&bytes));

        field.copy_from_slice(&bytes[28..32]);
        let (old_v4, new_v4) = (Ipv4Addr::from(field), Ipv4Addr::from_bits(v4));
        bytes[28..32].copy_from_slice(&new_v4.octets());
        let three = checksum::update_v4(two, old_v4, new_v4);
        prop_assert_eq!(three, internet(&bytes));

        let field: [u8; 16] = bytes[32..48].try_into().expect("sixteen bytes");
        let (old_v6, new_v6) = (Ipv6Addr::from(field), Ipv6Addr::from_bits(v6));
        bytes[32..48].copy_from_slice(&new_v6.octets());
        prop_assert_eq!(checksum::update_v6(three, old_v6, new_v6), internet(&bytes));

        let change = Change::new().u16(old_half, half).u32(old_word, word);
        change.v4(old_v4, new_v4).v6(old_v6, new_v6).apply(&mut expected);
        prop_assert_eq!(expected.get(), internet(&bytes));
    }

    #[test]
    fn an_error_about_any_packet_is_well_formed(offending in vec(any::<u8>(), 0..2000), code in 0_u8..8) {
        let ethernet = Build::ethernet(MacAddr::ZERO, MacAddr([2, 0, 0, 0, 0, 1]));
        let v4 = ethernet.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let v4 = v4.unreachable(rackless_packet::icmpv4::UnreachableCode(code), &offending);
        let v6 = ethernet.ipv6(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        let v6 = v6.unreachable(rackless_packet::icmpv6::UnreachableCode(code), &offending);
        for frame in [v4.to_vec().expect("it fits"), v6.to_vec().expect("it fits")] {
            prop_assert_eq!(verify(&frame), Verdict::Correct);
            prop_assert!(frame.ends_with(&offending[..Layout::scan(&frame).payload_range().len()]));
        }
    }

    #[test]
    fn a_mac_address_reads_back(bytes: [u8; 6]) {
        prop_assert_eq!(MacAddr(bytes).to_string().parse(), Ok(MacAddr(bytes)));
    }

    #[test]
    fn no_text_panics_the_mac_parser(text in ".{0,20}") {
        let _ = text.parse::<MacAddr>();
    }
}
