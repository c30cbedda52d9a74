//! A device as scripts know it: transmit and receive queues over one port.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rackless_nf::{Packet, Port, PortInfo, PortStats};

use crate::native;
use crate::offload;
use crate::pacing::Pacer;
use crate::shared::held;
use crate::steering::{Rule, Steering, Target};
use crate::stop::Stop;

/// Longest sleep while a queue waits: how late a stop is noticed at most.
const LONGEST_WAIT: Duration = Duration::from_millis(10);
/// Wait between two polls of a port that has no descriptor to wait on.
const POLL_PAUSE: Duration = Duration::from_micros(20);
/// How long a full port may refuse frames after the run was stopped.
const LAST_CHANCE: Duration = Duration::from_millis(200);
/// How many frames a look at the counters takes off a port at most: four receive rings full.
const GATHERED_BURSTS: usize = 64;
const GATHERED_BURST: usize = 256;

/// How a script configured a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) rx_queues: u16,
    pub(crate) tx_queues: u16,
    /// Frames that a receive queue keeps until a task takes them.
    pub(crate) rx_descs: usize,
    pub(crate) strip_vlan: bool,
}

/// One port of the run.
pub(crate) struct Device {
    info: PortInfo,
    /// A duplicate of the port's descriptor, to wait on without holding the port.
    readable: Option<OwnedFd>,
    stop: Arc<Stop>,
    state: Mutex<State>,
    /// Whether any queue has a rate, so that the others do not have to look.
    limited: AtomicBool,
    pacers: Mutex<Vec<Arc<Mutex<Pacer>>>>,
}

struct State {
    port: Box<dyn Port>,
    config: Option<Config>,
    steering: Steering,
    queues: Vec<VecDeque<Packet>>,
    scratch: Vec<Packet>,
    /// Frames dropped because no task emptied their queue.
    overflowed: u64,
}

impl Device {
    pub(crate) fn new(port: Box<dyn Port>, stop: Arc<Stop>) -> Self {
        let info = port.info().clone();
        // Without a descriptor (or with none to spare) the port is polled.
        let readable = port.wait_fd().and_then(|fd| fd.try_clone_to_owned().ok());
        let state = State {
            port,
            config: None,
            steering: Steering::default(),
            queues: vec![VecDeque::new()],
            scratch: Vec::new(),
            overflowed: 0,
        };
        Self {
            info,
            readable,
            stop,
            state: Mutex::new(state),
            limited: AtomicBool::new(false),
            pacers: Mutex::default(),
        }
    }

    /// Name, device string, MAC address and MTU of the port.
    pub(crate) fn info(&self) -> &PortInfo {
        &self.info
    }

    /// The configuration, `None` before [`Device::configure`].
    pub(crate) fn config(&self) -> Option<Config> {
        held(&self.state).config
    }

    /// Makes the queues.
    pub(crate) fn configure(&self, config: Config) {
        let mut state = held(&self.state);
        state.config = Some(config);
        state.queues.resize_with(usize::from(config.rx_queues), VecDeque::new);
        held(&self.pacers).resize_with(usize::from(config.tx_queues), Arc::default);
    }

    /// Adds a filter.
    pub(crate) fn steer(&self, rule: Rule, target: Target) {
        held(&self.state).steering.add(rule, target);
    }

    /// Spreads what no filter takes over `queues` receive queues from `base` on.
    pub(crate) fn scale(&self, base: u16, queues: u16) {
        held(&self.state).steering.scale(base, queues);
    }

    /// Limits one transmit queue, or with `None` the whole device, to a rate in Mbit/s.
    pub(crate) fn set_rate(&self, queue: Option<usize>, mbit: f64) {
        let mut pacers = held(&self.pacers);
        self.limited.store(true, Ordering::Relaxed);
        let limited = |mbit| {
            let mut pacer = Pacer::default();
            pacer.set_rate(mbit);
            Arc::new(Mutex::new(pacer))
        };
        match queue {
            Some(queue) => pacers.get_mut(queue).into_iter().for_each(|pacer| *pacer = limited(mbit)),
            None => {
                let shared = limited(mbit);
                pacers.iter_mut().for_each(|pacer| *pacer = Arc::clone(&shared));
            }
        }
    }

    /// Sends frames and returns when the port has taken them all, at the queue's rate.
    ///
    /// When the run is stopped, what a rate would hold back any longer is freed instead.
    pub(crate) fn send(&self, queue: usize, packets: &mut Vec<Packet>) {
        if !self.limited.load(Ordering::Relaxed) {
            return self.send_now(packets);
        }
        let pacer = held(&self.pacers).get(queue).cloned();
        match pacer {
            Some(pacer) if held(&pacer).is_limited() => self.send_paced(&pacer, packets),
            _ => self.send_now(packets),
        }
    }

    /// Sends what the port takes at once and returns how many; the rest stays in `packets`.
    pub(crate) fn try_send(&self, packets: &mut Vec<Packet>) -> usize {
        held(&self.state).port.tx_burst(packets)
    }

    /// Receives up to `max` frames of a queue, waiting at most `wait` for the first (`None`: until the run stops).
    pub(crate) fn recv(
        &self,
        queue: usize,
        into: &mut Vec<Packet>,
        max: usize,
        wait: Option<Duration>,
    ) -> usize {
        let deadline = wait.map(|wait| native::now_ns() + wait.as_nanos() as u64);
        loop {
            let received = held(&self.state).recv(queue, into, max);
            let left = deadline.map(|deadline| deadline.saturating_sub(native::now_ns()));
            if received > 0 || left == Some(0) || (left.is_none() && !self.stop.running(0)) {
                return received;
            }
            self.wait_for_frames(left.map_or(LONGEST_WAIT, Duration::from_nanos).min(LONGEST_WAIT));
        }
    }

    /// The port's counters, with the frames counted that arrived and that nobody has taken yet.
    pub(crate) fn stats(&self) -> PortStats {
        let mut state = held(&self.state);
        state.gather();
        let mut stats = state.port.stats();
        stats.rx_packets -= state.overflowed.min(stats.rx_packets);
        stats.rx_missed += state.overflowed;
        stats
    }

    fn send_now(&self, packets: &mut Vec<Packet>) {
        let mut give_up = None;
        loop {
            {
                let mut state = held(&self.state);
                state.port.tx_burst(packets);
                if packets.is_empty() {
                    return state.port.flush();
                }
            }
            if !self.stop.running(0) {
                let give_up = *give_up.get_or_insert(native::now_ns() + LAST_CHANCE.as_nanos() as u64);
                if native::now_ns() > give_up {
                    return Packet::free_burst(packets);
                }
            }
            std::thread::yield_now();
        }
    }

    fn send_paced(&self, pacer: &Mutex<Pacer>, packets: &mut Vec<Packet>) {
        let mut burst = Vec::new();
        while !packets.is_empty() {
            let released = held(pacer).release(native::now_ns(), packets.iter().map(Packet::len));
            match released {
                Ok(n) => {
                    burst.extend(packets.drain(..n));
                    self.send_now(&mut burst);
                }
                Err(_) if !self.stop.running(0) => return Packet::free_burst(packets),
                Err(wait_ns) => native::wait_ns(wait_ns.min(LONGEST_WAIT.as_nanos() as u64)),
            }
        }
    }

    fn wait_for_frames(&self, wait: Duration) {
        // Another task may drain the port into our queue, which the descriptor does not tell: look again soon.
        let several = held(&self.state).queues.len() > 1;
        match &self.readable {
            Some(fd) => native::wait_readable(
                fd.as_fd(),
                if several { wait.min(Duration::from_millis(1)) } else { wait },
            ),
            None => std::thread::sleep(wait.min(POLL_PAUSE)),
        }
    }
}

impl State {
    fn recv(&mut self, queue: usize, into: &mut Vec<Packet>, max: usize) -> usize {
        let Some(waiting) = self.queues.get_mut(queue) else { return 0 };
        if waiting.is_empty() {
            if self.queues.len() == 1 && self.steering.is_trivial() {
                let before = into.len();
                let received = self.port.rx_burst(into, max);
                into[before..].iter_mut().for_each(|packet| arrived(packet, self.config));
                return received;
            }
            self.distribute(max);
        }
        let waiting = &mut self.queues[queue];
        let n = waiting.len().min(max);
        into.extend(waiting.drain(..n));
        n
    }

    /// Takes off the port what has arrived, within bounds: a port may have frames without end.
    fn gather(&mut self) {
        for _ in 0..GATHERED_BURSTS {
            if self.distribute(GATHERED_BURST) < GATHERED_BURST {
                return;
            }
        }
    }

    fn distribute(&mut self, max: usize) -> usize {
        let room = self.config.map_or(0, |config| config.rx_descs);
        let received = self.port.rx_burst(&mut self.scratch, max);
        for mut packet in self.scratch.drain(..) {
            let Some(target) = self.steering.target(packet.data()) else { continue };
            arrived(&mut packet, self.config);
            match self.queues.get_mut(usize::from(target)) {
                Some(queue) if queue.len() < room => queue.push_back(packet),
                _ => self.overflowed += 1,
            }
        }
        received
    }
}

fn arrived(packet: &mut Packet, config: Option<Config>) {
    if config.is_some_and(|config| config.strip_vlan)
        && let Some(tci) = offload::strip_vlan(packet)
    {
        native::mark_vlan(packet, tci);
    }
}
