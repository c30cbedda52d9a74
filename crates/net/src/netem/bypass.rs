//! An ifb beside a port: frames that arrive at the port pass the ifb's egress, and then go on as if nothing had been.

use netlink_packet_route::link::InfoKind;

use crate::message;
use crate::netlink::Request;

/// An ifb and the port whose arriving frames it takes.
///
/// The kernel gives a frame back to the port behind the point where it was taken, so that a bridge gets it and a redirect
/// does not: a port whose frames are redirected is shaped at the other port's egress.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bypass<'a> {
    /// The name of the ifb.
    pub(crate) name: &'a str,
    /// Its interface index.
    pub(crate) index: u32,
    /// The index of the port.
    pub(crate) port: u32,
}

impl Bypass<'_> {
    /// Makes the ifb, up and in the lab's group, and sends the port's arriving frames through it.
    pub(crate) fn create(&self, mtu: u32, label: &str) -> Vec<Request> {
        let create = |message| Request::replace(message, "make bypass of link", label);
        vec![
            Request::create(
                message::new_interface(self.name, self.index, mtu, InfoKind::Ifb),
                "make bypass of link",
                label,
            ),
            create(message::new_ingress(self.port)),
            create(message::new_redirect(self.port, self.index)),
        ]
    }

    /// Lets the port's frames go their straight way again.
    ///
    /// The port keeps its ingress: taking that away would empty the disciplines of its egress.
    pub(crate) fn close(&self, label: &str) -> Request {
        Request::change(message::delete_redirect(self.port), "remove bypass of link", label)
    }

    /// Removes the ifb with the frames in it.
    pub(crate) fn remove(&self, label: &str) -> Request {
        Request::change(message::delete_interface(self.index), "remove bypass of link", label)
    }
}
