use std::ops::{AddAssign, SubAssign};

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::frame::Frame;

/// A number of frames and of their bytes, without checksums; a frame of several segments counts as those.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What a direction did since it was made.
///
/// At any moment `offered` and `duplicated` are together `delivered`, `dropped` and what the direction
/// [holds](crate::Direction::held).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// What was given to it.
    pub offered: Count,
    /// What it gave back.
    pub delivered: Count,
    /// What it made: the second of each pair.
    pub duplicated: Count,
    /// What had a bit flipped.
    pub corrupted: Count,
    /// What overtook a frame that was sent earlier.
    pub reordered: Count,
    /// What a queue marked as having met congestion.
    pub marked: Count,
    /// What it dropped, by reason.
    pub dropped: Drops,
}

/// What was dropped, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drops([Count; DropReason::ALL.len()]);

/// Why a frame was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// It is longer than the MTU.
    Mtu,
    /// It came when as much was held as may be.
    Overflow,
    /// It found the queue full.
    QueueFull,
    /// Random Early Detection chose it.
    Red,
    /// It had waited too long, as CoDel judges.
    CoDel,
    /// It got lost on the way.
    Loss,
}

impl DropReason {
    /// All reasons, in the order in which a frame meets them.
    pub const ALL: [Self; 6] =
        [Self::Mtu, Self::Overflow, Self::QueueFull, Self::Red, Self::CoDel, Self::Loss];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mtu => "mtu",
            Self::QueueFull => "queue_full",
            Self::Red => "red",
            Self::CoDel => "codel",
            Self::Loss => "loss",
            Self::Overflow => "overflow",
        }
    }
}

impl Drops {
    /// Returns what was dropped for a reason.
    pub fn of(&self, reason: DropReason) -> Count {
        self.0[reason as usize]
    }

    /// Returns what was dropped for any reason.
    pub fn total(&self) -> Count {
        let mut total = Count::default();
        self.0.iter().for_each(|&count| total += count);
        total
    }

    /// Returns every reason with what was dropped for it.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, Count)> {
        DropReason::ALL.into_iter().zip(self.0)
    }
}

impl Serialize for Drops {
    /// Writes a map from names to counts.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (reason, count) in self.iter() {
            map.serialize_entry(reason.name(), &count)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Drops {
    /// Reads a map from names to counts; names that are not known are passed over.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = std::collections::BTreeMap::<String, Count>::deserialize(deserializer)?;
        Ok(Self(DropReason::ALL.map(|reason| map.get(reason.name()).copied().unwrap_or_default())))
    }
}

impl Counters {
    /// Counts a frame as dropped, and ends it.
    pub(crate) fn drop_frame<F: Frame>(&mut self, frame: F, reason: DropReason) {
        self.dropped.0[reason as usize] += Count::of(&frame);
        frame.dropped(reason);
    }
}

impl Count {
    pub(crate) fn of<F: Frame>(frame: &F) -> Self {
        Self { frames: frame.segments().into(), bytes: frame.len() as u64 }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
    }
}

impl SubAssign for Count {
    fn sub_assign(&mut self, other: Self) {
        self.frames -= other.frames;
        self.bytes -= other.bytes;
    }
}
