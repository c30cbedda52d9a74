//! A routing netlink socket that sends many requests at once and names the object that failed.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkDeserializable,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::LinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

use crate::error::Error;
use crate::fault;

/// Messages in one `sendmsg`: their acknowledgements (under 1 KiB of socket memory each) fit in the
/// default receive buffer of 208 KiB three times over.
const CHUNK: usize = 64;
/// Bytes in one `sendmsg`, unless a single message has more: well below the default send buffer.
const CHUNK_BYTES: usize = 64 * 1024;

const HEADER_LEN: usize = 16;
/// The type of a message that tells of an interface (linux/rtnetlink.h).
const RTM_NEWLINK: u16 = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// Set in an acknowledgement that carries extended attributes.
const NLM_F_ACK_TLVS: u16 = 0x200;
/// Set in an acknowledgement that does not repeat the request's payload.
const NLM_F_CAPPED: u16 = 0x100;
/// The attribute that holds the kernel's own explanation.
const NLMSGERR_ATTR_MSG: u16 = 1;

/// One message for the kernel and what it is about.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) message: RouteNetlinkMessage,
    flags: u16,
    action: &'static str,
    object: String,
}

impl Request {
    /// Creates what must not exist yet.
    pub(crate) fn create(
        message: RouteNetlinkMessage,
        action: &'static str,
        object: impl Into<String>,
    ) -> Self {
        Self { message, flags: NLM_F_CREATE | NLM_F_EXCL, action, object: object.into() }
    }

    /// Creates what may exist, and then takes its place without a moment between.
    pub(crate) fn replace(
        message: RouteNetlinkMessage,
        action: &'static str,
        object: impl Into<String>,
    ) -> Self {
        Self { message, flags: NLM_F_CREATE | NLM_F_REPLACE, action, object: object.into() }
    }

    /// Changes or removes what exists.
    pub(crate) fn change(
        message: RouteNetlinkMessage,
        action: &'static str,
        object: impl Into<String>,
    ) -> Self {
        Self { message, flags: 0, action, object: object.into() }
    }
}

/// What the kernel answered to a request it did not carry out.
#[derive(Debug)]
pub struct Refusal {
    /// The error number as an I/O error.
    pub error: io::Error,
    /// The kernel's explanation, where it gave one.
    pub explanation: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.explanation {
            Some(text) => write!(f, "{} ({text})", self.error),
            None => write!(f, "{}", self.error),
        }
    }
}

impl std::error::Error for Refusal {}

/// A netlink socket; it belongs to the network namespace it was opened in.
pub(crate) struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Netlink {
    /// Opens a socket in the caller's network namespace.
    pub(crate) fn open() -> Result<Self, Error> {
        let failed = |source| Error::Netlink { source };
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(failed)?;
        socket.bind_auto().map_err(failed)?;
        socket.connect(&SocketAddr::new(0, 0)).map_err(failed)?;
        socket.set_cap_ack(true).map_err(failed)?;
        // Kernels before 4.12 do not know it; the error number is then all there is.
        let _ = socket.set_ext_ack(true);
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends all requests in few system calls and waits for their acknowledgements.
    ///
    /// # Errors
    /// The first request that the kernel refused; those after it in the same chunk were carried out.
    pub(crate) fn send(&mut self, requests: Vec<Request>) -> Result<(), Error> {
        let most = if fault::armed() { 1 } else { CHUNK };
        let mut chunk = Vec::with_capacity(most.min(requests.len()));
        let mut bytes = 0;
        for request in requests {
            let length = request.message.buffer_len() + HEADER_LEN;
            if chunk.len() == most || (bytes + length > CHUNK_BYTES && !chunk.is_empty()) {
                self.send_chunk(std::mem::take(&mut chunk))?;
                bytes = 0;
            }
            bytes += length;
            chunk.push(request);
        }
        if chunk.is_empty() { Ok(()) } else { self.send_chunk(chunk) }
    }

    /// Asks for a list, and gives the payloads of the kernel's answers.
    pub(crate) fn dump(&mut self, message: RouteNetlinkMessage) -> Result<Vec<Vec<u8>>, Error> {
        let failed = |source| Error::Netlink { source };
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map_err(failed)?;
        let mut found = Vec::new();
        let mut buffer = vec![0u8; 32 * 1024]; // the kernel never fills more of it
        loop {
            let length = self.socket.recv(&mut &mut buffer[..], 0).map_err(failed)?;
            let ours = |message: &&[u8]| u32_at(message, 8) == Some(self.sequence);
            for message in Messages(&buffer[..length]).filter(ours) {
                match (u16_at(message, 4), u32_at(message, HEADER_LEN)) {
                    (Some(NLMSG_DONE), _) => return Ok(found),
                    (Some(NLMSG_ERROR), Some(code)) => {
                        return Err(failed(io::Error::from_raw_os_error(-(code as i32))));
                    }
                    _ => found.push(message[HEADER_LEN..].to_vec()),
                }
            }
        }
    }

    /// Asks for a list, and gives the kernel's answers, which are messages of the type `answer`.
    pub(crate) fn messages(
        &mut self,
        request: RouteNetlinkMessage,
        answer: u16,
    ) -> Result<Vec<RouteNetlinkMessage>, Error> {
        let mut header = NetlinkHeader::default();
        header.message_type = answer;
        // A kernel newer than the decoder may say what it does not understand: that object is left out.
        let read = |payload: Vec<u8>| RouteNetlinkMessage::deserialize(&header, &payload).ok();
        Ok(self.dump(request)?.into_iter().filter_map(read).collect())
    }

    /// Lists the interfaces.
    pub(crate) fn links(&mut self) -> Result<Vec<LinkMessage>, Error> {
        let all = self.messages(RouteNetlinkMessage::GetLink(LinkMessage::default()), RTM_NEWLINK)?;
        let link = |message| match message {
            RouteNetlinkMessage::NewLink(link) => Some(link),
            _ => None,
        };
        Ok(all.into_iter().filter_map(link).collect())
    }

    fn send_chunk(&mut self, requests: Vec<Request>) -> Result<(), Error> {
        let first = self.sequence.wrapping_add(1);
        let mut bytes = Vec::with_capacity(requests.len() * 160);
        let mut names = Vec::with_capacity(requests.len());
        for request in requests {
            self.sequence = self.sequence.wrapping_add(1);
            let mut header = NetlinkHeader::default();
            header.flags = NLM_F_REQUEST | NLM_F_ACK | request.flags;
            header.sequence_number = self.sequence;
            let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request.message));
            message.finalize();
            let start = bytes.len();
            bytes.resize(start + message.buffer_len().next_multiple_of(4), 0);
            message.serialize(&mut bytes[start..]);
            names.push((request.action, request.object));
        }
        self.socket.send(&bytes, 0).map_err(|source| Error::Netlink { source })?;
        let result = self.acknowledgements(first, names);
        fault::step();
        result
    }

    fn acknowledgements(&mut self, first: u32, mut names: Vec<(&'static str, String)>) -> Result<(), Error> {
        let mut missing = names.len();
        let mut failed = None;
        let mut buffer = vec![0u8; 32 * 1024];
        while missing > 0 {
            let length =
                self.socket.recv(&mut &mut buffer[..], 0).map_err(|source| Error::Netlink { source })?;
            for answer in answers(&buffer[..length]) {
                let index = answer.sequence.wrapping_sub(first) as usize;
                if index >= names.len() {
                    continue; // an answer to an earlier request that had already failed
                }
                missing -= 1;
                if answer.code != 0 && failed.as_ref().is_none_or(|(earlier, _)| index < *earlier) {
                    failed = Some((index, answer.refusal()));
                }
            }
        }
        match failed {
            None => Ok(()),
            Some((index, source)) => {
                let (action, object) = names.swap_remove(index);
                Err(Error::Kernel { action, object, source })
            }
        }
    }
}

impl AsRawFd for Netlink {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.socket.as_raw_fd()
    }
}

pub(crate) struct Answer<'a> {
    sequence: u32,
    pub(crate) code: i32,
    explanation: Option<&'a [u8]>,
}

impl Answer<'_> {
    fn refusal(&self) -> Refusal {
        Refusal {
            error: io::Error::from_raw_os_error(-self.code),
            explanation: self
                .explanation
                .map(|text| String::from_utf8_lossy(text).trim_end_matches('\0').to_owned()),
        }
    }
}

/// The messages in a received buffer, each with its header.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = u32_at(self.0, 0)? as usize;
        if length < HEADER_LEN || length > self.0.len() {
            return None;
        }
        let message = &self.0[..length];
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    }
}

/// What the kernel tells unasked in a received buffer, as far as it is understood.
pub(crate) fn notices(buffer: &[u8]) -> impl Iterator<Item = RouteNetlinkMessage> {
    Messages(buffer).filter_map(|message| {
        let mut header = NetlinkHeader::default();
        header.message_type = u16_at(message, 4)?;
        RouteNetlinkMessage::deserialize(&header, &message[HEADER_LEN..]).ok()
    })
}

/// The acknowledgements in a received buffer; other messages are passed over.
pub(crate) fn answers(buffer: &[u8]) -> impl Iterator<Item = Answer<'_>> {
    Messages(buffer).filter(|message| u16_at(message, 4) == Some(NLMSG_ERROR)).map_while(|message| {
        let flags = u16_at(message, 6)?;
        Some(Answer {
            sequence: u32_at(message, 8)?,
            code: u32_at(message, HEADER_LEN)? as i32,
            explanation: (flags & NLM_F_ACK_TLVS != 0).then(|| explanation(message, flags)).flatten(),
        })
    })
}

/// Finds the kernel's text behind the error code and the (possibly capped) copy of the request.
fn explanation(message: &[u8], flags: u16) -> Option<&[u8]> {
    let copied =
        if flags & NLM_F_CAPPED != 0 { HEADER_LEN } else { u32_at(message, HEADER_LEN + 4)? as usize };
    let mut rest = message.get((HEADER_LEN + 4 + copied).next_multiple_of(4)..)?;
    while let (Some(length), Some(kind)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let value = rest.get(4..usize::from(length))?;
        if kind == NLMSGERR_ATTR_MSG {
            return Some(value);
        }
        rest = rest.get(usize::from(length).next_multiple_of(4)..)?;
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i32, flags: u16, tail: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&((HEADER_LEN + 4 + HEADER_LEN + tail.len()) as u32).to_ne_bytes());
        bytes.extend_from_slice(&NLMSG_ERROR.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&7u32.to_ne_bytes());
        bytes.extend_from_slice(&0u32.to_ne_bytes());
        bytes.extend_from_slice(&code.to_ne_bytes());
        bytes.extend_from_slice(&[0; HEADER_LEN]);
        bytes.extend_from_slice(tail);
        bytes
    }

    #[test]
    fn the_kernels_explanation_is_found_behind_the_error_code() {
        let mut tail = Vec::new();
        tail.extend_from_slice(&8u16.to_ne_bytes());
        tail.extend_from_slice(&NLMSGERR_ATTR_MSG.to_ne_bytes());
        tail.extend_from_slice(b"why\0");
        let bytes = answer(-17, NLM_F_CAPPED | NLM_F_ACK_TLVS, &tail);
        let found = answers(&bytes).next().expect("one answer");
        assert_eq!((found.sequence, found.code), (7, -17));
        assert_eq!(found.refusal().to_string(), "File exists (os error 17) (why)");
    }

    #[test]
    fn a_truncated_answer_ends_the_list() {
        let bytes = answer(0, NLM_F_CAPPED, &[]);
        for cut in 0..bytes.len() {
            assert!(answers(&bytes[..cut]).next().is_none(), "cut at {cut}");
        }
        assert_eq!(answers(&bytes).count(), 1);
    }
}
