//! What happens to links by itself: the events of the lab file.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rackless_topology::Topology;
use rackless_topology::model::LinkChange;

use crate::control::Event;
use crate::links::ends;
use crate::shared::Shared;

/// A change and when it is made.
struct Planned {
    at: Duration,
    /// Changes of the same time are made in the order of their making.
    order: usize,
    link: [String; 2],
    change: LinkChange,
    /// When it is undone.
    lasts: Option<Duration>,
}

impl Shared {
    /// Starts to make the changes that the lab file plans, counted from now, and drops what was planned before.
    pub(crate) fn begin_agenda(self: &Arc<Self>) {
        let number = self.agenda.fetch_add(1, Ordering::AcqRel) + 1;
        let topology = self.topology();
        if topology.events.is_empty() {
            return;
        }
        let shared = Arc::clone(self);
        std::thread::spawn(move || shared.keep_agenda(number, &topology));
    }

    fn keep_agenda(&self, number: u64, topology: &Topology) {
        let begin = Instant::now();
        let events = topology.events.iter().enumerate().map(|(order, event)| Planned {
            at: event.at.into(),
            order,
            link: ends(topology, event.link),
            change: event.change.clone(),
            lasts: event.lasts.map(Duration::from),
        });
        let mut agenda: BinaryHeap<Reverse<Planned>> = events.map(Reverse).collect();
        let mut order = agenda.len();
        while let Some(Reverse(next)) = agenda.pop() {
            std::thread::sleep(next.at.saturating_sub(begin.elapsed()));
            let mut fabric = self.fabric();
            if self.agenda.load(Ordering::Acquire) != number {
                return; // something else is planned by now
            }
            let changed = self.change_link_of(&mut fabric, &next.link, &next.change);
            drop(fabric);
            match changed {
                Ok(undo) => {
                    let undoing = next.lasts.map(|lasts| Planned {
                        at: next.at + lasts,
                        order,
                        link: next.link,
                        change: undo,
                        lasts: None,
                    });
                    order += 1;
                    agenda.extend(undoing.map(Reverse));
                }
                Err(error) => self.publish(Event::EventFailed { ends: next.link, error: error.chain() }),
            }
        }
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Planned {}
