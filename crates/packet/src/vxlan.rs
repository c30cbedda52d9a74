//! Virtual eXtensible Local Area Networks (RFC 7348): Ethernet frames over UDP.

use zerocopy::network_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The header between UDP and the frame (RFC 7348, section 5).
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Vxlan {
    /// The flags: [`Vxlan::VNI_VALID`], and reserved bits that receivers ignore.
    pub flags: u8,
    /// 0.
    pub reserved: [u8; 3],
    /// The network identifier (24 bits), and 8 reserved bits.
    pub vni_reserved: U32,
}

const _: () = assert!(size_of::<Vxlan>() == Vxlan::LEN);

impl Vxlan {
    /// The length in bytes.
    pub const LEN: usize = 8;
    /// The destination port.
    pub const PORT: u16 = 4789;
    /// The flag that a valid header has.
    pub const VNI_VALID: u8 = 0x08;

    /// Makes a header; only the low 24 bits of `vni` count.
    pub const fn new(vni: u32) -> Self {
        Self { flags: Self::VNI_VALID, reserved: [0; 3], vni_reserved: U32::new(vni << 8) }
    }

    /// Sets the network identifier to the low 24 bits of `vni`.
    pub fn set_vni(&mut self, vni: u32) {
        self.vni_reserved.set(vni << 8);
    }

    /// Returns the network identifier, 24 bits.
    pub fn vni(&self) -> u32 {
        self.vni_reserved.get() >> 8
    }

    /// Returns whether the identifier counts; a packet whose does not must be dropped.
    pub const fn is_valid(&self) -> bool {
        self.flags & Self::VNI_VALID != 0
    }
}

impl std::fmt::Debug for Vxlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vxlan").field("flags", &self.flags).field("vni", &self.vni()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_as_in_the_rfc() {
        let mut vxlan = Vxlan::new(0xff12_3456);
        assert_eq!(vxlan.as_bytes(), [8, 0, 0, 0, 0x12, 0x34, 0x56, 0]);
        vxlan.set_vni(7);
        assert!(vxlan.vni() == 7 && vxlan.is_valid());
        assert!(!Vxlan::ref_from_bytes(&[0xf7, 0, 0, 0, 0, 0, 7, 0]).unwrap().is_valid());
    }
}
