//! A router for IPv6 and IPv4.
//!
//! # What it does
//! - Longest-prefix match, hop limit, new MAC addresses (RFC 1812, RFC 8200).
//! - ICMP and ICMPv6: time exceeded, unreachable, too big; echo to its own addresses (RFC 792, RFC 4443). Errors
//!   are never sent about errors, groups or later fragments, and at a limited rate.
//! - ARP and neighbour discovery both ways (RFC 826, RFC 4861): packets wait for the answer in a queue per
//!   neighbour.
//! - Liveness: each next hop of a route is asked by ARP or neighbour discovery every 200 ms, and counts as dead when
//!   three requests in a row went unanswered. A route uses its first live next hop, so an anycast prefix moves to
//!   the next server within 600 to 800 ms, and back with the first answer.
//!
//! # What is simpler than in the RFCs
//! - IPv4 packets longer than the next link's MTU are not fragmented: they are dropped by name, and with "don't
//!   fragment" the sender is told.
//! - Header options and hop-by-hop options are forwarded as they are, not read.
//! - A neighbour that was not heard of for 30 s is asked at its next use, at once and up to three times in three
//!   seconds, while packets go on to the address it had; RFC 4861 waits in DELAY for 5 s first. After 120 s of silence
//!   it is forgotten.
//! - A next hop lives by the answers to its probes alone; nobody else can make it reachable.
//! - It answers no router solicitation, takes part in no multicast, sends no redirects.

mod arp;
pub mod config;
pub mod error;
mod errors;
mod forward;
mod interfaces;
mod local;
mod lpm;
mod ndp;
mod neighbours;
mod probes;
mod reasons;
mod resolve;
mod successor;
mod table;

use rackless_nf::{Context, Nf, Outcome, Packet, State, time};
use rackless_packet::{L3Kind, Layout};

use self::config::{RouterConfig, RouterFile};
use self::error::RouterError;
use self::interfaces::{Interface, OwnAddresses};
use self::neighbours::{Id, Neighbours};
pub use self::reasons::RouterDrop;
use self::table::Table;
use crate::bucket::TokenBucket;

/// A router: input `i` and output `i` are its interface `i`, on the graph's port `i`.
///
/// # Examples
/// ```
/// use rackless_functions::{InterfaceConfig, Router, RouterConfig};
/// use rackless_nf::{GraphBuilder, Harness};
/// use rackless_packet::{MacAddr, build::Build};
///
/// let interface = |name: &str, address: &str| InterfaceConfig {
///     name: name.to_owned(),
///     addresses: vec![address.parse().expect("a valid address")],
/// };
/// let config = RouterConfig {
///     interfaces: vec![interface("west", "fd00:1::fe/64"), interface("east", "fd00:2::fe/64")],
///     ..RouterConfig::default()
/// };
/// let mut lab = Harness::new(GraphBuilder::new().node("router", Router::new(config)?), &["west", "east"])?;
///
/// // A packet for a host in the east: the router asks who that is.
/// let host = MacAddr([2, 0, 0, 0, 9, 9]);
/// let packet = Build::ethernet(host, Harness::mac(0))
///     .ipv6("fd00:1::1".parse()?, "fd00:2::1".parse()?)
///     .udp(5000, 5001);
/// lab.send("west", &packet.to_vec()?);
/// assert_eq!(lab.nodes()[0].held, 1);
///
/// // The host answers, and the packet goes on.
/// let answer = Build::neighbour_advertisement(
///     host,
///     "fd00:2::1".parse()?,
///     Harness::mac(1),
///     "fd00:2::fe".parse()?,
///     rackless_packet::build::SOLICITED_OVERRIDE,
/// );
/// lab.send("east", &answer.to_vec()?);
/// assert_eq!(lab.received("east").len(), 2); // the question, and the packet
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Router {
    interfaces: Vec<Interface>,
    own: OwnAddresses,
    table: Table,
    /// The neighbour of each next hop of the table.
    hops: Vec<Id>,
    /// The neighbour that each route uses, or [`Router::NONE`].
    active: Vec<Id>,
    neighbours: Neighbours,
    errors: TokenBucket,
    file: RouterFile,
}

impl Router {
    /// No neighbour.
    const NONE: Id = Id::MAX;
    /// The timer of the probes of next hops, and of forgetting neighbours; all others are neighbours' own.
    const PROBE: u64 = u64::MAX;
    const FORGET: u64 = u64::MAX - 1;

    /// Makes a router.
    ///
    /// # Errors
    /// What is wrong with the addresses or routes.
    pub fn new(config: RouterConfig) -> Result<Self, RouterError> {
        let interfaces: Vec<Interface> = config.interfaces.iter().map(Interface::new).collect();
        let table = Table::new(&interfaces, &config.file.route)?;
        let file = config.file;
        let limit = (file.neighbours.count as usize).max(table.hops.len());
        Ok(Self {
            own: OwnAddresses::default(),
            hops: Vec::new(),
            active: vec![Self::NONE; table.routes.len()],
            neighbours: Neighbours::new(limit),
            errors: TokenBucket::new(file.icmp_errors.per_second.into(), file.icmp_errors.burst.into()),
            interfaces,
            table,
            file,
        })
    }

    /// A frame whose destination MAC address is not the interface's.
    #[cold]
    fn other_station(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        let layout = packet.layout();
        let dst = packet.ethernet()?.dst;
        if !dst.is_multicast() {
            return Err(RouterDrop::NotForUs.into());
        }
        match layout.l3.map(|l3| l3.kind) {
            _ if layout.vlans > 0 => Err(RouterDrop::Tagged.into()),
            Some(L3Kind::Arp) => self.arp(packet, cx),
            Some(L3Kind::Ipv6) => self.multicast_v6(packet, cx),
            Some(L3Kind::Ipv4) if dst.is_broadcast() => Err(RouterDrop::Broadcast.into()),
            Some(L3Kind::Ipv4) => Err(RouterDrop::Multicast.into()),
            None => self.unknown(&layout),
        }
    }

    /// A frame that is neither IP nor ARP, or broken.
    #[cold]
    fn unknown(&self, layout: &Layout) -> Outcome {
        Err(match layout.malformed {
            _ if layout.vlans > 0 => RouterDrop::Tagged.into(),
            Some(_) => rackless_nf::Reason::MALFORMED,
            None => RouterDrop::UnknownEtherType.into(),
        })
    }
}

impl Nf for Router {
    #[inline]
    fn packet(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        // Layouts are read field by field on the way of most packets: taken as a whole, just after they were written
        // field by field, they would stall the processor's store forwarding for longer than the rest takes.
        let layout = packet.layout();
        // The router counts ports as its own interfaces, in whatever order the graph's ports are.
        packet.set_in_port(cx.input().into());
        let ethernet = packet.ethernet()?;
        match self.interfaces.get(usize::from(cx.input())) {
            Some(interface) if interface.mac == ethernet.dst => {}
            _ => return self.other_station(packet, cx),
        }
        match layout.l3.map(|l3| l3.kind) {
            Some(_) if layout.vlans > 0 => Err(RouterDrop::Tagged.into()),
            Some(L3Kind::Ipv6) => self.ipv6(packet, cx),
            Some(L3Kind::Ipv4) => self.ipv4(packet, cx),
            Some(L3Kind::Arp) => self.arp(packet, cx),
            None => self.unknown(&packet.layout()),
        }
    }

    fn hold(&mut self, packet: Packet, key: u32, cx: &mut Context<'_>) {
        self.wait(packet, key, cx);
    }

    fn start(&mut self, cx: &mut Context<'_>) {
        for (number, port) in (0..=u8::MAX).map_while(|number| Some((number, cx.interface(number)?))) {
            let index = usize::from(number);
            if index == self.interfaces.len() {
                let config = config::InterfaceConfig { name: port.name.clone(), addresses: Vec::new() };
                self.interfaces.push(Interface::new(&config));
            }
            self.interfaces[index].attach(port);
        }
        self.own = OwnAddresses::new(&self.interfaces);
        self.neighbours.seed(|| cx.rng().u64(..));
        self.start_probes(cx);
        cx.after(10 * time::SECOND, Self::FORGET);
    }

    fn timer(&mut self, token: u64, cx: &mut Context<'_>) {
        match token {
            Self::PROBE => self.probe(cx),
            Self::FORGET => {
                self.neighbours.forget_old(cx.now());
                cx.after(10 * time::SECOND, Self::FORGET);
            }
            _ => self.ask_again(token as u32, (token >> 32) as u32, cx),
        }
    }

    fn hand_over(&mut self, _: &mut Context<'_>) -> Option<State> {
        Some(Box::new(self.part()))
    }

    fn take_over(&mut self, state: State, cx: &mut Context<'_>) -> Result<(), State> {
        self.follow(*state.downcast()?, cx);
        Ok(())
    }

    fn drop_reasons(&self) -> &'static [&'static str] {
        RouterDrop::NAMES
    }
}
