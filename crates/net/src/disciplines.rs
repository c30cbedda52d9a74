//! What queueing disciplines have counted, each frame once.

use std::collections::BTreeMap;

use netlink_packet_core::Nla;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage, TcStats2};
use rackless_link::Count;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::netlink::Netlink;

/// The type of a message that tells of a discipline (linux/rtnetlink.h).
const RTM_NEWQDISC: u16 = 36;
/// The attribute with a number of packets beyond 32 bits (linux/gen_stats.h).
const TCA_STATS_PKT64: u16 = 8;

/// What the disciplines of one direction of a link did since they were put in.
///
/// The kernel counts less than a wire of the lab: not what was offered, and not why netem dropped a frame, by chance or
/// because there was no room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelCounters {
    /// What they gave back.
    pub delivered: Count,
    /// What is in them.
    pub held: Count,
    /// What they dropped, by kind of discipline, such as `netem`; only what is not zero.
    pub dropped: BTreeMap<String, Dropped>,
}

/// Frames that a discipline dropped, whose bytes it does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Frames.
    pub frames: u64,
}

/// The disciplines of an interface.
#[derive(Debug, Default)]
pub(crate) struct Disciplines(Vec<Discipline>);

#[derive(Debug)]
struct Discipline {
    kind: String,
    handle: TcHandle,
    parent: TcHandle,
    sent: Count,
    held: Count,
    /// Those of the disciplines inside included.
    drops: u64,
}

impl Disciplines {
    /// Gives what was dropped, by the kind of the discipline that dropped it; only what is not zero.
    pub(crate) fn drops(&self) -> BTreeMap<String, u64> {
        let mut found = BTreeMap::new();
        for discipline in &self.0 {
            let drops = self.own_drops(discipline);
            if drops > 0 {
                *found.entry(discipline.kind.clone()).or_default() += drops;
            }
        }
        found
    }

    /// Gives what the disciplines of the egress did together.
    pub(crate) fn counters(&self) -> Option<KernelCounters> {
        let root = self.0.iter().find(|discipline| discipline.parent == TcHandle::ROOT)?;
        let dropped = self.drops().into_iter().map(|(kind, frames)| (kind, Dropped { frames }));
        Some(KernelCounters { delivered: root.sent, held: root.held, dropped: dropped.collect() })
    }

    /// A discipline counts also what those inside of it dropped.
    fn own_drops(&self, discipline: &Discipline) -> u64 {
        let inside = self.0.iter().filter(|other| {
            other.parent != TcHandle::ROOT
                && discipline.handle.major != 0
                && other.parent.major == discipline.handle.major
        });
        discipline.drops.saturating_sub(inside.map(|other| other.drops).sum())
    }
}

/// Reads the disciplines of all interfaces in the socket's namespace, by the index of the interface.
pub(crate) fn read(netlink: &mut Netlink) -> Result<BTreeMap<u32, Disciplines>, Error> {
    let mut found: BTreeMap<u32, Disciplines> = BTreeMap::new();
    for message in netlink.messages(Message::GetQueueDiscipline(TcMessage::default()), RTM_NEWQDISC)? {
        let Message::NewQueueDiscipline(message) = message else { continue };
        if let Ok(index) = u32::try_from(message.header.index) {
            found.entry(index).or_default().0.push(Discipline::from(message));
        }
    }
    Ok(found)
}

impl From<TcMessage> for Discipline {
    fn from(message: TcMessage) -> Self {
        let mut found = Self {
            kind: String::new(),
            handle: message.header.handle,
            parent: message.header.parent,
            sent: Count::default(),
            held: Count::default(),
            drops: 0,
        };
        for attribute in message.attributes {
            match attribute {
                TcAttribute::Kind(kind) => found.kind = kind,
                TcAttribute::Stats2(all) => all.iter().for_each(|stats| found.count(stats)),
                _ => {}
            }
        }
        found
    }
}

impl Discipline {
    fn count(&mut self, stats: &TcStats2) {
        match stats {
            TcStats2::Basic(basic) => {
                self.sent.bytes = basic.bytes;
                self.sent.frames = self.sent.frames.max(basic.packets.into());
            }
            TcStats2::Queue(queue) => {
                self.drops = queue.drops.into();
                self.held = Count { frames: queue.qlen.into(), bytes: queue.backlog.into() };
            }
            TcStats2::Other(other) if other.kind() == TCA_STATS_PKT64 => {
                let mut bytes = [0; 8];
                if other.value_len() == bytes.len() {
                    other.emit_value(&mut bytes);
                    self.sent.frames = u64::from_ne_bytes(bytes);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discipline(kind: &str, major: u16, parent: TcHandle, drops: u64) -> Discipline {
        let handle = TcHandle { major, minor: 0 };
        let count = |frames| Count { frames, bytes: frames * 100 };
        Discipline { kind: kind.into(), handle, parent, sent: count(10), held: count(2), drops }
    }

    #[test]
    fn a_frame_that_was_dropped_deep_inside_counts_once() {
        let inside = |major| TcHandle { major, minor: 1 };
        let tree = Disciplines(vec![
            discipline("htb", 1, TcHandle::ROOT, 9),
            discipline("netem", 3, inside(1), 9),
            discipline("codel", 5, inside(3), 4),
            discipline("ingress", 0xffff, TcHandle::INGRESS, 0),
        ]);
        assert_eq!(tree.drops(), BTreeMap::from([("codel".to_owned(), 4), ("netem".to_owned(), 5)]));
        let counters = tree.counters().expect("a root");
        assert_eq!((counters.delivered.frames, counters.held.bytes), (10, 200));
        assert_eq!(counters.dropped["netem"], Dropped { frames: 5 });
    }

    #[test]
    fn an_interface_without_disciplines_has_counted_nothing() {
        assert_eq!(Disciplines::default().counters(), None);
    }
}
