//! Which interfaces of a namespace pass frames on, told by the kernel when it changes.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage, State};
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::Error;
use crate::netlink::{Netlink, notices};

/// The multicast group of messages about interfaces (linux/rtnetlink.h).
const RTNLGRP_LINK: u32 = 1;

/// Hears of every change of an interface from when it is opened.
pub(crate) struct LinkWatch {
    socket: Socket,
}

impl LinkWatch {
    /// Listens in the caller's network namespace.
    pub(crate) fn open() -> Result<Self, Error> {
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind_auto()?;
            socket.add_membership(RTNLGRP_LINK)?;
            socket.set_non_blocking(true)?;
            Ok(socket)
        };
        Ok(Self { socket: open().map_err(|source| Error::Netlink { source })? })
    }

    /// Waits until the interfaces with these indices pass frames on, but not longer than `patience`.
    ///
    /// `netlink` is a socket of the same namespace.
    pub(crate) fn await_up(
        &self,
        mut waiting: HashSet<u32>,
        netlink: &mut Netlink,
        patience: Duration,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + patience;
        // What came up before the socket was opened is in the list; so is what more messages told than it could hold.
        let mut list = true;
        while !waiting.is_empty() {
            let links = if list { netlink.links()? } else { Vec::new() };
            links.iter().for_each(|link| forget_if_up(&mut waiting, link));
            let left = deadline.saturating_duration_since(Instant::now());
            if waiting.is_empty() || left.is_zero() {
                break;
            }
            let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut ready, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::Netlink { source: errno.into() }),
            }
            list = self.hear(&mut waiting)?;
        }
        Ok(())
    }

    /// Takes what has been told; gives whether something was lost.
    fn hear(&self, waiting: &mut HashSet<u32>) -> Result<bool, Error> {
        let mut buffer = vec![0u8; 32 * 1024];
        loop {
            match self.socket.recv(&mut &mut buffer[..], 0) {
                Ok(length) => {
                    for message in notices(&buffer[..length]) {
                        if let RouteNetlinkMessage::NewLink(link) = message {
                            forget_if_up(waiting, &link);
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => return Ok(true),
                Err(source) => return Err(Error::Netlink { source }),
            }
        }
    }
}

fn forget_if_up(waiting: &mut HashSet<u32>, link: &LinkMessage) {
    if link.attributes.contains(&LinkAttribute::OperState(State::Up)) {
        waiting.remove(&link.header.index);
    }
}
