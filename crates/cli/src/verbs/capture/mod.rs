//! `rackless capture`: shows or stores the frames at interfaces.

mod merge;
mod place;
mod sink;

use std::io::{self, PipeReader};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rackless_net::{Client, Tap};
use rackless_packet::capture::{self, Direction, Record};
use rackless_packet::filter::Filter;
use rackless_packet::pcapng::Interface;
use rackless_topology::units;

use crate::failure::Failure;
use merge::{Merge, Taken};
use place::Place;
pub(super) use sink::{Sink, failed};

/// Show or store the frames at interfaces
#[derive(clap::Args)]
#[command(after_help = "\
Frames are taken where the interface's cable begins, outside the node: also those of programs that bypass the
node's kernel. On screen, → comes from the node and ← goes to it; the time is UTC. In a file, a frame from the node
is inbound, one to it outbound; a frame whose checksum is left to hardware has a comment. Frames of several
interfaces are merged in the order of their time, and each interface is one of the file.

The filter is tcpdump's language: 'tcp port 80 and not src net 10.1.0.0/16', 'icmp6', 'vlan 7',
'tcp[tcpflags] & tcp-syn != 0'.

Examples:
  rackless capture h1:eth0
  rackless capture h1:eth0 -c 10 -v
  rackless capture h1 router1 --filter 'tcp port 80'
  rackless capture h1:eth0 h2:eth0 -w lab.pcapng --for '3 s'
  rackless capture h1:eth0 -w - | wireshark -k -i -")]
pub(crate) struct Args {
    /// The interfaces; a node alone stands for all its interfaces
    #[arg(value_name = "NODE[:INTERFACE]", required = true)]
    places: Vec<Place>,
    /// The lab; may be left out if one lab is up
    #[arg(short, long)]
    lab: Option<String>,
    /// Only the frames that pass this filter
    #[arg(short, long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    filter: Filter,
    /// Write pcapng to this file, or with - to standard output
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// End after this many frames
    #[arg(short, long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this time, such as "3 s"
    #[arg(long = "for", value_name = "TIME")]
    time: Option<units::Duration>,
    /// Show all fields and bytes of each frame
    #[arg(short, long, conflicts_with = "write")]
    verbose: bool,
}

/// Why a capture ends.
enum End {
    /// It was asked for, or the count or time is reached.
    Wanted,
    /// The lab is gone.
    Lab,
    /// Nobody reads any more.
    Reader,
}

struct Capture {
    taps: Vec<Tap>,
    filter: Filter,
    merge: Merge,
    sink: Sink,
    signals: SignalFd,
    lab_end: PipeReader,
    left: Option<u64>,
    deadline: Option<Instant>,
    count: u64,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let signals = catch_signals()?;
    let mut client = Client::connect(args.lab.as_deref())?;
    let lab = client.lab().to_owned();
    let ends = place::interfaces(&args.places, &client.status()?)?;
    let taps = ends.iter().map(|(node, interface)| Tap::open(&mut client, node, interface));
    let taps = taps.collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = ends.iter().map(|(node, interface)| format!("{node}:{interface}")).collect();
    let interface = |name: &String| Interface {
        description: Some(format!("lab {lab}, the cable's side of the interface")),
        ..Interface::ethernet(name)
    };
    let interfaces: Vec<Interface> = names.iter().map(interface).collect();
    let sink = Sink::open(args.write.as_deref(), &interfaces, args.verbose)?;
    let lab_end = watch(client)?;
    let deadline = args.time.map(|time| Instant::now() + Duration::from(time));
    let (filter, merge, left) = (args.filter, Merge::default(), args.count);
    let mut capture = Capture { taps, filter, merge, sink, signals, lab_end, left, deadline, count: 0 };
    eprintln!("capturing at {} of lab {lab}; Ctrl-C ends", names.join(", "));
    if let Some(hint) = args.write.as_deref().map(wireshark) {
        eprintln!("{hint}");
    }
    let end = capture.work()?;
    if matches!(end, End::Lab) {
        eprintln!("lab {lab} has ended");
    }
    let missed = capture.taps.iter().map(Tap::take_missed).sum::<Result<u64, _>>()?;
    eprintln!("{} frames captured, {missed} missed", capture.count);
    Ok(ExitCode::SUCCESS)
}

/// Says how to see the frames in Wireshark while they come.
pub(super) fn wireshark(file: &Path) -> String {
    match file.to_str() {
        Some("-") => "live in Wireshark: … | wireshark -k -i -".to_owned(),
        _ => format!("live in Wireshark: tail -f -c +1 '{}' | wireshark -k -i -", file.display()),
    }
}

impl Capture {
    fn work(&mut self) -> Result<End, Failure> {
        let end = loop {
            if let Some(end) = self.wait()? {
                break end;
            }
            if let Some(end) = self.take()? {
                return Ok(end);
            }
        };
        // The kernel may still hold what came before the end.
        let limit = Instant::now() + Tap::DELAY;
        while let Some(left) = limit.checked_duration_since(Instant::now()) {
            let mut ready: Vec<_> =
                self.taps.iter().map(|tap| PollFd::new(tap.as_fd(), PollFlags::POLLIN)).collect();
            if matches!(poll(&mut ready, timeout(left)), Ok(0)) {
                break;
            }
            if let Some(end) = self.take()? {
                return Ok(end);
            }
        }
        let last = self.put(u64::MAX)?;
        Ok(last.unwrap_or(end))
    }

    /// Waits until there are frames, or (with the reason) for the end.
    fn wait(&self) -> Result<Option<End>, Failure> {
        let left = match self.deadline.map(|deadline| deadline.checked_duration_since(Instant::now())) {
            Some(None) => return Ok(Some(End::Wanted)),
            Some(Some(left)) => Some(left),
            None => None,
        };
        let kept = self.merge.is_waiting().then_some(Tap::DELAY);
        let left = left.into_iter().chain(kept).min().map_or(PollTimeout::NONE, timeout);
        let taps = self.taps.iter().map(Tap::as_fd);
        let fds = [self.signals.as_fd(), self.lab_end.as_fd()].into_iter().chain(taps);
        let mut ready: Vec<_> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut ready, left) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Failure::cannot(format!("cannot wait for frames: {errno}"))),
        }
        let events = |fd: &PollFd<'_>| fd.revents().unwrap_or(PollFlags::empty());
        let (own, taps) = ready.split_at(2);
        Ok(if !events(&own[0]).is_empty() {
            Some(End::Wanted)
        } else if !events(&own[1]).is_empty()
            || taps.iter().any(|tap| events(tap).contains(PollFlags::POLLERR))
        {
            Some(End::Lab) // an interface goes with the lab only
        } else {
            None
        })
    }

    /// Takes what has come, and stores what is old enough that nothing older can come.
    fn take(&mut self) -> Result<Option<End>, Failure> {
        // One tap gives its frames in order; another may still hold older ones than these.
        let settled = if self.taps.len() > 1 {
            now_ns().saturating_sub(Tap::DELAY.as_nanos() as u64)
        } else {
            u64::MAX
        };
        for (place, tap) in self.taps.iter_mut().enumerate() {
            tap.read(|frame| {
                if self.filter.matches_cut(&frame.bytes, frame.original_len) {
                    self.merge.add(place, &frame);
                }
            });
        }
        self.put(settled)
    }

    /// Stores the frames up to a time.
    fn put(&mut self, time_ns: u64) -> Result<Option<End>, Failure> {
        let mut result = Ok(());
        while self.left != Some(0)
            && result.is_ok()
            && let Some(frame) = self.merge.next(time_ns)
        {
            let checksum_missing = frame.checksum_missing;
            result = self.sink.put(record(frame), checksum_missing);
            self.count += 1;
            self.left = self.left.map(|left| left - 1);
        }
        match result.and_then(|()| self.sink.flush()) {
            Err(capture::Error::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                Ok(Some(End::Reader))
            }
            Err(error) => Err(failed(&error)),
            Ok(()) => Ok((self.left == Some(0)).then_some(End::Wanted)),
        }
    }
}

/// The frame as captures store it; a frame from the node goes into its cable.
fn record(frame: Taken) -> Record {
    Record {
        interface: u32::try_from(frame.tap).expect("there are few taps"),
        original_len: frame.original_len,
        direction: Some(if frame.from_node { Direction::Inbound } else { Direction::Outbound }),
        ..Record::new(frame.time_ns, frame.bytes)
    }
}

/// The time by the clock that stamps frames.
fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// Catches the signals that end a capture, so that all frames get into the file.
pub(super) fn catch_signals() -> Result<SignalFd, Failure> {
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    let caught = signals
        .thread_block()
        .and_then(|()| SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK));
    caught.map_err(|errno| Failure::cannot(format!("cannot catch signals: {errno}")))
}

/// Gives a pipe that ends with the lab.
fn watch(client: Client) -> Result<PipeReader, Failure> {
    let (reader, writer) = io::pipe().map_err(Failure::io("create a pipe"))?;
    let events = client.events()?;
    std::thread::spawn(move || {
        events.for_each(drop);
        drop(writer);
    });
    Ok(reader)
}

/// Rounds up, so that no time is left when the wait is over.
pub(super) fn timeout(left: Duration) -> PollTimeout {
    PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
}
