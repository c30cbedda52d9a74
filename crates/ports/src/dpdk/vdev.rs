//! What we choose for DPDK's software devices unless the device string says otherwise.

use crate::interface::Interface;
use crate::spec::DpdkSpec;

/// Room in a buffer, DPDK's default: 128 bytes of headroom and 2048 of data.
pub(super) const ROOM: u16 = HEADROOM + 2048;
const HEADROOM: u16 = 128;
/// Frames in the rings of `net_af_packet`. DPDK's default of 512 loses most frames while the process does not run.
const FRAMES: usize = 4096;
/// What the kernel puts before a frame in a ring's slot (see `af_packet/ring.rs`), rounded up.
const SLOT_HEADER: usize = 80;

/// The interface that a device stands on.
pub(super) fn interface(spec: &DpdkSpec) -> Option<&str> {
    // net_tap makes the interface it is given; the others want it to be there.
    let stands_on =
        ["net_af_packet", "net_af_xdp", "net_pcap"].iter().any(|driver| spec.device.starts_with(driver));
    value(spec, "iface").filter(|_| stands_on)
}

/// The arguments for the driver, and the room that its frames need in a buffer.
pub(super) fn arguments(
    spec: &DpdkSpec,
    interface: Option<&Interface>,
    lockable: Option<u64>,
) -> (String, u16) {
    let mut arguments = spec.arguments.clone();
    let mut room = ROOM;
    if let (true, Some(interface)) = (spec.device.starts_with("net_af_packet"), interface) {
        let given = |key: &str| value(spec, key).and_then(|text| text.parse::<usize>().ok());
        let slot = given("framesz").unwrap_or_else(|| slot(interface.max_frame()));
        room = u16::try_from(slot).map_or(u16::MAX, |slot| slot.saturating_add(HEADROOM).max(ROOM));
        let mut default = |key: &str, value: usize| {
            if !arguments.iter().any(|(has, _)| has == key) {
                arguments.push((key.to_owned(), value.to_string()));
            }
        };
        default("framesz", slot);
        default("blocksz", slot.max(64 * 1024));
        default("framecnt", frames(slot, lockable));
        // Frames that are sent past the queueing discipline do not come back to packet sockets as received.
        default("qdisc_bypass", 1);
    }
    let words: Vec<String> = arguments.iter().map(|(key, value)| format!("{key}={value}")).collect();
    (words.join(","), room)
}

/// The longest frame that fits a buffer with this room, and a driver's ring slot.
pub(super) fn capacity(spec: &DpdkSpec, room: u16) -> usize {
    let header = if spec.device.starts_with("net_af_packet") { SLOT_HEADER } else { 0 };
    usize::from(room - HEADROOM) - header
}

/// How many frames each of the two rings has. The driver locks them in memory, so where that is limited, which it
/// is for ordinary users, a port takes at most a quarter of what may be locked.
fn frames(slot: usize, lockable: Option<u64>) -> usize {
    let Some(lockable) = lockable else { return FRAMES };
    let affordable = usize::try_from(lockable / 4).unwrap_or(usize::MAX) / (2 * slot);
    // A power of two, so that blocks are full; the driver wants at least one.
    let affordable = (affordable + 1).next_power_of_two() / 2;
    affordable.clamp((64 * 1024 / slot).max(1), FRAMES)
}

/// Bytes of a ring slot for frames of this length: the driver wants blocks to hold whole slots.
fn slot(max_frame: usize) -> usize {
    (max_frame + SLOT_HEADER).next_power_of_two().max(2048)
}

fn value<'a>(spec: &'a DpdkSpec, key: &str) -> Option<&'a str> {
    spec.arguments.iter().find(|(has, _)| has == key).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use rackless_packet::MacAddr;

    use super::*;
    use crate::DeviceSpec;

    fn arguments_of(device: &str, mtu: u16) -> (String, u16) {
        let DeviceSpec::Dpdk(spec) = device.parse().unwrap() else { panic!("not a DPDK device") };
        let interface = Interface { name: "eth0".into(), index: 1, mac: MacAddr([0; 6]), mtu };
        arguments(&spec, Some(&interface), None)
    }

    #[test]
    fn af_packet_gets_rings_that_hold_the_mtu_and_4096_frames() {
        let (words, room) = arguments_of("dpdk:net_af_packet,iface=eth0", 1500);
        assert_eq!(words, "iface=eth0,framesz=2048,blocksz=65536,framecnt=4096,qdisc_bypass=1");
        assert_eq!(room, ROOM);
        let (words, room) = arguments_of("dpdk:net_af_packet,iface=eth0", 9000);
        assert_eq!(words, "iface=eth0,framesz=16384,blocksz=65536,framecnt=4096,qdisc_bypass=1");
        assert_eq!(room, 16384 + 128);
    }

    #[test]
    fn rings_shrink_where_little_memory_may_be_locked() {
        assert_eq!(frames(2048, Some(8 << 20)), 512);
        assert_eq!(frames(16_384, Some(8 << 20)), 64);
        assert_eq!(frames(2048, Some(64 << 10)), 32);
        assert_eq!((frames(2048, Some(1 << 30)), frames(2048, None)), (4096, 4096));
    }

    #[test]
    fn given_arguments_stay() {
        let (words, _) = arguments_of("dpdk:net_af_packet,iface=eth0,framecnt=512,qdisc_bypass=0", 1500);
        assert_eq!(words, "iface=eth0,framecnt=512,qdisc_bypass=0,framesz=2048,blocksz=65536");
        assert_eq!(arguments_of("dpdk:net_null,size=64", 1500), ("size=64".into(), ROOM));
    }
}
