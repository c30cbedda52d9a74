//! Which flow a packet belongs to.

use std::sync::LazyLock;

use ahash::RandomState;
use rackless_packet::{L3Kind, L4Kind};

use crate::Packet;

/// The keys are of no meaning; that they are always the same lets all who ask agree.
static HASHER: LazyLock<RandomState> = LazyLock::new(|| RandomState::with_seeds(1, 2, 3, 4));

/// An address and a port.
type End = ([u8; 16], [u8; 2]);

impl Packet {
    /// A number that all packets of a flow share, in both directions: of addresses, protocol, and ports of TCP, UDP and
    /// SCTP.
    ///
    /// Of a fragment, the first one included, only addresses and protocol count, so that all of a packet stay together;
    /// of a frame without IP, its MAC addresses. It is the same in every process of this build.
    ///
    /// # Examples
    /// ```
    /// use rackless_nf::Pool;
    /// use rackless_packet::{MacAddr, build::Build};
    ///
    /// let (here, there) = (MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
    /// let (client, server) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    /// let query = Build::ethernet(here, there).ipv4(client, server).udp(999, 53).payload(b"?").to_vec()?;
    /// let answer = Build::ethernet(there, here).ipv4(server, client).udp(53, 999).payload(b"!").to_vec()?;
    /// let pool = Pool::new(2, Pool::ROOM);
    /// let hash = |frame: &[u8]| pool.packet(frame).map(|packet| packet.flow_hash());
    /// assert_eq!(hash(&query), hash(&answer));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flow_hash(&self) -> u64 {
        HASHER.hash_one(flow(self))
    }

    /// Which of `shares` parts the flow of this packet is in: from 0 on, evenly spread.
    ///
    /// # Panics
    /// When there are no shares.
    pub fn flow_share(&self, shares: usize) -> usize {
        assert!(shares > 0, "a flow cannot be in none of no shares");
        // The high half of the product: evenly spread, without a division.
        ((u128::from(self.flow_hash()) * shares as u128) >> 64) as usize
    }
}

/// What all packets of a flow share: its protocol and its two ends, the smaller first.
fn flow(packet: &Packet) -> (u8, End, End) {
    let layout = packet.layout();
    let mut ends: [End; 2] = [([0; 16], [0; 2]); 2];
    let addresses = match layout.l3.map(|l3| l3.kind) {
        Some(L3Kind::Ipv4) => packet
            .ipv4()
            .ok()
            .map(|ip| [ip.src().to_ipv6_mapped().octets(), ip.dst().to_ipv6_mapped().octets()]),
        Some(L3Kind::Ipv6) => packet.ipv6().ok().map(|ip| [ip.src().octets(), ip.dst().octets()]),
        _ => None,
    };
    match addresses {
        Some(addresses) => addresses.into_iter().zip(&mut ends).for_each(|(address, end)| end.0 = address),
        None => {
            for (mac, end) in packet.data().chunks_exact(6).zip(&mut ends) {
                end.0[..6].copy_from_slice(mac);
            }
        }
    }
    let has_ports = |kind| matches!(kind, L4Kind::Tcp | L4Kind::Udp | L4Kind::Sctp);
    if let Some(l4) = layout.l4.filter(|l4| has_ports(l4.kind) && !layout.fragment) {
        let ports = packet.data()[l4.offset.into()..].chunks_exact(2);
        ports.zip(&mut ends).for_each(|(port, end)| end.1.copy_from_slice(port));
    }
    ends.sort_unstable();
    let [a, b] = ends;
    (layout.protocol.0, a, b)
}
