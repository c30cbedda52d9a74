//! What goes into a tunnel is found in it.

use proptest::prelude::*;
use rackless_packet::checksum::{Verdict, verify};
use rackless_packet::tunnel::{Inner, TunnelKind};
use rackless_packet::{Layout, dissect, strategy};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_frame_in_a_tunnel_is_found_whole(frame in strategy::tunnel_frame()) {
        prop_assert_eq!(verify(&frame), Verdict::Correct);
        let tunnel = Layout::scan(&frame).tunnel(&frame).expect("the strategy yields tunnels");
        prop_assert_eq!(usize::from(tunnel.end), frame.len());
        let inner = tunnel.layout(&frame);
        prop_assert!(inner.malformed.is_none() && inner.l3.is_some());
        prop_assert_eq!(inner.l2_len == 0, tunnel.carries != Inner::Ethernet);
        let shown = dissect::summary(&frame).to_string();
        prop_assert!(shown.contains(&format!(" | {} | ", tunnel.kind)), "{}", shown);
    }

    #[test]
    fn what_is_found_lies_within_the_frame(frame in strategy::any_frame()) {
        let layout = Layout::scan(&frame);
        let Some(tunnel) = layout.tunnel(&frame) else { return Ok(()) };
        let header = if tunnel.kind == TunnelKind::IpInIp { 20 } else { 4 };
        prop_assert!(layout.l2_len <= tunnel.outer && tunnel.outer + header <= tunnel.inner);
        prop_assert!(tunnel.inner < tunnel.end && tunnel.end <= layout.end);
        prop_assert_eq!(tunnel.bytes(&frame).len(), usize::from(tunnel.end - tunnel.inner));
        tunnel.layout(&frame);
    }

    #[test]
    fn a_packet_is_scanned_as_it_is_in_a_frame(frame in strategy::any_frame()) {
        let whole = Layout::scan(&frame);
        let Some(l3) = whole.l3.filter(|l3| l3.offset == whole.l2_len && whole.protocol.0 != 255) else {
            return Ok(());
        };
        let bare = Layout::scan_packet(&frame[l3.offset.into()..]);
        prop_assert_eq!(bare.payload + l3.offset, whole.payload);
        prop_assert_eq!((bare.malformed, bare.protocol), (whole.malformed, whole.protocol));
        prop_assert_eq!(bare.l4.map(|l4| (l4.kind, l4.offset + l3.offset)), whole.l4.map(|l4| (l4.kind, l4.offset)));
    }
}
