//! The least of routing netlink that makes and removes virtual networks: bytes, batched.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd as _, BorrowedFd};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

use crate::error::Error;

// linux/rtnetlink.h, linux/netlink.h
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_NEWADDR: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const NLMSG_ERROR: u16 = 2;
// linux/if_link.h, linux/veth.h, linux/if_addr.h
const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_GROUP: u16 = 27;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_NUM_TX_QUEUES: u16 = 31;
const IFLA_NUM_RX_QUEUES: u16 = 32;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_F_NODAD: u8 = 2;
const RT_SCOPE_LINK: u8 = 253;
const IFF_UP: u32 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// The loopback interface of every namespace.
pub(crate) const LOOPBACK: u32 = 1;

/// Messages that go to the kernel in one system call.
#[derive(Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// Where the last message begins.
    last: usize,
}

/// One end of a veth.
pub(crate) struct End<'a> {
    pub(crate) name: &'a str,
    pub(crate) index: u32,
}

impl Batch {
    /// Makes a bridge that is up.
    pub(crate) fn bridge(&mut self, name: &str, index: u32, group: u32) -> &mut Self {
        self.message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, |batch| {
            batch.link(index, true);
            batch.name(name).word(IFLA_GROUP, group);
            batch.nest(IFLA_LINKINFO, |batch| batch.attribute(IFLA_INFO_KIND, b"bridge"));
        })
    }

    /// Makes a veth: `here`, which is up and in `master`, and `far`, in another namespace or in this one.
    pub(crate) fn veth(
        &mut self,
        here: &End<'_>,
        master: Option<u32>,
        group: u32,
        far: &End<'_>,
        namespace: Option<BorrowedFd<'_>>,
    ) -> &mut Self {
        self.message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, |batch| {
            batch.link(here.index, true);
            batch.name(here.name).word(IFLA_GROUP, group).queues();
            if let Some(master) = master {
                batch.word(IFLA_MASTER, master);
            }
            batch.nest(IFLA_LINKINFO, |batch| {
                batch.attribute(IFLA_INFO_KIND, b"veth");
                batch.nest(IFLA_INFO_DATA, |batch| {
                    batch.nest(VETH_INFO_PEER, |batch| {
                        batch.link(far.index, false);
                        batch.name(far.name).queues();
                        if let Some(namespace) = namespace {
                            batch.word(IFLA_NET_NS_FD, namespace.as_raw_fd() as u32);
                        }
                    });
                });
            });
        })
    }

    /// Brings an interface up, in `master` and in a group.
    pub(crate) fn join(&mut self, index: u32, master: u32, group: u32) -> &mut Self {
        self.message(RTM_NEWLINK, 0, |batch| {
            batch.link(index, true);
            batch.word(IFLA_MASTER, master).word(IFLA_GROUP, group);
        })
    }

    /// Brings an interface up.
    pub(crate) fn up(&mut self, index: u32) -> &mut Self {
        self.message(RTM_NEWLINK, 0, |batch| batch.link(index, true))
    }

    /// Keeps the kernel from making a link-local address.
    pub(crate) fn no_generated_address(&mut self, index: u32) -> &mut Self {
        self.message(RTM_NEWLINK, 0, |batch| {
            batch.link(index, false);
            batch.nest(IFLA_AF_SPEC, |batch| {
                batch.nest(u16::from(AF_INET6), |batch| {
                    batch.attribute(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE]);
                });
            });
        })
    }

    /// Gives an IPv4 address.
    pub(crate) fn ipv4(&mut self, index: u32, address: Ipv4Addr, len: u8) -> &mut Self {
        self.address(AF_INET, index, &address.octets(), [len, 0, 0])
    }

    /// Gives an IPv6 address that is usable at once.
    pub(crate) fn ipv6(&mut self, index: u32, address: Ipv6Addr, len: u8) -> &mut Self {
        let scope = if address.is_unicast_link_local() { RT_SCOPE_LINK } else { 0 };
        self.address(AF_INET6, index, &address.octets(), [len, IFA_F_NODAD, scope])
    }

    /// Removes all interfaces of a group.
    pub(crate) fn remove_group(&mut self, group: u32) -> &mut Self {
        self.message(RTM_DELLINK, 0, |batch| {
            batch.link(0, false);
            batch.word(IFLA_GROUP, group);
        })
    }

    /// Sends everything from a socket of the calling thread's namespace and waits until it is done.
    ///
    /// Only the last message asks for an acknowledgement; those that fail answer in any case.
    pub(crate) fn send(&mut self, socket: &Socket) -> Result<(), Error> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        self.bytes[self.last + 6] |= NLM_F_ACK as u8;
        let failed = || Error::system("change interfaces");
        socket.send(&self.bytes, 0).map_err(failed())?;
        self.bytes.clear();
        let mut buffer = vec![0; 64 * 1024];
        let len = socket.recv(&mut &mut buffer[..], 0).map_err(failed())?;
        let answer = &buffer[..len];
        let kind = answer.get(4..6).map(|bytes| u16::from_ne_bytes([bytes[0], bytes[1]]));
        let code = answer.get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
        match (kind, code) {
            (Some(NLMSG_ERROR), Some(0)) => Ok(()),
            (Some(NLMSG_ERROR), Some(code)) => Err(failed()(io::Error::from_raw_os_error(-code))),
            _ => Err(failed()(io::Error::from(io::ErrorKind::InvalidData))),
        }
    }

    fn address(&mut self, family: u8, index: u32, bytes: &[u8], [len, flags, scope]: [u8; 3]) -> &mut Self {
        self.message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, |batch| {
            batch.bytes.extend([family, len, flags, scope]);
            batch.bytes.extend(index.to_ne_bytes());
            batch.attribute(IFA_LOCAL, bytes);
            batch.attribute(IFA_ADDRESS, bytes);
        })
    }

    fn message(&mut self, kind: u16, flags: u16, body: impl FnOnce(&mut Self)) -> &mut Self {
        self.last = self.bytes.len();
        self.bytes.extend([0; 4]);
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend((flags | NLM_F_REQUEST).to_ne_bytes());
        self.bytes.extend([0; 8]); // sequence and port
        let start = self.last;
        body(self);
        let len = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&len.to_ne_bytes());
        self
    }

    /// `struct ifinfomsg`
    fn link(&mut self, index: u32, up: bool) {
        let flags = if up { IFF_UP } else { 0 };
        self.bytes.extend([0; 4]);
        for word in [index, flags, flags] {
            self.bytes.extend(word.to_ne_bytes());
        }
    }

    fn name(&mut self, name: &str) -> &mut Self {
        self.attribute(IFLA_IFNAME, &[name.as_bytes(), &[0]].concat());
        self
    }

    /// One queue each way, as a veth has in use; the kernel would make one per core.
    fn queues(&mut self) -> &mut Self {
        self.word(IFLA_NUM_TX_QUEUES, 1).word(IFLA_NUM_RX_QUEUES, 1)
    }

    fn word(&mut self, kind: u16, value: u32) -> &mut Self {
        self.attribute(kind, &value.to_ne_bytes());
        self
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.nest(kind, |batch| batch.bytes.extend(value));
    }

    fn nest(&mut self, kind: u16, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        self.bytes.extend(kind.to_ne_bytes());
        body(self);
        let len = (self.bytes.len() - start) as u16;
        self.bytes[start..start + 2].copy_from_slice(&len.to_ne_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// Opens a socket in the calling thread's namespace.
pub(crate) fn open() -> Result<Socket, Error> {
    let failed = || Error::system("open a netlink socket");
    let mut socket = Socket::new(NETLINK_ROUTE).map_err(failed())?;
    socket.bind_auto().map_err(failed())?;
    socket.connect(&SocketAddr::new(0, 0)).map_err(failed())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_nest_and_are_padded_to_four_bytes() {
        let mut batch = Batch::default();
        batch.bridge("br", 10, 7);
        // Header, ifinfomsg, name ("br" and zero, padded), group, linkinfo { kind ("bridge", padded) }.
        assert_eq!(batch.bytes.len(), 16 + 16 + 8 + 8 + (4 + 12));
        assert_eq!(batch.bytes[..4], 64u32.to_ne_bytes());
        assert_eq!(batch.bytes[32..40], [7, 0, 3, 0, b'b', b'r', 0, 0]);
        assert_eq!(batch.bytes[48..52], [16, 0, 18, 0]);
    }

    #[test]
    fn messages_follow_each_other_and_the_last_is_known() {
        let mut batch = Batch::default();
        batch.up(1).up(2);
        assert_eq!((batch.bytes.len(), batch.last), (64, 32));
    }
}
