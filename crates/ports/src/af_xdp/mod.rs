//! A network interface through AF_XDP: an XDP program hands frames to sockets before the kernel makes packets of
//! them, and sockets send past the kernel's queues.

mod bpf;
mod program;
mod ring;
mod socket;

use std::borrow::Cow;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rackless_nf::{
    Allocator as _, Packet, Pool, Port, PortChange, PortError, PortInfo, PortState, PortStats,
};

use self::program::Attached;
pub use self::program::Xdp;
use self::socket::{Kick, XdpSocket};
use crate::epoll::Epoll;
use crate::interface::{Interface, Settings};
use crate::spec::{AfXdpSpec, XdpMode, ZeroCopy};
use crate::{DeviceSpec, Error, Options};

/// Frames that each queue's rings hold at least, however many queues there are.
const QUEUE_FRAMES: usize = 256;

/// A network interface, or one of its queues.
pub(crate) struct AfXdp {
    /// One for each queue; what is sent goes by the first.
    sockets: Vec<XdpSocket>,
    /// The queue that is asked first, so that none starves.
    first: usize,
    wait: Epoll,
    /// What became of the frames that were sent last; a `wait` for frames is also one for room while it is full.
    last_kick: Kick,
    pool: Pool,
    info: PortInfo,
    /// Longest frame that fits the interface's MTU.
    max_frame: usize,
    stats: PortStats,
    sent: Vec<Packet>,
    settings: Settings,
    /// Frames that the port did not want, for their addresses.
    unwanted: u64,
    _program: Arc<Attached>,
}

impl AfXdp {
    pub(crate) fn open(name: &str, spec: &AfXdpSpec, options: &Options) -> Result<Self, Error> {
        let interface = Interface::named(&spec.interface)?;
        let failed = |action, source| Error::Interface { action, interface: interface.name.clone(), source };
        let chunk = socket::chunk_for(interface.max_frame()).ok_or_else(|| Error::FrameTooLong {
            interface: interface.name.clone(),
            frame: interface.max_frame(),
            max: socket::MAX_FRAME,
        })?;
        let count = interface.rx_queues().map_err(|error| failed("ask for the number of queues", error))?;
        let queues = match spec.queue {
            Some(queue) if queue >= count => {
                return Err(Error::NoQueue { interface: interface.name.clone(), queue, last: count - 1 });
            }
            Some(queue) => queue..queue + 1,
            None => 0..count,
        };
        let program = options.xdp.attached(&interface, count, spec)?;
        let frames = (options.ring_frames / queues.len()).max(QUEUE_FRAMES).next_power_of_two() as u32;
        let sockets = queues.map(|queue| open_queue(&interface, queue, spec, &program, frames, chunk));
        let sockets: Vec<XdpSocket> = sockets.collect::<Result<_, _>>()?;
        let wait = Epoll::new().and_then(|wait| {
            sockets.iter().try_for_each(|socket| wait.add(socket.fd()))?;
            Ok(wait)
        });
        let settings = Settings::new(interface.clone(), socket::capacity(chunk));
        let device = DeviceSpec::AfXdp(as_opened(spec, &program, &sockets)).to_string();
        let info = PortInfo { name: name.into(), device, mac: interface.mac, mtu: interface.mtu };
        Ok(Self {
            sockets,
            first: 0,
            wait: wait.map_err(|error| failed("wait for frames", error))?,
            last_kick: Kick::Done,
            pool: options.pool.clone(),
            info,
            max_frame: interface.max_frame(),
            stats: PortStats::default(),
            sent: Vec::new(),
            settings: settings.map_err(|error| failed("take in all addresses", error))?,
            unwanted: 0,
            _program: program,
        })
    }

    /// Has the kernel send what waits, and has a worker that sleeps woken as long as something does.
    fn kick(&mut self) -> Kick {
        let kick = self.sockets[0].kick();
        if (kick == Kick::Full) != (self.last_kick == Kick::Full) {
            self.wait.for_room(self.sockets[0].fd(), kick == Kick::Full);
        }
        self.last_kick = kick;
        kick
    }

    /// Copies frames that wait at a queue into packets; those for which there is no buffer stay.
    fn receive(&mut self, queue: usize, ready: usize, into: &mut Vec<Packet>) {
        let socket = &mut self.sockets[queue];
        let start = into.len();
        let buffers = self.pool.alloc_burst(into, ready);
        let mut kept = start;
        for index in start..start + buffers {
            let packet = &mut into[index];
            match socket.take(|frame| fill(packet, frame, self.max_frame, &self.settings)) {
                Some(true) => {}
                Some(false) => {
                    self.stats.rx_errors += 1;
                    continue;
                }
                None => {
                    self.unwanted += 1;
                    continue;
                }
            }
            self.stats.rx_packets += 1;
            self.stats.rx_bytes += into[index].len() as u64;
            into.swap(kept, index);
            kept += 1;
        }
        socket.release();
        into.truncate(kept);
    }

    /// Puts packets into the tx ring, as far as there is room; gives how many from the front are done with.
    fn put(&mut self, packets: &[Packet]) -> usize {
        let room = self.sockets[0].tx_room(packets.len());
        for packet in &packets[..room] {
            if packet.is_empty() || packet.len() > self.max_frame {
                self.stats.tx_errors += 1;
                continue;
            }
            self.sockets[0].put(packet);
            self.stats.tx_packets += 1;
            self.stats.tx_bytes += packet.len() as u64;
        }
        room
    }

    /// Gives the first `n` packets back to their pools.
    fn give_back(&mut self, packets: &mut Vec<Packet>, n: usize) {
        if n == packets.len() {
            return Packet::free_burst(packets);
        }
        self.sent.extend(packets.drain(..n));
        Packet::free_burst(&mut self.sent);
    }
}

impl Port for AfXdp {
    fn rx_burst(&mut self, into: &mut Vec<Packet>, max: usize) -> usize {
        self.flush();
        let start = into.len();
        for turn in 0..self.sockets.len() {
            let queue = (self.first + turn) % self.sockets.len();
            let left = max - (into.len() - start);
            let ready = self.sockets[queue].ready(left);
            if ready > 0 {
                self.receive(queue, ready, into);
            }
        }
        self.first = (self.first + 1) % self.sockets.len();
        into.len() - start
    }

    fn tx_burst(&mut self, packets: &mut Vec<Packet>) -> usize {
        let mut taken = 0;
        while taken < packets.len() {
            if self.last_kick == Kick::Device && self.kick() == Kick::Device {
                // Not to be sent much later, when the interface is up again.
                self.stats.tx_errors += (packets.len() - taken) as u64;
                taken = packets.len();
                break;
            }
            let put = self.put(&packets[taken..]);
            taken += put;
            if self.kick() == Kick::Full || put == 0 {
                break;
            }
        }
        self.give_back(packets, taken);
        taken
    }

    fn flush(&mut self) {
        if self.last_kick == Kick::Full {
            self.kick();
        }
    }

    fn info(&self) -> &PortInfo {
        &self.info
    }

    fn stats(&self) -> PortStats {
        let mut stats = self.stats;
        for kernel in self.sockets.iter().map(XdpSocket::statistics) {
            let missed = kernel.rx_fill_ring_empty_descs + kernel.rx_ring_full;
            stats.rx_missed += missed;
            stats.rx_errors += kernel.rx_invalid_descs + too_long(&kernel);
            stats.tx_errors += kernel.tx_invalid_descs;
        }
        stats
    }

    fn xstats(&self) -> Vec<(Cow<'static, str>, u64)> {
        let sum = |count: fn(&libc::xdp_statistics) -> u64| -> u64 {
            self.sockets.iter().map(|socket| count(&socket.statistics())).sum()
        };
        let named = [
            ("to addresses of others", self.unwanted),
            ("missed: fill ring empty", sum(|kernel| kernel.rx_fill_ring_empty_descs)),
            ("missed: receive ring full", sum(|kernel| kernel.rx_ring_full)),
            ("unusable: longer than a chunk", sum(too_long)),
            ("invalid descriptors in the fill ring", sum(|kernel| kernel.rx_invalid_descs)),
            ("invalid descriptors in the transmit ring", sum(|kernel| kernel.tx_invalid_descs)),
        ];
        named.map(|(name, count)| (name.into(), count)).into()
    }

    fn state(&self) -> PortState {
        self.settings.state()
    }

    fn change(&mut self, change: PortChange) -> Result<(), PortError> {
        self.max_frame = self.settings.change(change, &mut self.info)?;
        Ok(())
    }

    fn wait_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.wait.fd())
    }
}

fn open_queue(
    interface: &Interface,
    queue: u32,
    spec: &AfXdpSpec,
    program: &Attached,
    frames: u32,
    chunk: usize,
) -> Result<XdpSocket, Error> {
    let name = || interface.name.clone();
    let failed = |action, source| Error::Interface { action, interface: name(), source };
    // A program outside of the driver sees frames after the driver is done with its memory.
    let zero_copy = if program.is_native() { spec.zero_copy } else { ZeroCopy::No };
    let socket = XdpSocket::open(frames, chunk).map_err(|(action, source)| failed(action, source))?;
    socket.bind(interface.index, queue, zero_copy).map_err(|source| match source.raw_os_error() {
        Some(libc::EBUSY) => Error::QueueBusy { interface: name(), queue },
        Some(libc::EOPNOTSUPP) if zero_copy == ZeroCopy::Yes => {
            failed("have frames received and sent without a copy (zero_copy=yes)", source)
        }
        _ => failed("bind an AF_XDP socket", source),
    })?;
    let set = program.set_socket(queue, socket.fd());
    set.map_err(|source| failed("have frames handed to an AF_XDP socket", source))?;
    Ok(socket)
}

/// The device with what `auto` became.
fn as_opened(spec: &AfXdpSpec, program: &Attached, sockets: &[XdpSocket]) -> AfXdpSpec {
    let mode = if program.is_native() { XdpMode::Native } else { XdpMode::Generic };
    let zero_copy = sockets.iter().all(XdpSocket::is_zero_copy);
    AfXdpSpec { mode, zero_copy: if zero_copy { ZeroCopy::Yes } else { ZeroCopy::No }, ..spec.clone() }
}

/// Copies a frame into a fresh packet; whether it is usable, or `None` if the port does not want it.
#[inline]
fn fill(packet: &mut Packet, frame: &[u8], max_frame: usize, settings: &Settings) -> Option<bool> {
    if !settings.takes(frame) {
        return None;
    }
    let fits = !frame.is_empty() && frame.len() <= max_frame;
    let room = fits.then(|| packet.append(frame.len()).ok()).flatten();
    Some(room.map(|room| room.copy_from_slice(frame)).is_some())
}

/// Frames that did not fit a chunk: the kernel counts all that it could not copy together.
fn too_long(kernel: &libc::xdp_statistics) -> u64 {
    kernel.rx_dropped.saturating_sub(kernel.rx_fill_ring_empty_descs)
}
