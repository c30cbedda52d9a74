//! Bytes of network packets and what they mean.
//!
//! Use it to look at a frame, change it in place, build one, check its checksums, print it, or keep it in a capture
//! file. Headers are [`zerocopy`] structs in network byte order that are seen where they lie; a frame is scanned
//! once, and the [`Layout`] says where its headers are.
//!
//! ```
//! use rackless_packet::build::Build;
//! use rackless_packet::checksum::{Verdict, verify};
//! use rackless_packet::ipv4::Ipv4;
//! use rackless_packet::{L3Kind, Layout, MacAddr, dissect};
//! use zerocopy::FromBytes;
//!
//! let (a, b) = (MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
//! let stage = Build::ethernet(a, b).ipv4([10, 0, 0, 1].into(), [10, 0, 1, 1].into());
//! let mut frame = stage.udp(4000, 53).payload(b"query").to_vec()?;
//!
//! // Forward it: one hop less, and the checksum is right again.
//! let l3 = Layout::scan(&frame).l3.filter(|l3| l3.kind == L3Kind::Ipv4).expect("it is IPv4");
//! let (ip, _) = Ipv4::mut_from_prefix(&mut frame[l3.offset.into()..]).expect("the scan saw a whole header");
//! assert!(ip.decrement_ttl());
//! assert_eq!(verify(&frame), Verdict::Correct);
//! println!("{}", dissect::summary(&frame));
//! # Ok::<(), rackless_packet::build::Error>(())
//! ```
//!
//! | Module | What it has |
//! |---|---|
//! | [`mac`], [`ethernet`], [`arp`], [`mpls`] | the link layer, VLAN tags, label stacks |
//! | [`ipv4`], [`ipv6`] | the network layer, options, extension headers, segment routing |
//! | [`icmpv4`], [`icmpv6`], [`igmp`] | errors and echoes, neighbour discovery, who listens to which group |
//! | [`tcp`], [`udp`], [`sctp`] | the transport layer |
//! | [`gre`], [`vxlan`], [`gtpu`] | the headers of tunnels |
//! | [`layout`] | where the headers of a frame lie, in one pass |
//! | [`tunnel`] | what a frame carries in a tunnel |
//! | [`checksum`] | whole, updated in place, and those of a frame verified or filled in |
//! | [`build`] | frames from parts, by a typestate, into a slice or a vector |
//! | [`dissect`] | frames as text |
//! | [`capture`], [`pcap`], [`pcapng`] | capture files, over `Read` and `Write` |
//! | `strategy` (feature `proptest`) | frames for property tests, well-formed and not |
//!
//! It does not allocate on the data path, open files or sockets, know the time, or keep state: no reassembly, no
//! streams, no ESP. It does not compute a layer 4 checksum behind a routing header with segments left,
//! whose pseudo-header needs the final destination. Fuzz targets for its parsers lie in `fuzz/`.

#![forbid(unsafe_code)]

pub mod arp;
pub mod build;
pub mod capture;
pub mod checksum;
pub mod dissect;
pub mod ethernet;
pub mod filter;
pub mod gre;
pub mod gtpu;
pub mod icmpv4;
pub mod icmpv6;
pub mod igmp;
pub mod ipv4;
pub mod ipv6;
pub mod layout;
pub mod mac;
pub mod mpls;
pub mod pcap;
pub mod pcapng;
pub mod sctp;
#[cfg(feature = "proptest")]
pub mod strategy;
pub mod tcp;
pub mod tunnel;
pub mod udp;
pub mod vxlan;
mod wire;

pub use layout::{L3, L3Kind, L4, L4Kind, Layout, Malformed};
pub use mac::MacAddr;
