//! The routing netlink messages a lab is made of.

use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use ipnet::IpNet;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, BridgeStpState, In6AddrGenMode, InfoBridge, InfoBridgePort, InfoData,
    InfoKind, InfoPortData, InfoPortKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType, RouteVia,
};
use netlink_packet_route::tc::{
    TcAction, TcActionAttribute, TcActionGeneric, TcActionMirror, TcActionMirrorOption, TcActionOption,
    TcActionType, TcAttribute, TcFilterU32, TcFilterU32Option, TcHandle, TcMessage, TcMirror,
    TcMirrorActionType, TcOption, TcU32Key, TcU32Selector, TcU32SelectorFlags,
};

/// The interface group of everything a lab makes, so that one message removes it all.
const GROUP: u32 = 0x7261_636b;
/// The interface group of what is about to be removed.
const GIVEN_UP: u32 = GROUP + 1;
/// Frames that may wait for a wire that is not running: more than the 1,000 of a TAP, as other processes may have its
/// core for some milliseconds.
const WIRE_QUEUE: u32 = 8192;
/// The loopback interface of every namespace.
pub(crate) const LOOPBACK: u32 = 1;
/// All frames with a protocol number that tc knows: `ETH_P_ALL` in network byte order.
const ALL_PROTOCOLS: u32 = 0x0300;
const FILTER_PRIORITY: u32 = 1;
/// The first entry of the first u32 hash table (800::1), given so that a replace finds it.
const FILTER_HANDLE: u32 = 0x8000_0001;
/// A second in the unit of a bridge's timers (`USER_HZ`).
const SECOND: u32 = 100;
/// A bridge may be told to forward all link-local groups but STP, pause and slow protocols …
const BRIDGE_GROUPS: u16 = 0xfff8;
/// … and a port the latter too; pause frames (bit 1) never pass a bridge.
const PORT_GROUPS: u16 = 0xfffd;

/// One end of a virtual cable as it is made.
pub(crate) struct VethEnd<'a> {
    pub(crate) name: &'a str,
    pub(crate) index: u32,
    pub(crate) mtu: u32,
    /// `None`: the kernel draws one.
    pub(crate) mac: Option<[u8; 6]>,
}

/// Makes both ends of a veth at once: `port` here (up, in `bridge` if given), `far` in `namespace`.
///
/// Moving an interface between namespaces costs 14 ms each, so that both are born where they stay.
pub(crate) fn new_veth(
    port: &VethEnd<'_>,
    bridge: Option<u32>,
    far: &VethEnd<'_>,
    namespace: Option<BorrowedFd<'_>>,
) -> Message {
    let mut peer = veth_end(far);
    if let Some(namespace) = namespace {
        peer.attributes.push(LinkAttribute::NetNsFd(namespace.as_raw_fd()));
    } else {
        peer.attributes.push(LinkAttribute::Group(GROUP));
    }
    let mut link = veth_end(port);
    link.attributes.push(LinkAttribute::Group(GROUP));
    link.attributes.extend(bridge.map(LinkAttribute::Controller));
    set_flag(&mut link, true);
    link.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
    ]));
    Message::NewLink(link)
}

fn veth_end(end: &VethEnd<'_>) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.header.index = end.index;
    link.attributes.push(LinkAttribute::IfName(end.name.to_owned()));
    link.attributes.push(LinkAttribute::Mtu(end.mtu));
    link.attributes.extend(end.mac.map(|mac| LinkAttribute::Address(mac.to_vec())));
    // One queue each, which is what a veth has in use unless told otherwise; not told, the kernel makes
    // one per CPU and takes the rest out of use, at the price of an RCU grace period for each end.
    link.attributes.push(LinkAttribute::NumTxQueues(1));
    link.attributes.push(LinkAttribute::NumRxQueues(1));
    link
}

/// Makes a learning bridge that is up; with `stp` it cuts loops, and the one with the lowest priority is the root.
///
/// A port then passes frames on after twice the forward delay, which is the shortest that the kernel takes, as is
/// the age at which the news of a silent neighbour is given up. It passes multicast on to all its ports: a bridge that
/// listens for its receivers joins a group itself (RFC 4286) and so speaks in the lab.
pub(crate) fn new_switch(name: &str, index: u32, mtu: u32, stp: Option<u16>) -> Message {
    let mut options = vec![InfoBridge::MulticastSnooping(false)];
    if let Some(priority) = stp {
        options.extend([
            InfoBridge::ForwardDelay(2 * SECOND),
            InfoBridge::HelloTime(SECOND),
            InfoBridge::MaxAge(6 * SECOND),
            InfoBridge::Priority(priority),
            InfoBridge::StpState(BridgeStpState::KernelStp),
        ]);
    }
    new_bridge(name, index, mtu, options)
}

/// Makes a bridge that is as transparent as a bridge can be, to stand in for a cable.
pub(crate) fn new_cable_bridge(name: &str, index: u32, mtu: u32) -> Message {
    new_bridge(
        name,
        index,
        mtu,
        vec![
            InfoBridge::GroupFwdMask(BRIDGE_GROUPS),
            InfoBridge::MulticastSnooping(false),
            InfoBridge::AgeingTime(0),
        ],
    )
}

/// Makes an interface that needs no more than its kind, and is up.
pub(crate) fn new_interface(name: &str, index: u32, mtu: u32, kind: InfoKind) -> Message {
    let mut link = made(name, index, mtu);
    link.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)]));
    Message::NewLink(link)
}

/// Removes one interface.
pub(crate) fn delete_interface(index: u32) -> Message {
    Message::DelLink(link(index))
}

fn new_bridge(name: &str, index: u32, mtu: u32, options: Vec<InfoBridge>) -> Message {
    let mut link = made(name, index, mtu);
    let mut info = vec![LinkInfo::Kind(InfoKind::Bridge)];
    if !options.is_empty() {
        info.push(LinkInfo::Data(InfoData::Bridge(options)));
    }
    link.attributes.push(LinkAttribute::LinkInfo(info));
    Message::NewLink(link)
}

/// Puts interface `index` into `bridge`.
pub(crate) fn enslave(index: u32, bridge: u32) -> Message {
    let mut link = link(index);
    link.attributes.push(LinkAttribute::Controller(bridge));
    Message::SetLink(link)
}

/// Takes interface `index` out of its bridge.
pub(crate) fn release(index: u32) -> Message {
    enslave(index, 0)
}

/// Makes a port of a cable bridge pass on what it can: no learning, all groups.
pub(crate) fn open_port(index: u32) -> Message {
    bridge_port(index, vec![InfoBridgePort::Learning(false), InfoBridgePort::GroupFwdMask(PORT_GROUPS)])
}

fn bridge_port(index: u32, options: Vec<InfoBridgePort>) -> Message {
    let mut link = link(index);
    link.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::PortKind(InfoPortKind::Bridge),
        LinkInfo::PortData(InfoPortData::BridgePort(options)),
    ]));
    Message::NewLink(link)
}

/// Brings an interface up or takes it down.
pub(crate) fn set_up(index: u32, up: bool) -> Message {
    let mut link = link(index);
    set_flag(&mut link, up);
    Message::SetLink(link)
}

/// Makes an interface that came from elsewhere one of the lab's, and raises it.
pub(crate) fn adopt(index: u32, mtu: u32) -> Message {
    let mut link = link(index);
    set_flag(&mut link, true);
    link.attributes.push(LinkAttribute::Group(GROUP));
    link.attributes.push(LinkAttribute::Mtu(mtu));
    link.attributes.push(LinkAttribute::TxQueueLen(WIRE_QUEUE));
    Message::SetLink(link)
}

/// Keeps the kernel from giving the interface an IPv6 link-local address by itself.
pub(crate) fn no_generated_address(index: u32) -> Message {
    let mut link = link(index);
    link.attributes.push(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![
        AfSpecInet6::AddrGenMode(In6AddrGenMode::None),
    ])]));
    Message::SetLink(link)
}

/// Removes everything a lab made in the namespace, in one go: one by one costs 20 ms each.
pub(crate) fn delete_all() -> Message {
    delete_group(GROUP)
}

/// Gives up an interface, which [`delete_given_up`] removes.
pub(crate) fn give_up(index: u32) -> Message {
    let mut link = link(index);
    link.attributes.push(LinkAttribute::Group(GIVEN_UP));
    Message::SetLink(link)
}

/// Removes all interfaces that were given up, in one go.
pub(crate) fn delete_given_up() -> Message {
    delete_group(GIVEN_UP)
}

fn delete_group(group: u32) -> Message {
    let mut link = LinkMessage::default();
    link.attributes.push(LinkAttribute::Group(group));
    Message::DelLink(link)
}

/// Gives an address that is usable at once (no duplicate address detection).
pub(crate) fn new_address(index: u32, address: &IpNet) -> Message {
    Message::NewAddress(address_of(index, address))
}

/// Takes an address away.
pub(crate) fn delete_address(index: u32, address: &IpNet) -> Message {
    Message::DelAddress(address_of(index, address))
}

fn address_of(index: u32, address: &IpNet) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = address.prefix_len();
    message.attributes.push(AddressAttribute::Local(address.addr()));
    message.attributes.push(AddressAttribute::Address(address.addr()));
    match address {
        IpNet::V4(v4) => {
            message.header.family = AddressFamily::Inet;
            if v4.prefix_len() < 31 {
                message.attributes.push(AddressAttribute::Broadcast(v4.broadcast()));
            }
        }
        IpNet::V6(v6) => {
            message.header.family = AddressFamily::Inet6;
            message.header.flags = AddressHeaderFlags::Nodad;
            if v6.addr().is_unicast_link_local() {
                message.header.scope = AddressScope::Link;
            }
        }
    }
    message
}

/// A static route to `prefix` through interface `index`, by way of `via` or (without) on the link itself.
pub(crate) fn new_route(prefix: &IpNet, via: Option<IpAddr>, index: u32) -> Message {
    Message::NewRoute(route(prefix, via, index))
}

/// Takes a static route away.
pub(crate) fn delete_route(prefix: &IpNet, via: Option<IpAddr>, index: u32) -> Message {
    Message::DelRoute(route(prefix, via, index))
}

fn route(prefix: &IpNet, via: Option<IpAddr>, index: u32) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = match prefix {
        IpNet::V4(_) => AddressFamily::Inet,
        IpNet::V6(_) => AddressFamily::Inet6,
    };
    message.header.destination_prefix_length = prefix.prefix_len();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.kind = RouteType::Unicast;
    message.header.scope = match (prefix, via) {
        (IpNet::V4(_), None) => RouteScope::Link,
        _ => RouteScope::Universe,
    };
    if prefix.prefix_len() > 0 {
        message.attributes.push(RouteAttribute::Destination(RouteAddress::from(prefix.network())));
    }
    match (prefix, via) {
        (_, None) => {}
        (IpNet::V4(_), Some(IpAddr::V6(via))) => {
            message.attributes.push(RouteAttribute::Via(RouteVia::Inet6(via)));
        }
        (_, Some(via)) => message.attributes.push(RouteAttribute::Gateway(RouteAddress::from(via))),
    }
    message.attributes.push(RouteAttribute::Oif(index));
    message
}

/// Opens the door through which [`new_redirect`] sees arriving frames.
pub(crate) fn new_ingress(index: u32) -> Message {
    let mut message = tc(index);
    message.header.parent = TcHandle::INGRESS;
    message.header.handle = TcHandle { major: 0xffff, minor: 0 };
    message.attributes.push(TcAttribute::Kind("ingress".to_owned()));
    Message::NewQueueDiscipline(message)
}

/// Sends every frame that arrives on `from` out of `to`.
pub(crate) fn new_redirect(from: u32, to: u32) -> Message {
    let mut mirror = TcMirror::default();
    mirror.eaction = TcMirrorActionType::EgressRedir;
    mirror.ifindex = to;
    let mut generic = TcActionGeneric::default();
    generic.action = TcActionType::Stolen;
    mirror.generic = generic;
    let mut action = TcAction::default();
    action.tab = 1;
    action.attributes = vec![
        TcActionAttribute::Kind(TcActionMirror::KIND.to_owned()),
        TcActionAttribute::Options(vec![TcActionOption::Mirror(TcActionMirrorOption::Parms(mirror))]),
    ];
    let mut selector = TcU32Selector::default();
    selector.flags = TcU32SelectorFlags::Terminal;
    selector.nkeys = 1;
    selector.keys = vec![TcU32Key::default()]; // no bit compared: matches every frame
    let mut message = redirect_filter(from);
    message.attributes.push(TcAttribute::Options(vec![
        TcOption::U32(TcFilterU32Option::Selector(selector)),
        TcOption::U32(TcFilterU32Option::Action(vec![action])),
    ]));
    Message::NewTrafficFilter(message)
}

/// Ends a redirect: arriving frames then meet a namespace that knows no addresses, and are dropped.
pub(crate) fn delete_redirect(from: u32) -> Message {
    Message::DelTrafficFilter(redirect_filter(from))
}

fn redirect_filter(from: u32) -> TcMessage {
    let mut message = tc(from);
    message.header.parent = TcHandle { major: 0xffff, minor: 0 };
    message.header.handle = TcHandle::from(FILTER_HANDLE);
    message.header.info = FILTER_PRIORITY << 16 | ALL_PROTOCOLS;
    message.attributes.push(TcAttribute::Kind(TcFilterU32::KIND.to_owned()));
    message
}

fn tc(index: u32) -> TcMessage {
    TcMessage::with_index(i32::try_from(index).expect("an interface index fits in 31 bits"))
}

/// An interface of the lab as it is made, up.
fn made(name: &str, index: u32, mtu: u32) -> LinkMessage {
    let mut link = link(index);
    set_flag(&mut link, true);
    link.attributes.push(LinkAttribute::IfName(name.to_owned()));
    link.attributes.push(LinkAttribute::Group(GROUP));
    link.attributes.push(LinkAttribute::Mtu(mtu));
    link
}

fn link(index: u32) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link
}

fn set_flag(link: &mut LinkMessage, up: bool) {
    link.header.change_mask = LinkFlags::Up;
    link.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
}
