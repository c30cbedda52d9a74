//! What became of the frames of links, as what carries them has counted.

use std::collections::BTreeMap;

use rackless_link::{Count, Counters};
use serde::{Deserialize, Serialize};

use super::Fabric;
use super::shaping::Shaping;
use crate::disciplines::{self, KernelCounters};

/// What became of the frames of one direction of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LinkCounters {
    /// As a wire process counts.
    Wire(Counters),
    /// As the kernel's disciplines count.
    Kernel(KernelCounters),
}

impl LinkCounters {
    /// What has arrived.
    pub fn delivered(&self) -> Count {
        match self {
            Self::Wire(counters) => counters.delivered,
            Self::Kernel(counters) => counters.delivered,
        }
    }

    /// Frames that are on their way.
    pub fn held_frames(&self) -> u64 {
        match self {
            Self::Wire(Counters { offered, duplicated, delivered, dropped, .. }) => {
                let gone = delivered.frames + dropped.total().frames;
                (offered.frames + duplicated.frames).saturating_sub(gone)
            }
            Self::Kernel(counters) => counters.held.frames,
        }
    }

    /// Frames that were dropped, by reason; only what is not zero.
    pub fn dropped_frames(&self) -> BTreeMap<String, u64> {
        let all: BTreeMap<String, u64> = match self {
            Self::Wire(counters) => counters
                .dropped
                .iter()
                .map(|(reason, count)| (reason.name().to_owned(), count.frames))
                .collect(),
            Self::Kernel(counters) => {
                counters.dropped.iter().map(|(kind, dropped)| (kind.clone(), dropped.frames)).collect()
            }
        };
        all.into_iter().filter(|(_, frames)| *frames > 0).collect()
    }
}

impl Fabric {
    /// Gives the interfaces by which frames come to a wire in user space, in the order of the link's ends.
    pub(crate) fn taps(&self, link: usize) -> Option<[u32; 2]> {
        let link = &self.links[link];
        let Some(Shaping::User { taps: [there, back], .. }) = &link.shaping else { return None };
        Some(if link.plan.is_reversed() { [back.index, there.index] } else { [there.index, back.index] })
    }

    /// Gives what carriers did so far, by the place of the link and in the order of its ends.
    pub(crate) fn counters(&mut self) -> BTreeMap<usize, [LinkCounters; 2]> {
        let wires = self.wires.counters();
        let has_kernels = self.links.iter().any(|link| matches!(link.shaping, Some(Shaping::Kernel(_))));
        // What cannot be read is not told.
        let disciplines = if has_kernels {
            disciplines::read(&mut self.netlink).unwrap_or_default()
        } else {
            BTreeMap::new()
        };
        let links = self.links.iter().enumerate();
        let counters = links.filter_map(|(place, link)| {
            let [there, back] = match link.shaping.as_ref()? {
                Shaping::User { cable, .. } => wires.get(cable)?.map(LinkCounters::Wire),
                Shaping::Kernel(wire) => {
                    let found = wire.interfaces().map(|index| disciplines.get(&index)?.counters());
                    let [there, back] = found;
                    [LinkCounters::Kernel(there?), LinkCounters::Kernel(back?)]
                }
            };
            Some((place, if link.plan.is_reversed() { [back, there] } else { [there, back] }))
        });
        counters.collect()
    }
}
