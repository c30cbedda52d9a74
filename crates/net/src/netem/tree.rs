//! The disciplines of an interface's egress, and how one set of them becomes another.

use netlink_packet_core::DefaultNla;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};

use super::NetemParameters;
use super::queue::Queue;
use crate::attribute::{Writer, words};
use crate::netlink::Request;

const TCA_OPTIONS: u16 = 2;
const TCA_HTB_PARMS: u16 = 1;
const TCA_HTB_INIT: u16 = 2;
const TCA_HTB_RATE64: u16 = 6;
const TCA_HTB_CEIL64: u16 = 7;
/// The version of HTB's protocol.
const HTB_VERSION: u32 = 3;
/// Lengths are those of Ethernet frames, for which no table of times is needed.
const TC_LINKLAYER_ETHERNET: u8 = 1;
/// The longest burst in nanoseconds that 32 bits of 64 ns hold.
const LONGEST_BURST_NS: u64 = u32::MAX as u64 * 64;

// Each discipline has a handle of its own wherever it stands: the kernel takes a known handle for the same discipline,
// and would move it instead of making another.
const HTB: TcHandle = TcHandle { major: 1, minor: 0 };
const CLASS: TcHandle = TcHandle { major: 1, minor: 1 };
const NETEM_ALONE: TcHandle = TcHandle { major: 2, minor: 0 };
const NETEM_IN_CLASS: TcHandle = TcHandle { major: 3, minor: 0 };
const IN_NETEM: TcHandle = TcHandle { major: 3, minor: 1 };
const RED: TcHandle = TcHandle { major: 4, minor: 0 };
const CODEL: TcHandle = TcHandle { major: 5, minor: 0 };

/// What every frame passes that leaves an interface: netem, and behind it a shaper if there is one.
///
/// netem's own rate needs no shaper and knows no bursts, but all frames that wait count against one limit. A shaper has a
/// queue of its own, which RED or CoDel may manage; netem's rate is then 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Egress {
    /// Delay, loss and the like.
    pub(crate) netem: NetemParameters,
    /// The rate of a line with a managed queue.
    pub(crate) shaper: Option<Shaper>,
}

/// A rate (HTB with one class), and the queue before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shaper {
    /// Bytes a second.
    pub(crate) rate: u64,
    /// Bytes that may be sent at once after a pause: a frame at least, else no frame would ever be sent.
    pub(crate) burst: u32,
    /// Bytes each frame has on the wire besides its own.
    pub(crate) overhead: u16,
    /// What waits for the line.
    pub(crate) queue: Queue,
}

impl Egress {
    /// Puts all disciplines on interface `index`, in the place of what other kinds are there.
    pub(crate) fn create(&self, index: u32, label: &str) -> Vec<Request> {
        let set = |message| Request::replace(message, "set conditions of link", label);
        let Some(shaper) = &self.shaper else {
            return vec![set(self.netem(index))];
        };
        let root = discipline(index, TcHandle::ROOT, HTB, "htb", htb());
        [root, shaper.class(index), self.netem(index), shaper.queue(index)].map(set).into()
    }

    /// Makes `before` on interface `index` this; frames that are under way stay, unless a shaper comes or goes.
    pub(crate) fn change(&self, before: &Self, index: u32, label: &str) -> Vec<Request> {
        let set = |message| Request::replace(message, "set conditions of link", label);
        match (&before.shaper, &self.shaper) {
            (Some(_), Some(shaper)) => {
                [shaper.class(index), self.netem(index), shaper.queue(index)].map(set).into()
            }
            (Some(_), None) => self.replace_shaper(before, index, label),
            (None, _) => self.create(index, label),
        }
    }

    /// Gives disciplines of the same kinds, and with the same room, that let every frame pass at once.
    pub(crate) fn released(&self) -> Self {
        // More than any port of a lab carries.
        const FAST: u64 = 125_000_000_000;
        let netem = NetemParameters { limit: self.netem.limit, ..NetemParameters::default() };
        let burst = Shaper::burst_for(FAST, 1500);
        Self { netem, shaper: self.shaper.map(|shaper| Shaper { rate: FAST, burst, ..shaper }) }
    }

    /// Takes all disciplines off interface `index`.
    pub(crate) fn remove(index: u32, label: &str) -> Request {
        let message = Message::DelQueueDiscipline(tc(index, TcHandle::ROOT, TcHandle::UNSPEC));
        Request::change(message, "clear conditions of link", label)
    }

    /// Takes the place of a tree with a shaper.
    ///
    /// The old netem goes when the new one is there, and since the year 2025 the kernel takes no second netem on an
    /// interface where one duplicates. So none duplicates until the new one is alone.
    fn replace_shaper(&self, before: &Self, index: u32, label: &str) -> Vec<Request> {
        let set = |message| Request::replace(message, "set conditions of link", label);
        let mut requests = Vec::new();
        if before.duplicates() {
            requests.push(set(before.without_duplicates().netem(index)));
        }
        requests.push(set(self.without_duplicates().netem(index)));
        if self.duplicates() {
            requests.push(set(self.netem(index)));
        }
        requests
    }

    fn duplicates(&self) -> bool {
        self.netem.duplicate > 0
    }

    fn without_duplicates(&self) -> Self {
        let netem = NetemParameters { duplicate: 0, ..self.netem };
        Self { netem, ..*self }
    }

    fn netem(&self, index: u32) -> Message {
        let (parent, handle) = match self.shaper {
            None => (TcHandle::ROOT, NETEM_ALONE),
            Some(_) => (CLASS, NETEM_IN_CLASS),
        };
        discipline(index, parent, handle, "netem", self.netem.options())
    }
}

impl Shaper {
    /// Gives a burst with which a rate is kept on a machine that sleeps up to a millisecond too long.
    pub(crate) fn burst_for(rate: u64, mtu: u32) -> u32 {
        // The headers of Ethernet and a VLAN tag come on top of the MTU.
        u32::try_from(rate / 1000).unwrap_or(u32::MAX).max(2 * (mtu + 18))
    }

    /// The one class of the shaper, which takes all frames.
    fn class(&self, index: u32) -> Message {
        let mut message = tc(index, HTB, CLASS);
        message.attributes.push(TcAttribute::Kind("htb".to_owned()));
        message.attributes.push(TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, self.class_options())));
        Message::NewTrafficClass(message)
    }

    fn class_options(&self) -> Vec<u8> {
        let rate = self.rate.max(1); // the kernel has no rate of 0
        // `struct tc_ratespec`: cell_log, linklayer, overhead, cell_align, mpu, rate.
        let mut spec = vec![0, TC_LINKLAYER_ETHERNET];
        spec.extend(self.overhead.to_ne_bytes());
        spec.extend([0; 4]);
        spec.extend(u32::try_from(rate).unwrap_or(u32::MAX).to_ne_bytes());
        // The burst is told by the time it takes. Rounded up: a burst of one frame must let one frame pass.
        let burst_ns = (u128::from(self.burst) * 1_000_000_000).div_ceil(u128::from(rate));
        let burst_ns = u64::try_from(burst_ns).unwrap_or(u64::MAX).min(LONGEST_BURST_NS);
        let burst = u32::try_from(burst_ns.div_ceil(super::TICK_NS)).unwrap_or(u32::MAX);
        // The quantum is what a class gives to one before the next; there is one class.
        let quantum = self.burst.clamp(1000, 200_000); // the kernel warns of others
        let mut parameters = [spec.clone(), spec].concat(); // rate and ceiling
        parameters.extend(words(&[burst, burst, quantum, 0, 0]));
        let mut options = Writer::default();
        options.bytes(TCA_HTB_PARMS, &parameters);
        if rate > u64::from(u32::MAX) {
            options.u64(TCA_HTB_RATE64, rate).u64(TCA_HTB_CEIL64, rate);
        }
        options.finish()
    }

    /// The managed queue, which lies in netem: a frame that is due goes there until the class takes it.
    fn queue(&self, index: u32) -> Message {
        let (handle, kind, options) = match self.queue {
            Queue::Red(red) => (RED, "red", red.options(self.rate)),
            Queue::Codel(codel) => (CODEL, "codel", codel.options()),
        };
        discipline(index, IN_NETEM, handle, kind, options)
    }
}

/// The shaper itself: `struct tc_htb_glob`, where frames that no filter knows go to the one class.
fn htb() -> Vec<u8> {
    const DIVISOR: u32 = 10; // of rates into quanta, tc's; our class has its quantum
    let global = words(&[HTB_VERSION, DIVISOR, u32::from(CLASS.minor), 0, 0]);
    Writer::default().bytes(TCA_HTB_INIT, &global).finish()
}

fn discipline(index: u32, parent: TcHandle, handle: TcHandle, kind: &str, options: Vec<u8>) -> Message {
    let mut message = tc(index, parent, handle);
    message.attributes.push(TcAttribute::Kind(kind.to_owned()));
    message.attributes.push(TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, options)));
    Message::NewQueueDiscipline(message)
}

fn tc(index: u32, parent: TcHandle, handle: TcHandle) -> TcMessage {
    let mut message =
        TcMessage::with_index(i32::try_from(index).expect("an interface index fits in 31 bits"));
    message.header.parent = parent;
    message.header.handle = handle;
    message
}

#[cfg(test)]
mod tests {
    use super::super::queue::Codel;
    use super::*;
    use crate::attribute::{find, u32_at, u64_at};
    use netlink_packet_core::Nla;

    const CODEL_QUEUE: Queue =
        Queue::Codel(Codel { target_us: 5000, interval_us: 100_000, limit: 1000, ecn: false });
    const SHAPER: Shaper = Shaper { rate: 1_250_000, burst: 3036, overhead: 24, queue: CODEL_QUEUE };

    /// What each request is about.
    fn kinds(requests: &[Request]) -> Vec<&str> {
        let kind = |request: &Request| match &request.message {
            Message::NewQueueDiscipline(tc) | Message::NewTrafficClass(tc) => match &tc.attributes[0] {
                TcAttribute::Kind(kind) => match kind.as_str() {
                    "netem" => "netem",
                    "htb" if tc.header.handle == CLASS => "class",
                    "htb" => "htb",
                    "red" => "red",
                    "codel" => "codel",
                    _ => "?",
                },
                _ => "?",
            },
            _ => "",
        };
        requests.iter().map(kind).collect()
    }

    #[test]
    fn a_class_has_its_rate_twice_and_its_burst_as_time() {
        let options = SHAPER.class_options();
        let parameters = find(&options, TCA_HTB_PARMS).expect("parameters");
        // struct tc_htb_opt: two struct tc_ratespec of 12 bytes, buffer, cbuffer, quantum, level, prio.
        assert_eq!(parameters.len(), 44);
        assert_eq!(parameters[..12], parameters[12..24]);
        assert_eq!(parameters[..4], [[0, 1], 24u16.to_ne_bytes()].concat());
        assert_eq!(u32_at(parameters, 8), Some(1_250_000));
        // 3036 bytes at 1.25 MB/s take 2.4288 ms, 37950 ticks of 64 ns.
        assert_eq!((u32_at(parameters, 24), u32_at(parameters, 28)), (Some(37950), Some(37950)));
        assert_eq!(u32_at(parameters, 32), Some(3036));
        assert_eq!(find(&options, TCA_HTB_RATE64), None);
    }

    #[test]
    fn rates_beyond_32_bits_and_none_at_all_are_rates() {
        let fast = Shaper { rate: 12_500_000_000, ..SHAPER }.class_options();
        for kind in [TCA_HTB_RATE64, TCA_HTB_CEIL64] {
            assert_eq!(find(&fast, kind).and_then(|value| u64_at(value, 0)), Some(12_500_000_000));
        }
        let none = Shaper { rate: 0, burst: u32::MAX, ..SHAPER }.class_options();
        assert_eq!(find(&none, TCA_HTB_PARMS).and_then(|value| u32_at(value, 24)), Some(u32::MAX));
    }

    #[test]
    fn all_is_made_from_the_root_down() {
        let plain = Egress::default();
        let shaped = Egress { shaper: Some(SHAPER), ..plain };
        assert_eq!(kinds(&plain.create(1, "")), ["netem"]);
        assert_eq!(kinds(&shaped.create(1, "")), ["htb", "class", "netem", "codel"]);
    }

    #[test]
    fn what_stays_is_changed_in_place() {
        let plain = Egress::default();
        let codel = Egress { shaper: Some(SHAPER), ..plain };
        assert_eq!(kinds(&plain.change(&plain, 1, "")), ["netem"]);
        assert_eq!(kinds(&codel.change(&codel, 1, "")), ["class", "netem", "codel"]);
        assert_eq!(kinds(&codel.change(&plain, 1, "")), ["htb", "class", "netem", "codel"]);
        assert_eq!(kinds(&plain.change(&codel, 1, "")), ["netem"]);
    }

    #[test]
    fn two_netems_on_an_interface_never_duplicate() {
        let plain = Egress::default();
        let shaped = Egress { shaper: Some(SHAPER), ..plain };
        let doubling = NetemParameters { duplicate: 1, ..plain.netem };
        let with = |egress: Egress| Egress { netem: doubling, ..egress };
        let handles = |requests: Vec<Request>| -> Vec<(u16, u32)> {
            let each = requests.iter().map(|request| match &request.message {
                Message::NewQueueDiscipline(tc) => match &tc.attributes[1] {
                    TcAttribute::Other(options) => {
                        let mut bytes = vec![0; options.value_len()];
                        options.emit_value(&mut bytes);
                        (tc.header.handle.major, u32_at(&bytes, 16).expect("duplicate"))
                    }
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            });
            each.collect()
        };
        assert_eq!(handles(plain.change(&shaped, 1, "")), [(2, 0)]);
        assert_eq!(handles(with(plain).change(&shaped, 1, "")), [(2, 0), (2, 1)]);
        assert_eq!(handles(plain.change(&with(shaped), 1, "")), [(3, 0), (2, 0)]);
        assert_eq!(handles(with(plain).change(&with(shaped), 1, "")), [(3, 0), (2, 0), (2, 1)]);
    }

    #[test]
    fn a_burst_is_a_millisecond_or_two_frames() {
        assert_eq!(Shaper::burst_for(125_000, 1500), 3036);
        assert_eq!(Shaper::burst_for(125_000_000, 1500), 125_000);
        assert_eq!(Shaper::burst_for(u64::MAX, 1500), u32::MAX);
    }
}
