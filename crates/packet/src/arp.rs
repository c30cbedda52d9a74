//! The Address Resolution Protocol for IPv4 on Ethernet (RFC 826).

use std::net::Ipv4Addr;

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::ethernet::EtherType;
use crate::mac::MacAddr;

crate::wire::named_u16! {
    /// What an ARP packet wants.
    ArpOperation {
        /// Who has the target address?
        REQUEST = 1, "request";
        /// The sender has it.
        REPLY = 2, "reply";
    }
}

/// An ARP packet for IPv4 on Ethernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Arp {
    /// The kind of link, 1 for Ethernet.
    pub hardware_type: U16,
    /// The kind of address asked for, IPv4.
    pub protocol_type: EtherType,
    /// The length of a link address, 6.
    pub hardware_len: u8,
    /// The length of a protocol address, 4.
    pub protocol_len: u8,
    /// Request or reply.
    pub operation: ArpOperation,
    /// The sender's link address.
    pub sender_mac: MacAddr,
    /// The sender's IPv4 address.
    pub sender_ip: [u8; 4],
    /// The target's link address, zero in a request.
    pub target_mac: MacAddr,
    /// The target's IPv4 address.
    pub target_ip: [u8; 4],
}

const _: () = assert!(size_of::<Arp>() == Arp::LEN);

impl Arp {
    /// The length in bytes.
    pub const LEN: usize = 28;

    /// Makes the question "who has `target_ip`?".
    pub const fn request(sender_mac: MacAddr, sender_ip: Ipv4Addr, target_ip: Ipv4Addr) -> Self {
        Self::new(ArpOperation::REQUEST, (sender_mac, sender_ip), (MacAddr::ZERO, target_ip))
    }

    /// Makes the answer of `sender` to the station `target`.
    pub const fn reply(
        sender_mac: MacAddr,
        sender_ip: Ipv4Addr,
        target_mac: MacAddr,
        target_ip: Ipv4Addr,
    ) -> Self {
        Self::new(ArpOperation::REPLY, (sender_mac, sender_ip), (target_mac, target_ip))
    }

    /// Returns whether the fixed fields say IPv4 on Ethernet.
    pub fn is_ipv4_on_ethernet(&self) -> bool {
        self.hardware_type == 1
            && self.protocol_type == EtherType::IPV4
            && (self.hardware_len, self.protocol_len) == (6, 4)
    }

    /// Returns the sender's IPv4 address.
    pub const fn sender_ip(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self.sender_ip)
    }

    /// Returns the target's IPv4 address.
    pub const fn target_ip(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self.target_ip)
    }

    const fn new(operation: ArpOperation, sender: (MacAddr, Ipv4Addr), target: (MacAddr, Ipv4Addr)) -> Self {
        Self {
            hardware_type: U16::new(1),
            protocol_type: EtherType::IPV4,
            hardware_len: 6,
            protocol_len: 4,
            operation,
            sender_mac: sender.0,
            sender_ip: sender.1.octets(),
            target_mac: target.0,
            target_ip: target.1.octets(),
        }
    }
}
