//! Frames from nowhere, as a device string names them.

use std::fmt;
use std::path::PathBuf;

use super::{ALLOWED, key_value, number};

/// Frames from nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NullSpec {
    /// Length of the frames in bytes, where no template is given.
    pub size: usize,
    /// How many frames there are; endless without it.
    pub count: Option<u64>,
    /// A capture whose frames are received round and round.
    pub template: Option<PathBuf>,
}

impl Default for NullSpec {
    fn default() -> Self {
        Self { size: 64, count: None, template: None }
    }
}

impl NullSpec {
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let mut spec = Self::default();
        for word in rest.split(',').filter(|word| !word.is_empty()) {
            match key_value(word)? {
                ("size", value) => spec.size = number(value)?,
                ("count", value) => spec.count = Some(number(value)?),
                ("template", value) => spec.template = Some(value.into()),
                (key, _) => return Err(format!("'{key}' is not an argument; {ALLOWED}")),
            }
        }
        // Ethernet, IPv4 and UDP headers; and what a buffer of the usual size holds.
        if !(42..=rackless_nf::Pool::ROOM).contains(&spec.size) {
            return Err(format!("size is 42 to {} bytes", rackless_nf::Pool::ROOM));
        }
        Ok(spec)
    }
}

impl fmt::Display for NullSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "null:size={}", self.size)?;
        self.count.iter().try_for_each(|count| write!(f, ",count={count}"))?;
        self.template.iter().try_for_each(|path| write!(f, ",template={}", path.display()))
    }
}
