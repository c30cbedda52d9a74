//! Hugepages for the sides that want them: a setting of the whole machine, put back afterwards.

use std::fs;

use crate::error::Error;

const SETTING: &str = "/proc/sys/vm/nr_hugepages";

/// What the setting was; dropped, it is that again.
pub(crate) struct Hugepages(u64);

impl Hugepages {
    /// Notes the setting; `None` where the kernel has no hugepages.
    pub(crate) fn note() -> Option<Self> {
        number().map(Self)
    }
}

impl Drop for Hugepages {
    fn drop(&mut self) {
        if number() != Some(self.0) {
            let _ = fs::write(SETTING, self.0.to_string()); // without root nothing was changed
        }
    }
}

/// Sees to it that the machine has so many hugepages of the default size; whoever has noted the setting undoes it.
pub(crate) fn reserve(pages: u64) -> Result<(), Error> {
    if number() < Some(pages) {
        fs::write(SETTING, pages.to_string()).map_err(Error::system(format!("write {SETTING}")))?;
    }
    match number() {
        Some(found) if found >= pages => Ok(()),
        found => Err(Error::Void(format!(
            "the machine has memory for {} of {pages} hugepages",
            found.unwrap_or_default()
        ))),
    }
}

fn number() -> Option<u64> {
    fs::read_to_string(SETTING).ok()?.trim().parse().ok()
}
