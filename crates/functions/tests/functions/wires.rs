//! The functions that others are wired with: what goes where.

use proptest::prelude::*;
use rackless_functions::{Classify, ClassifyConfig, Split, SplitBy, SplitConfig};
use rackless_nf::{GraphBuilder, Harness, Nf};
use rackless_packet::MacAddr;
use rackless_packet::build::Build;
use rackless_packet::filter::Filter;
use rackless_packet::strategy::any_frame;

const PORTS: [&str; 4] = ["in", "x", "y", "z"];
const WIRES: &str = "rx:in -> node -> tx:x; node[1] -> tx:y; node[2] -> tx:z";

fn lab(nf: impl Nf + 'static) -> Harness {
    Harness::new(GraphBuilder::new().node("node", nf).wire(WIRES).unwrap(), &PORTS).unwrap()
}

/// The output by which a frame leaves.
fn output(lab: &mut Harness, frame: &[u8]) -> usize {
    lab.send("in", frame);
    let left: Vec<usize> = (1..4).filter(|port| lab.received(PORTS[*port]) == [frame]).collect();
    assert_eq!(left.len(), 1, "each packet leaves once, unchanged");
    left[0] - 1
}

fn classify() -> Classify {
    let config: ClassifyConfig = toml::from_str("filters = ['udp or arp', 'ip6']").unwrap();
    Classify::new(config)
}

fn split(by: SplitBy) -> Split {
    Split::new(SplitConfig { by }, 3)
}

/// The frame in which the other end answers.
fn udp(src: u8, dst: u8, ports: (u16, u16), fragment: u16) -> Vec<u8> {
    let link = Build::ethernet(MacAddr([2, 0, 0, 0, 0, src]), MacAddr([2, 0, 0, 0, 0, dst]));
    let ip = link.ipv4([10, 0, 0, src].into(), [10, 0, 0, dst].into()).flags_fragment(fragment);
    ip.udp(ports.0, ports.1).payload(b"payload").to_vec().unwrap()
}

proptest! {
    #[test]
    fn the_first_filter_that_passes_decides(frame in any_frame()) {
        let filters = ["udp or arp", "ip6"].map(|text| text.parse::<Filter>().unwrap());
        let expected = filters.iter().position(|filter| filter.matches(&frame)).unwrap_or(2);
        let mut lab = lab(classify());
        prop_assert_eq!(output(&mut lab, &frame), expected);
        let counts: Vec<u64> = lab.nodes()[0].counters.iter().map(|(_, count)| *count).collect();
        prop_assert_eq!(counts.iter().sum::<u64>(), 1);
        prop_assert_eq!(counts[expected], 1);
    }

    #[test]
    fn both_directions_of_a_flow_leave_by_one_output(a in 1u8.., b in 1u8.., ports in any::<(u16, u16)>()) {
        let mut lab = lab(split(SplitBy::Flow));
        let there = output(&mut lab, &udp(a, b, ports, 0));
        prop_assert_eq!(output(&mut lab, &udp(b, a, (ports.1, ports.0), 0)), there);
        prop_assert_eq!(output(&mut lab, &udp(a, b, ports, 0)), there);
    }

    #[test]
    fn any_frame_leaves_by_its_turn(frames in proptest::collection::vec(any_frame(), 1..8)) {
        let (mut turns, mut flows) = (lab(split(SplitBy::Turn)), lab(split(SplitBy::Flow)));
        for (index, frame) in frames.iter().enumerate() {
            prop_assert_eq!(output(&mut turns, frame), index % 3);
            let first = output(&mut flows, frame);
            prop_assert_eq!(output(&mut flows, frame), first);
        }
    }
}

#[test]
fn fragments_of_a_packet_stay_together_and_flows_spread() {
    let mut lab = lab(split(SplitBy::Flow));
    let first = output(&mut lab, &udp(1, 2, (5000, 53), 0x2000));
    assert_eq!(
        output(&mut lab, &udp(1, 2, (7777, 7), 0x0001)),
        first,
        "behind the first, there are no ports"
    );
    let mut counts = [0; 3];
    (0..300).for_each(|port| counts[output(&mut lab, &udp(1, 2, (port, 53), 0))] += 1);
    assert!(counts.iter().all(|count| *count > 60), "{counts:?}");
}
