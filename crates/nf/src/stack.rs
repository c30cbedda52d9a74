//! Headers pushed and popped, tunnels entered and left.
//!
//! The payload of a packet stays where it is: only the headers before the change move, into the headroom or out of it.

use rackless_packet::build::Headers;
use rackless_packet::ethernet::{EtherType, Ethernet, VlanTag};
use rackless_packet::mpls::Mpls;
use rackless_packet::tunnel::{Inner, Tunnel};
use rackless_packet::{L3Kind, Layout};
use zerocopy::IntoBytes;

use crate::{Packet, Reason};

/// Where the EtherType of an untagged frame lies, and thus the outermost VLAN tag of a tagged one.
const TAG_AT: usize = 12;

impl Packet {
    /// Grows the frame by `n` bytes before the byte at `at`, by moving the bytes before that into the headroom, and
    /// gives the new bytes, whose content is what was there.
    ///
    /// # Errors
    /// [`Reason::NO_HEADROOM`]; [`Reason::MALFORMED`] when the frame is shorter than `at`. The packet is left as it was.
    pub fn insert(&mut self, at: usize, n: usize) -> Result<&mut [u8], Reason> {
        if at > self.len() {
            return Err(Reason::MALFORMED);
        }
        self.push(n)?;
        let bytes = self.data_mut();
        bytes.copy_within(n..n + at, 0);
        Ok(&mut bytes[at..at + n])
    }

    /// Cuts `n` bytes from the byte at `at` on out of the frame, by moving the bytes before them.
    ///
    /// # Errors
    /// [`Reason::MALFORMED`] when the frame does not have them. The packet is left as it was.
    pub fn remove(&mut self, at: usize, n: usize) -> Result<(), Reason> {
        if at.checked_add(n).is_none_or(|end| end > self.len()) {
            return Err(Reason::MALFORMED);
        }
        self.data_mut().copy_within(..at, n);
        self.pull(n)
    }

    /// Puts a VLAN tag in front of those that the frame has: `tci` holds priority and identifier, as
    /// [`VlanTag::tci`], and `announced_by` is [`EtherType::VLAN`] or [`EtherType::QINQ`].
    ///
    /// The layout reads two tags; what is behind a third is not seen.
    ///
    /// # Errors
    /// [`Reason::NO_HEADROOM`]; [`Reason::MALFORMED`] when the frame is shorter than an Ethernet header.
    pub fn push_vlan(&mut self, announced_by: EtherType, tci: u16) -> Result<(), Reason> {
        self.ethernet()?;
        let tag = self.insert(TAG_AT, VlanTag::LEN)?;
        tag[..2].copy_from_slice(announced_by.as_bytes());
        tag[2..].copy_from_slice(&tci.to_be_bytes());
        Ok(())
    }

    /// Takes the outermost VLAN tag off and gives it.
    ///
    /// # Errors
    /// [`Reason::NOT_TAGGED`]
    pub fn pop_vlan(&mut self) -> Result<VlanTag, Reason> {
        let tag = *self.vlan()?;
        self.remove(TAG_AT, VlanTag::LEN)?;
        Ok(tag)
    }

    /// Puts an entry on top of the label stack, or under the packet as its only one; whether it is the bottom is filled
    /// in.
    ///
    /// # Errors
    /// [`Reason::NO_HEADROOM`]; [`Reason::MALFORMED`] when the Ethernet header or its tags are cut short.
    pub fn push_mpls(&mut self, mut entry: Mpls) -> Result<(), Reason> {
        let layout = self.layout();
        let at = usize::from(layout.l2_len);
        if at < Ethernet::LEN || layout.ether_type.is_vlan() {
            return Err(Reason::MALFORMED);
        }
        entry.set_bottom(!layout.ether_type.is_mpls());
        self.insert(at, Mpls::LEN)?.copy_from_slice(entry.as_bytes());
        if entry.is_bottom() {
            self.announce(at, EtherType::MPLS);
        }
        Ok(())
    }

    /// Takes the outermost entry off the label stack and gives it; under the bottom must be an IP packet.
    ///
    /// # Errors
    /// [`Reason::NOT_MPLS`]; [`Reason::NOT_IP`] when something else is under the bottom. The packet is left as it was.
    pub fn pop_mpls(&mut self) -> Result<Mpls, Reason> {
        let entry = *self.mpls()?;
        let at = usize::from(self.layout().l2_len);
        let under = Inner::of_packet(&self.data()[at + Mpls::LEN..]);
        if entry.is_bottom() {
            let ether_type = under.ok_or(Reason::NOT_IP)?.ether_type();
            self.remove(at, Mpls::LEN)?;
            self.announce(at, ether_type);
        } else {
            self.remove(at, Mpls::LEN)?;
        }
        Ok(entry)
    }

    /// Puts the packet into a tunnel whose headers these are.
    ///
    /// A tunnel that carries frames takes the whole frame. One that carries IP packets takes the packet: Ethernet header,
    /// VLAN tags and padding go. TTL, DSCP and ECN of the outer header are those of the headers.
    ///
    /// # Errors
    /// [`Reason::NO_HEADROOM`]; [`Reason::TOO_LONG`] when a header cannot say the length; [`Reason::NOT_IP`] when the
    /// tunnel does not carry what the packet is; [`Reason::MALFORMED`] when the frame is shorter than an Ethernet header.
    /// The packet is left as it was.
    ///
    /// # Examples
    /// ```
    /// use rackless_nf::{Allocator, Pool};
    /// use rackless_packet::MacAddr;
    /// use rackless_packet::build::Build;
    /// use rackless_packet::tunnel::TunnelKind;
    ///
    /// let link = Build::ethernet(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
    /// let frame = link.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).udp(1, 2).to_vec()?;
    /// let pool = Pool::new(1, Pool::ROOM);
    /// let mut packet = pool.packet(&frame).expect("the pool is full");
    ///
    /// let headers = link.ipv6("fd00::1".parse()?, "fd00::2".parse()?).vxlan(50_000, 42);
    /// packet.encapsulate(&headers).expect("there is headroom");
    /// let tunnel = packet.decapsulate().expect("it is in a tunnel");
    /// assert_eq!((tunnel.kind, packet.data()), (TunnelKind::Vxlan { vni: 42 }, &frame[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encapsulate(&mut self, headers: &Headers<'_>) -> Result<(), Reason> {
        let (start, end) = carried(headers, &self.layout(), self.len())?;
        headers.check(end - start).map_err(|_| Reason::TOO_LONG)?;
        if headers.len() > self.headroom() + start {
            return Err(Reason::NO_HEADROOM);
        }
        self.truncate(end);
        self.pull(start)?;
        self.push(headers.len())?;
        headers.write(self.data_mut()).map_err(|_| Reason::MALFORMED)
    }

    /// Takes the packet out of the tunnel that it is in, and says in which it was.
    ///
    /// It leaves a frame: the one that was carried, or the Ethernet header and VLAN tags that the tunnel's packet had, with
    /// the packet that was carried. Checksums of the tunnel are not verified.
    ///
    /// # Errors
    /// [`Reason::NOT_TUNNELLED`] when it is in none that [`Layout::tunnel`] finds. The packet is left as it was.
    pub fn decapsulate(&mut self) -> Result<Tunnel, Reason> {
        let tunnel = self.layout().tunnel(self.data()).ok_or(Reason::NOT_TUNNELLED)?;
        let (outer, inner) = (usize::from(tunnel.outer), usize::from(tunnel.inner));
        self.truncate(tunnel.end.into());
        match tunnel.carries {
            Inner::Ethernet => self.pull(inner)?,
            Inner::Ipv4 | Inner::Ipv6 => {
                self.remove(outer, inner - outer)?;
                self.announce(outer, tunnel.carries.ether_type());
            }
        }
        Ok(tunnel)
    }

    /// Sets the EtherType that lies before the byte at `at`.
    fn announce(&mut self, at: usize, ether_type: EtherType) {
        self.data_mut()[at - 2..at].copy_from_slice(ether_type.as_bytes());
    }
}

/// Which bytes of a frame of `len` bytes go into a tunnel.
fn carried(headers: &Headers<'_>, layout: &Layout, len: usize) -> Result<(usize, usize), Reason> {
    if headers.carries(Inner::Ethernet) {
        return if len < Ethernet::LEN { Err(Reason::MALFORMED) } else { Ok((0, len)) };
    }
    let l3 = layout.l3.ok_or(Reason::NOT_IP)?;
    let inner = match l3.kind {
        L3Kind::Ipv4 => Inner::Ipv4,
        L3Kind::Ipv6 => Inner::Ipv6,
        L3Kind::Arp => return Err(Reason::NOT_IP),
    };
    if headers.carries(inner) { Ok((l3.offset.into(), layout.end.into())) } else { Err(Reason::NOT_IP) }
}
