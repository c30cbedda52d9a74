//! A connection: the socket, and how far it is.

use super::channel::{Channel, Silence};
use super::data::{Broken, Side};
use super::handshake::{Answer, ClientHandshake, Next, ServerHandshake};
use super::layout::Layout;
use super::message::Message;
use super::ring::Rings;

/// A connection.
pub(super) struct Peer {
    pub(super) channel: Channel,
    stage: Stage,
}

enum Stage {
    Serving(ServerHandshake),
    Asking(ClientHandshake),
    Open(Side, Rings),
}

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer went away.
    Gone,
    /// The peer does not go on, and told why.
    Told(String),
    /// We do not go on, and tell the peer why.
    Refused(&'static str),
}

impl Peer {
    /// Greets a client.
    pub(super) fn serve(channel: Channel, id: u32) -> Option<Self> {
        channel.send(&ServerHandshake::hello(), None).ok()?;
        Some(Self { channel, stage: Stage::Serving(ServerHandshake::new(id)) })
    }

    /// Waits for a server's greeting.
    pub(super) fn ask(channel: Channel, id: u32, layout: Layout, interface: &str) -> Self {
        Self { channel, stage: Stage::Asking(ClientHandshake::new(id, layout, interface)) }
    }

    /// Hears and answers all messages that wait; whether the connection has come to be open by them.
    pub(super) fn attend(&mut self, interface: &str) -> Result<bool, End> {
        let mut opened = false;
        loop {
            let (message, descriptor) = match self.channel.receive() {
                Ok((Message::Disconnect { .. }, _)) if self.is_open() => return Err(End::Gone),
                Ok((Message::Disconnect { reason, .. }, _)) => return Err(End::Told(reason)),
                Ok(received) => received,
                Err(Silence::Empty) => return Ok(opened),
                Err(Silence::Closed) => return Err(End::Gone),
                Err(Silence::Wrong(why)) => return Err(End::Refused(why)),
            };
            let next = match &mut self.stage {
                Stage::Serving(handshake) => {
                    match handshake.answer(message, descriptor).map_err(End::Refused)? {
                        Answer::Ack => {
                            self.channel.send(&Message::Ack, None).map_err(|_| End::Gone)?;
                            None
                        }
                        Answer::Ready(mut rings) => {
                            rings.open(Side::Server);
                            let connected = Message::Connected { interface: interface.to_owned() };
                            self.channel.send(&connected, None).map_err(|_| End::Gone)?;
                            Some(Stage::Open(Side::Server, rings))
                        }
                    }
                }
                Stage::Asking(handshake) => match handshake.next(message).map_err(End::Refused)? {
                    Next::Say(message, descriptor) => {
                        self.channel.send(&message, descriptor).map_err(|_| End::Gone)?;
                        None
                    }
                    Next::Ready(mut rings, layout) => {
                        rings.open(Side::Client(layout));
                        Some(Stage::Open(Side::Client(layout), rings))
                    }
                },
                Stage::Open(..) => return Err(End::Refused("Unexpected message")),
            };
            if let Some(open) = next {
                self.stage = open;
                opened = true;
            }
        }
    }

    /// The rings of an open connection.
    #[inline]
    pub(super) fn rings(&mut self) -> Option<(Side, &mut Rings)> {
        match &mut self.stage {
            Stage::Open(side, rings) => Some((*side, rings)),
            _ => None,
        }
    }

    /// Has the peer wake us, and says whether there is something to receive all the same.
    pub(super) fn ask_to_be_woken(&self) -> Option<bool> {
        let Stage::Open(side, rings) = &self.stage else { return None };
        rings.rx.set_polled(&rings.regions, false);
        Some(rings.ready(*side) != Ok(0))
    }

    #[inline]
    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(..))
    }

    pub(super) fn open_rings(&self) -> Option<&Rings> {
        match &self.stage {
            Stage::Open(_, rings) => Some(rings),
            _ => None,
        }
    }
}

/// Tells a peer that it is over.
pub(super) fn disconnect(channel: &Channel, reason: &str) {
    // A peer that does not hear it sees the socket close.
    let _ = channel.send(&Message::Disconnect { code: 0, reason: reason.to_owned() }, None);
}

impl From<Broken> for End {
    fn from(_: Broken) -> Self {
        Self::Refused("Broken ring")
    }
}
