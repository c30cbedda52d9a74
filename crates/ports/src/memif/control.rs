//! How a port comes to its peer, and loses it.

use std::time::Duration;

use super::channel::{Channel, Listener};
use super::layout::Layout;
use super::peer::{End, Peer, disconnect};
use super::{BUFFER, Memif, REFUSALS, RETRY};
use crate::spec::MemifRole;

impl Memif {
    /// Accepts, connects, and hears what the peer says.
    #[cold]
    pub(super) fn attend(&mut self) {
        self.accept();
        // While the peer has not come, the timer belongs to a client's tries.
        let is_open = self.peer.as_ref().is_some_and(Peer::is_open);
        if !is_open && self.timer.take() && self.peer.is_none() {
            self.connect();
        }
        let Some(peer) = &mut self.peer else { return };
        match peer.attend(&self.info.name) {
            Ok(false) => {}
            Ok(true) => self.came_up(),
            Err(end) => self.lose(end),
        }
    }

    fn accept(&mut self) {
        while let Some(channel) = self.listener.as_ref().and_then(Listener::accept) {
            if self.peer.as_ref().is_some_and(Peer::is_open) {
                disconnect(&channel, "Already connected");
                continue;
            }
            // Who connected before and has not come to an end yet may never do so.
            self.peer =
                Peer::serve(channel, self.spec.id).filter(|peer| self.wait.add(peer.channel.fd()).is_ok());
        }
    }

    pub(super) fn connect(&mut self) {
        // Without a server there is nothing to tell: the link is down, and another try follows.
        let Ok(channel) = Channel::connect(&self.spec.socket) else { return };
        if self.wait.add(channel.fd()).is_ok() {
            let buffer = self.max_frame.max(BUFFER).next_multiple_of(64) as u32;
            let layout = Layout { log2_ring: self.spec.ring.ilog2() as u8, buffer };
            self.peer = Some(Peer::ask(channel, self.spec.id, layout, &self.info.name));
        }
    }

    fn came_up(&mut self) {
        self.ups += 1;
        self.asleep.set(false);
        self.timer.set(Duration::ZERO, Duration::ZERO);
        if let Some(rings) = self.peer.as_ref().and_then(Peer::open_rings) {
            // A worker that sleeps has its longest sleep besides.
            let _ = self.wait.add(rings.rx.event.fd());
        }
    }

    #[cold]
    pub(super) fn lose(&mut self, end: End) {
        let Some(peer) = self.peer.take() else { return };
        if let Some(rings) = peer.open_rings() {
            self.wait.remove(rings.rx.event.fd());
            self.downs += 1;
        }
        if let End::Refused(why) = end {
            disconnect(&peer.channel, why);
        }
        match end {
            End::Gone => {}
            End::Refused(why) => self.count_refusal(format!("refused the peer: {why}")),
            End::Told(why) => self.count_refusal(format!("the peer refused: {why}")),
        }
        if self.spec.role == MemifRole::Client {
            self.timer.set(RETRY, RETRY);
        }
    }

    fn count_refusal(&mut self, why: String) {
        let known = self.refusals.iter().position(|(has, _)| *has == why);
        match known {
            Some(index) => self.refusals[index].1 += 1,
            // The words may be the peer's, who has only so many.
            None if self.refusals.len() < REFUSALS => self.refusals.push((why, 1)),
            None => {}
        }
    }
}
