//! Echo requests and what is heard of them.

use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6, recvfrom, sendto,
    socket,
};
use rackless_packet::checksum;

/// What stands in every request behind the header, before the number of the attempt, and must come back.
const MARK: &[u8; 12] = b"rackless  \r\n";

/// Length of the headers that an ICMP error puts before the quoted echo request, besides the quoted packet's own.
const ICMP_LEN: usize = 8;

/// Sockets that send echo requests and hear answers.
pub(super) struct Echo {
    v4: Option<OwnedFd>,
    v6: Option<OwnedFd>,
    id: u16,
}

/// What an ICMP message says about the request with a sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) sequence: u16,
    /// The number of the attempt that was answered, or what is said instead of an answer.
    pub(super) answer: Result<u32, &'static str>,
}

impl Echo {
    /// Opens a socket for each family of the addresses.
    pub(super) fn open(addresses: impl Iterator<Item = IpAddr> + Clone) -> Result<Self, Errno> {
        let open = |v6: bool| {
            let wanted = addresses.clone().any(|address| address.is_ipv6() == v6);
            wanted.then(|| raw_socket(v6)).transpose()
        };
        let id = std::process::id() as u16; // unique in the lab's PID namespace, as long as it is small
        Ok(Self { v4: open(false)?, v6: open(true)?, id })
    }

    pub(super) fn send(&self, address: IpAddr, sequence: u16, attempt: u32) -> Result<(), Errno> {
        let request = echo_request(address.is_ipv6(), self.id, sequence, attempt);
        let flags = MsgFlags::MSG_DONTWAIT;
        let sent = match (address, &self.v4, &self.v6) {
            (IpAddr::V4(ip), Some(socket), _) => {
                sendto(socket.as_raw_fd(), &request, &SockaddrIn::from(SocketAddrV4::new(ip, 0)), flags)
            }
            (IpAddr::V6(ip), _, Some(socket)) => {
                let address = SockaddrIn6::from(SocketAddrV6::new(ip, 0, 0, 0));
                sendto(socket.as_raw_fd(), &request, &address, flags)
            }
            _ => Err(Errno::EAFNOSUPPORT),
        };
        sent.map(drop)
    }

    /// Gives what comes next, with whom it is from; nothing if that is not before `limit`.
    pub(super) fn listen(&self, limit: Instant) -> Vec<(Heard, IpAddr)> {
        let left = limit.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        let sockets = [&self.v4, &self.v6].into_iter().flatten();
        let mut ready: Vec<PollFd<'_>> =
            sockets.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
        let _ = poll(&mut ready, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)); // reading tells
        let mut heard = Vec::new();
        if let Some(socket) = &self.v4 {
            receive(socket, |bytes, from: Option<SockaddrIn>| {
                heard.extend(hear_v4(bytes, self.id).zip(from.map(|from| IpAddr::V4(from.ip()))));
            });
        }
        if let Some(socket) = &self.v6 {
            receive(socket, |bytes, from: Option<SockaddrIn6>| {
                heard.extend(hear_v6(bytes, self.id).zip(from.map(|from| IpAddr::V6(from.ip()))));
            });
        }
        heard
    }
}

fn raw_socket(v6: bool) -> Result<OwnedFd, Errno> {
    let (family, protocol) = if v6 {
        (AddressFamily::Inet6, SockProtocol::IcmpV6)
    } else {
        (AddressFamily::Inet, SockProtocol::Icmp)
    };
    socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, protocol)
}

/// Makes an echo request (RFC 792, RFC 4443 section 4.1); the kernel fills in the checksum of ICMPv6.
fn echo_request(v6: bool, id: u16, sequence: u16, attempt: u32) -> Vec<u8> {
    let mut message = vec![if v6 { 128 } else { 8 }, 0, 0, 0];
    message.extend(id.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(MARK);
    message.extend(attempt.to_be_bytes());
    if !v6 {
        let sum = checksum::internet(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    message
}

/// Gives all waiting packets to `read`.
fn receive<S: nix::sys::socket::SockaddrLike>(socket: &OwnedFd, mut read: impl FnMut(&[u8], Option<S>)) {
    let mut buffer = [0; 2048];
    while let Ok((length, from)) = recvfrom::<S>(socket.as_raw_fd(), &mut buffer) {
        read(&buffer[..length], from);
    }
}

/// Reads what a raw socket for ICMP gives: an IPv4 packet.
fn hear_v4(packet: &[u8], id: u16) -> Option<Heard> {
    let message = behind_ipv4(packet)?;
    if message.first() == Some(&0) {
        return answered(message, id);
    }
    let error = match (message.first()?, message.get(1)?) {
        (3, 0) => "network unreachable",
        (3, 1) => "host unreachable",
        (3, 9 | 10 | 13) => "prohibited",
        (3, _) => "unreachable",
        (11, _) => "time exceeded",
        _ => return None,
    };
    let quoted = behind_ipv4(message.get(ICMP_LEN..)?)?;
    (quoted.first() == Some(&8))
        .then(|| sequence(quoted, id))
        .flatten()
        .map(|sequence| Heard { sequence, answer: Err(error) })
}

/// Reads what a raw socket for ICMPv6 gives: the message without IPv6 header.
fn hear_v6(message: &[u8], id: u16) -> Option<Heard> {
    if message.first() == Some(&129) {
        return answered(message, id);
    }
    let error = match (message.first()?, message.get(1)?) {
        (1, 0) => "no route",
        (1, 1) => "prohibited",
        (1, 3) => "address unreachable",
        (1, _) => "unreachable",
        (2, _) => "packet too big",
        (3, _) => "time exceeded",
        _ => return None,
    };
    let quoted = message.get(ICMP_LEN + 40..)?; // our requests have no extension headers
    (quoted.first() == Some(&128))
        .then(|| sequence(quoted, id))
        .flatten()
        .map(|sequence| Heard { sequence, answer: Err(error) })
}

fn answered(message: &[u8], id: u16) -> Option<Heard> {
    let attempt = message.get(ICMP_LEN..)?.strip_prefix(MARK)?;
    let attempt = u32::from_be_bytes(attempt.try_into().ok()?);
    sequence(message, id).map(|sequence| Heard { sequence, answer: Ok(attempt) })
}

fn sequence(echo: &[u8], id: u16) -> Option<u16> {
    let word = |at: usize| Some(u16::from_be_bytes([*echo.get(at)?, *echo.get(at + 1)?]));
    (word(4)? == id).then(|| word(6)).flatten()
}

fn behind_ipv4(packet: &[u8]) -> Option<&[u8]> {
    packet.get(usize::from(packet.first()? & 0xf) * 4..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_another_is_not_ours() {
        let mut reply = echo_request(true, 7, 3, 5);
        reply[0] = 129;
        assert_eq!(hear_v6(&reply, 7), Some(Heard { sequence: 3, answer: Ok(5) }));
        assert!(hear_v6(&reply, 8).is_none());
        reply.pop();
        assert!(hear_v6(&reply, 7).is_none());
    }

    #[test]
    fn an_error_tells_which_request_it_is_about() {
        let ip = |protocol: u8| [&[0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol][..], &[0; 10]].concat();
        let error = [&ip(1)[..], &[3, 1, 0, 0, 0, 0, 0, 0], &ip(1), &echo_request(false, 7, 5, 0)].concat();
        let heard = hear_v4(&error, 7).unwrap();
        assert_eq!((heard.sequence, heard.answer), (5, Err("host unreachable")));
        for length in 0..error.len() {
            let _ = hear_v4(&error[..length], 7); // no panic
        }
    }
}
