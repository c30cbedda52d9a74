//! Disciplines as the kernel tells them, in our own terms.

use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::tc::TcMessage;

use super::super::queue::{Codel, Queue, Red};
use super::super::tree::Shaper;
use super::super::{Egress, Loss, NetemParameters};
use crate::attribute::{find, u32_at, u64_at};
use crate::netlink::Netlink;

/// The size of `struct tcmsg`, and where its fields are.
const TCMSG: usize = 20;
const INDEX: usize = 4;
const HANDLE: usize = 8;
const PARENT: usize = 12;

/// A discipline or a class as the kernel tells it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) kind: String,
    pub(super) handle: u32,
    pub(super) parent: u32,
    pub(super) options: Vec<u8>,
}

/// Lists the disciplines of an interface, then its classes.
pub(super) fn tree(netlink: &mut Netlink, index: u32) -> Vec<Told> {
    let asked = || TcMessage::with_index(index.cast_signed());
    let disciplines = netlink.dump(Message::GetQueueDiscipline(asked())).expect("disciplines");
    let classes = netlink.dump(Message::GetTrafficClass(asked())).expect("classes");
    let classes = classes.iter().filter_map(|class| told(class, index)).filter(|class| class.kind == "htb");
    disciplines.iter().filter_map(|found| told(found, index)).chain(classes).collect()
}

fn told(message: &[u8], index: u32) -> Option<Told> {
    let attributes = &message[TCMSG..];
    let word = |at| u32_at(message, at).expect("a struct tcmsg");
    let kind = String::from_utf8_lossy(find(attributes, 1)?).trim_end_matches('\0').to_owned();
    let options = find(attributes, 2).unwrap_or_default().to_vec();
    (word(INDEX) == index).then(|| Told { kind, handle: word(HANDLE), parent: word(PARENT), options })
}

/// Reads a tree as the one that made it; `asked` has what the kernel does not tell.
pub(super) fn egress(tree: &[Told], asked: &Egress) -> Egress {
    let of = |kind: &str, parent: u32| {
        tree.iter().find(|told| told.kind == kind && told.parent == parent).map(|told| &told.options[..])
    };
    const ROOT: u32 = u32::MAX;
    if let Some(options) = of("netem", ROOT) {
        assert_eq!(tree.len(), 1, "{tree:?}");
        return Egress { netem: netem(options, &asked.netem), shaper: None };
    }
    assert!(of("htb", ROOT).is_some() && tree.len() == 4, "{tree:?}");
    let class = tree.iter().find(|told| told.handle == 0x1_0001).expect("the class");
    let options = of("netem", 0x1_0001).expect("netem in the class");
    let queue = match (of("red", 0x3_0001), of("codel", 0x3_0001)) {
        (Some(red), None) => Queue::Red(self::red(red, asked)),
        (None, Some(codel)) => Queue::Codel(self::codel(codel)),
        _ => panic!("{tree:?}"),
    };
    let asked_shaper = asked.shaper.as_ref().expect("no shaper was asked for");
    Egress { netem: netem(options, &asked.netem), shaper: Some(shaper(&class.options, queue, asked_shaper)) }
}

fn netem(options: &[u8], asked: &NetemParameters) -> NetemParameters {
    let attribute = |kind| find(&options[24..], kind).unwrap_or_else(|| panic!("attribute {kind}"));
    let word = |kind, place: usize| u32_at(attribute(kind), 4 * place).expect("a number");
    let field = |place: usize| u32_at(options, 4 * place).expect("struct tc_netem_qopt");
    let model = find(&options[24..], super::super::TCA_NETEM_LOSS).map(|model| find(model, 2).expect("GE"));
    let part = |place: usize| u32_at(model.expect("a model"), 4 * place).expect("a number");
    for correlated in [super::super::TCA_NETEM_REORDER, super::super::TCA_NETEM_CORRUPT] {
        assert_eq!(word(correlated, 1), 0, "a correlation");
    }
    let rate = find(&options[24..], super::super::TCA_NETEM_RATE64).and_then(|rate| u64_at(rate, 0));
    NetemParameters {
        latency_ns: u64_at(attribute(super::super::TCA_NETEM_LATENCY64), 0).expect("a time"),
        jitter_ns: u64_at(attribute(super::super::TCA_NETEM_JITTER64), 0).expect("a time"),
        distribution: asked.distribution,
        loss: match model {
            None => Loss::Random(field(2)),
            Some(_) => Loss::GilbertElliott {
                to_bad: part(0),
                to_good: part(1),
                in_bad: u32::MAX - part(2),
                in_good: part(3),
            },
        },
        duplicate: field(4),
        reorder: word(super::super::TCA_NETEM_REORDER, 0),
        gap: field(3).max(1),
        corrupt: word(super::super::TCA_NETEM_CORRUPT, 0),
        rate: rate.unwrap_or_else(|| word(super::super::TCA_NETEM_RATE, 0).into()),
        overhead: word(super::super::TCA_NETEM_RATE, 1).cast_signed(),
        limit: field(1),
    }
}

fn shaper(options: &[u8], queue: Queue, asked: &Shaper) -> Shaper {
    // struct tc_htb_opt: two struct tc_ratespec of 12 bytes, buffer, cbuffer, quantum.
    let parameters = find(options, 1).expect("parameters");
    let rate = find(options, 6).and_then(|rate| u64_at(rate, 0));
    let rate = rate.unwrap_or_else(|| u32_at(parameters, 8).expect("a rate").into());
    let ticks = u32_at(parameters, 24).expect("a burst");
    let burst = u64::from(ticks) * super::super::TICK_NS * rate / 1_000_000_000;
    // The kernel tells the time that the burst takes, rounded up to ticks.
    let tick = super::super::TICK_NS * rate / 1_000_000_000 + 1;
    assert!(burst.abs_diff(asked.burst.into()) <= tick, "{burst} for {}", asked.burst);
    let overhead = u16::from_ne_bytes([parameters[2], parameters[3]]);
    Shaper { rate, burst: asked.burst, overhead, queue }
}

/// The kernel tells what it computes with, which must be what it was told.
fn red(options: &[u8], asked: &Egress) -> Red {
    let Some(Shaper { rate, queue: Queue::Red(red), .. }) = asked.shaper else {
        panic!("not RED: {asked:?}")
    };
    let parameters = find(options, 1).expect("parameters");
    let told = red.options(rate);
    assert_eq!(parameters[12..], find(&told, 1).expect("parameters")[12..], "weight, slope, cell, flags");
    let word = |place: usize| u32_at(parameters, 4 * place).expect("struct tc_red_qopt");
    let probability = find(options, 3).and_then(|most| u32_at(most, 0)).expect("a probability");
    Red { limit: word(0), min: word(1), max: word(2), probability, ecn: parameters[15] == 1, ..red }
}

fn codel(options: &[u8]) -> Codel {
    let word = |kind| find(options, kind).and_then(|value| u32_at(value, 0)).expect("a number");
    // Its times have steps of 1024 ns.
    let us = |kind| (word(kind) + 1).next_multiple_of(100);
    Codel { target_us: us(1), limit: word(2), interval_us: us(3), ecn: word(4) == 1 }
}
