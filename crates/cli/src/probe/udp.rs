//! A datagram, and what is answered.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use super::{contains, left};

/// How much of an answer is shown.
const SHOWN: usize = 120;

/// What is sent, and what must be heard.
pub(super) struct Question<'a> {
    pub(super) address: SocketAddr,
    pub(super) send: &'a str,
    pub(super) expect: Option<&'a str>,
}

impl Question<'_> {
    /// Asks once; gives whether all went well, and what was found.
    pub(super) fn attempt(&self, limit: Instant) -> io::Result<(bool, String)> {
        let socket = match self.address {
            SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?,
            SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?,
        };
        socket.connect(self.address)?; // so that an answer of another is none, and errors of ICMP are heard
        socket.send(self.send.as_bytes())?;
        let mut buffer = vec![0; usize::from(u16::MAX)];
        let mut wrong = None;
        while let Ok(left) = left(limit) {
            socket.set_read_timeout(Some(left))?;
            match socket.recv(&mut buffer) {
                Ok(length) => {
                    let answer = &buffer[..length];
                    let found = format!("the answer {}", super::shown(answer, SHOWN));
                    if self.expect.is_none_or(|expected| contains(answer, expected.as_bytes())) {
                        return Ok((true, found));
                    }
                    wrong = Some(found);
                }
                Err(error) if wrong.is_none() => return Err(error),
                Err(_) => break, // the wrong answer tells more
            }
        }
        wrong.map(|found| (false, found)).ok_or_else(|| io::ErrorKind::TimedOut.into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Probe, Trial};
    use super::*;

    #[test]
    fn an_answer_must_contain_what_is_expected() {
        let server = UdpSocket::bind("[::1]:0").unwrap();
        let address = server.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 16];
            while let Ok((length, from)) = server.recv_from(&mut buffer) {
                let _ = server.send_to(&[b"you said ", &buffer[..length]].concat(), from);
            }
        });
        let run = |expect: Option<&str>| {
            let probe = Probe::Udp { address, send: "so".into(), expect: expect.map(str::to_owned) };
            Trial { probe, within: Duration::from_millis(300), fails: false }.run()
        };
        let finding = run(Some("said so"));
        assert_eq!((finding.ok, finding.found.as_str()), (true, "the answer 'you said so'"));
        assert!(run(None).ok);
        let finding = run(Some("no"));
        assert_eq!((finding.ok, finding.found.as_str()), (false, "the answer 'you said so'"));
    }

    #[test]
    fn a_port_without_a_server_refuses() {
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let probe = Probe::Udp { address, send: String::new(), expect: None };
        let finding = Trial { probe, within: Duration::from_millis(100), fails: false }.run();
        assert_eq!((finding.ok, finding.found.as_str()), (false, "connection refused"));
    }
}
