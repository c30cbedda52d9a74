//! An end of a cable: the TAP at which frames come and go, and a faster way out.

use std::os::fd::OwnedFd;

use super::frame::WireFrame;
use crate::sys::{VNET_HEADER, XskSender};

/// From so many frames due at once, a way past the TAP is worth its memory (a quarter of a MiB).
const BURST: u32 = 8;
/// Frames that are sent with one call: as many as the kernel takes at once.
const BATCH: u32 = 32;

/// A TAP, and the port behind it.
///
/// What goes into the TAP is redirected to the port, for 1.6 us a frame. A burst of plain frames goes to the port itself,
/// by AF_XDP and for half of that, where the kernel lets us.
pub(super) struct End {
    pub(super) tap: OwnedFd,
    /// Whether frames come and go behind a virtio-net header.
    header: bool,
    /// The index of the port, if frames may go there directly.
    port: Option<u32>,
    direct: Option<XskSender>,
    /// Frames that went out since the last flush, and those of them that the direct way still holds.
    burst: u32,
    waiting: u32,
}

impl End {
    pub(super) fn new(tap: OwnedFd, header: bool, port: Option<u32>) -> Self {
        Self { tap, header, port: port.filter(|_| !header), direct: None, burst: 0, waiting: 0 }
    }

    /// Lets all frames go through the TAP if they would go to this port: somebody looks there, and sees none that comes
    /// by the direct way.
    pub(super) fn show(&mut self, port: u32) {
        if self.port == Some(port) {
            self.flush();
            (self.port, self.direct) = (None, None);
        }
    }

    /// Reads a frame, in any case behind a header; `None` if there is none.
    pub(super) fn read(&self, bytes: &mut [u8]) -> Option<usize> {
        if self.header {
            return nix::unistd::read(&self.tap, bytes).ok();
        }
        let (header, frame) = bytes.split_at_mut(VNET_HEADER);
        header.fill(0); // a frame like any other
        nix::unistd::read(&self.tap, frame).ok().map(|length| VNET_HEADER + length)
    }

    /// Gives it a frame, by [`flush`](Self::flush) at the latest; one that it does not take is lost, as at any interface
    /// that is down.
    pub(super) fn write(&mut self, frame: &WireFrame) {
        let start = if self.header { 0 } else { VNET_HEADER };
        let bytes = &frame.as_bytes()[start..];
        self.burst += 1;
        if !self.goes_directly(bytes) {
            self.flush_direct(); // what came before goes before
            let _ = nix::unistd::write(&self.tap, bytes);
        }
    }

    /// Ends a burst.
    pub(super) fn flush(&mut self) {
        self.flush_direct();
        self.burst = 0;
    }

    fn goes_directly(&mut self, bytes: &[u8]) -> bool {
        if self.direct.is_none() && self.burst >= BURST {
            // One that cannot be opened is not tried again, except at a port that is down.
            self.direct = self.port.and_then(|port| match XskSender::open(port) {
                Ok(direct) => Some(direct),
                Err(error) => {
                    self.port = self.port.filter(|_| error.kind() == std::io::ErrorKind::NetworkDown);
                    None
                }
            });
        }
        let Some(direct) = &mut self.direct else { return false };
        if !direct.push(bytes) {
            return false;
        }
        self.waiting += 1;
        if self.waiting == BATCH {
            self.flush_direct();
        }
        true
    }

    fn flush_direct(&mut self) {
        if std::mem::take(&mut self.waiting) > 0
            && self.direct.as_mut().is_some_and(|direct| direct.flush().is_err())
        {
            self.direct = None;
        }
    }
}
