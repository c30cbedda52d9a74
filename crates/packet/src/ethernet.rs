//! Ethernet II headers and VLAN tags (IEEE 802.3, 802.1Q, 802.1ad).

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::mac::MacAddr;

crate::wire::named_u16! {
    /// What a frame carries. Numbers below 1536 are IEEE 802.3 lengths.
    EtherType {
        /// IPv4.
        IPV4 = 0x0800, "IPv4";
        /// The Address Resolution Protocol.
        ARP = 0x0806, "ARP";
        /// A VLAN tag (IEEE 802.1Q).
        VLAN = 0x8100, "802.1Q";
        /// IPv6.
        IPV6 = 0x86dd, "IPv6";
        /// An outer, service VLAN tag (IEEE 802.1ad, "QinQ").
        QINQ = 0x88a8, "802.1ad";
        /// The Link Layer Discovery Protocol.
        LLDP = 0x88cc, "LLDP";
        /// MPLS, unicast.
        MPLS = 0x8847, "MPLS";
        /// MPLS, multicast (RFC 5332).
        MPLS_MULTICAST = 0x8848, "MPLS multicast";
        /// Ethernet frames in GRE.
        TRANSPARENT_BRIDGING = 0x6558, "transparent bridging";
    }
}

impl EtherType {
    /// Returns whether a VLAN tag follows.
    pub const fn is_vlan(self) -> bool {
        matches!(self, Self::VLAN | Self::QINQ)
    }

    /// Returns whether a label stack follows.
    pub const fn is_mpls(self) -> bool {
        matches!(self, Self::MPLS | Self::MPLS_MULTICAST)
    }

    /// Returns whether the field is an IEEE 802.3 length and not a type.
    pub const fn is_length(self) -> bool {
        self.get() < 1536
    }
}

/// The header at the start of every frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Ethernet {
    /// The station or group that receives the frame.
    pub dst: MacAddr,
    /// The station that sent the frame.
    pub src: MacAddr,
    /// What follows.
    pub ether_type: EtherType,
}

/// A VLAN tag as it lies behind the EtherType that announced it: the tag, then the next EtherType.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct VlanTag {
    /// Priority (3 bits), drop eligible (1 bit), VLAN identifier (12 bits).
    pub tci: U16,
    /// What follows.
    pub ether_type: EtherType,
}

const _: () = assert!(size_of::<Ethernet>() == Ethernet::LEN && size_of::<VlanTag>() == VlanTag::LEN);

impl Ethernet {
    /// The length in bytes.
    pub const LEN: usize = 14;

    /// Swaps source and destination.
    pub const fn swap(&mut self) {
        std::mem::swap(&mut self.dst, &mut self.src);
    }
}

impl VlanTag {
    /// The length in bytes.
    pub const LEN: usize = 4;

    /// Makes a tag with priority 0; only the low 12 bits of `vid` count.
    pub const fn new(vid: u16, ether_type: EtherType) -> Self {
        Self { tci: U16::new(vid & 0x0fff), ether_type }
    }

    /// Sets the VLAN identifier to the low 12 bits of `vid`.
    pub fn set_vid(&mut self, vid: u16) {
        self.tci.set(self.tci.get() & 0xf000 | vid & 0x0fff);
    }

    /// Sets the priority to the low 3 bits of `pcp`.
    pub fn set_pcp(&mut self, pcp: u8) {
        self.tci.set(self.tci.get() & 0x1fff | u16::from(pcp & 7) << 13);
    }

    /// Returns the VLAN identifier, 0 to 4095.
    pub fn vid(&self) -> u16 {
        self.tci.get() & 0x0fff
    }

    /// Returns the priority code point, 0 to 7.
    pub fn pcp(&self) -> u8 {
        (self.tci.get() >> 13) as u8
    }

    /// Returns whether the frame may be dropped first.
    pub fn dei(&self) -> bool {
        self.tci.get() & 0x1000 != 0
    }
}

impl std::fmt::Debug for VlanTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VlanTag")
            .field("vid", &self.vid())
            .field("pcp", &self.pcp())
            .field("dei", &self.dei())
            .field("ether_type", &self.ether_type)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_tag_do_not_touch_each_other() {
        let mut tag = VlanTag::new(0xf123, EtherType::IPV6);
        assert_eq!((tag.vid(), tag.pcp(), tag.dei()), (0x123, 0, false));
        tag.set_pcp(5);
        tag.set_vid(0xffff);
        assert_eq!((tag.vid(), tag.pcp(), tag.dei()), (0xfff, 5, false));
        assert_eq!(tag.as_bytes(), [0xaf, 0xff, 0x86, 0xdd]);
    }

    #[test]
    fn an_ether_type_shows_its_name_or_its_number() {
        assert_eq!(EtherType::IPV6.to_string(), "IPv6");
        assert_eq!(EtherType::new(0x1234).to_string(), "0x1234");
        assert!(EtherType::new(1500).is_length() && !EtherType::IPV4.is_length());
    }
}
