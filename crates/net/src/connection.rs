//! JSON texts, one per line, and descriptors, over a Unix stream socket.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sys;

/// The longest line that is taken: an environment and arguments are bounded by 128 KiB each.
const LINE_MAX: usize = 4 << 20;

/// One side of a connection between a lab and a client.
pub(crate) struct Connection {
    stream: UnixStream,
    bytes: Vec<u8>,
    fds: Vec<OwnedFd>,
}

impl Connection {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream, bytes: Vec::new(), fds: Vec::new() }
    }

    /// Waits for the next message; `None` when the other side has gone.
    pub(crate) fn receive<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let message = serde_json::from_slice(&self.bytes[..end]);
                self.bytes.drain(..=end);
                return Ok(Some(message?));
            }
            if self.bytes.len() > LINE_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let (length, fds) = match sys::receive_with(&self.stream, &mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                received => received?,
            };
            if length == 0 {
                return Ok(None);
            }
            self.bytes.extend_from_slice(&buffer[..length]);
            self.fds.extend(fds);
        }
    }

    /// Whether a message has come that [`receive`](Self::receive) gives without waiting.
    pub(crate) fn has_message(&self) -> bool {
        self.bytes.contains(&b'\n')
    }

    /// Takes the descriptors that came so far.
    pub(crate) fn take_fds(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.fds)
    }

    /// Gives a second handle of the same connection that can send.
    pub(crate) fn sender(&self) -> io::Result<Sender> {
        self.stream.try_clone().map(Sender)
    }

    pub(crate) fn stream(&self) -> &UnixStream {
        &self.stream
    }
}

/// The sending half of a connection.
pub(crate) struct Sender(UnixStream);

impl Sender {
    /// Sends a message, with copies of the descriptors.
    pub(crate) fn send(&mut self, message: &impl Serialize, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let sent = sys::send_with(&self.0.as_fd(), &line, fds)?;
        match self.0.write_all(&line[sent..]) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(error),
            result => result,
        }
    }
}
