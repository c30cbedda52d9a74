//! Frames at an interface's fabric side, in both directions.

use std::borrow::Cow;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::client::Client;
use crate::error::Error;
use crate::sys::{self, RawFrame, Ring};

/// A tap at the fabric's side of an interface: it sees also what skips the node's own taps and queues.
///
/// It keeps the fabric's namespace alive: drop it when the lab ends.
pub struct Tap {
    socket: OwnedFd,
    ring: Ring,
    interface: String,
}

/// A frame that passed a tap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it passed, by the kernel's clock: nanoseconds since 1970.
    pub time_ns: u64,
    /// Whether the node sent it; else the node receives it.
    pub from_node: bool,
    /// Its bytes from the Ethernet header on, VLAN tags included.
    pub bytes: Cow<'a, [u8]>,
    /// How long it was, with a VLAN tag that the kernel had cut out.
    pub original_len: u32,
    /// Whether its checksum is not computed yet: the sender left that to hardware, of which a lab has none.
    pub checksum_missing: bool,
}

impl Tap {
    /// How long a frame may be kept back by the kernel before [`Tap::read`] gets it.
    pub const DELAY: Duration = Duration::from_millis(sys::RETIRE_MS as u64 * 2);

    /// Opens a tap on an interface of a node; frames are kept from now on.
    ///
    /// # Errors
    /// There is no such interface, or the kernel refuses the socket or its ring.
    pub fn open(client: &mut Client, node: &str, interface: &str) -> Result<Self, Error> {
        let socket = client.open_tap(node, interface)?;
        let interface = format!("{node}:{interface}");
        match Ring::map(socket.as_fd()) {
            Ok(ring) => Ok(Self { socket, ring, interface }),
            Err(source) => Err(Error::Tap { interface, source }),
        }
    }

    /// Gives the frames that wait to `each`, and returns how many there were; it does not block.
    ///
    /// The descriptor is readable when there are some.
    pub fn read(&mut self, mut each: impl FnMut(Frame<'_>)) -> usize {
        let mut count = 0;
        let mut show = |frame: RawFrame<'_>| {
            count += 1;
            each(Frame::new(&frame));
        };
        while self.ring.take(&mut show) {}
        count
    }

    /// Waits for a frame that `wanted` accepts among those that have passed and will; says whether one came in time.
    ///
    /// # Errors
    /// The kernel does not tell when there are frames.
    pub fn sees(
        &mut self,
        within: Duration,
        mut wanted: impl FnMut(Frame<'_>) -> bool,
    ) -> Result<bool, Error> {
        let deadline = Instant::now() + within;
        loop {
            let mut seen = false;
            self.read(|frame| seen |= wanted(frame));
            let left = deadline.saturating_duration_since(Instant::now());
            if seen || left.is_zero() {
                return Ok(seen);
            }
            let limit = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], limit) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => {
                    return Err(Error::Tap { interface: self.interface.clone(), source: errno.into() });
                }
            }
        }
    }

    /// Tells how many frames were lost since the last call because the ring was full.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn take_missed(&self) -> Result<u64, Error> {
        let failed = |source: io::Error| Error::Tap { interface: self.interface.clone(), source };
        sys::take_drops(self.socket.as_fd()).map(u64::from).map_err(failed)
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<'a> Frame<'a> {
    fn new(raw: &RawFrame<'a>) -> Self {
        /// Where a VLAN tag stands: behind both addresses.
        const TAG: usize = 12;
        let mut bytes = Cow::Borrowed(raw.bytes);
        let mut original_len = raw.original_len;
        if let Some((protocol, tag)) = raw.vlan.filter(|_| bytes.len() >= TAG) {
            let tag = [protocol.to_be_bytes(), tag.to_be_bytes()].concat();
            bytes.to_mut().splice(TAG..TAG, tag);
            original_len += 4;
        }
        Self {
            time_ns: raw.time_ns,
            from_node: raw.packet_type != libc::PACKET_OUTGOING,
            bytes,
            original_len,
            checksum_missing: raw.checksum_missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_the_kernel_cut_out_is_put_back() {
        let bytes: Vec<u8> = (0..20).collect();
        let raw = RawFrame {
            bytes: &bytes,
            original_len: 20,
            time_ns: 1,
            packet_type: libc::PACKET_OUTGOING,
            vlan: Some((0x88a8, 0x1007)),
            checksum_missing: false,
        };
        let frame = Frame::new(&raw);
        assert_eq!(frame.bytes[10..18], [10, 11, 0x88, 0xa8, 0x10, 0x07, 12, 13]);
        assert_eq!((frame.original_len, frame.from_node), (24, false));
    }
}
