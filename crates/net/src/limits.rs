//! The limits of nodes while a lab runs: shown, and watched.

use std::sync::Arc;
use std::time::Duration;

use rackless_topology::model::Node;
use rackless_topology::units::Size;

use crate::control::{Event, LimitsStatus};
use crate::shared::Shared;

/// How often the kernel's count of killed processes is looked at; it tells of none by itself in version 1.
const LOOK: Duration = Duration::from_millis(500);

impl Shared {
    /// Shows the limits of a node, if it has some.
    pub(crate) fn limits(&self, node: &Node) -> Option<LimitsStatus> {
        let limits = Some(node.limits).filter(|limits| !limits.is_none())?;
        let used = self.groups.usage(&node.name)?;
        Some(LimitsStatus {
            cpus: limits.cpus.map(|cpus| f64::from(cpus.as_thousandths()) / 1000.0),
            memory: limits.memory.map(Size::as_bytes),
            used,
        })
    }

    /// Gives the memory limit of a node if a process of it was killed for that.
    pub(crate) fn over_memory(&self, node: &Node) -> Option<Size> {
        let killed = self.groups.usage(&node.name).is_some_and(|used| used.memory_kills > 0);
        node.limits.memory.filter(|_| killed)
    }

    /// Tells of the processes that were killed for their node's memory since the last time.
    pub(crate) fn tell_memory_kills(&self) {
        for node in self.groups.new_memory_kills() {
            if let Some(limit) = self.topology().node(&node).and_then(|node| node.limits.memory) {
                self.publish(Event::OutOfMemory { node, limit });
            }
        }
    }

    /// Tells of killed processes also when what started them goes on.
    pub(crate) fn watch_memory(self: &Arc<Self>) {
        if !self.groups.begin_watch() {
            return;
        }
        let shared = Arc::clone(self);
        std::thread::spawn(move || {
            while !shared.is_stopping() {
                shared.tell_memory_kills();
                std::thread::sleep(LOOK);
            }
        });
    }
}
