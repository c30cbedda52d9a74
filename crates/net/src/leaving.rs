//! Disciplines that are taken out when the frames in them have arrived.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::disciplines;
use crate::error::Error;
use crate::kernel_wire::KernelWire;
use crate::netlink::{Netlink, Request};
use crate::shared::lock;

/// Frames that have longer to go are lost: a link shall not be changed by what is long forgotten.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether frames are left.
const STEP: Duration = Duration::from_millis(20);

/// Disciplines that impose nothing any more; `None` when they are gone.
pub(crate) struct Leaving(Arc<Mutex<Option<KernelWire>>>);

impl Leaving {
    /// Waits in a thread until the frames have arrived, and removes the disciplines over a socket of its own.
    pub(crate) fn begin(wire: KernelWire, netlink: Netlink, label: &str) -> Self {
        let left = Arc::new(Mutex::new(Some(wire)));
        let (watched, label) = (Arc::clone(&left), label.to_owned());
        std::thread::spawn(move || watch(&watched, netlink, &label));
        Self(left)
    }

    /// Gives what removes them now, with the frames in them.
    pub(crate) fn end(self, label: &str) -> Vec<Request> {
        lock(&self.0).take().map_or_else(Vec::new, |wire| wire.remove_released(label))
    }
}

fn watch(left: &Mutex<Option<KernelWire>>, mut netlink: Netlink, label: &str) {
    let begin = Instant::now();
    let mut was_empty = false;
    loop {
        std::thread::sleep(STEP);
        let mut left = lock(left);
        let Some(wire) = left.as_ref() else { return };
        let is_empty = frames(wire, &mut netlink).is_ok_and(|frames| frames == 0);
        // A frame may have left its discipline and not yet its interface.
        if (is_empty && was_empty) || begin.elapsed() > PATIENCE {
            for request in wire.remove_released(label) {
                let _ = netlink.send(vec![request]); // the lab may be gone, and the interface with it
            }
            *left = None;
            return;
        }
        was_empty = is_empty;
    }
}

fn frames(wire: &KernelWire, netlink: &mut Netlink) -> Result<u64, Error> {
    let all = disciplines::read(netlink)?;
    let held = |index: u32| Some(all.get(&index)?.counters()?.held.frames);
    Ok(wire.interfaces().into_iter().filter_map(held).sum())
}
