//! How two processes come to share rings: what each says to what the other said.
//!
//! A server greets who connects. The client then makes the memory and says one thing after the other, each when the
//! last was acknowledged: what it wants, the memory, both rings, and that it is ready.

use std::collections::VecDeque;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::event::Event;
use super::layout::{Layout, Way};
use super::message::{AddRing, Hello, Init, Message, VERSION};
use super::region::Region;
use super::ring::{Ring, Rings};

/// What a side calls itself.
const NAME: &str = concat!("rackless ", env!("CARGO_PKG_VERSION"));
/// Regions that a client may have: DPDK has one for each list of its memory, when it sends without a copy.
const REGIONS: usize = 256;
const MAX_LOG2_RING: u8 = 14;
const ETHERNET: u8 = 0;

/// The server's side, once a client has connected.
#[derive(Default)]
pub(super) struct ServerHandshake {
    id: u32,
    is_asked: bool,
    regions: Vec<Region>,
    rx: Option<Ring>,
    tx: Option<Ring>,
}

/// What a server does next.
pub(super) enum Answer {
    Ack,
    /// Both are ready.
    Ready(Rings),
}

impl ServerHandshake {
    /// For clients that want the connection of this number.
    pub(super) fn new(id: u32) -> Self {
        Self { id, ..Self::default() }
    }

    pub(super) fn hello() -> Message {
        Message::Hello(Hello {
            name: NAME.into(),
            min_version: VERSION,
            max_version: VERSION,
            max_region: REGIONS as u16 - 1,
            max_to_client_ring: 0,
            max_to_server_ring: 0,
            max_log2_ring: MAX_LOG2_RING,
        })
    }

    /// Answers a message, or says why not.
    pub(super) fn answer(
        &mut self,
        message: Message,
        descriptor: Option<OwnedFd>,
    ) -> Result<Answer, &'static str> {
        match message {
            Message::Init(init) if !self.is_asked => self.init(&init)?,
            Message::AddRegion { index, size } if self.is_asked => {
                if usize::from(index) != self.regions.len() || self.regions.len() == REGIONS {
                    return Err("Invalid region index");
                }
                let descriptor = descriptor.ok_or("Missing region fd")?;
                self.regions.push(Region::map(descriptor, size).map_err(|_| "Cannot map region")?);
            }
            Message::AddRing(ring) if self.is_asked => self.add_ring(&ring, descriptor)?,
            Message::Connect { .. } => {
                let (Some(rx), Some(tx)) = (self.rx.take(), self.tx.take()) else {
                    return Err("Missing ring");
                };
                let regions = std::mem::take(&mut self.regions);
                if !rx.is_valid(&regions) || !tx.is_valid(&regions) {
                    return Err("Wrong ring");
                }
                return Ok(Answer::Ready(Rings { regions, rx, tx, rx_next: 0, tx_next: 0 }));
            }
            _ => return Err("Unexpected message"),
        }
        Ok(Answer::Ack)
    }

    fn init(&mut self, init: &Init) -> Result<(), &'static str> {
        match init {
            Init { version, .. } if *version != VERSION => Err("Incompatible memif version"),
            Init { id, .. } if *id != self.id => Err("ID not found"),
            Init { mode, .. } if *mode != ETHERNET => Err("Only ethernet mode supported"),
            _ => {
                self.is_asked = true;
                Ok(())
            }
        }
    }

    fn add_ring(&mut self, ring: &AddRing, descriptor: Option<OwnedFd>) -> Result<(), &'static str> {
        let place = if ring.to_server { &mut self.rx } else { &mut self.tx };
        if ring.index != 0 || place.is_some() {
            return Err("Invalid ring index");
        }
        let event = Event::of_peer(descriptor.ok_or("Missing interrupt fd")?);
        let event = event.map_err(|_| "Invalid interrupt fd")?;
        *place = Some(Ring::new(ring, &self.regions, event).ok_or("Invalid ring")?);
        Ok(())
    }
}

/// The client's side, once it has connected.
pub(super) struct ClientHandshake {
    id: u32,
    layout: Layout,
    interface: String,
    rings: Option<Rings>,
    to_say: VecDeque<Saying>,
}

#[derive(Clone, Copy)]
enum Saying {
    Init,
    Region,
    Ring(Way),
    Connect,
}

/// What a client does next.
pub(super) enum Next<'a> {
    /// Says something, with a descriptor if it has one.
    Say(Message, Option<BorrowedFd<'a>>),
    /// Both are ready; the memory has this layout.
    Ready(Rings, Layout),
}

impl ClientHandshake {
    pub(super) fn new(id: u32, layout: Layout, interface: &str) -> Self {
        Self { id, layout, interface: interface.into(), rings: None, to_say: VecDeque::new() }
    }

    /// Goes on after a message, or says why not.
    pub(super) fn next(&mut self, message: Message) -> Result<Next<'_>, &'static str> {
        match message {
            Message::Hello(hello) if self.rings.is_none() => self.prepare(&hello)?,
            Message::Ack if !self.to_say.is_empty() => {}
            Message::Connected { .. } if self.to_say.is_empty() => {
                let rings = self.rings.take().ok_or("Unexpected message")?;
                return Ok(Next::Ready(rings, self.layout));
            }
            _ => return Err("Unexpected message"),
        }
        let saying = self.to_say.pop_front().ok_or("Unexpected message")?;
        let rings = self.rings.as_ref().ok_or("Unexpected message")?;
        Ok(match saying {
            Saying::Init => {
                let init = Init { version: VERSION, id: self.id, mode: ETHERNET, name: NAME.into() };
                Next::Say(Message::Init(init), None)
            }
            Saying::Region => {
                let region = &rings.regions[0];
                Next::Say(Message::AddRegion { index: 0, size: region.len() as u64 }, Some(region.fd()))
            }
            Saying::Ring(way) => {
                let ring = if way == Way::ToServer { &rings.tx } else { &rings.rx };
                Next::Say(Message::AddRing(self.layout.message(way)), Some(ring.event.fd()))
            }
            Saying::Connect => Next::Say(Message::Connect { interface: self.interface.clone() }, None),
        })
    }

    fn prepare(&mut self, hello: &Hello) -> Result<(), &'static str> {
        if !(hello.min_version..=hello.max_version).contains(&VERSION) {
            return Err("Incompatible memif version");
        }
        self.layout.log2_ring = self.layout.log2_ring.min(hello.max_log2_ring).max(1);
        self.rings = Some(self.layout.rings().map_err(|_| "Out of memory")?);
        let (to_server, to_client) = (Saying::Ring(Way::ToServer), Saying::Ring(Way::ToClient));
        self.to_say = [Saying::Init, Saying::Region, to_server, to_client, Saying::Connect].into();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAYOUT: Layout = Layout { log2_ring: 4, buffer: 2048 };

    /// Both sides talk to each other; `change` may change what the client says.
    fn talk(
        id: u32,
        mut change: impl FnMut(Message, Option<OwnedFd>) -> (Message, Option<OwnedFd>),
    ) -> Result<(Rings, Rings), &'static str> {
        let (mut server, mut client) = (ServerHandshake::new(0), ClientHandshake::new(id, LAYOUT, "a"));
        let mut said = ServerHandshake::hello();
        loop {
            let Next::Say(message, descriptor) = client.next(said)? else { return Err("too early") };
            let descriptor = descriptor.map(|descriptor| descriptor.try_clone_to_owned().unwrap());
            let (message, descriptor) = change(message, descriptor);
            match server.answer(message, descriptor)? {
                Answer::Ack => said = Message::Ack,
                Answer::Ready(theirs) => {
                    let connected = Message::Connected { interface: "b".into() };
                    let Next::Ready(ours, layout) = client.next(connected)? else {
                        return Err("not ready");
                    };
                    assert_eq!(layout, LAYOUT);
                    return Ok((theirs, ours));
                }
            }
        }
    }

    #[test]
    fn both_come_to_have_the_same_rings() {
        let (server, client) = talk(0, |message, descriptor| (message, descriptor)).unwrap();
        let descriptor = client.tx.descriptor(&client.regions, 5);
        assert_eq!(server.rx.descriptor(&server.regions, 5), descriptor);
        assert_eq!(descriptor, LAYOUT.empty(Way::ToServer, 5));
        assert_ne!(server.tx.descriptor(&server.regions, 5), descriptor);
        client.rx.set_head(&client.regions, 16);
        assert_eq!(server.tx.head(&server.regions), 16);
    }

    #[test]
    fn what_a_server_cannot_use_is_refused_by_name() {
        let ring_at = |offset| {
            move |message, descriptor| match message {
                Message::AddRing(ring) => (Message::AddRing(AddRing { offset, ..ring }), descriptor),
                other => (other, descriptor),
            }
        };
        let refused = |result: Result<(Rings, Rings), &'static str>| result.map(|_| ()).unwrap_err();
        assert_eq!(refused(talk(1, |message, descriptor| (message, descriptor))), "ID not found");
        assert_eq!(refused(talk(0, ring_at(2))), "Invalid ring");
        assert_eq!(refused(talk(0, ring_at(u32::MAX - 3))), "Invalid ring");
        assert_eq!(refused(talk(0, ring_at(4096))), "Wrong ring");
        assert_eq!(refused(talk(0, |message, _| (message, None))), "Missing region fd");
        let larger = |message, descriptor| match message {
            Message::AddRegion { index, size } => (Message::AddRegion { index, size: size + 1 }, descriptor),
            other => (other, descriptor),
        };
        assert_eq!(refused(talk(0, larger)), "Cannot map region");
    }

    proptest! {
        #[test]
        fn no_message_at_any_step_brings_a_side_down(
            step in 0..5usize,
            kind in 0..10u16,
            bytes in proptest::collection::vec(any::<u8>(), 126),
            with_descriptor in any::<bool>(),
        ) {
            let bytes = [kind.to_ne_bytes().as_slice(), &bytes].concat();
            if let Ok(strange) = Message::decode(&bytes) {
                let mut at = 0;
                let result = talk(0, |message, descriptor| {
                    at += 1;
                    let descriptor = descriptor.filter(|_| with_descriptor || at - 1 != step);
                    (if at - 1 == step { strange.clone() } else { message }, descriptor)
                });
                drop(result);
                let mut client = ClientHandshake::new(0, LAYOUT, "a");
                let said = client.next(ServerHandshake::hello());
                prop_assert!(matches!(said, Ok(Next::Say(Message::Init(_), None))));
                let _ = client.next(strange).map(|_| ());
            }
        }
    }
}
