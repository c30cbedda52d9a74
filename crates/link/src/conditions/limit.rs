use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::units::{ParseUnitError, Size};

/// How much may wait in a queue.
///
/// Text form: `"100 frames"` or `"64 KiB"`. The frame that is being sent does not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// That many frames of any size.
    Frames(u64),
    /// Frames of that many bytes together.
    Bytes(Size),
}

/// A text is not a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseLimitError {
    /// There is no whole number of frames before the unit.
    #[error("invalid number of frames '{0}', expected for example \"100 frames\"")]
    Frames(String),
    /// It is not a size either.
    #[error("invalid limit, expected for example \"100 frames\" or \"64 KiB\"")]
    Size(#[from] ParseUnitError),
}

impl Limit {
    pub(crate) fn bytes(bytes: u64) -> Self {
        Self::Bytes(Size::from_bytes(bytes))
    }
}

impl FromStr for Limit {
    type Err = ParseLimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let number = trimmed.strip_suffix("frames").or_else(|| trimmed.strip_suffix("frame"));
        match number {
            None => Ok(Self::Bytes(text.parse()?)),
            Some(number) => {
                let frames = number.trim_end().parse();
                frames.map(Self::Frames).map_err(|_| ParseLimitError::Frames(number.trim_end().to_owned()))
            }
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames(1) => f.pad("1 frame"),
            Self::Frames(frames) => f.pad(&format!("{frames} frames")),
            Self::Bytes(size) => size.fmt(f),
        }
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(|error| match error {
            // Serde keeps one text, and the cause says more.
            ParseLimitError::Size(cause) => de::Error::custom(cause),
            ParseLimitError::Frames(_) => de::Error::custom(error),
        })
    }
}
