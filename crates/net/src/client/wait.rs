//! Waiting for what happens in a lab, for a limited time.

use std::io;
use std::time::{Duration, Instant};

use super::Client;
use crate::control::{Event, Reply, Request};
use crate::error::Error;

impl Client {
    /// Waits for an event that `wanted` accepts; one that has happened already counts.
    ///
    /// # Errors
    /// [`Error::NoEvent`] if it does not happen in time.
    pub fn await_event(
        mut self,
        within: Duration,
        mut wanted: impl FnMut(&Event) -> bool,
    ) -> Result<Event, Error> {
        let deadline = Instant::now() + within;
        let late = |lab: &str| Error::NoEvent { lab: lab.to_owned(), within };
        let mut reply = self.ask(&Request::History { follow: true }, &[])?;
        loop {
            match reply {
                Reply::Record(record) if wanted(&record.event) => return Ok(record.event),
                Reply::Record(_) => {}
                _ => return Err(late(&self.lab)), // the lab has ended
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(late(&self.lab));
            }
            let limited = self.connection.stream().set_read_timeout(Some(left));
            reply = match limited.and_then(|()| self.connection.receive()) {
                Ok(Some(reply)) => reply,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(self.broken(error)),
                _ => return Err(late(&self.lab)),
            };
        }
    }
}
