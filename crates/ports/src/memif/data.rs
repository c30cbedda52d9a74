//! Frames in and out of shared rings.

use rackless_nf::Packet;

use super::layout::{Layout, Way};
use super::ring::{Descriptor, NEXT, Rings};

/// Which side of a connection has the rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    /// The client knows where its buffers are, and need not believe the ring.
    Client(Layout),
}

/// A peer has written to a ring what cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// What came of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Whole,
    /// It does not fit a packet, lies outside of the memory, or ends nowhere.
    Unusable,
}

impl Rings {
    /// Starts to use them: a client offers all its buffers, and the receiver polls.
    pub(super) fn open(&mut self, side: Side) {
        match side {
            Side::Server => {
                (self.rx_next, self.tx_next) = (self.rx.tail(&self.regions), self.tx.tail(&self.regions));
            }
            Side::Client(_) => self.rx.set_head(&self.regions, self.rx.size()),
        }
        self.rx.set_polled(&self.regions, true);
    }

    /// How many places wait to be received.
    #[inline]
    pub(super) fn ready(&self, side: Side) -> Result<u16, Broken> {
        let end = match side {
            Side::Server => self.rx.head(&self.regions),
            Side::Client(_) => self.rx.tail(&self.regions),
        };
        within(end.wrapping_sub(self.rx_next), self.rx.size())
    }

    /// Copies the frame at the first of `ready` places into a packet, and gives how many places it had.
    #[inline]
    pub(super) fn receive(&mut self, side: Side, ready: u16, packet: &mut Packet) -> (u16, Received) {
        let mut received = Received::Whole;
        for places in 1..=ready {
            let place = self.rx.descriptor(&self.regions, self.rx_next);
            let place = match side {
                Side::Server => place,
                Side::Client(layout) => {
                    let buffer = layout.empty(Way::ToClient, self.rx_next);
                    Descriptor { flags: place.flags, len: place.len.min(buffer.len), ..buffer }
                }
            };
            self.rx_next = self.rx_next.wrapping_add(1);
            if received == Received::Whole && !self.append(place, packet) {
                received = Received::Unusable;
            }
            if place.flags & NEXT == 0 {
                return (places, received);
            }
        }
        (ready, Received::Unusable)
    }

    /// Gives the places of the frames received back.
    #[inline]
    pub(super) fn release(&mut self, side: Side, places: u16) {
        let Side::Client(layout) = side else {
            return self.rx.set_tail(&self.regions, self.rx_next);
        };
        for back in 1..=places {
            let index = self.rx_next.wrapping_sub(back);
            self.rx.set_descriptor(&self.regions, index, layout.empty(Way::ToClient, index));
        }
        self.rx.set_head(&self.regions, self.rx_next.wrapping_add(self.rx.size()));
    }

    /// How many places there are for frames to be sent.
    #[inline]
    pub(super) fn room(&self, side: Side) -> Result<u16, Broken> {
        match side {
            Side::Server => within(self.tx.head(&self.regions).wrapping_sub(self.tx_next), self.tx.size()),
            Side::Client(_) => {
                let used = within(self.tx_next.wrapping_sub(self.tx.tail(&self.regions)), self.tx.size())?;
                Ok(self.tx.size() - used)
            }
        }
    }

    /// Copies a frame into the first of `room` places and those behind it that it needs, and gives how many;
    /// `None` when there are too few.
    #[inline]
    pub(super) fn put(&mut self, side: Side, room: u16, packet: &Packet) -> Result<Option<u16>, Broken> {
        let start = self.tx_next;
        let mut rest = packet.data();
        for places in 1..=room {
            let place = match side {
                Side::Server => self.tx.descriptor(&self.regions, self.tx_next),
                Side::Client(layout) => layout.empty(Way::ToServer, self.tx_next),
            };
            let (part, left) = rest.split_at(rest.len().min(place.len as usize));
            let region = self.regions.get(usize::from(place.region)).ok_or(Broken)?;
            if part.is_empty() || !region.write(place.offset as usize, part) {
                return Err(Broken);
            }
            let flags = if left.is_empty() { 0 } else { NEXT };
            let filled = Descriptor { flags, len: part.len() as u32, ..place };
            self.tx.set_descriptor(&self.regions, self.tx_next, filled);
            self.tx_next = self.tx_next.wrapping_add(1);
            rest = left;
            if rest.is_empty() {
                return Ok(Some(places));
            }
        }
        self.tx_next = start;
        Ok(None)
    }

    /// Shows the peer the frames put.
    #[inline]
    pub(super) fn publish(&self, side: Side) {
        match side {
            Side::Server => self.tx.set_tail(&self.regions, self.tx_next),
            Side::Client(_) => self.tx.set_head(&self.regions, self.tx_next),
        }
        self.tx.wake(&self.regions);
    }

    #[inline]
    fn append(&self, place: Descriptor, packet: &mut Packet) -> bool {
        let Some(region) = self.regions.get(usize::from(place.region)) else { return false };
        let len = place.len as usize;
        len > 0 && packet.append(len).is_ok_and(|room| region.read(place.offset as usize, room))
    }
}

#[inline]
fn within(places: u16, size: u16) -> Result<u16, Broken> {
    if places <= size { Ok(places) } else { Err(Broken) }
}
