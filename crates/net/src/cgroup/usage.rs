//! What the programs of a limited node have used, as the kernel counts it.

use std::fs;

use serde::{Deserialize, Serialize};

use super::{Group, Place, Version};

/// What the programs of a node with limits have used and met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// How long the programs had to wait because their time on CPUs was used up, in milliseconds; 0 without a limit.
    pub throttled_ms: u64,
    /// The memory in use, in bytes; `None` without a limit.
    pub memory: Option<u64>,
    /// How many processes were killed because the memory was used up.
    pub memory_kills: u64,
}

impl Group {
    /// Reads the kernel's counters; one that cannot be read counts as 0.
    pub(super) fn usage(&self) -> Usage {
        let throttled_ms = self.cpu.as_ref().map_or(0, |place| match place.version {
            Version::One => place.field("cpu.stat", "throttled_time") / 1_000_000, // nanoseconds
            Version::Two => place.field("cpu.stat", "throttled_usec") / 1000,
        });
        let memory = self.memory.as_ref().map(|place| {
            let (now, events) = match place.version {
                Version::One => ("memory.usage_in_bytes", "memory.oom_control"),
                Version::Two => ("memory.current", "memory.events"),
            };
            (place.number(now), place.field(events, "oom_kill"))
        });
        let (memory, memory_kills) = memory.map_or((None, 0), |(now, kills)| (Some(now), kills));
        Usage { throttled_ms, memory, memory_kills }
    }
}

impl Place {
    fn number(&self, file: &str) -> u64 {
        self.read(file).trim().parse().unwrap_or_default()
    }

    /// Reads a line `name number`.
    fn field(&self, file: &str, name: &str) -> u64 {
        let text = self.read(file);
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap_or_default()
    }
}
