//! Addresses in a lab file, `[node.NAME.interface.NAME]`, and where they end up.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;
use rackless_packet::MacAddr;
use toml::Spanned;
use toml::de::DeString;

use super::node::Draft;
use super::reader::{Reader, Text, Value};
use super::{link, name};
use crate::error::{Diagnostic, suggest};
use crate::model::{End, Kind, Link, NodeId};
use crate::plan;

pub(super) const KEYS: [&str; 4] = ["addresses", "mac", "mtu", "offload"];

/// An address and its place in the file.
pub(super) type Placed = (IpNet, Range<usize>);

/// What a file says of an interface.
pub(super) struct InterfaceDraft {
    name: String,
    span: Range<usize>,
    addresses: Option<Vec<Placed>>,
    mac: Option<(MacAddr, Range<usize>)>,
    mtu: Option<u32>,
    offload: Option<bool>,
}

/// Reads one table of an interface; `lo` has addresses only.
pub(super) fn read_interface<'s>(
    reader: &mut Reader<'s>,
    key: &Spanned<DeString<'s>>,
    value: &Value<'s>,
) -> Option<InterfaceDraft> {
    let text = Text::of_key(key);
    let loopback = text.text == "lo";
    let name = if loopback { "lo".to_owned() } else { name::interface(reader, &text, text.text)? };
    let table = reader.table(value, &format!("interface.{name}"))?;
    let (what, allowed) =
        if loopback { ("the interface lo", &KEYS[..1]) } else { ("an interface", &KEYS[..]) };
    let fields = reader.fields(table, key.span(), what, allowed);
    let addresses = fields.get("addresses").and_then(|value| list(reader, value));
    let mac = fields.get("mac").and_then(|value| read_mac(reader, value));
    let mtu = fields.get("mtu").and_then(|value| reader.integer(value, "mtu", link::MTU));
    let offload = fields.get("offload").and_then(|value| reader.boolean(value, "offload"));
    Some(InterfaceDraft { name, span: key.span(), addresses, mac, mtu, offload })
}

fn read_mac<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> Option<(MacAddr, Range<usize>)> {
    let mac: MacAddr = reader.parse(value, "mac", "\"02:00:00:00:00:01\"")?;
    if !mac.is_unicast() {
        reader.report(
            Diagnostic::new(value.span(), format!("'{mac}' is not the address of one interface"))
                .help("the first byte must be even, and not all bytes zero"),
        );
        return None;
    }
    Some((mac, value.span()))
}

/// Reads a list of addresses with prefix lengths.
pub(super) fn list<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> Option<Vec<Placed>> {
    let texts = reader.strings(value, "addresses")?;
    let mut addresses: Vec<Placed> = Vec::new();
    for text in &texts {
        let Some(net) = address(reader, text) else { continue };
        if let Some((_, first)) = addresses.iter().find(|(other, _)| other.addr() == net.addr()) {
            let found =
                Diagnostic::new(text.span.clone(), format!("the address {} is given twice", net.addr()));
            reader.report(found.other(first.clone(), "first given here"));
        } else {
            addresses.push((net, text.span.clone()));
        }
    }
    Some(addresses)
}

fn address(reader: &mut Reader<'_>, text: &Text<'_>) -> Option<IpNet> {
    const FORM: &str = "write for example \"fd00::1/64\" or \"10.0.0.1/24\"";
    let (problem, help) = match text.text.parse::<IpNet>() {
        Ok(net) => match unfit(net) {
            None => return Some(net),
            Some(problem) => {
                (format!("'{net}' is {problem}"), "an interface needs an address of its own".to_owned())
            }
        },
        Err(_) => match text.text.parse::<IpAddr>() {
            Ok(bare) => {
                let length = if bare.is_ipv6() { 64 } else { 24 };
                (
                    format!("address '{bare}' has no prefix length"),
                    format!("write for example \"{bare}/{length}\""),
                )
            }
            Err(_) => (format!("'{}' is no address with a prefix length", text.text), FORM.to_owned()),
        },
    };
    reader.report(Diagnostic::new(text.span.clone(), problem).help(help));
    None
}

/// Says why an address cannot be that of an interface.
pub(crate) fn unfit(net: IpNet) -> Option<&'static str> {
    let address = net.addr();
    // A prefix with one host bit or none has no address for the subnet itself (RFC 3021, RFC 6164).
    let subnet = net.max_prefix_len() - net.prefix_len() > 1;
    match address {
        _ if address.is_unspecified() => Some("the unspecified address"),
        _ if address.is_multicast() => Some("a multicast address"),
        _ if subnet && address == net.network() => Some("the address of the subnet itself"),
        IpAddr::V4(_) if subnet && address == net.broadcast() => Some("the broadcast address of the subnet"),
        _ => None,
    }
}

/// Returns the nodes that say what the addresses of an interface are.
pub(super) fn said(drafts: &[Draft<'_>]) -> HashSet<NodeId> {
    let says = |draft: &Draft<'_>| {
        let mut interfaces = draft.interfaces.iter().filter(|interface| interface.name != "lo");
        draft.addresses.is_some() || interfaces.any(|interface| interface.addresses.is_some())
    };
    (0..drafts.len()).filter(|index| says(&drafts[*index])).map(NodeId).collect()
}

/// Gives the interfaces what the file says of them, and reports addresses that two of them have.
pub(super) fn place(reader: &mut Reader<'_>, drafts: &mut [Draft<'_>], links: &[Link]) {
    let sound = reader.is_clean();
    let mut macs = HashMap::new();
    let mut placed = Vec::new();
    for (index, draft) in drafts.iter_mut().enumerate() {
        let first = draft.addresses.take();
        for interface in std::mem::take(&mut draft.interfaces) {
            let id = place_interface(reader, draft, interface, &first, &mut macs, sound);
            if let Some((id, addresses)) = id {
                placed.push((End { node: NodeId(index), interface: id }, addresses));
            }
        }
        let Some(addresses) = first else { continue };
        match draft.node.interfaces.first_mut() {
            Some(interface) => {
                interface.addresses = addresses.iter().map(|(address, _)| *address).collect();
                placed.push((End { node: NodeId(index), interface: 0 }, addresses));
            }
            None if sound => {
                let span = draft.span.clone().unwrap_or_default();
                let message = format!("node '{}' has addresses but no link", draft.node.name);
                reader.report(Diagnostic::new(span, message).help("add a [[link]] with it in 'ends'"));
            }
            None => {}
        }
    }
    if sound {
        report_twins(reader, drafts, links, &placed);
    }
}

type Macs = HashMap<MacAddr, Range<usize>>;

/// Returns the place of the interface and its addresses; none for `lo`.
fn place_interface(
    reader: &mut Reader<'_>,
    draft: &mut Draft<'_>,
    interface: InterfaceDraft,
    first: &Option<Vec<Placed>>,
    macs: &mut Macs,
    sound: bool,
) -> Option<(usize, Vec<Placed>)> {
    let InterfaceDraft { name, span, addresses, mac, mtu, offload } = interface;
    let nets = addresses.iter().flatten().map(|(address, _)| *address);
    if name == "lo" {
        if draft.node.kind == Kind::Nf {
            reader.report(
                Diagnostic::new(
                    span,
                    "an nf has no use for addresses on lo: the kernel has no part in its network",
                )
                .help("give the address to one of its interfaces"),
            );
        }
        draft.node.loopback = nets.collect();
        return None;
    }
    let Some(id) = draft.node.interface_id(&name) else {
        if sound {
            let message = format!("interface '{name}' of node '{}' has no link", draft.node.name);
            let names = draft.node.interfaces.iter().map(|interface| interface.name.as_str());
            let help = suggest(&name, names.chain(["lo"]));
            reader.report(Diagnostic::new(span, message).help(help));
        }
        return None;
    };
    if id == 0 && first.is_some() && addresses.is_some() {
        let message = format!("the addresses of '{name}' are given twice");
        let help = "the key 'addresses' of the node means its first interface: keep one of both";
        reader.report(Diagnostic::new(span.clone(), message).help(help));
    }
    let target = &mut draft.node.interfaces[id];
    target.addresses = nets.collect();
    target.mtu = mtu.unwrap_or(target.mtu);
    target.offload = offload.unwrap_or(target.offload);
    if let Some((mac, span)) = mac {
        target.mac = mac;
        if let Some(other) = macs.insert(mac, span.clone()) {
            reader.report(
                Diagnostic::new(span, format!("two interfaces have the MAC {mac}"))
                    .other(other, "first used here")
                    .help("leave out one of both: it is then derived from the names"),
            );
        }
    }
    Some((id, addresses.unwrap_or_default()))
}

/// Reports addresses that two interfaces on one segment share.
fn report_twins(
    reader: &mut Reader<'_>,
    drafts: &[Draft<'_>],
    links: &[Link],
    placed: &[(End, Vec<Placed>)],
) {
    let kinds: Vec<Kind> = drafts.iter().map(|draft| draft.node.kind).collect();
    let segments = plan::segments(&kinds, links);
    let mut seen: HashMap<(usize, IpAddr), Range<usize>> = HashMap::new();
    for (end, addresses) in placed {
        let Some(segment) = segments.get(end) else { continue };
        for (address, span) in addresses {
            let Some(first) = seen.insert((*segment, address.addr()), span.clone()) else { continue };
            let message = format!("two interfaces on one segment have the address {}", address.addr());
            reader.report(
                Diagnostic::new(span.clone(), message)
                    .other(first, "first used here")
                    .help("an anycast address stands on lo, with a route at the routers"),
            );
        }
    }
}
