//! ARP (RFC 826).

use rackless_nf::{Context, Outcome, Packet, Verdict};
use rackless_packet::arp::{Arp, ArpOperation};

use super::resolve::Learned;
use super::{Router, RouterDrop};

impl Router {
    /// An ARP packet to everybody or to the interface.
    #[cold]
    pub(super) fn arp(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        let input = cx.input();
        let arp = *packet.arp()?;
        let (sender, target) = (arp.sender_ip(), arp.target_ip());
        let Some(interface) = self.interfaces.get(usize::from(input)) else {
            return Err(RouterDrop::NotForUs.into());
        };
        let (mac, is_ours) = (interface.mac, interface.has(target.into()));
        if !arp.sender_mac.is_unicast() {
            return Err(RouterDrop::MartianSource.into());
        }
        if interface.has(sender.into()) {
            return Err(RouterDrop::AddressConflict.into());
        }
        match arp.operation {
            ArpOperation::REQUEST if is_ours => {
                // A probe for address conflicts (RFC 5227) has no sender to remember.
                if !sender.is_unspecified() {
                    self.hear(input, sender.into(), arp.sender_mac, cx);
                }
                *packet.arp_mut()? = Arp::reply(mac, target, arp.sender_mac, sender);
                let ethernet = packet.ethernet_mut()?;
                ethernet.dst = arp.sender_mac;
                ethernet.src = mac;
                packet.truncate(usize::from(packet.layout().end));
                Ok(Verdict::Out(input))
            }
            ArpOperation::REPLY if is_ours => {
                if let Some(id) = self.neighbours.find(input, sender.into()) {
                    self.learn(id, Some(arp.sender_mac), Learned::ANSWER, cx);
                }
                Err(RouterDrop::Arp.into())
            }
            _ => {
                // Hosts that announce themselves are updated, not added.
                if let Some(id) = self.neighbours.find(input, sender.into()) {
                    self.learn(id, Some(arp.sender_mac), Learned::HEARSAY, cx);
                }
                Err(RouterDrop::ArpForOthers.into())
            }
        }
    }
}
