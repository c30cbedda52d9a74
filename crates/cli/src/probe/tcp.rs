//! A TCP connection, and what is said over it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::{contains, left};

/// How much of an answer is looked at.
const ANSWER_MAX: usize = 64 * 1024;

/// How much of an answer is shown.
const SHOWN: usize = 120;

/// What is said, and what must be heard.
pub(super) struct Exchange<'a> {
    pub(super) address: SocketAddr,
    pub(super) send: Option<&'a str>,
    pub(super) expect: Option<&'a str>,
}

impl Exchange<'_> {
    /// Connects, sends and listens; gives whether all went well, and what was found.
    pub(super) fn attempt(&self, limit: Instant) -> io::Result<(bool, String)> {
        let mut stream = TcpStream::connect_timeout(&self.address, left(limit)?)?;
        if let Some(text) = self.send {
            stream.set_write_timeout(Some(left(limit)?))?;
            stream.write_all(text.as_bytes())?;
        }
        let Some(expected) = self.expect else { return Ok((true, "the connection opened".to_owned())) };
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while answer.len() < ANSWER_MAX {
            if contains(&answer, expected.as_bytes()) {
                return Ok((true, quoted(&answer)));
            }
            let Ok(left) = left(limit) else { break };
            stream.set_read_timeout(Some(left))?;
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => answer.extend_from_slice(&buffer[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(error) if answer.is_empty() => return Err(error),
                Err(_) => break, // what came before the reset counts
            }
        }
        Ok((contains(&answer, expected.as_bytes()), quoted(&answer)))
    }
}

fn quoted(answer: &[u8]) -> String {
    if answer.is_empty() {
        return "the connection opened, and no answer came".to_owned();
    }
    format!("the answer {}", super::shown(answer, SHOWN))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use std::time::Duration;

    use super::super::{Probe, Trial};
    use super::*;

    fn trial(address: SocketAddr, expect: Option<&str>, fails: bool) -> Trial {
        let probe = Probe::Tcp { address, send: Some("who".into()), expect: expect.map(str::to_owned) };
        Trial { probe, within: Duration::from_millis(300), fails }
    }

    #[test]
    fn a_refused_connection_is_what_was_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let finding = trial(address, None, false).run();
        assert_eq!((finding.ok, finding.found.as_str()), (false, "connection refused"));
        assert!(finding.attempts > 1, "{finding:?}");
        assert!(trial(address, None, true).run().ok);
    }

    #[test]
    fn an_answer_is_shown_whether_it_is_the_expected_one_or_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = stream;
                let mut asked = [0; 3];
                let _ = stream.read_exact(&mut asked).and_then(|()| stream.write_all(b"west\n"));
            }
        });
        let finding = trial(address, Some("west"), false).run();
        assert_eq!((finding.ok, finding.attempts, finding.found.as_str()), (true, 1, r"the answer 'west\n'"));
        let finding = trial(address, Some("east"), false).run();
        assert_eq!((finding.ok, finding.found.as_str()), (false, r"the answer 'west\n'"));
    }
}
