//! How a client lays out the memory that it shares: two rings, then a buffer for each place in them.

use std::io;

use super::event::Event;
use super::message::AddRing;
use super::region::Region;
use super::ring::{DESCRIPTOR, Descriptor, HEADER, Ring, Rings};

/// The client's memory: its one region, and how large a buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) log2_ring: u8,
    /// Bytes of a buffer.
    pub(super) buffer: u32,
}

/// Which of the two rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    ToServer,
    ToClient,
}

impl Layout {
    pub(super) fn rings(self) -> io::Result<Rings> {
        let region = Region::create(self.buffers() + 2 * self.places() * self.buffer as usize)?;
        let regions = vec![region];
        let make = |way| {
            let ring = Ring::new(&self.message(way), &regions, Event::new()?);
            ring.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
        };
        let (tx, rx) = (make(Way::ToServer)?, make(Way::ToClient)?);
        for (way, ring) in [(Way::ToServer, &tx), (Way::ToClient, &rx)] {
            ring.clear(&regions);
            (0..ring.size()).for_each(|place| ring.set_descriptor(&regions, place, self.empty(way, place)));
        }
        Ok(Rings { regions, rx, tx, rx_next: 0, tx_next: 0 })
    }

    /// The message that tells of a ring.
    pub(super) fn message(self, way: Way) -> AddRing {
        let ring = HEADER + self.places() * DESCRIPTOR;
        let offset = if way == Way::ToServer { 0 } else { ring as u32 };
        let to_server = way == Way::ToServer;
        AddRing { to_server, index: 0, region: 0, offset, log2_size: self.log2_ring }
    }

    /// The descriptor of a place with its empty buffer.
    #[inline]
    pub(super) fn empty(self, way: Way, index: u16) -> Descriptor {
        let place = usize::from(index) & (self.places() - 1);
        let place = if way == Way::ToServer { place } else { self.places() + place };
        let offset = self.buffers() + place * self.buffer as usize;
        Descriptor { flags: 0, region: 0, len: self.buffer, offset: offset as u32 }
    }

    fn places(self) -> usize {
        1 << self.log2_ring
    }

    /// Where the buffers start.
    fn buffers(self) -> usize {
        (2 * (HEADER + self.places() * DESCRIPTOR)).next_multiple_of(64)
    }
}
